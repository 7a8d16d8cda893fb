"""The pure core: `advance(context, state, event)` gives the next state and the commands, and does nothing else.

It drives the Temporal workflow, `simulate` and the tests alike. No clock, no chance, no I/O: time comes with events.
"""

from __future__ import annotations

from datetime import datetime

from stanch.approvals import Code, Verdict, Vote, judge
from stanch.interpreter import actions, approve, renew, undo, waits
from stanch.interpreter.context import RunContext
from stanch.interpreter.messages import (
    ActionDone,
    ActionFailed,
    Cancelled,
    Command,
    Event,
    Finish,
    Happened,
    Started,
    TimerFired,
    Voted,
)
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import CORE_VERSION, RENEWAL, CoreState, RunStatus, StepStatus
from stanch.interpreter.walk import Progress, last_words, sequence
from stanch.plan import StepKind

MAX_WALKS = 50


class UnknownCore(Exception):
    """The state was made by an interpreter this worker does not know: wait for the right worker, never guess."""


def advance(context: RunContext, state: CoreState, event: Event) -> tuple[CoreState, list[Command]]:
    """Apply one event and walk on.

    Raises:
        UnknownCore: the state or plan is of another core version.
    """
    if state.core != CORE_VERSION or context.plan.core != CORE_VERSION:
        raise UnknownCore(f"state core {state.core}, plan core {context.plan.core}, this worker {CORE_VERSION}")
    run = Run(context=context, state=state.model_copy(deep=True), now=event.now)
    if run.state.status.final:
        _afterwards(run, event)
        return run.state, run.commands
    try:
        _apply(run, event)
    except ValueProblem as problem:
        run.problem(problem.reason)
    for _ in range(MAX_WALKS):
        given = len(run.commands)
        _walk(run)
        if len(run.commands) == given or run.state.status.final:
            break
    return run.state, run.commands


def _afterwards(run: Run, event: Event) -> None:
    """After the run the end of a block that was left standing is still news, and a late vote has its refusal."""
    if isinstance(event, Happened) and event.event == "lease.ended":
        _lease_ended(run, event)
    elif isinstance(event, Voted):
        approve.on_vote(run, event.vote)
    elif isinstance(event, ActionDone | ActionFailed):
        run.state.inflight.pop(event.ref, None)


def judge_vote(state: CoreState, vote: Vote, now: datetime) -> Verdict:
    """What a vote would do now, without counting it."""
    for approval in state.approvals.values():
        if approval.request.approval_id == vote.approval_id:
            return judge(approval, vote, now=now)[1]
    return Verdict(
        accepted=False, code=Code.OTHER_APPROVAL, message="There is no such approval; it may have been replaced."
    )


def _apply(run: Run, event: Event) -> None:
    match event:
        case Started():
            _start(run)
        case ActionDone():
            _done(run, event)
        case ActionFailed():
            _failed(run, event)
        case TimerFired():
            _timer(run, event.ref)
        case Voted():
            _decided(run, approve.on_vote(run, event.vote))
        case Happened():
            _happened(run, event)
        case Cancelled():
            _cancel(run, event.reason)


def _cancel(run: Run, reason: str) -> None:
    """Leave, or turn back on the way out; a run that already takes everything back goes on doing so."""
    state = run.state
    if state.status is RunStatus.UNDOING or state.failed or state.cancelled:
        return
    state.cancelled, state.reason = True, reason
    if state.status is RunStatus.FINISHING:
        state.status = RunStatus.UNDOING


def _decided(run: Run, path: str) -> None:
    """An approval was settled; a renewal's has its own consequence."""
    if path.endswith(RENEWAL):
        renew.on_settled(run, path)


def _start(run: Run) -> None:
    plan = run.context.plan
    run.note("run.started", playbook=plan.playbook, mode=run.context.mode.value, digest=plan.digest)
    try:
        run.state.vars = {name: run.render(value) for name, value in plan.vars.items()}
        refused = [source for source in plan.guard if not run.true(source)]
    except ValueProblem as problem:
        run.state.failed, run.state.reason = True, problem.reason
        return
    if refused:
        run.state.failed, run.state.reason = True, f"guard was false: {refused[0][:200]}"


def _done(run: Run, event: ActionDone) -> None:
    if run.state.inflight.pop(event.ref, None) is None:
        return
    path, purpose = event.ref.split("|")[:2]
    step = run.plan_steps.get(path.partition("#")[0])
    if purpose == "do" and step is not None:
        actions.on_done(run, step, path, event)
    elif purpose == "verify":
        actions.on_verified(run, path, event)
    elif purpose == "undo":
        undo.on_undone(run, event.ref)
    elif purpose == "rescan":
        waits.on_rescanned(run, path, clean=event.outputs.get("clean") is True)
    elif purpose == "renewed" and step is not None:
        renew.on_renewed(run, step, path, event)
    is_proven = purpose in ("do", "verify") and run.state.step(path).status is StepStatus.OK
    if step is not None and is_proven and run.state.status is RunStatus.RUNNING:
        renew.arm(run, step, path)


