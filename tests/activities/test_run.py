"""Every action leaves its trace in order: guard, consent, intent, call, outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, NOW, Glue, Recorder, block, job, note, nothing, raised, scene
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import _run
from activities._run import Job, bind, perform
from activities._world import World
from stanch.actions.blocks import Held
from stanch.actions.chat import Sent
from stanch.actions.tickets import Created
from stanch.actions.traffic import Used
from stanch.contract import ActionCall
from stanch.errors import AuthBlocked, DependencyError, Refused, Rejected, RetrySafe, Uncertain
from stanch.records import TimelineItem

SECRET = "hunter2-vendor-said-this"
TICKET = {"summary": "Debug endpoint is public"}


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path) as made:
        yield made


def test_guard_then_intent_then_call_then_outcome(glue: Glue) -> None:
    seen: list[tuple[str, list[str]]] = []

    def before(_world: World, _job: Job, _params: Any) -> None:
        seen.append(("guard", glue.events()))

    def call(_world: World, _job: Job, _params: Any) -> Held:
        seen.append(("call", glue.events()))
        return Held(lease_id="L1")

    reply = perform(glue.world, job("block.scope", block()), call, before)
    assert seen == [("guard", []), ("call", ["block.scope.intent"])]
    assert glue.events() == ["block.scope.intent", "block.scope.outcome"]
    assert reply.outputs["lease_id"] == "L1"
    intent, outcome = glue.timeline()
    assert intent.data["params"]["host"] == "api.example.com"
    assert outcome.data["outcome"] == "CONFIRMED"
    assert intent.request_digest
    assert outcome.response_digest
    assert not outcome.uncertain


def test_waiting_lines_are_written_before_the_intent(glue: Glue) -> None:
    perform(glue.world, job("block.scope", block(), scene=scene(outbox=(note(1),))), Recorder(), nothing)
    assert glue.events() == ["case.status", "block.scope.intent", "block.scope.outcome"]


def test_a_refusal_leaves_a_trace_and_no_call(glue: Glue) -> None:
    def refuse(_world: World, _job: Job, _params: Any) -> None:
        raise Refused("halted: all", code="G103")

    call = Recorder()
    with pytest.raises(Refused, match="halted"):
        perform(glue.world, job("block.scope", block()), call, refuse)
    assert call.jobs == []
    (line,) = glue.timeline()
    assert (line.event, line.data["code"]) == ("block.scope.refused", "G103")


def test_what_changes_nothing_needs_no_guard(glue: Glue) -> None:
    def refuse(_world: World, _job: Job, _params: Any) -> None:
        raise Refused("no", code="G103")

    perform(glue.world, job("ticket.create", TICKET), Recorder(Created(key="BOARD-1")), refuse)
    assert glue.events() == ["ticket.create.intent", "ticket.create.outcome"]


def test_a_read_leaves_its_outcome_only(glue: Glue) -> None:
    call = job("traffic.usage", {"host": "api.example.com"}, scene=scene(outbox=(note(),)))
    perform(glue.world, call, Recorder(Used(requests=3)), nothing)
    assert glue.events() == ["case.status", "traffic.usage.outcome"]


@pytest.mark.parametrize("action", ["block.scope", "ticket.create", "traffic.usage"])
def test_without_records_nothing_is_called(glue: Glue, action: str) -> None:
    params = {"block.scope": block(), "ticket.create": TICKET, "traffic.usage": {"host": "api.example.com"}}[action]
    call = Recorder()
    waiting = scene(outbox=(note(),))
    with pytest.raises(DependencyError):
        perform(glue.down(), job(action, params, scene=waiting), call, nothing)
    assert call.jobs == []
    assert glue.events() == []


def test_a_lift_goes_on_without_records_and_is_accounted_for_later(glue: Glue) -> None:
    call = Recorder()
    lift = job("block.lift", {"lease_id": "L1"}, purpose="undo", scene=scene(outbox=(note(),)))
    perform(glue.down(reading=True), lift, call, nothing)
    assert len(call.jobs) == 1
    assert glue.events() == []
    perform(glue.world, job("ticket.create", TICKET, key="1f" * 16), Recorder(), nothing)
    assert glue.events()[:3] == ["case.status", "block.lift.intent", "block.lift.outcome"]
    assert glue.records.verify(CASE).ok


def test_a_second_attempt_repeats_no_line(glue: Glue) -> None:
    first = job("block.scope", block())
    with pytest.raises(Uncertain):
        perform(glue.world, first, Recorder(error=Uncertain("no answer")), nothing)
    assert glue.timeline()[-1].uncertain
    perform(glue.world, job("block.scope", block(), attempt=2), Recorder(Held(lease_id="L1")), nothing)
    assert glue.events() == ["block.scope.intent", "block.scope.outcome"]
    assert not any(line.uncertain for line in glue.timeline())


@pytest.mark.parametrize("error", [Rejected("no"), AuthBlocked("no")])
def test_a_final_no_is_an_outcome(glue: Glue, error: Rejected | AuthBlocked) -> None:
    with pytest.raises(type(error)):
        perform(glue.world, job("ticket.create", TICKET), Recorder(error=error), nothing)
    assert glue.timeline()[-1].data == {"outcome": error.outcome, "code": error.code, "reason": "no"}


@pytest.mark.parametrize("error", [RetrySafe("later"), Uncertain("perhaps"), DependencyError("down")])
def test_what_is_tried_again_has_no_outcome_yet(glue: Glue, error: Exception) -> None:
    with pytest.raises(type(error)):
        perform(glue.world, job("ticket.create", TICKET), Recorder(error=error), nothing)
    assert glue.events() == ["ticket.create.intent"]


def test_outputs_that_are_too_large_are_not_taken(glue: Glue) -> None:
    large = Used(coverage="é" * 40_000)  # 40,000 characters, 80,000 bytes
    with pytest.raises(Rejected) as caught:
        perform(glue.world, job("traffic.usage", {"host": "h.example.com"}), Recorder(large), nothing)
    assert caught.value.code == "V010"
    with pytest.raises(Uncertain):
        perform(glue.world, job("block.scope", block()), Recorder(Held(lease_id="x" * 70_000)), nothing)
    assert glue.timeline()[-1].uncertain, "the block may stand, and the ledger says so"


def test_long_texts_are_cut_in_the_timeline_only(glue: Glue) -> None:
    reply = perform(glue.world, job("chat.message", {"to": "C1"}), Recorder(Sent(channel="x" * 900)), nothing)
    assert len(reply.outputs["channel"]) == 900
    assert len(glue.timeline()[-1].data["channel"]) == 500


@pytest.mark.parametrize("params", [{}, {"host": 3}, {"host": "h", "surprise": SECRET}, {"host": "h", "ttl": SECRET}])
def test_parameters_that_do_not_fit_are_refused_without_being_repeated(glue: Glue, params: dict[str, Any]) -> None:
    call = Recorder()
    with pytest.raises(Rejected) as caught:
        perform(glue.world, job("block.scope", params), call, nothing)
    assert caught.value.code == "P105"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert call.jobs == []


def test_only_later_attempts_are_uncertain() -> None:
    since = NOW - timedelta(minutes=3)
    assert job("ticket.create", TICKET, since=since).uncertain_since is None
    assert job("ticket.create", TICKET, since=since, attempt=2).uncertain_since == since


# -- as Temporal sees it -----------------------------------------------------------------------------------------------


def _as_activity(glue: Glue, call: ActionCall, implementation: Any, *, attempt: int = 1, before: Any = nothing) -> Any:
    environment = ActivityEnvironment()
    info = ActivityEnvironment.default_info()
    environment.info = type(info)(**{**info.__dict__, "attempt": attempt, "scheduled_time": NOW})
    return environment.run(bind(glue.world, call.action, implementation, before), call)


def _texts(error: BaseException) -> str:
    parts: list[str] = []
    each: BaseException | None = error
    while each is not None:
        parts += [str(each), repr(each), str(getattr(each, "details", ""))]
        each = None if each.__suppress_context__ and each.__cause__ is None else each.__cause__ or each.__context__
    return "\n".join(parts)


def test_expected_errors_say_how_they_are_retried(glue: Glue) -> None:
    call = job("ticket.create", TICKET).call
    later = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(error=RetrySafe("busy", retry_after=7))))
    assert (later.type, later.non_retryable, later.next_retry_delay) == ("RETRY_SAFE", False, timedelta(seconds=7))
    final = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(error=Rejected("no", code="V102"))))
    assert (final.type, final.non_retryable, final.details[0]) == ("REJECTED", True, "V102")


@pytest.mark.parametrize("error", [KeyError(SECRET), ValueError(SECRET), OSError(5, SECRET)])
def test_a_mistake_of_ours_brings_no_foreign_text_into_history(
    glue: Glue, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    call = job("ticket.create", TICKET).call
    seen = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(error=error)))
    assert SECRET not in _texts(seen) + caplog.text
    assert type(error).__name__ in seen.message
    assert "glue.py" in seen.message, "where it happened is said"
    assert not seen.non_retryable


def test_records_that_are_down_are_tried_again(glue: Glue) -> None:
    call = job("block.scope", block()).call
    glue.world.records = glue.down().records
    seen = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder()))
    assert (seen.type, seen.non_retryable) == ("RETRY_SAFE", False)


def test_a_refusal_after_an_attempt_does_not_claim_that_nothing_was_done(glue: Glue) -> None:
    def refuse(_world: World, _job: Job, _params: Any) -> None:
        raise Refused("halted", code="G103")

    call = job("block.scope", block()).call
    first = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(), before=refuse))
    second = raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(), before=refuse, attempt=2))
    assert [(each.type, each.non_retryable) for each in (first, second)] == [("REFUSED", True), ("UNCERTAIN", True)]


def test_it_beats_while_it_works_and_not_after(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "HEARTBEAT_SECONDS", 0.01)
    beats: list[float] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: beats.append(time.monotonic())
    enough = threading.Event()

    def slow(_world: World, _job: Job, _params: Any) -> Created:
        deadline = time.monotonic() + 5
        while len(beats) < 3 and time.monotonic() < deadline:
            enough.wait(0.01)
        return Created()

    threads = threading.active_count()
    environment.run(bind(glue.world, "ticket.create", slow, nothing), job("ticket.create", TICKET).call)
    assert len(beats) >= 3
    assert threading.active_count() == threads
    count = len(beats)
    enough.wait(0.05)
    assert len(beats) == count


def test_heartbeats_end_with_a_failure(glue: Glue) -> None:
    threads = threading.active_count()
    call = job("ticket.create", TICKET).call
    raised(ApplicationError, lambda: _as_activity(glue, call, Recorder(error=Rejected("no"))))
    assert threading.active_count() == threads


def test_lines_of_a_case_stay_in_its_case(glue: Glue) -> None:
    perform(glue.world, job("ticket.create", TICKET, scene=scene(case_id="case-other")), Recorder(), nothing)
    lines: list[TimelineItem] = glue.timeline("case-other")
    assert len(lines) == 2
    assert glue.timeline() == []
