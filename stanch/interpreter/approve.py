"""Asking people: requests bound to fully rendered actions, votes, reminders, and time running out."""

from __future__ import annotations

from datetime import timedelta

from stanch.approvals import (
    ApprovalRequest,
    ApprovalState,
    Bound,
    Outcome,
    Settled,
    Vote,
    check_request,
    expire,
    judge,
)
from stanch.catalog import catalog
from stanch.interpreter.context import LINGERS
from stanch.interpreter.messages import ApprovalEnded, AskApproval
from stanch.interpreter.params import checked
from stanch.interpreter.requests import request_of
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import GATE, RENEWAL, StepStatus
from stanch.interpreter.tell import send
from stanch.plan import Approve, Mode, PlanStep
from stanch.plan import Need as NeedLine

GATE_EXPIRES = 4 * 3600.0


def begin(run: Run, step: PlanStep) -> None:
    """Open the approval of an `approve` step, over what its bound steps would do right now."""
    if step.approve is None:
        raise ValueProblem("P003", "nothing to ask")
    if step.approve.binds and run.context.mode is Mode.MANUAL:
        run.finish_step(step.id, StepStatus.SKIPPED, code="M001", reason="changes are switched off for this run")
        return
    targets = tuple(_target(run, run.plan_steps[name]) for name in step.approve.binds)
    ask(run, step.id, step.approve, targets)


def _target(run: Run, step: PlanStep) -> Bound:
    spec = catalog()[step.action]
    return Bound(action=spec.name, params=checked(spec, run.render(step.with_)))


def ask(run: Run, path: str, spec: Approve, targets: tuple[Bound, ...]) -> None:
    """Show a request, with its timers: expiry, reminders, escalations."""
    state = run.state.step(path)
    state.status, state.since = StepStatus.RUNNING, run.now
    state.occurrence += 1
    request = request_of(run, path, spec, targets)
    problems = check_request(request)
    if problems:
        run.fail_step(path, "P207", "; ".join(problem.message for problem in problems))
        return
    run.state.approvals[path] = ApprovalState(request=request)
    run.emit(AskApproval(path=path, request=request))
    run.start_timer(f"{path}|expire", request.expires_at)
    if spec.remind_every:
        run.start_timer(f"{path}|remind", run.now + timedelta(seconds=spec.remind_every))
    for index, rung in enumerate(spec.escalate):
        run.start_timer(f"{path}|escalate#{index}", run.now + timedelta(seconds=rung.after))


def gate_spec(run: Run, step: PlanStep) -> Approve:
    """The approval that stands before a change when an automatic run has to ask."""
    title = catalog()[step.action].title
    return Approve(
        ask=f"{title}? Automation is limited for this run, so a person decides.",
        need=(NeedLine(from_=("route.owner", "route.owner.lead", run.context.plan.owner), count=1),),
        binds=(step.id,),
        expires=GATE_EXPIRES,
        on_timeout="reject",
    )


def spec_of(run: Run, path: str) -> Approve | None:
    """The approve block behind a path: written in the plan, a gate, or a renewal's gate."""
    name = path.partition(":")[0].partition("#")[0]
    step = run.plan_steps.get(name)
    if step is None:
        return None
    if path.endswith(GATE):
        return gate_spec(run, step)
    if step.renew is not None and path.endswith(RENEWAL):
        return run.plan_steps[step.renew.gate].approve
    return step.approve


def on_vote(run: Run, vote: Vote) -> str:
    """Count a vote; when it settles the request, the step goes on. Gives the path that was settled, or ""."""
    for path, state in run.state.approvals.items():
        if state.request.approval_id == vote.approval_id:
            after, verdict = judge(state, vote, now=run.now)
            run.state.approvals[path] = after
            run.note(
                "approval.vote",
                path,
                principal=vote.principal,
                verdict=vote.verdict,
                via=vote.via,
                accepted=verdict.accepted,
                code=verdict.code,
                digest=vote.digest,
                reason=vote.reason,
                **({"stands_in_for": vote.for_} if vote.for_ else {}),
                **({"step_up": True} if vote.step_up else {}),
            )
            if after.settled is not None and state.settled is None:
                _settle(run, path, after.request, after.settled)
                return path
            break
    return ""


def on_expired(run: Run, path: str) -> str:
    """Nobody decided in time; that is never consent. Gives the path that was settled, or ""."""
    state = run.state.approvals.get(path)
    if state is None or state.settled is not None:
        return ""
    after = expire(state, run.now)
    run.state.approvals[path] = after
    if after.settled is None:
        return ""
    _settle(run, path, after.request, after.settled)
    return path


def _settle(run: Run, path: str, request: ApprovalRequest, settled: Settled) -> None:
    approved = settled.outcome is Outcome.APPROVED
    because = "timeout" if settled.outcome is Outcome.EXPIRED else "vote"
    run.state.step(path).outputs = {
        "approved": approved,
        "choice": settled.choice,
        "by": ", ".join(settled.by),
        "reason": settled.reason,
        "because": because,
        "digest": request.digest,
    }
    status = StepStatus.OK if approved or settled.choice else StepStatus.REJECTED
    run.finish_step(path, status, reason=because)
    outcome = settled.choice or settled.outcome.value
    ended = ApprovalEnded(path=path, request=request, outcome=outcome, by=settled.by, reason=settled.reason)
    run.emit(ended.model_copy(update={"stood_in": settled.stood_in}))


def withdraw_all(run: Run, reason: str) -> None:
    """The run is ending: open requests are taken back so that no card stays clickable."""
    for path in list(run.state.approvals):
        withdraw(run, path, reason)


def withdraw(run: Run, path: str, reason: str) -> None:
    """Take an open request back: votes that still come are refused, and what was shown is rewritten."""
    state = run.state.approvals.get(path)
    if state is None or state.settled is not None:
        return
    settled = Settled(outcome=Outcome.EXPIRED, at=run.now, reason=reason)
    run.state.approvals[path] = state.model_copy(update={"settled": settled})
    run.finish_step(path, StepStatus.REJECTED, code="A012", reason=reason)
    run.emit(ApprovalEnded(path=path, request=state.request, outcome="withdrawn", reason=reason))


def remind(run: Run, path: str) -> None:
    """Ask again those who have not answered."""
    spec, state = spec_of(run, path), run.state.approvals.get(path)
    if spec is None or state is None or not _waits(run, state):
        return
    _nudge(run, path, state.request, tuple(name for line in spec.need for name in line.from_), "reminder")
    if spec.remind_every:
        run.start_timer(f"{path}|remind", run.now + timedelta(seconds=spec.remind_every))


def escalate(run: Run, path: str, index: int) -> None:
    spec, state = spec_of(run, path), run.state.approvals.get(path)
    if spec is not None and state is not None and _waits(run, state) and index < len(spec.escalate):
        _nudge(run, path, state.request, spec.escalate[index].to, "escalation")


def _waits(run: Run, state: ApprovalState) -> bool:
    """Whether anybody may still answer, also between the end of a request and its ringing."""
    is_over = run.context.asks >= LINGERS and run.now >= state.request.expires_at
    return state.settled is None and not is_over


def _nudge(run: Run, path: str, request: ApprovalRequest, names: tuple[str, ...], template: str) -> None:
    step = run.state.step(path)
    step.count += 1
    for user in run.people(names)[:10]:
        send(run, path, user, template=template, text=request.question, occurrence=step.count)
