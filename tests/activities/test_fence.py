"""No write of an attempt that does not count any more: what Temporal says of it, and that every connector asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from glue import HOST, FakeTemporal, Glue, block, job, reachable
from point_support import edge_world, lease
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities import _fence, _own_file, _system, blocks, points
from activities._aws import outcome
from activities._caddy_admin import CaddyAdmin
from activities._doubt import Doubt
from activities._fence import before_write, checked, fenced, overtaken
from activities._outcomes import Call
from activities._rest import Rest
from activities._run import bind, perform
from stanch import contract
from stanch.catalog import Outputs
from stanch.errors import ConnectorError, RetrySafe
from stanch.ports import Estimate
from stanch.wire_points import Reconcile

GONE = RPCError("activity not found", RPCStatusCode.NOT_FOUND, b"")
AWAY = RPCError("no server", RPCStatusCode.UNAVAILABLE, b"")


class Temporal(FakeTemporal):
    """Answers each heartbeat as it was told to; the last answer stays."""

    def __init__(self, *answers: Exception | None) -> None:
        super().__init__()
        self.answers = list(answers)
        self.details: list[tuple[Any, ...]] = []

    def get_async_activity_handle(self, *, task_token: bytes) -> Any:
        async def heartbeat(*details: Any) -> None:
            self.details.append(details)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is not None:
                raise answer

        return SimpleNamespace(heartbeat=heartbeat)


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with edge_world(tmp_path) as made:
        yield made


def attempt(**more: Any) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    times = {"start_to_close_timeout": timedelta(seconds=60), "heartbeat_timeout": timedelta(seconds=5)}
    environment.info = replace(ActivityEnvironment.default_info(), **{**times, **more})
    return environment


def writes(glue: Glue, temporal: Temporal, *, times: int = 1, environment: ActivityEnvironment | None = None) -> int:
    """How many of so many writes an attempt may make."""
    made = 0

    def work() -> None:
        nonlocal made
        with fenced(glue.world), suppress(RetrySafe):
            for _ in range(times):
                before_write()
                made += 1

    with reachable(glue.world, temporal):
        (environment or attempt()).run(work)
    return made


@pytest.mark.parametrize(
    ("answers", "allowed"),
    [
        pytest.param((None,), 3, id="it counts"),
        pytest.param((None, GONE), 1, id="given up after the first write"),
        pytest.param((AsyncActivityCancelledError(),), 0, id="called off"),
        pytest.param((AWAY,), 0, id="Temporal has never answered"),
        pytest.param((None, AWAY), 3, id="it has answered just now"),
    ],
)
def test_a_write_waits_for_a_yes_of_temporal(glue: Glue, answers: tuple[Exception | None, ...], allowed: int) -> None:
    assert writes(glue, Temporal(*answers), times=3) == allowed


def test_an_answer_holds_no_longer_than_a_heartbeat_may_be_late(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 0.0, 4.0, 4.0, 5.0, 5.0])  # begun; asked and answered; asked in vain at 4 s, and at 5 s
    monkeypatch.setattr(_fence, "_now", lambda: next(clock))
    assert writes(glue, Temporal(None, AWAY), times=3) == 2


def test_a_yes_that_took_longer_than_a_heartbeat_may_is_none(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 9.0])  # begun, asked, and then the process stood still
    monkeypatch.setattr(_fence, "_now", lambda: next(clock))
    assert writes(glue, Temporal(None)) == 0


def test_past_its_own_time_or_cancelled_an_attempt_does_not_even_ask(glue: Glue) -> None:
    late, temporal = attempt(start_to_close_timeout=timedelta(microseconds=1)), Temporal(None)
    assert writes(glue, temporal, environment=late) == 0
    cancelled = attempt()
    cancelled.cancel()
    with suppress(asyncio.CancelledError):
        assert writes(glue, temporal, environment=cancelled) == 0
    assert temporal.details == []


def test_asking_takes_away_nothing_that_the_next_attempt_is_to_know(glue: Glue) -> None:
    temporal, environment = Temporal(None), attempt()

    def work() -> None:
        doubt = Doubt(environment.info)
        with fenced(glue.world, doubt):
            before_write()

    with reachable(glue.world, temporal):
        environment.run(work)
    assert temporal.details == [({"attempt": "open", "sent": ""},)]


def never() -> None:
    raise overtaken("this attempt was given up")


def refused(work: Callable[[], object]) -> None:
    with checked(never), pytest.raises(ConnectorError) as caught:
        work()
    assert caught.value.code == "T004"


def test_a_write_to_aws_is_asked_for_and_a_read_is_not() -> None:
    sent: list[str] = []

    def call(operation: str, *, write: bool) -> None:
        with outcome(operation, write=write):
            sent.append(operation)

    refused(lambda: call("UpdateRuleGroup", write=True))
    with checked(never):
        call("GetRuleGroup", write=False)
    assert sent == ["GetRuleGroup"]


def test_a_write_over_http_is_asked_for_and_a_read_is_not() -> None:
    rest = Rest("Vendor", "http://127.0.0.1:9", headers=lambda _: {}, timeout=(1.0, 1.0))
    refused(lambda: rest.send("PUT", "/rules", call=Call(system="Vendor", action="put", write=True)))
    with checked(never), pytest.raises(RetrySafe) as caught:
        rest.send("GET", "/rules", call=Call(system="Vendor", action="get", write=False))
    assert caught.value.code == "V004", "it was tried, and nobody listens there"


def test_a_file_is_left_alone_and_may_still_be_put_back(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text("before")
    refused(lambda: _own_file.replace(path, b"after"))
    assert path.read_text() == "before"
    with checked(never):
        _own_file.put_back(path, b"what stood")
    assert path.read_text() == "what stood"


def test_caddy_hears_nothing(tmp_path: Path) -> None:
    admin = CaddyAdmin(f"unix/{tmp_path}/none", seconds=1.0)
    refused(lambda: admin.write("PUT", "/config", value={}, version="1"))


def test_a_writer_is_not_asked_anew_for_what_may_have_been_given_back(glue: Glue) -> None:
    temporal = FakeTemporal()
    with reachable(glue.world, temporal):
        refused(
            lambda: perform(
                glue.world, job("block.scope", block()), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None
            )
        )
    assert temporal.starts == []


class Slow:
    """A point that needs several calls for one change, and during which something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.sent: list[str] = []
        self._meanwhile = meanwhile

    def list_owned(self) -> list[Any]:
        return []

    def estimate(self, *_: Any, window: timedelta) -> Estimate:
        return Estimate(12, 3, 2, 0.1, 1, window)

    def reconcile(self, **call: Any) -> Any:
        for part in ("rule", "list"):
            before_write()
            self.sent.append(part)
            self._meanwhile()
        return SimpleNamespace(digest="", results=())


