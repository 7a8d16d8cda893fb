"""Every action runs through here: parameters, guard, consent, intent, the call, outcome. In this order, always."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import FailureError

from activities import _breaker, _siem, _spool
from activities._as_guarded import as_guarded, generation
from activities._defining import defined
from activities._doubt import Doubt
from activities._errors import outcome_of, to_temporal, unexpected
from activities._fence import fenced
from activities._world import World
from stanch.canonical import canonical, digest
from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, catalog
from stanch.contract import ActionCall, ActionReply, Scene
from stanch.errors import DependencyError, Rejected, StanchError, Uncertain
from stanch.guards.touch import REMOVES
from stanch.records import Entry

_T = TypeVar("_T")
FROZEN = "G102"
HEARTBEAT_SECONDS = 1.0
MAX_OUTPUT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Job:
    """One attempt at one action.

    Args:
        attempt: 1 for the first. since: when the first attempt was scheduled.
        uncertain_since: when an earlier attempt may last have been applied without our knowing; None where none can.
    """

    call: ActionCall
    spec: ActionSpec
    attempt: int
    since: datetime
    uncertain_since: datetime | None = None

    @property
    def scene(self) -> Scene:
        return self.call.scene


class Implementation(Protocol):
    """What carries out one action."""

    def __call__(self, world: World, job: Job, params: Any, /) -> Outputs: ...


class Before(Protocol):
    """A check right before a call that changes production; raises Refused."""

    def __call__(self, world: World, job: Job, params: Params, /) -> None: ...


def bind(
    world: World, name: str, implementation: Implementation, before: Before
) -> Callable[[ActionCall], ActionReply]:
    """The activity for one action of the catalogue."""
    spec = catalog()[name]

    @defined(name)
    def run(call: ActionCall) -> ActionReply:
        info = activity.info()
        doubt = Doubt(info) if spec.effect.mutates or spec.queue is Queue.TICKETS else None
        since = doubt.since if doubt is not None else None
        job = Job(call=call, spec=spec, attempt=info.attempt, since=info.scheduled_time, uncertain_since=since)
        unsure = spec.effect.mutates and since is not None
        fence = fenced(world, doubt) if spec.effect.mutates else contextlib.nullcontext()
        with heartbeats(doubt), fence:
            return reported(lambda: _doing(doubt, world, job, implementation, before), unsure=unsure)

    return run


def _doing(doubt: Doubt | None, world: World, job: Job, implementation: Implementation, before: Before) -> ActionReply:
    if doubt is None:
        return perform(world, job, implementation, before)

    def begun(world: World, job: Job, params: Any) -> Outputs:
        doubt.begin()
        return implementation(world, job, params)

    try:
        return perform(world, job, begun, before)
    except Exception as error:
        doubt.end(error)
        raise


def reported(work: Callable[[], _T], *, unsure: bool = False) -> _T:
    """The result, or the error as Temporal may keep it: our words, nothing chained to it."""
    try:
        return work()
    except StanchError as error:
        raise to_temporal(error, unsure=unsure) from None
    except FailureError:
        raise
    except Exception as error:
        raise unexpected(error) from None


def perform(world: World, job: Job, implementation: Implementation, before: Before) -> ActionReply:
    """Carry out one action and leave its trace: intent before, outcome after."""
    params = _params(job)
    mutates = job.spec.effect.mutates
    seen = generation(world) if mutates else None
    if mutates:
        _checked(world, job, params, before)
    _record(world, job, "intent", {"params": params.model_dump(mode="json", exclude_none=True), "attempt": job.attempt})
    try:
        with as_guarded(world, seen) if mutates and job.spec.name not in REMOVES else contextlib.nullcontext():
            outputs = implementation(world, job, params).model_dump(mode="json")
        _fits(job, outputs)
    except StanchError as error:
        _breaker.action_ended(world, job.call, error, changes=mutates, leased=job.spec.leased)
        unsure = mutates and job.uncertain_since is not None  # an earlier attempt may have landed
        if to_temporal(error).non_retryable:
            _siem.acted(world, job, error=error, unsure=unsure)
            outcome = "UNCERTAIN" if unsure else outcome_of(error)
            _record(world, job, "outcome", {"outcome": outcome, "code": error.code, "reason": error.message})
        raise
    _breaker.action_ended(world, job.call, None, changes=mutates, leased=job.spec.leased)
    _siem.acted(world, job)
    _record(world, job, "outcome", {"outcome": "CONFIRMED", **_short(outputs)}, response=digest(outputs))
    return ActionReply(outputs=outputs)


def _params(job: Job) -> Params:
    try:
        return job.spec.params.model_validate(job.call.params)
    except ValidationError:
        raise Rejected(f"{job.spec.name}: parameters do not fit its model", code="P105") from None


def _checked(world: World, job: Job, params: Params, before: Before) -> None:
    """Guard and consent, with a trace of a refusal."""
    try:
        before(world, job, params)
    except DependencyError as error:  # it is asked again
        if error.code == FROZEN:
            _record(world, job, "frozen", {"code": error.code, "reason": error.message})
        raise
    except StanchError as error:
        _record(world, job, "refused", {"code": error.code, "reason": error.message})
        raise


def _fits(job: Job, outputs: dict[str, Any]) -> None:
    if len(canonical(outputs)) > MAX_OUTPUT_BYTES:
        kind = Uncertain if job.spec.effect.mutates else Rejected
        raise kind(f"{job.spec.name} gave more than {MAX_OUTPUT_BYTES} bytes", code="V010")


def _short(outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs as the timeline shows them: long texts are cut."""
    return {name: value[:500] if isinstance(value, str) else value for name, value in outputs.items()}


