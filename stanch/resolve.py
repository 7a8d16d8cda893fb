"""From a finding to its owner and plan: route, playbook, people and mode, as pinned at the start of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from stanch.contract import Resolve, Resolved
from stanch.errors import DependencyError
from stanch.guards import targets
from stanch.noise.judging import Scene, noise_of, without_start
from stanch.noise.words import Noise
from stanch.plan import Limits, Mode, Plan
from stanch.playbooks.joining import joined
from stanch.policy import PolicySnapshot
from stanch.records import Budget, Halt, Records
from stanch.records.safety import EVERYTHING
from stanch.routing import RouteTable
from stanch.settings import Settings
from stanch.stories import Story, story_of
from stanch.taking_turns import turn_of
from stanch.views import FindingView, RouteView


def resolve(
    policy: PolicySnapshot, records: Records, question: Resolve, *, settings: Settings, key: bytes = b""
) -> Resolved:
    """Answer who owns this, what is done, how much happens alone and is told; without a key nothing is grouped."""
    finding = policy.inventory.known(question.finding)
    if (nothing := _nothing_to_do(policy, records, question, finding)) is not None:
        return nothing
    story = story_of(records, question, finding)
    decision = policy.routes.route(story.finding, question.now)
    view = _with_copies(decision.view, story.owners)
    is_weak = question.assurance == "C"
    scene = Scene(story.finding, view, question.now, case_id=question.case_id, key=key, is_weak=is_weak)
    if question.route_only:
        return _route_only(policy, records, scene, story)
    choice = policy.playbooks.select(finding, view)
    plan, beside = joined(choice)
    if plan is None:
        why = "; ".join((choice.why, *story.why))
        noise = _noise(policy, records, scene, None)
        return Resolved(route=view, policy_digest=policy.digest, why=why, links=story.links, noise=noise)
    turn = turn_of(plan, records, question, finding, view)
    if turn.plan is None:
        return _held_back(policy, view, story, f"{choice.why}; {turn.why}")
    plan = turn.plan
    mode, because = effective_mode(plan, finding, question, policy=policy, records=records)
    return Resolved(
        route=view,
        plan=plan,
        mode=mode,
        inputs=plan.inputs,
        people=_people(policy.routes, plan, view, question),
        policy_digest=policy.digest,
        why="; ".join(filter(None, (choice.why, beside, turn.why, because, *story.why))),
        trace=decision.trace.notes[:20],
        verify_window=settings.verify_window.total_seconds(),
        links=story.links,
        calls_off=turn.calls_off,
        noise=_noise(policy, records, scene, plan),
        asks=2,
    )


def _held_back(policy: PolicySnapshot, view: RouteView, story: Story, why: str) -> Resolved:
    """For a finding whose playbook does not run now."""
    words = "; ".join((why, *story.why))
    return Resolved(route=view, policy_digest=policy.digest, why=words, quiet=True, links=story.links)


def _nothing_to_do(
    policy: PolicySnapshot, records: Records, question: Resolve, finding: FindingView
) -> Resolved | None:
    """For a test finding, and for what a person has put away: where it belongs, and no run."""
    away = "" if finding.is_test else _put_away(records, question)
    if not finding.is_test and not away:
        return None
    route = policy.routes.route(finding, question.now).view
    if finding.is_test:
        return Resolved(route=route, policy_digest=policy.digest, why="a test finding is recorded and nothing else")
    return Resolved(route=route, policy_digest=policy.digest, why=away, quiet=True, verify_window=0.0)


def _route_only(policy: PolicySnapshot, records: Records, scene: Scene, story: Story) -> Resolved:
    """For a case that runs already: owner, deadline and noise as they would be now."""
    noise = without_start(noise_of(policy.routes, records, scene), scene.now)
    why = "; ".join(story.why)
    return Resolved(route=scene.route, policy_digest=policy.digest, why=why, links=story.links, noise=noise)


def _noise(policy: PolicySnapshot, records: Records, scene: Scene, plan: Plan | None) -> Noise:
    """What is said of a new run, and the generation of its group that still takes members."""
    noise = noise_of(policy.routes, records, scene, plan)
    if noise.group is None:
        return noise
    try:
        number = records.generation(noise.group.group_id)
    except DependencyError:
        return noise  # a generation that is full sends its visitors on
    return noise.model_copy(update={"group": noise.group.model_copy(update={"generation": number})})


def _put_away(records: Records, question: Resolve) -> str:
    """The words of a suppression that stands; one that cannot be read suppresses nothing."""
    try:
        found = records.suppressions_of([question.case_id], question.now).get(question.case_id)
    except DependencyError:
        return ""
    return found.words if found is not None and found.covers(question.finding.kind) else ""


def _with_copies(route: RouteView, owners: tuple[str, ...]) -> RouteView:
    """Owners of accepted weaknesses hear of what happens here."""
    more = tuple(name for name in owners if name not in (route.owner.id, *route.cc))
    return route.model_copy(update={"cc": (*route.cc, *more)}) if more else route


def effective_mode(
    plan: Plan, finding: FindingView, question: Resolve, *, policy: PolicySnapshot, records: Records
) -> tuple[Mode, str]:
    """The lowest of playbook, environment, source assurance, inventory, limits and kill switch, and what lowered it."""
    lowered = [(plan.mode, ""), *ceilings(plan, finding, question.assurance, policy=policy)]
    lowered += _by_state(plan, finding, question, records)
    mode, because = min(lowered, key=lambda item: item[0].rank)
    return mode, because if mode.rank < plan.mode.rank else ""


def ceilings(plan: Plan, finding: FindingView, assurance: str, *, policy: PolicySnapshot) -> list[tuple[Mode, str]]:
    """What environment, assurance and inventory allow at most, with the reason."""
    lowered: list[tuple[Mode, str]] = []
    allowed = policy.guards.mode_for(finding.api.environment) if policy.guards else "manual"
    lowered.append((Mode(allowed), f"{finding.api.environment} allows {allowed}"))
    if assurance == "C":
        lowered.append((Mode.MANUAL, "the source proves itself by a URL only"))
    if finding.api.criticality is None:
        lowered.append((Mode.SEMI, "the inventory does not know how critical this API is"))
    return lowered


def halted(plan: Plan, finding: FindingView, halts: Iterable[Halt]) -> bool:
    """Whether a halt in force is about a run of this plan."""
    return any(_halts(halt.scope, plan, finding) for halt in halts)


def _by_state(plan: Plan, finding: FindingView, question: Resolve, records: Records) -> Iterator[tuple[Mode, str]]:
    """Kill switch and limits; a state that cannot be read allows nothing."""
    try:
        if records.storming(finding.source, question.now):
            yield Mode.SEMI, "its source reports more new problems a minute than it may"
        if halted(plan, finding, records.guard_view().halts):
            yield Mode.MANUAL, "halted"
        budgets = list(_budgets(plan, finding.api.host))
        if budgets and not records.reserve(budgets, key=question.case_id, now=question.now).ok:
            yield Mode.SEMI, "past the playbook's limits"
    except DependencyError:
        yield Mode.MANUAL, "halts and limits cannot be read"


def _halts(scope: str, plan: Plan, finding: FindingView) -> bool:
    """Whether a halt is about this run; one for an action or a point is left to the guard at the call."""
    kind, _, name = scope.partition(":")
    if kind == "host":
        try:
            return targets.hosts_overlap(targets.host_name(name), targets.host_name(finding.api.host))
        except ValueError:
            return True
    own = {"playbook": plan.playbook, "source": finding.source, "environment": finding.api.environment}
    return scope == EVERYTHING or own.get(kind) == name


def _budgets(plan: Plan, host: str) -> Iterator[Budget]:
    limits: Limits = plan.limits
    named = (("runs", limits.runs, plan.playbook), ("per_host", limits.per_host, f"{plan.playbook}:{host}"))
    for what, limit, scope in named:
        if limit is not None:
            yield Budget(scope=f"{what}:{scope}", limit=limit[0], window=timedelta(seconds=limit[1]))


def _people(routes: RouteTable, plan: Plan, view: RouteView, question: Resolve) -> dict[str, tuple[str, ...]]:
    """Everybody the run may have to ask, resolved now."""
    names = {view.owner.id, view.owner.lead, view.assignee, plan.owner, *view.cc, *view.notify, *_named(plan)}
    plain = {name for name in names if name and not name.startswith(("route.", "run.", "ticket."))}
    return {name: routes.people.resolve(name, question.now) for name in sorted(plain)}


def _named(plan: Plan) -> Iterator[str]:
    for step in plan.walk().values():
        if step.approve is not None:
            for line in step.approve.need:
                yield from line.from_
            for rung in step.approve.escalate:
                yield from rung.to
            yield from step.approve.not_by
        if step.wait is not None:
            yield from step.wait.remind_to
