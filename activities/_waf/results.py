"""What a turn at the rule groups and sets came to, target by target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from activities._waf.entry import Tag
from activities._waf.plan import Plan
from activities._waf.standing import Standing
from stanch.errors import Rejected
from stanch.leases import EVICTED, Applied, Lease
from stanch.ports import Owned


def results(
    goal: Mapping[str, Lease], gone: set[str], refused: Mapping[str, str], made: Plan, after: Standing
) -> Iterable[Applied]:
    """Each target that was asked for or had to go; what counts is what was read back."""
    standing = {tag.target: tag for shelf in after.shelves() for tag in shelf.tags()}
    emptied = after.emptied()
    for target in sorted(gone):
        yield Applied(target=target, ok=target not in standing)
    for target, lease in goal.items():
        tag = standing.get(target)
        if target in refused:
            yield Applied(target=target, ok=False, code=Rejected.default_code, reason=refused[target])
        elif target in made.refused:
            yield Applied(target=target, ok=False, code=EVICTED, reason=made.refused[target])
        elif tag is None or tag.expires != int(lease.expires_at.timestamp()) or target in emptied:
            yield Applied(target=target, ok=False, code=Rejected.default_code, reason="it is not in what was read back")
        else:
            yield Applied(target=target, ok=True, proof={"rule": tag.name})
    for target, tag in made.evicted.items():
        if target not in goal:
            reason = f"it made room for a block of higher risk (its own was {tag.risk} of 9)"
            yield Applied(target=target, ok=False, code=EVICTED, reason=reason, proof={"state": "evicted"})


def owned(tag: Tag) -> Owned:
    """As `list_owned` names it."""
    return Owned(tag.name, tag.case_id, datetime.fromtimestamp(tag.expires, UTC), tag.target)


def taken_out(entry: Owned, standing: Mapping[str, str]) -> Applied:
    """What became of an entry; `standing` is name to target of what stands now."""
    if entry.name in standing:
        return Applied(target=entry.name, ok=False)
    proof = {"state": "renewed"} if entry.target and entry.target in standing.values() else {}
    return Applied(target=entry.name, ok=True, proof=proof)