def test_a_halt_stops_a_block_between_two_calls_and_no_lift(glue: Glue) -> None:
    def halt() -> None:
        glue.records.halt("all", freeze=False, by="tom", reason="stop", at=datetime.now(UTC))

    point, one = Slow(halt), lease("one")
    glue.world._built["point", "edge"] = point
    with reachable(glue.world, FakeTemporal()):
        with pytest.raises(RetrySafe) as caught:
            points.reconcile(glue.world, Reconcile(point="edge", adds=(one,)))
        assert (caught.value.code, point.sent) == ("T004", ["rule"])
        point.sent.clear()
        points.reconcile(glue.world, Reconcile(point="edge", removes=(one.target,), holders=(one,)))
    assert point.sent == ["rule", "list"]


def test_a_halt_stops_an_action_between_two_calls(glue: Glue) -> None:
    sent: list[str] = []

    def work(*_: Any) -> Outputs:
        for part in ("attach", "count"):
            before_write()
            sent.append(part)
            glue.records.halt("all", freeze=False, by="tom", reason="stop", at=datetime.now(UTC))
        return one.spec.outputs()

    one = job("policy.attach", {"host": HOST, "groups": ["AWSManagedRulesCommonRuleSet"], "action": "count"})
    with pytest.raises(RetrySafe) as caught:
        perform(glue.world, one, work, lambda *_: None)
    assert (caught.value.code, sent) == ("T004", ["attach"])


@pytest.mark.parametrize("name", [contract.RECONCILE, contract.LOOK])
def test_what_writes_at_points_is_fenced(glue: Glue, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def writing(*_: Any) -> None:
        seen.append(bool(_fence._checks.get()))

    monkeypatch.setattr(_system.points, "reconcile", writing)
    monkeypatch.setattr(_system._watch, "look", writing)
    found = {getattr(one, "__temporal_activity_definition").name: one for one in _system.point_activities(glue.world)}
    with reachable(glue.world, Temporal(None)):
        attempt().run(found[name], *([Reconcile(point="edge")] if name == contract.RECONCILE else []))
    assert seen == [True]


@pytest.mark.parametrize(
    ("action", "given", "checks"),
    [("block.scope", block(), 2), ("traffic.usage", {"host": HOST, "path": "/**"}, 0)],  # for Temporal, and for halts
)
def test_actions_that_change_production_are_fenced(glue: Glue, action: str, given: dict[str, Any], checks: int) -> None:
    seen: list[int] = []

    def work(_world: Any, one: Any, _params: Any) -> Outputs:
        seen.append(len(_fence._checks.get()))
        raise overtaken("enough")

    activity = bind(glue.world, action, work, lambda *_: None)
    with reachable(glue.world, Temporal(None)), suppress(Exception):
        attempt().run(activity, job(action, given).call)
    assert seen == [checks]
