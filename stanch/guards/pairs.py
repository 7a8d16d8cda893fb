"""Guards over a list's new member: alone, and in each pair that its join would make with the other list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from stanch.guards.check import check
from stanch.guards.model import Attempt, Blast, GuardPolicy, GuardState, Refusal
from stanch.leases import BlockSpec, MemberSpec
from stanch.lists import ListsFile


def check_member(
    spec: MemberSpec,
    beside: Sequence[MemberSpec],
    attempt: Attempt,
    *,
    lists: ListsFile,
    policy: GuardPolicy | None,
    state: GuardState,
    rated: Callable[[str], bool],
    seen: Callable[[BlockSpec], tuple[Blast | None, float | None]] = lambda _: (None, None),
) -> list[Refusal]:
    """What speaks against a member; empty means that it may be on its list.

    Args:
        spec: the new member.
        beside: what is on the two lists of its join now, each member once, without the new one.
        attempt: who wants it.
        lists: as they are declared now.
        policy: None where it could not be loaded, which refuses everything new.
        state: of the moment.
        rated: whether the inventory knows how critical a host is.
        seen: blast radius of a pair and its share of the host's requests, as the join's point tells.
    """
    found = lists.join_of(spec.list)
    if found is None or lists.lists[spec.list].of != spec.side:
        hint = "declare it and its join in lists.yaml, and give what it is a list of"
        return [Refusal(code="G150", message=f"{spec.list[:64]} is no list of {spec.side} in a join", hint=hint)]
    others = [member for member in beside if member.list != spec.list and member.side != spec.side]
    own = 1 + sum(member.list == spec.list for member in beside)
    refusals = list(_ceilings(own, len(others), most=lists.lists[spec.list].most, pairs=found[1].most))
    for other in [] if refusals else others:
        pair = pair_of(spec, other)
        blast, share = seen(pair)
        there = attempt.model_copy(update={"rated": rated(pair.host), "blast": blast, "share": share})
        refusals += check(pair, there, policy=policy, state=state)
        if refusals:
            break
    return refusals


def _ceilings(own: int, others: int, *, most: int, pairs: int) -> Iterator[Refusal]:
    if own > most:
        yield Refusal(code="G151", message="the list is full", hint="`stanch list show`")
    if own * others > pairs:
        message = f"the join would deny more than {pairs} pairs"
        yield Refusal(code="G152", message=message, hint="take members off one of its lists")


def pair_of(one: MemberSpec, other: MemberSpec) -> BlockSpec:
    """The block that a member of each list make together."""
    where, who = (one, other) if one.side == "endpoints" else (other, one)
    return BlockSpec(host=where.host, path=where.path, methods=where.methods, principal=who.principal, ips=who.ips)
