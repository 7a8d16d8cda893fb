"""Compiles a block specification into an Envoy RBAC policy whose name says case, expiry and target."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from activities._envoy.paths import ENCODED, ODD, Spelling, host_regex, path_regex, windows
from activities._envoy.tokens import Policy, header, unverified
from activities._networks import Network, networks_of, spelt
from stanch.errors import Rejected
from stanch.leases import NAMED_CLAIMS, BlockSpec, Principal, claim_path
from stanch.ports import Owned

PREFIX = "stanch-"
CANARY_HEADER = "x-stanch-probe"
JWT_FILTER = "envoy.filters.http.jwt_authn"
_CASE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TARGET = re.compile(r"[0-9A-Za-z]{1,64}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
_METHOD = re.compile(r"[A-Z]{1,32}")
OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")  # a method by which some APIs go instead
_NAME = re.compile(rf"{PREFIX}(?P<case>{_CASE.pattern})-(?P<expires>[0-9]{{1,11}})-(?P<target>{_TARGET.pattern})")


class Hops(StrEnum):
    """Which address of a request is believed: the TCP peer, or the one Envoy derived through its trusted hops."""

    DIRECT = "direct"
    TRUSTED = "trusted"


@dataclass(frozen=True)
class Dialect:
    """What the compiler must know of one Envoy.

    Args:
        jwt_payload: key under which jwt_authn puts the verified claims (`payload_in_metadata`).
        ignore_case: the API behind it routes paths without regard to case.
        spelling: how it writes paths into its log.
    """

    hops: Hops = Hops.DIRECT
    jwt_payload: str = "jwt_payload"
    ignore_case: bool = False
    spelling: Spelling = ENCODED


def policy_name(*, case_id: str, expires_at: datetime, target: str) -> str:
    """The name of an entry; all that `lease reap` needs is in it.

    Raises:
        Rejected: the case or target has characters that would make the name ambiguous.
    """
    if not _CASE.fullmatch(case_id) or not _TARGET.fullmatch(target):
        raise Rejected("the case id or target cannot be part of a rule name", hint="use letters, digits, - and _")
    return f"{PREFIX}{case_id}-{int(expires_at.timestamp())}-{target}"


def parse_name(name: str) -> Owned | None:
    """What a rule name says; None for names that are not ours.

    A name with our prefix that cannot be read is still ours to report: it has no case, expiry or target.
    """
    if not name.startswith(PREFIX):
        return None
    found = _NAME.fullmatch(name)
    if not found:
        return Owned(name=name, case_id="", expires_at=None, target="")
    expires = datetime.fromtimestamp(int(found["expires"]), tz=UTC)
    return Owned(name=name, case_id=found["case"], expires_at=expires, target=found["target"])


def canary_value(secret: bytes, target: str) -> str:
    """The value of the probe header that this target's policy denies, and no other's."""
    return hmac.new(secret, f"canary:{target}".encode(), hashlib.sha256).hexdigest()


def compile_policy(spec: BlockSpec, *, canary: str, dialect: Dialect) -> Policy:
    """The RBAC policy (as JSON data) that denies what the specification names, and our probe on the same endpoint.

    Raises:
        Rejected: this Envoy cannot match what the specification asks for.
    """
    return {
        "permissions": [permission_of(spec, dialect)],
        "principals": [*principals_of(spec, dialect), header(CANARY_HEADER, {"exact": canary})],
    }


def permission_of(spec: BlockSpec, dialect: Dialect) -> Policy:
    """What is asked for: host, path, methods. No host, or several that Envoy has joined, may be any to the API."""
    hosts = [header(":authority", {"safe_regex": {"regex": regex}}) for regex in (host_regex(spec.host), "|.*,.*")]
    rules: list[Policy] = [{"or_rules": {"rules": hosts}}]
    if spec.path != "/**":
        rules.append({"or_rules": {"rules": [_path(spec.path, dialect), _path_like(ODD)]}})
    if spec.methods:
        rules.append({"or_rules": {"rules": _asked_by(methods_of(spec.methods))}})
    return {"and_rules": {"rules": rules}}


def _path(template: str, dialect: Dialect) -> Policy:
    """In parts, since Envoy limits the size of one expression."""
    path_regex(template)  # it is one
    form = replace(ENCODED, odd="")
    each = [path_regex(part, ignore_case=dialect.ignore_case, spelling=form) for part in windows(template)]
    return {"and_rules": {"rules": [_path_like(regex) for regex in each]}}


def _path_like(regex: str) -> Policy:
    return {"url_path": {"path": {"safe_regex": {"regex": regex}}}}


def claims_of(principal: Principal | None) -> Mapping[str, str]:
    """The verified claims to compare.

    A token hash next to a token id adds nothing (the id already names one token, also when its text is re-encoded);
    alone it cannot be matched, because Envoy does not hash.

    Raises:
        Rejected: only a token hash is given, or nobody is named.
    """
    if principal is None:
        return {}
    claims = principal.claims()
    if principal.in_request or principal.api_key:
        raise Rejected("this Envoy compares verified claims, no API keys, headers, cookies or bodies")
    if principal.token_hash and not principal.token_id:
        raise Rejected("Envoy cannot compare token hashes", hint="name the token by its id (jti) or the user by sub")
    if not claims:
        raise Rejected("the block names a principal without saying who", hint="give token_id, user_id or client_id")
    return claims


def methods_of(methods: Sequence[str]) -> list[str]:
    """Methods as HTTP spells them.

    Raises:
        Rejected: one is not a method.
    """
    return [_method(name) for name in methods]


def principals_of(spec: BlockSpec, dialect: Dialect) -> list[Policy]:
    """Who asks: verified claims and addresses, anybody where none is named; and tokens that Envoy has not verified."""
    return [_who(spec, dialect), *_unread(spec, dialect)]


def _who(spec: BlockSpec, dialect: Dialect) -> Policy:
    ids: list[Policy] = [_claim(name, value, dialect) for name, value in sorted(claims_of(spec.principal).items())]
    ids += _from(spec, dialect)
    return {"and_ids": {"ids": ids}} if ids else {"any": True}


def _unread(spec: BlockSpec, dialect: Dialect) -> list[Policy]:
    claims = claims_of(spec.principal)
    return [{"and_ids": {"ids": [unverified(claims), *_from(spec, dialect)]}}] if claims else []


def _from(spec: BlockSpec, dialect: Dialect) -> list[Policy]:
    addresses = [_address(one, dialect) for network in networks_of(spec.ips) for one in spelt(network)]
    return [{"or_ids": {"ids": addresses}}] if addresses else []


def _claim(name: str, value: str, dialect: Dialect) -> Policy:
    wanted: Policy = {"string_match": {"exact": value}}
    if _NUMBER.fullmatch(value):  # some issuers write numeric ids as JSON numbers
        wanted = {"or_match": {"value_matchers": [wanted, {"double_match": {"exact": int(value)}}]}}
    if name not in NAMED_CLAIMS:  # claims such as `aud` or roles may be lists
        wanted = {
            "or_match": {"value_matchers": [wanted, {"list_match": {"one_of": {"string_match": {"exact": value}}}}]}
        }
    path = [{"key": key} for key in (dialect.jwt_payload, *claim_path(name))]
    matcher = {"filter": JWT_FILTER, "path": path, "value": wanted}
    return {"sourced_metadata": {"metadata_matcher": matcher, "metadata_source": "DYNAMIC"}}


def _address(network: Network, dialect: Dialect) -> Policy:
    kind = "direct_remote_ip" if dialect.hops is Hops.DIRECT else "remote_ip"
    return {kind: {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}


def asked_pattern(methods: Sequence[str]) -> str:
    """A header that asks for one of the methods: values of several headers come joined, and APIs take either end."""
    return rf"(?:.*,)?[ \t]*(?i:{'|'.join(methods)})[ \t]*(?:,.*)?"


def _asked_by(methods: Sequence[str]) -> list[Policy]:
    """The method itself, or one that the request asks to be taken for."""
    named = [header(":method", {"exact": name}) for name in methods]
    each = [asked_pattern([name]) for name in methods]
    return [*named, *(header(name, {"safe_regex": {"regex": regex}}) for name in OVERRIDES for regex in each)]


def _method(name: str) -> str:
    if not _METHOD.fullmatch(name.upper()):
        raise Rejected("a method to block is not an HTTP method")
    return name.upper()