def _failed(run: Run, event: ActionFailed) -> None:
    if run.state.inflight.pop(event.ref, None) is None:
        return
    path, purpose = event.ref.split("|")[:2]
    step = run.plan_steps.get(path.partition("#")[0])
    if purpose == "do" and step is not None:
        actions.on_failed(run, step, path, event)
    elif purpose == "verify":
        actions.recover(run, path, event.code, event.reason)
    elif purpose == "undo":
        undo.on_stuck(run, path, event)
    elif purpose == "rescan":
        run.note("finding.not_rescanned", path, code=event.code, reason=event.reason)
    else:
        run.problem(f"{path}: {purpose} failed: {event.reason}")
        if purpose == "renewed" and step is not None:
            renew.on_failed(run, step, path, event)


def _timer(run: Run, ref: str) -> None:
    due = run.state.timers.get(ref)
    if due is None or due > run.now:
        return
    del run.state.timers[ref]
    path, _, what = ref.partition("|")
    step = run.plan_steps.get(path.partition("#")[0].partition(":")[0])
    if what == "expire":
        _decided(run, approve.on_expired(run, path))
    elif path in run.state.approvals and what == "remind":
        approve.remind(run, path)
    elif what.startswith("escalate#"):
        approve.escalate(run, path, int(what.removeprefix("escalate#")))
    elif step is not None and what == "renew":
        if run.state.status is RunStatus.RUNNING:
            renew.on_timer(run, step, path)
    elif step is not None and step.kind is StepKind.WAIT:
        waits.on_timer(run, step, what)


def _happened(run: Run, event: Happened) -> None:
    facts = run.state.facts
    match event.event:
        case "ticket.resolved":
            facts["ticket"] = "resolved"
            facts["ticket_key"] = str(event.data.get("key", facts.get("ticket_key", "")))
            waits.on_ticket_resolved(run)
        case "ticket.reopened":
            facts["ticket"] = "open"
        case "ticket.reassigned":
            facts["assignee"] = str(event.data.get("to", ""))
        case "finding.rescan_clean":
            facts["finding"] = "clean"
        case "finding.reported":
            facts["finding"] = "open"
        case "lease.ended":
            _lease_ended(run, event)
        case name:
            facts |= {name: "seen"} if name in waits.signals(run) else {}
    run.note(event.event, **event.data)


def _lease_ended(run: Run, event: Happened) -> None:
    undo.on_lease_ended(run, str(event.data.get("lease_id", "")), str(event.data.get("state", "")))


def _walk(run: Run) -> None:
    """Go as far as possible from where the run stands."""
    state = run.state
    if state.status is RunStatus.RUNNING:
        if state.cancelled or state.failed:
            _leave(run)
        else:
            _main(run)
    if state.status is RunStatus.UNDOING:
        _take_back(run)
    if state.status is RunStatus.FINISHING:
        _finish(run)


def _main(run: Run) -> None:
    progress = sequence(run, run.context.plan.steps)
    if progress is Progress.FAILED or run.state.failed:
        run.state.failed = True
        _leave(run)
    elif progress is Progress.STOPPED or (progress is Progress.DONE and not _still_alongside(run)):
        run.state.status = RunStatus.FINISHING


def _still_alongside(run: Run) -> bool:
    return bool(run.state.inflight) or any(not run.state.step(name).status.final for name in run.reached)


def _leave(run: Run) -> None:
    """The run cannot go on: nothing new starts, what is under way is awaited, then everything is taken back."""
    _put_down(run)
    run.state.status = RunStatus.UNDOING


def _put_down(run: Run) -> None:
    """Nothing is asked and nothing rings after this."""
    approve.withdraw_all(run, "the run ended")
    for ref in list(run.state.timers):
        run.stop_timers(ref.partition("|")[0])


def _take_back(run: Run) -> None:
    if undo.unsettled(run):
        return
    if undo.work_off(run, list(reversed(run.state.changes))):
        run.state.status = RunStatus.FINISHING


def _finish(run: Run) -> None:
    """Run `finally`, then say how it ended."""
    state = run.state
    if last_words(run) is Progress.BLOCKED:
        return
    if sequence(run, run.context.plan.finally_) is Progress.BLOCKED or state.inflight:
        return
    for name in list(state.steps):
        if state.steps[name].status in (StepStatus.RUNNING, StepStatus.PENDING) and name in run.plan_steps:
            state.steps[name].status = StepStatus.SKIPPED
    _put_down(run)
    state.status = RunStatus.CANCELLED if state.cancelled else RunStatus.FAILED if state.failed else RunStatus.DONE
    state.outputs = _outputs(run)
    run.emit(Finish(status=state.status.value, reason=state.reason, outputs=state.outputs))


def _outputs(run: Run) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in run.context.plan.outputs.items():
        try:
            found[name] = run.render(value)
        except ValueProblem:
            found[name] = None
    return found
