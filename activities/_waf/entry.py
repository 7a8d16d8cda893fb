"""A lease as what WAFv2 holds for it: a rule of its own, or addresses in a pool that leases of one scope share.

Pure. Names and labels say case, end and target, so that everything can be found again in the vendor's state alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from activities._envoy.policy import canary_value, parse_name, policy_name
from activities._waf.match import Reading, Statement, all_of, any_of, endpoint, principal, probe_header
from activities._waf.networks import networks_of
from stanch.errors import Rejected
from stanch.leases import COUNT, BlockSpec, Lease, LimitSpec, target_of

Rule = Mapping[str, Any]
POOL = "stanch_pool-"
PROBE_HEADER = "x-stanch-probe"
CASE_HEADER = "x-stanch-case"
SET = "set:"  # place of a set's ARN, until the set is there
WINDOWS = (60, 120, 300, 600)
_SEVERITIES = {"info": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
_ADDRESS_FIELDS = {"peer": None, "last": "LAST", "any": "ANY"}
_WORD = re.compile(r"[^0-9A-Za-z_-]")


@dataclass(frozen=True, order=True)
class Tag:
    """Whose an entry is.

    Args:
        risk: 0 to 9, what it would mean to let go of it.
        expires: seconds since the epoch.
    """

    risk: int
    expires: int
    target: str
    case_id: str

    @property
    def name(self) -> str:
        """The name of the rule; of what is in a pool, the name it is listed under."""
        return policy_name(
            case_id=self.case_id, expires_at=datetime.fromtimestamp(self.expires, UTC), target=self.target
        )


@dataclass(frozen=True)
class Dialect:
    """What the compiler must know of one point.

    Args:
        addresses: `peer` where the ACL sees clients themselves, `last` or `any` for their place in the header; "" where
            nobody has said, and no address is blocked.
        header: where forwarded addresses are.
        secret: key of the probe header; empty for no probes.
    """

    reading: Reading = field(default_factory=Reading)
    addresses: str = ""
    header: str = "x-forwarded-for"
    secret: bytes = b""


@dataclass(frozen=True)
class Entry:
    """A compiled lease.

    Args:
        rule: without its priority; in a pool, the pool's rule as it must be, with `set:4` and `set:6` for its sets.
        pool: digest of the scope that the pool's leases share, "" for a rule of its own.
        networks: of the pool, in canonical form.
        host: whose requests it denies.
    """

    tag: Tag
    rule: Rule
    pool: str = ""
    networks: tuple[str, ...] = ()
    host: str = ""


def compile_lease(lease: Lease, dialect: Dialect, *, now: datetime) -> Entry:
    """What WAFv2 must hold for this lease.

    Raises:
        Rejected: WAF cannot hold it, or it is over.
    """
    spec = lease.spec
    if not isinstance(spec, BlockSpec | LimitSpec):
        raise Rejected("AWS WAF can only block and limit requests")
    if lease.target != target_of(spec):
        raise Rejected("the lease's target does not belong to its specification")
    if lease.expires_at <= now:
        raise Rejected("the lease has already expired")
    tag = Tag(risk_of(lease), int(lease.expires_at.timestamp()), lease.target, lease.case_id)
    return replace(_compiled(spec, lease, tag, dialect), host=spec.host)


def _compiled(spec: BlockSpec | LimitSpec, lease: Lease, tag: Tag, dialect: Dialect) -> Entry:
    if isinstance(spec, LimitSpec):
        return Entry(tag, _limit_rule(spec, lease, tag, dialect))
    if spec.ips:
        return _pooled(spec, lease, tag, dialect)
    named = principal(spec.principal, dialect.reading, path=spec.path)
    who = named if counts(lease) else _with_probe(named, lease.target, dialect)
    statement = all_of([*endpoint(spec, dialect.reading), *who])
    return Entry(tag, _rule(tag.name, statement, lease, labels=_labels(tag, lease.playbook), shown=lease.case_id))


def counts(lease: Lease) -> bool:
    """It denies nothing, and so has no probe either."""
    return lease.mode == COUNT or getattr(lease.spec, "effect", None) == COUNT


def risk_of(lease: Lease) -> int:
    """What people agreed to outranks what they did not, then the finding's severity."""
    return (5 if lease.approval else 0) + _SEVERITIES.get(lease.severity, 2)


def tag_of(rule: Rule) -> Tag | None:
    """Whose a rule is, None for one that is not of a lease or cannot be read."""
    found = parse_name(str(rule["Name"]))
    if found is None or found.expires_at is None:
        return None
    risks = (str(label["Name"]) for label in rule.get("RuleLabels", ()))
    risk = next((word.removeprefix("stanch:risk:") for word in risks if word.startswith("stanch:risk:")), "")
    number = int(risk) if risk.isascii() and risk.isdigit() else 9  # what cannot be weighed is not let go of
    return Tag(number, int(found.expires_at.timestamp()), found.target, found.case_id)


