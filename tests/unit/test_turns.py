"""Runs that share a concurrency key: who waits for whom, and how the turn is passed on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from interp_support import Bench

from activities import turns
from stanch.contract import Resolve
from stanch.interpreter.context import RunContext
from stanch.plan import Plan
from stanch.playbooks import compile_plan, load_playbook
from stanch.playbooks.turns import TURN
from stanch.records import CaseRow, Records
from stanch.simulate.driver import default_route
from stanch.taking_turns import Turn, turn_of
from stanch.views import ApiView, FindingView

NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path}/records.db", b"0123456789abcdef")
    yield made
    made.close()


def plan(conflict: str = "queue", key: str = "${{ finding.api.host + vars.x }}", *, name: str = "book") -> Plan:
    text = (
        f"version: playbook/v1\nid: {name}\ntitle: T\nowner: team:appsec\nmode: manual\n"
        f'concurrency: {{key: "{key}", on_conflict: {conflict}}}\n'
        "vars: {x: y}\nsteps:\n- {id: look, do: traffic.usage, with: {host: a, path: /x, window: 1d}}\n"
    )
    return compile_plan(load_playbook(text))


def come(records: Any, case: str, wanted: Plan, *, host: str = "a.example.com", after: int = 0) -> Turn:
    finding = FindingView(id="f", api=ApiView(host=host))
    question = Resolve(case_id=case, finding=finding, assurance="A", now=NOW + timedelta(minutes=after))
    return turn_of(wanted, records, question, finding, default_route(finding))


class Cases:
    """Stands for the activity's world: cases that exist hear what they are told."""

    def __init__(self, records: Records, *cases: str) -> None:
        self.records, self.cases = records, cases
        self.heard: list[tuple[str, str, str]] = []
        self.names: list[str] = []

    def call(self, work: Any) -> Any:
        async def signal(case: str, command: Any) -> None:
            from temporalio.service import RPCError, RPCStatusCode

            if case not in self.cases:
                raise RPCError("gone", RPCStatusCode.NOT_FOUND, b"")
            self.heard.append((case, command.kind, command.text))
            self.names.append(command.command_id)

        def handle(case: str) -> Any:
            return SimpleNamespace(signal=lambda _name, command: signal(case, command))

        coroutine = work(SimpleNamespace(get_workflow_handle=handle))
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("it waits for something")


def over(records: Records, case: str, *, minute: int) -> None:
    at = NOW + timedelta(minutes=minute)
    records.put_case(CaseRow(case_id=case, version=1, state="closed", opened=NOW, updated=at, title="t"))


def test_a_playbook_without_a_key_waits_for_nobody(records: Records) -> None:
    bare = plan().model_copy(update={"concurrency_key": None})
    assert come(records, "c1", bare) == come(records, "c2", bare) == Turn(bare)


def test_the_first_runs_and_the_next_waits(records: Records) -> None:
    wanted = plan()
    assert come(records, "c1", wanted) == Turn(wanted)
    second = come(records, "c2", wanted)
    assert second.why == "waits for c1"
    assert second.plan is not None
    assert next(iter(second.plan.walk())) == TURN
    assert second.plan.digest != wanted.digest


def test_asking_again_changes_nothing(records: Records) -> None:
    wanted = plan()
    first, second = come(records, "c1", wanted), come(records, "c2", wanted)
    assert (come(records, "c1", wanted), come(records, "c2", wanted)) == (first, second)


def test_another_key_and_another_playbook_are_other_lines(records: Records) -> None:
    come(records, "c1", plan())
    assert come(records, "c2", plan(), host="b.example.com").why == ""
    assert come(records, "c3", plan(name="other")).why == ""
    assert come(records, "c4", plan(key="${{ '' }}")).why == ""
    assert come(records, "c5", plan(key="${{ '' }}")).why == ""


def test_a_key_that_cannot_be_made_holds_up_nobody(records: Records) -> None:
    wanted = plan(key="${{ finding.labels[0] }}")
    assert come(records, "c1", wanted).plan == wanted
    assert "cannot be told" in come(records, "c2", wanted).why


def test_records_that_are_down_hold_up_nobody() -> None:
    from stanch.errors import DependencyError

    def down(*_: Any, **__: Any) -> None:
        raise DependencyError("down")

    assert come(SimpleNamespace(take_turn=down), "c1", plan()).plan == plan()


def test_when_a_run_is_over_the_next_in_line_is_told(records: Records) -> None:
    wanted, world = plan(), Cases(records, "c2", "c3")
    for case in ("c1", "c2", "c3"):
        come(records, case, wanted)
    turns.pass_on(world, "c1", "running")  # type: ignore[arg-type]
    assert world.heard == []
    turns.pass_on(world, "c1", "needs_person")  # type: ignore[arg-type]
    assert world.heard == [("c2", "signal", TURN)]
    turns.pass_on(world, "c3", "closed")  # type: ignore[arg-type]
    turns.pass_on(world, "c2", "verifying")  # type: ignore[arg-type]
    assert world.heard == [("c2", "signal", TURN)]
    assert come(records, "c9", wanted).why == ""


