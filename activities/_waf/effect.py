"""Which of our blocks stand at AWS and stop nothing: taken apart by hand, a part at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from activities._aws import NotThere
from activities._waf.acl import Astray, WebAcls, protecting
from activities._waf.attach import weakness
from activities._waf.config import WafPointConfig
from activities._waf.standing import Standing
from stanch.errors import ConnectorError
from stanch.leases import BlockSpec, Lease, LimitSpec


def idle(
    standing: Standing, arns: Mapping[str, str], leases: Sequence[Lease], *, acls: WebAcls, config: WafPointConfig
) -> frozenset[str]:
    """Targets of leases that deny nothing.

    Args:
        standing: our groups and sets.
        arns: of the groups, by name.
        leases: that should stand.
        acls: reads web ACLs.
        config: says which one each host has.
    """
    out = standing.emptied() & {lease.target for lease in leases}
    where = {tag.target: shelf.name for shelf in standing.shelves() for tag in shelf.tags()}
    hosts: dict[str, dict[str, Lease]] = {}
    for lease in leases:
        if isinstance(lease.spec, BlockSpec | LimitSpec) and lease.target in where:
            hosts.setdefault(lease.spec.host, {})[lease.target] = lease
    for host, held in hosts.items():
        groups = {where[target] for target in held}
        weak = {name for name in groups if _unasked(host, arns.get(name, ""), acls=acls, config=config)}
        out |= {target for target in held if where[target] in weak}
    return out


def _unasked(host: str, arn: str, *, acls: WebAcls, config: WafPointConfig) -> bool:
    """The web ACL of a host does not ask a group, or lets requests in before."""
    target = config.target(host)
    if target is None:
        return False  # the host is no more of this point, and nobody knows
    try:
        acl = acls.read(protecting(acls, target))
    except (NotThere, Astray):
        return True  # it is gone, or stands in front of something else
    except ConnectorError:
        return False  # it cannot be read, and nobody knows; of other hosts this says nothing
    return bool(weakness(acl.rules, [arn], behind=config.behind, ahead=acl.ahead))