def pool_name(pool: str, ordinal: int) -> str:
    """The pool's own name, of its rule and the beginning of its sets' names."""
    return f"{POOL}{pool}-{ordinal}"


def probe_of(pool: str) -> str:
    """What stands for the target in the probe header of a pool."""
    return f"pool-{pool}"


def pool_of(spec: BlockSpec, mode: str) -> str:
    """Digest of everything but the addresses; leases with the same one share rule and sets."""
    body = spec.model_dump(mode="json", exclude_none=True, exclude={"ips"}) | {"counts": mode == "count"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _pooled(spec: BlockSpec, lease: Lease, tag: Tag, dialect: Dialect) -> Entry:
    pool = pool_of(spec, lease.mode)
    networks = networks_of(spec.ips)
    who = [addressed(dialect), *principal(spec.principal, dialect.reading, path=spec.path)]
    who = who if counts(lease) else _with_probe(who, probe_of(pool), dialect)
    statement = all_of([*endpoint(spec, dialect.reading), *who])
    labels = [{"Name": f"stanch:pool:{pool}"}]
    return Entry(tag, _rule(pool_name(pool, 1), statement, lease, labels=labels, shown=pool), pool, networks)


def addressed(dialect: Dialect) -> Statement:
    """The client's address is in one of the pool's sets.

    Raises:
        Rejected: nobody has said where the client's address is.
    """
    if dialect.addresses not in _ADDRESS_FIELDS:
        raise Rejected(
            "nobody has said which address of a request is the client's",
            hint="set `addresses` of the connector: peer, last or any",
        )
    return any_of([_set_reference(number, dialect) for number in (4, 6)])


def _set_reference(number: int, dialect: Dialect) -> Statement:
    body: dict[str, Any] = {"ARN": f"{SET}{number}"}
    position = _ADDRESS_FIELDS[dialect.addresses]
    if position:
        config = {"HeaderName": dialect.header, "FallbackBehavior": "NO_MATCH", "Position": position}
        body["IPSetForwardedIPConfig"] = config
    return {"IPSetReferenceStatement": body}


def _with_probe(who: list[Statement], word: str, dialect: Dialect) -> list[Statement]:
    """The same, or our probe: only where somebody is named, since else the probe is denied with everybody."""
    if not who or not dialect.secret:
        return who
    return [any_of([all_of(who), probe_header(PROBE_HEADER, canary_value(dialect.secret, word))])]


def _limit_rule(spec: LimitSpec, lease: Lease, tag: Tag, dialect: Dialect) -> Rule:
    if spec.seconds not in WINDOWS:
        raise Rejected("AWS WAF counts over 60, 120, 300 or 600 seconds", hint="set `per` to 1m, 2m, 5m or 10m")
    if spec.requests < 10:
        raise Rejected("AWS WAF limits to no fewer than 10 requests", hint="use a longer `per`")
    who = principal(spec.principal, dialect.reading, path=spec.path)
    body = {"Limit": spec.requests, "EvaluationWindowSec": spec.seconds, **_counted_by(spec.by, dialect)}
    body["ScopeDownStatement"] = all_of([*endpoint(spec, dialect.reading), *who])
    statement = {"RateBasedStatement": body}
    labels = _labels(tag, lease.playbook)
    return _rule(tag.name, statement, lease, labels=labels, shown=lease.case_id, status=429)


def _counted_by(by: str, dialect: Dialect) -> dict[str, Any]:
    kind, _, name = by.partition(":")
    if kind == "header":
        key = {"Header": {"Name": name.lower(), "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}
        return {"AggregateKeyType": "CUSTOM_KEYS", "CustomKeys": [key]}
    if dialect.addresses == "peer":
        return {"AggregateKeyType": "IP"}
    raise Rejected(
        "behind a proxy WAF counts by the first address forwarded, which clients can make up",
        hint="count by a header, with `by: header:NAME`",
    )


def _labels(tag: Tag, playbook: str) -> list[dict[str, str]]:
    words = [f"stanch:case:{tag.case_id}", f"stanch:exp:{tag.expires}", f"stanch:risk:{tag.risk}"]
    words += [f"stanch:pb:{_WORD.sub('_', playbook)[:100]}"] if playbook else []
    return [{"Name": word} for word in words]


def _rule(
    name: str, statement: Statement, lease: Lease, *, labels: list[dict[str, str]], shown: str, status: int = 403
) -> Rule:
    answer = {"ResponseCode": status, "ResponseHeaders": [{"Name": CASE_HEADER, "Value": shown}]}
    action = {"Count": {}} if counts(lease) else {"Block": {"CustomResponse": answer}}
    return {
        "Name": name,
        "Statement": statement,
        "Action": action,
        "RuleLabels": labels,
        "VisibilityConfig": {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name},
    }
