"""Members of lists: what a step names, the join and point of its list, and the guards over every pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from activities._blast import blast_of
from activities._world import World
from stanch.actions.lists import Add
from stanch.errors import Rejected, StanchError
from stanch.fitting import Need, expresses
from stanch.guards import Attempt, GuardState, Refusal
from stanch.guards.pairs import check_member
from stanch.leases import LeaseSpec, MemberSpec, target_of
from stanch.lists import JoinWords
from stanch.ports import Check
from stanch.views import ActorView

MOST = 2000  # leases that are looked at; a point holds fewer


def member_of(params: Add) -> MemberSpec:
    """What a step wants on a list.

    Raises:
        Rejected: L019, it names neither an endpoint nor somebody, or both.
    """
    methods = params.methods or ((params.method,) if params.method else ())
    principal = params.principal.principal if params.principal else None
    somebody = principal is not None or bool(params.ip)
    where = bool(params.host), params.path != "/**" or bool(methods)
    if where[0] == somebody or (somebody and where[1]):
        hint = "give host and path, or a principal or ip"
        raise Rejected("a member is an endpoint or somebody, not both and not neither", code="L019", hint=hint)
    return MemberSpec(
        list=params.list,
        host=params.host,
        path=params.path,
        methods=tuple(sorted({method.upper() for method in methods})),
        principal=principal,
        ips=(params.ip,) if params.ip else (),
    )


def join_of(world: World, spec: MemberSpec) -> tuple[str, JoinWords]:
    """The join of a member's list.

    Raises:
        Rejected: L010, it has none.
    """
    found = world.policy.current.lists.join_of(spec.list)
    if found is None:
        raise Rejected(f"no join uses the list {spec.list[:64]}", code="L010", hint="declare it in lists.yaml")
    return found


def joined(world: World, spec: LeaseSpec) -> LeaseSpec:
    """A member with the name of its join; anything else as it is."""
    if not isinstance(spec, MemberSpec):
        return spec
    return spec.model_copy(update={"join": join_of(world, spec)[0]})


def join_checks(world: World) -> Iterator[Check]:
    """Whether each join names a point that is there and can join lists."""
    for name, join in world.policy.current.lists.joins.items():
        fix = "give `at` of the join in lists.yaml a point of stanch.toml that joins lists (Envoy)"
        try:
            able = expresses(world.connector("point", world.serving("point", "", at=join.at)), Need.LIST)
            detail = f"at {join.at}" if able else f"{join.at} {Need.LIST.value}"
        except StanchError as error:
            able, detail = False, error.message
        yield Check(f"join {name}", ok=able, detail=detail, fix="" if able else fix)


def judge_member(
    world: World, spec: MemberSpec, attempt: Attempt, state: GuardState, *, actor: ActorView | None = None
) -> list[Refusal]:
    """The guards over a member and over every pair that it makes with what is on the other list now."""
    policy = world.policy.current
    found = policy.lists.join_of(spec.list)
    at = found[1].at if found else ""
    return check_member(
        spec,
        _beside(world, spec, found[1]) if found else (),
        attempt,
        lists=policy.lists,
        policy=policy.guards,
        state=state,
        rated=policy.inventory.is_rated,
        seen=lambda pair: blast_of(world, pair, point=at, actor=actor),
    )


def _beside(world: World, spec: MemberSpec, join: JoinWords) -> Sequence[MemberSpec]:
    """Members of both lists, asked for or standing, each once, whoever holds it."""
    members: dict[str, MemberSpec] = {}
    for row in world.records.leases(point=join.at, limit=MOST):
        other = row.lease.spec
        if isinstance(other, MemberSpec) and other.list in (join.principals, join.endpoints):
            members[row.lease.target] = other
    members.pop(target_of(spec), None)
    return tuple(members.values())
