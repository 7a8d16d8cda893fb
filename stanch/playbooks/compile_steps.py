"""Steps as a plan holds them: durations in seconds, values compiled, approvals linked to what they bind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from stanch.catalog import catalog
from stanch.errors import ConfigError
from stanch.plan import (
    Approve,
    Awaited,
    Branch,
    Check,
    Escalate,
    Foreach,
    Need,
    PlanStep,
    Renew,
    Retry,
    StepKind,
    Stop,
    Undo,
    Wait,
)
from stanch.playbooks.checks.parameters import Field, fields_of
from stanch.playbooks.inlining import given_inputs, inlined
from stanch.playbooks.model import (
    ApproveWords,
    AwaitedWords,
    ChoiceWords,
    FailureWords,
    ForeachWords,
    RetryWords,
    Step,
    UndoWords,
    VerifyWords,
    WaitWords,
)
from stanch.playbooks.renaming import CannotRename
from stanch.playbooks.tree import Tree
from stanch.playbooks.values import compiled

_DEFAULT_RETRY = Retry()


def step_of(step: Step, tree: Tree, *, timeout: float | None = None) -> PlanStep:
    """One step with those inside it; `timeout` is that of the step around it."""
    kind = StepKind(step.kinds[0])
    own = step.timeout.total_seconds() if step.timeout else timeout
    inner = own if kind in (StepKind.PARALLEL, StepKind.CHOOSE) else None
    failure = step.on_failure
    after: tuple[Step, ...] = failure.do if isinstance(failure, FailureWords) else ()
    spec = catalog().get(step.do or "")
    made = PlanStep(
        id=step.id,
        kind=kind,
        when=step.when,
        alongside=bool(spec and spec.effect.runs_alongside and not step.hold),
        timeout=own if kind is StepKind.DO else None,
        retry=_retry(step.retry),
        foreach=_loop(step.foreach),
        failure=_failure(failure),
        failure_steps=tuple(step_of(child, tree) for child in after),
        verify=_check(step.verify),
        undo=_undo(step.undo),
        irreversible=step.irreversible,
        renew=Renew(gate=step.renew.gate, ask_before=step.renew.ask_before.total_seconds()) if step.renew else None,
        otherwise=tuple(step_of(child, tree) for child in step.otherwise),
        on_reject=tuple(step_of(child, tree) for child in step.on_reject),
        action=step.do or "",
        with_=_with(step.do or "", step.with_),
        bound_by=tuple(p.step.id for p in tree.placed if p.step.approve and step.id in p.step.approve.binds),
        approve=_approve(step.approve),
        wait=_wait(step.wait),
        steps=tuple(step_of(child, tree, timeout=inner) for child in step.parallel or ()),
        branches=tuple(_branch(choice, tree, inner) for choice in step.choose or ()),
        revert=step.revert or "",
        set_=compiled(step.set or {}),
        stop=Stop(status=step.stop.status, reason=compiled(step.stop.reason)) if step.stop else None,
    )
    return made if step.playbook is None else _calling(step, made, tree)


def _calling(step: Step, made: PlanStep, tree: Tree) -> PlanStep:
    """A step that calls a playbook holds the whole of it."""
    callee = tree.callees[step.playbook or ""]
    given = {name: compiled(value) for name, value in step.with_.items()}
    try:
        parts = inlined(callee.plan, at=step.id, inputs=given_inputs(callee, given))
    except CannotRename as error:
        raise ConfigError(f"{step.playbook} cannot be called: {error}", code="P301") from error
    return made.model_copy(update={"with_": {}, **parts})


def _loop(words: ForeachWords | None) -> Foreach | None:
    if words is None:
        return None
    items = compiled(words.in_)
    return Foreach(items=items, name=words.as_, max_parallel=words.max_parallel, max_items=words.max_items)


def _failure(words: Literal["fail", "continue"] | FailureWords) -> Literal["fail", "continue"]:
    return words.then if isinstance(words, FailureWords) else words


def _with(action: str, values: Mapping[str, Any]) -> dict[str, Any]:
    fields: Mapping[str, Field] = fields_of(catalog()[action].params) if action in catalog() else {}
    return {name: compiled(value, field=fields.get(name)) for name, value in values.items()}


def _branch(choice: ChoiceWords, tree: Tree, timeout: float | None) -> Branch:
    steps = choice.steps if choice.otherwise is None else choice.otherwise
    return Branch(when=choice.when, steps=tuple(step_of(child, tree, timeout=timeout) for child in steps))


def _retry(words: RetryWords | None) -> Retry | None:
    if words is None:
        return None
    first = words.first.total_seconds() if words.first else _DEFAULT_RETRY.first
    longest = words.max.total_seconds() if words.max else max(_DEFAULT_RETRY.max, first)
    return Retry(attempts=words.attempts, first=first, factor=words.factor, max=longest)


def _check(words: VerifyWords | None) -> Check | None:
    if words is None:
        return None
    made = Check(action=words.do, with_=_with(words.do, words.with_))
    return made if words.within is None else made.model_copy(update={"within": words.within.total_seconds()})


def _undo(words: Literal["auto"] | UndoWords | None) -> Undo | None:
    if words is None:
        return None
    return Undo() if words == "auto" else Undo(action=words.do, with_=_with(words.do, words.with_))


def _approve(words: ApproveWords | None) -> Approve | None:
    if words is None:
        return None
    return Approve(
        ask=compiled(words.ask),
        need=tuple(Need(from_=line.from_, count=line.count) for line in words.need),
        not_by=words.not_by,
        binds=words.binds,
        show=words.show,
        expires=compiled(words.expires),
        remind_every=words.remind.total_seconds() if words.remind else None,
        escalate=tuple(Escalate(after=rung.after.total_seconds(), to=rung.to) for rung in words.escalate),
        on_timeout=words.on_timeout,
        options=words.options,
        reason=words.reason,
    )


def _wait(words: WaitWords | None) -> Wait | None:
    if words is None:
        return None
    return Wait(
        until=words.until,
        events=tuple(_awaited(item) for item in words.for_),
        remind_every=words.remind.every.total_seconds() if words.remind else None,
        remind_to=words.remind.to if words.remind else (),
        follow_reassigned=words.reassigned == "follow",
        timeout=compiled(words.timeout),
        on_timeout=words.on_timeout,
    )


def _awaited(words: AwaitedWords) -> Awaited:
    given = {"key": words.key, "finding": words.finding}
    with_ = {name: compiled(value) for name, value in given.items() if value is not None}
    return Awaited(event=words.event, after=compiled(words.after), name=words.name, with_=with_)