def test_a_turn_that_comes_again_is_no_repeat_of_the_first(records: Records) -> None:
    """A case takes each word once, by its id."""
    wanted, world = plan(), Cases(records, "c1", "c2")
    for minute, pair in ((0, ("c1", "c2")), (10, ("c1", "c2"))):
        for case in pair:
            come(records, case, wanted, after=minute)
        for case in pair:
            turns.pass_on(world, case, "closed")  # type: ignore[arg-type]
    assert [case for case, _, _ in world.heard] == ["c2", "c2"]
    assert len(set(world.names)) == 2


def test_a_case_leaves_all_its_lines(records: Records) -> None:
    wanted, other, world = plan(), plan(name="other"), Cases(records, "c3")
    for each in (wanted, other):
        for case in ("c1", "c2", "c3"):
            come(records, case, each)
    turns.pass_on(world, "c1", "closed")  # type: ignore[arg-type]
    assert [case for case, _, _ in world.heard] == ["c3", "c3"]
    assert records.turns_of("c1") == records.turns_of("c2") == {}


def test_one_who_is_not_there_any_more_is_passed_over(records: Records) -> None:
    wanted, world = plan(), Cases(records, "c3")
    for case in ("c1", "c2", "c3"):
        come(records, case, wanted)
    turns.pass_on(world, "c1", "closed")  # type: ignore[arg-type]
    assert world.heard == [("c3", "signal", TURN)]
    assert come(records, "c4", wanted).why == "waits for c3"


def test_a_case_that_ended_without_a_word_is_in_nobodys_way(records: Records) -> None:
    wanted = plan()
    come(records, "c1", wanted)
    over(records, "c1", minute=5)
    assert come(records, "c2", wanted, after=6).why == ""


def test_a_case_that_was_over_before_it_came_again_keeps_its_turn(records: Records) -> None:
    wanted = plan()
    over(records, "c1", minute=-5)
    come(records, "c1", wanted)
    assert come(records, "c2", wanted, after=1).why == "waits for c1"


def test_skip_leaves_it_to_the_one_that_is_at_it_and_stands_in_no_line(records: Records) -> None:
    wanted = plan("skip")
    come(records, "c0", plan("queue"))
    assert come(records, "c1", wanted) == Turn(None, "left to c0, which is at it")
    turns.pass_on(Cases(records), "c0", "closed")  # type: ignore[arg-type]
    assert come(records, "c2", wanted) == Turn(wanted)


def test_replace_asks_all_ahead_to_end(records: Records) -> None:
    wanted, world = plan("replace"), Cases(records, "c1", "c2")
    come(records, "c1", wanted)
    come(records, "c2", wanted)
    found = come(records, "c3", wanted)
    assert (found.why, found.calls_off) == ("replaces c1", ("c1", "c2"))
    turns.call_off(world, found.calls_off, by="c3")  # type: ignore[arg-type]
    assert [(case, kind) for case, kind, _ in world.heard] == [("c1", "close"), ("c2", "close")]


def test_who_replaces_a_case_that_is_gone_gets_its_turn_at_once(records: Records) -> None:
    wanted, world = plan("replace"), Cases(records, "c2")
    come(records, "c1", wanted)
    found = come(records, "c2", wanted)
    turns.call_off(world, found.calls_off, by="c2")  # type: ignore[arg-type]
    assert world.heard == [("c2", "signal", TURN)]


# -- the plan of one that waits ----------------------------------------------------------------------------------------


def waiting_run(records: Records, conflict: str) -> Bench:
    come(records, "c1", plan(conflict))
    made = come(records, "c2", plan(conflict)).plan
    assert made is not None
    return Bench(made)


@pytest.mark.parametrize("conflict", ["queue", "attach", "replace"])
def test_it_does_nothing_until_its_turn_comes(records: Records, conflict: str) -> None:
    run = waiting_run(records, conflict)
    assert run.running() == []
    run.happen(f"signal.{TURN}")
    assert run.running() == ["look"]
    run.settle()
    assert run.finished == "done"


def test_an_attached_run_ends_when_it_was_fixed_with_the_other(records: Records) -> None:
    run = waiting_run(records, "attach")
    run.happen("finding.rescan_clean")
    assert (run.finished, run.acted()) == ("done", [])
    queued = waiting_run(records, "queue")
    queued.happen("finding.rescan_clean")
    assert queued.finished == ""


def test_a_turn_that_comes_before_the_wait_begins_counts(records: Records) -> None:
    come(records, "c1", plan())
    made = come(records, "c2", plan()).plan
    assert made is not None
    run = Bench(made, start=False)
    run.happen(f"signal.{TURN}")
    assert run.running() == ["look"]


def test_somebody_hears_of_a_case_that_waits_for_a_day(records: Records) -> None:
    run = waiting_run(records, "queue")
    run.wait(25 * 3600)
    assert "chat.message" in [command.action for command in run.pending.values()]
    assert not run.stuck_without_reason()


def test_who_is_called_off_while_it_waits_ends(records: Records) -> None:
    run = waiting_run(records, "queue")
    run.cancel()
    assert run.finished == "cancelled"
    assert isinstance(run.context, RunContext)