def outbox(scene: Scene) -> list[Entry]:
    """The lines a case has waiting, as ledger entries; written once by their number."""
    return [
        Entry(
            case_id=scene.case_id,
            episode=scene.episode,
            key=f"note:{note.number}",
            time=note.at,
            actor=note.actor,
            event=note.event,
            step=note.step,
            plan_digest=scene.plan_digest,
            data=note.data,
        )
        for note in scene.outbox
    ]


def _record(world: World, job: Job, what: str, data: dict[str, Any], *, response: str = "") -> None:
    """Write what waits, then this line; only changes and people's systems leave intents, reading leaves its outcome."""
    if what == "intent" and job.spec.effect is Effect.READ:
        _spool.write(world, outbox(job.scene), lifting=False)
        return
    call, scene = job.call, job.scene
    entry = Entry(
        case_id=scene.case_id,
        episode=scene.episode,
        key=f"{call.key}:{call.purpose}:{what}",
        time=datetime.now(UTC),
        actor="stanch",
        event=f"{call.action}.{what}",
        step=call.path,
        effect=call.key,
        plan_digest=scene.plan_digest,
        request_digest=digest(call.params),
        response_digest=response,
        data=data,
    )
    waiting = outbox(scene) if what == "intent" else []
    _spool.write(world, [*waiting, entry], lifting=job.spec.name in REMOVES)


class heartbeats:
    """Beats while a blocking call runs, so that a killed worker is noticed in seconds, not at the attempt's timeout.

    Args:
        doubt: what the next attempt is to know, told at once, with every beat, and at the end.
    """

    def __init__(self, doubt: Doubt | None = None) -> None:
        self._doubt = doubt

    def __enter__(self) -> None:
        self._tell()
        self._stop = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._beat,), daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            activity.heartbeat(*self._details())

    def _details(self) -> tuple[dict[str, str], ...]:
        return () if self._doubt is None else (self._doubt.details,)

    def _tell(self) -> None:
        if self._doubt is not None:
            activity.heartbeat(*self._details())

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._tell()
