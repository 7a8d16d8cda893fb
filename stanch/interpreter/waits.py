"""Waiting for the world: events, reminders, and what happens when time is over."""

from __future__ import annotations

from datetime import timedelta

from stanch.interpreter.messages import RunAction
from stanch.interpreter.run import Run, ValueProblem
from stanch.interpreter.state import StepStatus
from stanch.interpreter.tell import send
from stanch.plan import PlanStep, Wait

MIN_ESCALATE_SECONDS = 3600.0


def begin(run: Run, step: PlanStep) -> None:
    """Start to wait: what is already known counts at once."""
    wait = _wait(step)
    state = run.state.step(step.id)
    state.status, state.since = StepStatus.RUNNING, run.now
    for index, awaited in enumerate(wait.events):
        if awaited.event == "timer":
            run.start_timer(f"{step.id}|after#{index}", run.now + timedelta(seconds=run.seconds(awaited.after)))
    if wait.timeout is not None:
        run.start_timer(f"{step.id}|timeout", run.now + timedelta(seconds=run.seconds(wait.timeout)))
    if wait.remind_every:
        run.start_timer(f"{step.id}|remind", run.now + timedelta(seconds=wait.remind_every))
    if run.state.facts.get("ticket") == "resolved":
        on_ticket_resolved(run)


def signals(run: Run) -> frozenset[str]:
    """The events of people and other systems that some wait of this plan ends on; no others are remembered."""
    waits = (step.wait for step in run.plan_steps.values() if step.wait is not None)
    return frozenset(f"signal.{item.name}" for wait in waits for item in wait.events if item.event == "signal")


def _wait(step: PlanStep) -> Wait:
    if step.wait is None:
        raise ValueProblem("P003", "nothing to wait for")
    return step.wait


def progress(run: Run, step: PlanStep) -> None:
    """End the wait when enough of its events are true now."""
    wait = _wait(step)
    met = [_met(run, step.id, index, item.event, item.name) for index, item in enumerate(wait.events)]
    if all(met) if wait.until == "all" else any(met):
        run.state.step(step.id).outputs = {
            "because": [item.event for item, true in zip(wait.events, met, strict=True) if true]
        }
        run.finish_step(step.id, StepStatus.OK)


def _met(run: Run, path: str, index: int, event: str, name: str) -> bool:
    if event == "timer":
        return f"after#{index}" in run.state.step(path).seen
    facts = run.state.facts
    if event == "ticket.resolved":
        return facts.get("ticket") == "resolved"
    if event == "finding.rescan_clean":
        return facts.get("finding") == "clean"
    return facts.get(f"signal.{name}") == "seen"


def on_ticket_resolved(run: Run) -> None:
    """Done in the tracker means "verify now": a wait for a clean rescan asks the scanner, unless it has said so."""
    if run.state.facts.get("finding") == "clean":
        return
    for name, step in run.plan_steps.items():
        state = run.state.steps.get(name)
        wanted = step.wait is not None and any(item.event == "finding.rescan_clean" for item in step.wait.events)
        if wanted and state is not None and state.status is StepStatus.RUNNING:
            state.count += 1
            ref = f"{name}|rescan|{state.count}"
            run.act(
                RunAction(
                    ref=ref,
                    path=name,
                    purpose="rescan",
                    action="scanner.rescan",
                    params={"finding": str(run.context.finding.get("id", ""))},
                    key=run.context.key(ref, state.count),
                )
            )


def on_rescanned(run: Run, path: str, *, clean: bool) -> None:
    """A second look found nothing, or it found the problem again and the ticket goes back."""
    run.note("finding.rescanned", path, clean=clean)
    if run.state.step(path).status is not StepStatus.RUNNING:
        return  # proved in another way meanwhile: the ticket must not go back
    if clean:
        run.state.facts["finding"] = "clean"
        return
    run.state.facts["ticket"] = "open"
    key = run.state.facts.get("ticket_key", "")
    if key:
        count = run.state.step(path).count
        ref = f"{path}|reopen|{count}"
        params = {"key": key, "text": "The scanner looked again and still finds the problem."}
        run.act(
            RunAction(
                ref=ref,
                path=path,
                purpose="reopen",
                action="ticket.reopen",
                params=params,
                key=run.context.key(ref, count),
            )
        )


def on_timer(run: Run, step: PlanStep, what: str) -> None:
    """A timer of this wait fired."""
    state = run.state.step(step.id)
    if state.status is not StepStatus.RUNNING:
        return
    if what.startswith("after#"):
        state.seen.append(what)
    elif what == "remind":
        _remind(run, step)
    elif what == "timeout":
        _time_over(run, step)


def _remind(run: Run, step: PlanStep) -> None:
    wait = _wait(step)
    _message(run, step, wait.remind_to or ("route.assignee",), "reminder")
    if wait.remind_every:
        run.start_timer(f"{step.id}|remind", run.now + timedelta(seconds=wait.remind_every))


def _time_over(run: Run, step: PlanStep) -> None:
    wait = _wait(step)
    if wait.on_timeout == "proceed":
        run.state.step(step.id).outputs = {"because": ["timeout"]}
        run.finish_step(step.id, StepStatus.OK, reason="timeout")
    elif wait.on_timeout == "fail":
        run.fail_step(step.id, "T003", "time is over")
    else:
        run.note("wait.overdue", step.id)
        _message(run, step, ("route.owner.lead", "route.assignee"), "escalation")
        again = max(run.seconds(wait.timeout), MIN_ESCALATE_SECONDS)
        run.start_timer(f"{step.id}|timeout", run.now + timedelta(seconds=again))


def _message(run: Run, step: PlanStep, names: tuple[str, ...], template: str) -> None:
    state = run.state.step(step.id)
    state.count += 1
    assignee = run.state.facts.get("assignee", "")
    found: dict[str, None] = {}
    for name in names:
        people = (assignee,) if name == "ticket.assignee" and assignee else run.people((_default(name),))
        found |= dict.fromkeys(people)
    for user in list(found)[:10]:
        send(run, step.id, user, template=template, text="", occurrence=state.count)


def _default(name: str) -> str:
    return "route.assignee" if name == "ticket.assignee" else name
