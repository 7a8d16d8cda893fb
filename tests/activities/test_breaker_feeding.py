"""Failed changes open the breaker of their playbook and point; people may go on, and what works closes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import HOST, FakeTemporal, Glue, Recorder, approved, block, job, nothing, reachable
from point_support import edge_world, lease, standing_in

from activities import points
from activities._breaker import CONTROL
from activities._guard import check_action, check_lease
from activities._run import perform
from stanch.actions.probes import Proven
from stanch.catalog import Outputs, catalog
from stanch.errors import ConnectorError, DependencyError, Refused, Rejected, RetrySafe, Uncertain
from stanch.leases import Applied, BlockSpec
from stanch.ports import Mismatch, Reconciled
from stanch.ports_traffic import Exposure
from stanch.wire_points import Reconcile

NO_EFFECT = Rejected("no proof of effect: nothing was denied", code="V020")


class Point:
    """Answers as a test wants."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.ok = True

    def reconcile(self, *, adds: Any, removes: Any, wanted: Any, expected: str, known: Any = ()) -> Reconciled:
        if self.error is not None:
            raise self.error
        done = [Applied(target=lease.target, ok=self.ok) for lease in adds]
        return Reconciled("", (*done, *(Applied(target=target, ok=True) for target in removes)))

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        return Exposure(unknown=0.0)


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with edge_world(tmp_path) as made, reachable(made.world, FakeTemporal()):
        yield made


@pytest.fixture
def point(glue: Glue) -> Point:
    return standing_in(glue, Point())


def write(glue: Glue, name: str = "a", *, removes: tuple[str, ...] = ()) -> None:
    adds = () if removes else (lease(name),)
    try:
        points.reconcile(glue.world, Reconcile(point="edge", adds=adds, removes=removes))
    except (ConnectorError, Mismatch):
        return


def prove(glue: Glue, error: Exception | None = NO_EFFECT, **more: Any) -> None:
    one = job("probe.expect_blocked", {"host": HOST}, purpose="verify", **more)
    try:
        perform(glue.world, one, Recorder(Proven(ok=True), error), nothing)
    except ConnectorError:
        return


def code_of_block(glue: Glue, **more: Any) -> str:
    one = job("block.scope", more.pop("params", None) or block(), **more)
    try:
        check_action(glue.world, one, catalog()["block.scope"].params.model_validate(one.call.params))
    except Refused as error:
        return error.code
    return ""


def opened(glue: Glue) -> list[str]:
    return [f"{line.event} {(line.data or {})['scope']}" for line in glue.timeline(CONTROL)]


@pytest.mark.parametrize("error", [RetrySafe("no answer"), Uncertain("no answer"), Rejected("no")])
def test_a_point_that_fails_makes_changes_ask_people(glue: Glue, point: Point, error: Exception) -> None:
    point.error = error
    for name in "abcd":
        write(glue, name)
    assert code_of_block(glue) == ""
    for name in "efg":
        write(glue, name)
    assert code_of_block(glue) == "G106"
    assert opened(glue) == ["breaker.opened point:edge"]  # no playbook is to blame for that
    consent = approved("block.scope", block(), "user:ana")
    assert code_of_block(glue, **consent) == ""
    check_lease(glue.world, lease("a"))  # what was decided before is tried on


def test_the_same_write_tried_again_is_no_other_failure(glue: Glue, point: Point) -> None:
    point.error = Uncertain("no answer")
    for _ in range(9):
        write(glue)
    assert (opened(glue), code_of_block(glue)) == ([], "")


def test_a_point_that_asks_to_wait_has_not_failed(glue: Glue, point: Point) -> None:
    point.error = RetrySafe("one update a second", retry_after=1.0)
    for _ in range(9):
        write(glue)
    assert opened(glue) == []


def test_what_works_closes_it(glue: Glue, point: Point) -> None:
    point.ok = False
    for _ in range(5):
        write(glue)
    assert code_of_block(glue) == "G106"
    point.ok = True
    write(glue)
    prove(glue, None)
    assert code_of_block(glue) == ""
    assert opened(glue)[2:] == ["breaker.closed point:edge", "breaker.closed playbook:contain_attacker"]


def test_lifts_neither_open_nor_need_it(glue: Glue, point: Point) -> None:
    point.error = RetrySafe("no answer")
    for _ in range(9):
        write(glue, removes=("a" * 32,))
    assert opened(glue) == []
    for _ in range(5):
        write(glue)
    point.error = None
    lifted = points.reconcile(glue.world, Reconcile(point="edge", removes=("a" * 32,)))
    assert [ok for _, ok, _, _ in lifted.results] == [True]


def test_blocks_without_effect_open_it_for_their_playbook(glue: Glue) -> None:
    for number in range(5):
        assert code_of_block(glue) == ""
        prove(glue, key=f"{number:032x}")
    assert code_of_block(glue) == "G106"
    assert opened(glue) == ["breaker.opened playbook:contain_attacker"]


def test_trackers_and_refusals_do_not_count(glue: Glue) -> None:
    ticket = {"summary": "x", "system": "board"}
    for number in range(9):
        one = job("ticket.create", ticket, key=f"{number:032x}")
        with pytest.raises(Rejected):
            perform(glue.world, one, Recorder(error=Rejected("no")), nothing)
        refused = job("policy.detach", {"attachment": "waf::acl/x"}, key=f"{number + 50:032x}")
        with pytest.raises(Refused):
            perform(glue.world, refused, Recorder(error=Refused("no", code="G103")), nothing)
    assert opened(glue) == []


def test_records_that_are_down_hold_up_no_answer(glue: Glue, point: Point) -> None:
    world = glue.down()
    one = job("probe.expect_blocked", {"host": HOST}, purpose="verify")
    with pytest.raises((Rejected, DependencyError)):
        perform(world, one, Recorder(Outputs(), NO_EFFECT), nothing)
