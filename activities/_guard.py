"""Right before a change: may it happen at all, and did people consent to exactly this."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activities._asked import spec_of, ttl_of
from activities._blast import blast_of
from activities._membership import judge_member, member_of
from activities._place import place_of
from activities._run import Job
from activities._world import World
from activities.blocks import point_of
from stanch.actions.lists import Add
from stanch.approvals import ApprovalRequest, Need, check_proof, covers
from stanch.approvals.model import DENY
from stanch.catalog import Params, catalog
from stanch.contract import Scene
from stanch.errors import DependencyError, Problem, Refused, Rejected
from stanch.guards import Attempt, GuardState, Refusal, Stop, check
from stanch.guards import check_action as judge_action
from stanch.guards.breaker import open_scopes
from stanch.guards.touch import REMOVES
from stanch.leases import ApprovalProof, Lease, MemberSpec, target_of, verb_of
from stanch.records import Budget
from stanch.seats import active, still
from stanch.who import STANDING

HOUR = timedelta(hours=1)


def check_action(world: World, job: Job, params: Params) -> None:
    """Guard and consent for an action of a run.

    Raises:
        Refused: with the first reason; nothing was changed.
        DependencyError: halts and the never-block list cannot be read, and what is no lift waits; or a freeze, and
            what is a lift waits for its end.
    """
    call, scene = job.call, job.scene
    _agreed(world, job)
    lifting = call.action in REMOVES  # by its name: an undo of the playbook's own may be any change
    host = str(getattr(params, "host", "")) or scene.host
    point = _point(world, call.action, params)
    blast, share = blast_of(world, spec_of(params), point=point, actor=scene.actor) if point else (None, None)
    attempt = Attempt(
        action=call.action,
        mode=_mode(scene.mode),
        approved=call.approval is not None,
        removing=lifting,
        environment=scene.environment,
        playbook=scene.playbook,
        source=scene.source,
        host=host,
        point=point or place_of(world, call.action, params),
        share=share,
        blast=blast,
        rated=_rated(world, host),
    )
    budgeted = not lifting and call.approval is None
    state = guard_state(world, key=call.key, budgets=_budgets(world, attempt, scene) if budgeted else ())
    _readable(state, lifting=lifting)
    policy = world.policy.current.guards
    refusals = judge_action(call.action, _plain(params), attempt, policy=policy, state=state, actor=scene.actor)
    if lifting and refusals:  # only a freeze does that, and what it stops goes on when it ends
        raise DependencyError(refusals[0].message, code=refusals[0].code, hint=refusals[0].hint)
    _raise(refusals)
    if isinstance(params, Add):
        asked = attempt.model_copy(update={"ttl": ttl_of(params).total_seconds()})
        _raise(judge_member(world, member_of(params), asked, state, actor=scene.actor))


def _agreed(world: World, job: Job) -> None:
    """Where the action names consent: it still holds, and it is to this."""
    call = job.call
    if call.approval is None:
        return
    _consent(world, call.approval, call.consent)
    if call.consent is None or not covers(call.consent, action=call.action, params=call.params):
        raise Refused("what was approved is not what would be done", code="A201", hint="ask again")


def check_lease(world: World, lease: Lease) -> None:
    """The same for a lease, once more, by the point's own writer.

    Raises:
        Refused: with the first reason.
        DependencyError: records cannot be read; a new block then waits.
    """
    if lease.approval is not None:
        approval = world.records.approval(lease.approval.approval_id)
        request = approval.request if approval else None
        _consent(world, lease.approval, request)
        if request is None or not _covers_lease(request, lease):
            raise Refused("what was approved is not what would be blocked", code="A201", hint="ask again")
    blast, share = blast_of(world, lease.spec, point=lease.point)
    attempt = Attempt(
        action=verb_of(lease.spec),
        mode=_mode(lease.mode),
        approved=lease.approval is not None,
        environment=lease.environment,
        playbook=lease.playbook,
        source=lease.source,
        point=lease.point,
        ttl=max(0.0, (lease.expires_at - datetime.now(UTC)).total_seconds()),
        share=share,
        blast=blast,
        rated=_rated(world, str(getattr(lease.spec, "host", ""))),
    )
    # A breaker stops what is decided anew; what was decided before it opened is tried on.
    state = guard_state(world, key=lease.lease_id).model_copy(update={"breakers": ()})
    _readable(state, lifting=False)
    policy = world.policy.current.guards
    _raise(check(lease.spec, attempt, policy=policy, state=state))
    if isinstance(lease.spec, MemberSpec):
        _raise(judge_member(world, lease.spec, attempt, state))


def _covers_lease(request: ApprovalRequest, lease: Lease) -> bool:
    """True where one of the approved effects is this very block, for no longer than was approved."""
    asked = [(request.action, request.params), *((bound.action, bound.params) for bound in request.also)]
    left = lease.expires_at - datetime.now(UTC)
    for action, params in asked:
        spec = catalog().get(action)
        if spec is None or not spec.leased or action in REMOVES:
            continue
        wanted = spec.params.model_validate(params, context=STANDING)
        if target_of(spec_of(wanted)) == lease.target and left <= ttl_of(wanted):
            return True
    return False


def _readable(state: GuardState, *, lifting: bool) -> None:
    if not state.readable and not lifting:
        raise DependencyError(
            "halts and the never-block list cannot be read", code="G101", hint="it is tried again; see `stanch doctor`"
        )


def _consent(world: World, proof: ApprovalProof, request: ApprovalRequest | None) -> None:
    if request is None:
        raise Refused("the approval of this change cannot be found", code="A201", hint="ask again")
    proof = _of_those_still_here(world, proof)
    problems = check_proof(request, proof, needs=_needs_now(world, request))
    if problems:
        raise Refused(problems[0].message, code=problems[0].code, hint=problems[0].hint)


def _needs_now(world: World, request: ApprovalRequest) -> Sequence[Need]:
    """The lines as they are now: who has left a team no longer fills it, who left altogether fills none."""
    return [need.model_copy(update={"from_": still(world.people, need)}) for need in request.needs]


def _of_those_still_here(world: World, proof: ApprovalProof) -> ApprovalProof:
    """Without the consent of who has left since, in whoever's seat it was given; a denial stays one.

    Who had signed in again may be who has left, so that counts no longer either.
    """
    votes = tuple(vote for vote in proof.votes if vote[1] == DENY or active(world.people, vote[0]))
    return proof.model_copy(update={"votes": votes, "step_up": proof.step_up and len(votes) == len(proof.votes)})


def _mode(mode: str) -> Any:
    return mode if mode in ("manual", "semi", "auto") else "manual"


def _rated(world: World, host: str) -> bool:
    """Whether the inventory knows how critical a host is; what names none was judged when the run began."""
    return not host or world.policy.current.inventory.is_rated(host)


def _point(world: World, action: str, params: Params) -> str:
    """Where it would be held, so that a halt or breaker of the point stops it here; no point is named by the call."""
    if not catalog()[action].leased or action in REMOVES:
        return ""
    try:
        return point_of(world, spec_of(params), str(getattr(params, "at", "")))
    except Rejected:
        return ""


def _plain(params: Params) -> dict[str, Any]:
    return params.model_dump(exclude_none=True)


def _budgets(world: World, attempt: Attempt, scene: Scene) -> Sequence[Budget]:
    policy = world.policy.current.guards
    if policy is None:
        return ()
    found = policy.budgets_for(playbook=attempt.playbook, source=attempt.source)
    hourly = [Budget(scope=scope, limit=limit, window=HOUR) for scope, limit in found.items()]
    return [*hourly, *_own_limit(world, attempt.playbook, scene.changes)]


def _own_limit(world: World, playbook: str, pinned: tuple[int, float] | None) -> list[Budget]:
    """The playbook's own `limits.changes` as it says now; one that was deleted binds its running cases as before."""
    entry = world.policy.current.playbooks.entries.get(playbook)
    limit = entry.plan.limits.changes if entry is not None else pinned
    return [Budget(f"changes:{playbook}", limit[0], timedelta(seconds=limit[1]))] if limit is not None else []


def guard_state(world: World, *, key: str, budgets: Sequence[Budget] = ()) -> GuardState:
    """Halts, never-block additions and room in budgets as of now; what cannot be read refuses everything new."""
    try:
        view = world.records.guard_view()
        left: dict[str, int] = {}
        if budgets:
            reservation = world.records.reserve(budgets, key=key, now=datetime.now(UTC))
            left = {scope: 1 if reservation.ok else room for scope, room in reservation.left.items()}
    except DependencyError:
        return GuardState(readable=False)
    return GuardState(
        generation=view.generation,
        halted=tuple(Stop(scope=halt.scope, freeze=halt.freeze) for halt in view.halts),
        protected=tuple((item.kind, item.value) for item in view.protected),
        budget_left=left,
        breakers=open_scopes(view.breakers, datetime.now(UTC)),
    )


def _raise(refusals: Sequence[Refusal | Problem]) -> None:
    if refusals:
        first = refusals[0]
        raise Refused(first.message, code=first.code, hint=first.hint)
