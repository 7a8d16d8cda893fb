"""One Envoy policy for two lists: endpoints are its permissions, principals its principals, each with its entry's name.

Envoy denies what meets any permission and any principal of one policy, which is just what a join means. Every member
carries the name of its entry in a part that never matches, so that the file alone says whose it is and when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from activities._envoy.policy import PREFIX, Dialect, permission_of, principals_of
from activities._envoy.tokens import Policy
from stanch.errors import Rejected
from stanch.leases import BlockSpec, MemberSpec

JOIN = f"{PREFIX}join-"
_MARK = "x-stanch-member"
_SIDES = (("endpoints", "permissions", "rule", "rules"), ("principals", "principals", "id", "ids"))


def compile_member(spec: MemberSpec, *, dialect: Dialect) -> Policy:
    """What one member adds to its join's policy.

    Raises:
        Rejected: this Envoy cannot match it, or it would match everybody.
    """
    if not spec.join:
        raise Rejected("the member's list is in no join")
    block = BlockSpec(
        host=spec.host, path=spec.path, methods=spec.methods, principal=spec.principal, ips=spec.ips
    )  # the words that a block has for the same things
    if spec.side == "endpoints" and (spec.principal or spec.ips):
        raise Rejected("a member is an endpoint or somebody, not both")
    if spec.side == "principals" and not spec.principal and not spec.ips:
        raise Rejected("the member names nobody")
    match = permission_of(block, dialect) if spec.side == "endpoints" else _any_of(principals_of(block, dialect))
    return {"join": spec.join, "side": spec.side, "match": match}


def _any_of(principals: list[Policy]) -> Policy:
    return principals[0] if len(principals) == 1 else {"or_ids": {"ids": principals}}


def collapse(entries: Mapping[str, Policy]) -> dict[str, Policy]:
    """Entries as Envoy's policies: members of one join become one.

    One that somebody edited goes with its last member: written back as it was found, it would hold them all for ever.
    """
    found = {name: policy for name, policy in entries.items() if "join" not in policy and not name.startswith(JOIN)}
    for join in sorted({policy["join"] for policy in entries.values() if "join" in policy}):
        members = {name: policy for name, policy in sorted(entries.items()) if policy.get("join") == join}
        found[f"{JOIN}{join}"] = _joined(members)
    return found


def expand(name: str, policy: Policy) -> dict[str, Policy]:
    """The entries that a policy of ours stands for; a join that is not as we write it stands for itself."""
    if not name.startswith(JOIN):
        return {name: policy}
    join = name.removeprefix(JOIN)
    members: dict[str, Policy] = {}
    for side, key, kind, plural in _SIDES:
        for item in policy.get(key) or ():
            marked = _marked(item, kind, plural)
            if marked is not None:
                members[marked[0]] = {"join": join, "side": side, "match": marked[1]}
    return members if members and _joined(members) == policy else {name: policy, **members}


def _joined(members: Mapping[str, Policy]) -> Policy:
    made: Policy = {}
    for side, key, kind, plural in _SIDES:
        items = [_mark(name, member["match"], kind, plural) for name, member in _of(members, side)]
        made[key] = items or [{f"not_{kind}": {"any": True}}]  # while one list is empty, nothing is denied
    return made


def _of(members: Mapping[str, Policy], side: str) -> Iterable[tuple[str, Policy]]:
    return ((name, member) for name, member in sorted(members.items()) if member["side"] == side)


def _mark(name: str, match: Policy, kind: str, plural: str) -> Policy:
    """`match`, or something that is never true: the second part only holds the name."""
    header = {"header": {"name": _MARK, "string_match": {"exact": name}}}
    never = {f"and_{plural}": {plural: [{f"not_{kind}": {"any": True}}, header]}}
    return {f"or_{plural}": {plural: [match, never]}}


def _marked(item: Any, kind: str, plural: str) -> tuple[str, Policy] | None:
    try:
        match, never = item[f"or_{plural}"][plural]
        name = never[f"and_{plural}"][plural][1]["header"]["string_match"]["exact"]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return (name, match) if isinstance(name, str) and _mark(name, match, kind, plural) == item else None


def entries_of(policies: Mapping[str, Policy]) -> Iterator[tuple[str, Policy]]:
    """Every entry of ours among policies."""
    for name, policy in policies.items():
        if name.startswith(PREFIX):
            yield from expand(name, policy).items()
