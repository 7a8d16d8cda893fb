"""What can be seen of an AWS WAF point from outside: its probe headers, its health, and what nobody can say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from activities._envoy.policy import canary_value
from activities._waf.acl import WebAcls, protecting, refuse_unwritable
from activities._waf.attach import weakness
from activities._waf.config import WafPointConfig, WebAclTarget
from activities._waf.entry import POOL, PROBE_HEADER, Dialect, pool_of, probe_of
from activities._waf.networks import family, networks_of
from activities._waf.standing import Standing
from activities._waf.write import Writer
from stanch.errors import ConnectorError, Rejected
from stanch.leases import BlockSpec, target_of
from stanch.ports import Check
from stanch.ports_traffic import Trace


def canary(standing: Standing, target: str, dialect: Dialect) -> Mapping[str, str]:
    """The header that the rule of this target denies, and no other; a pool has one for all that it holds.

    Raises:
        Rejected: no secret is configured.
    """
    pools = (pool for shelf in standing.shelves() for pool in shelf.pools.values())
    name = next((pool.name for pool in pools if any(held.tag.target == target for held in pool.held)), "")
    return _probe(probe_of(name.partition("-")[2].rpartition("-")[0]) if name else target, dialect)


def trace(standing: Standing, spec: BlockSpec, dialect: Dialect) -> Trace:
    """What would still answer for a block: of addresses, the rule of their pool, which goes with the last of them."""
    target = target_of(spec)
    if not spec.ips:
        return Trace(partial(_probe, target, dialect), target)
    scope = pool_of(spec, "block")
    rule, gone = f"{POOL}{scope}-", networks_of(spec.ips)
    shared = left = False
    for pool in (pool for shelf in standing.shelves() for name, pool in shelf.pools.items() if name.startswith(rule)):
        inside = {number: standing.sets.get(standing.set_name(pool.name, number), frozenset()) for number in (4, 6)}
        shared = shared or bool(pool.held) or any(inside.values())
        left = left or any(one in inside[family(one)] - pool.networks(family(one)) for one in gone)
    return Trace(None if shared else partial(_probe, probe_of(scope), dialect), target, rule, left)


def _probe(word: str, dialect: Dialect) -> Mapping[str, str]:
    if not dialect.secret:
        raise Rejected("this point has no probe header", hint="set `canary_secret` of the connector")
    return {PROBE_HEADER: canary_value(dialect.secret, word)}


def examine(name: str, config: WafPointConfig, acls: WebAcls, writer: Writer, prefix: str) -> Sequence[Check]:
    """The checks of `stanch doctor`."""
    try:
        standing = writer.read()
    except ConnectorError as error:
        return [Check(f"{name}: rule groups", ok=False, detail=error.message, fix=error.hint)]
    checks = [_of_groups(name, standing, prefix), _of_strangers(name, standing), _of_addresses(name, config)]
    arns = writer.groups()
    return [*checks, *(_of_acl(name, host, one, config, acls, arns) for host, one in config.web_acls.items())]


def _of_groups(name: str, standing: Standing, prefix: str) -> Check:
    shelves = standing.shelves()
    held = sum(1 for shelf in shelves for _ in shelf.tags())
    if not shelves:
        return Check(f"{name}: rule groups", ok=True, detail=f"none yet; {prefix}-1 is made with the first block")
    return Check(f"{name}: rule groups", ok=True, detail=f"{', '.join(one.name for one in shelves)}: {held} blocks")


def _of_strangers(name: str, standing: Standing) -> Check:
    """What stands in our groups and sets and is not of any lease: kept, and told."""
    strange = [*_strange_rules(standing), *_strange_addresses(standing)]
    if not strange:
        return Check(f"{name}: only blocks of ours", ok=True)
    shown = ", ".join(strange[:5])
    fix = "Stanch keeps them and never lifts them; take them out by hand if they are nobody's"
    return Check(f"{name}: only blocks of ours", ok=False, detail=f"{len(strange)} others: {shown}", fix=fix)


def _strange_rules(standing: Standing) -> Iterator[str]:
    for shelf in standing.shelves():
        yield from (f"rule {rule['Name']}" for rule in shelf.foreign)


def _strange_addresses(standing: Standing) -> Iterator[str]:
    listed: dict[str, frozenset[str]] = {}
    for shelf in standing.shelves():
        for pool in shelf.pools.values():
            listed |= {standing.set_name(pool.name, number): pool.networks(number) for number in (4, 6)}
    for name, addresses in standing.sets.items():
        yield from (f"{address} in {name}" for address in sorted(addresses - listed.get(name, frozenset())))


def _of_addresses(name: str, config: WafPointConfig) -> Check:
    fix = "set `addresses` to peer, last or any once it is known what stands before the web ACL"
    if not config.addresses:
        return Check(f"{name}: client addresses", ok=False, detail="not said, so no address is blocked", fix=fix)
    return Check(f"{name}: client addresses", ok=True, detail=config.addresses)


def _of_acl(
    name: str, host: str, target: WebAclTarget, config: WafPointConfig, acls: WebAcls, arns: Sequence[str]
) -> Check:
    title = f"{name}: web ACL of {host}"
    try:
        acl = acls.read(protecting(acls, target))
        refuse_unwritable(acl)
    except ConnectorError as error:
        return Check(title, ok=False, detail=error.message, fix=error.hint)
    problem = weakness(acl.rules, arns, behind=config.behind, ahead=acl.ahead)
    if problem:
        return Check(title, ok=False, detail=problem, fix="see docs/waf.md, Attaching")
    return Check(title, ok=True, detail=f"{acl.ref.name}, {len(acl.rules)} rules, {acl.capacity} WCU")
