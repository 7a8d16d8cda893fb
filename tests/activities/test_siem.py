"""Every change at a point reaches the SIEM's file: what stands, was refused, has ended, or was taken back."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, EPISODE, HOST, FakeTemporal, Glue, Recorder, job, reachable

from activities import blocks, points
from activities._run import perform
from stanch.errors import Rejected
from stanch.leases import Applied, BlockSpec, Lease, LeaseOutcome, LeaseState, Principal, target_of
from stanch.ports import Reconciled
from stanch.ports_traffic import Exposure
from stanch.wire_points import Reconcile


class Point:
    def __init__(self) -> None:
        self.bad: set[str] = set()

    def reconcile(self, *, adds: Any, removes: Any, wanted: Any, expected: str, known: Any = ()) -> Reconciled:
        done = [Applied(target=one.target, ok=one.target not in self.bad, code="V002", reason="no") for one in adds]
        return Reconciled("", (*done, *(Applied(target=target, ok=True) for target in removes)))

    def list_owned(self) -> list[Any]:
        return []

    def exposure(self, spec: BlockSpec, *, window: timedelta) -> Exposure:
        return Exposure(unknown=0.0)


@pytest.fixture
def point() -> Point:
    return Point()


@pytest.fixture
def glue(tmp_path: Path, point: Point) -> Iterator[Glue]:
    section = {"edge": {"kind": "memory", "hosts": ["*.example.com"]}}
    made = Glue(tmp_path, points=section, ocsf_file=tmp_path / "siem" / "ocsf.jsonl")
    with made, reachable(made.world, FakeTemporal()):
        made.world._built["point", "edge"] = point
        yield made


def lease(user: str) -> Lease:
    spec = BlockSpec(host=HOST, path="/orders/a", principal=Principal(user_id=user))
    return Lease(
        lease_id=f"L-{user}",
        case_id=CASE,
        episode=EPISODE,
        step="block",
        point="edge",
        target=target_of(spec),
        spec=spec,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        playbook="contain_attacker",
        source="own",
    )


def told(glue: Glue) -> list[tuple[str, str, str]]:
    """Lease, activity and status of each event."""
    file = glue.settings.ocsf_file
    assert file is not None
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(line["command_uid"], line["activity_name"], line["status"]) for line in lines]


def outcome(one: Lease, state: LeaseState) -> LeaseOutcome:
    return LeaseOutcome(lease_id=one.lease_id, case_id=CASE, step="block", state=state, at=datetime.now(UTC))


def test_applied_and_refused(glue: Glue, point: Point) -> None:
    good, bad, guarded = lease("u1"), lease("u2"), lease("break-glass")
    point.bad = {bad.target}
    points.reconcile(glue.world, Reconcile(point="edge", adds=(good, bad, guarded)))
    assert sorted(told(glue)) == [
        ("L-break-glass", "Isolate", "Failure"),
        ("L-u1", "Isolate", "Success"),
        ("L-u2", "Isolate", "Failure"),
    ]


@pytest.mark.parametrize(("state", "word"), [(LeaseState.EXPIRED, "end"), (LeaseState.LIFTED, "lift")])
def test_ended_by_its_time_or_by_a_person(glue: Glue, state: LeaseState, word: str) -> None:
    one = lease("u1")
    call = Reconcile(point="edge", removes=(one.target,), holders=(one,), outcomes=(outcome(one, state),))
    points.reconcile(glue.world, call)
    assert told(glue) == [("L-u1", "Restore", "Success")]
    assert glue.settings.ocsf_file is not None
    assert json.loads(glue.settings.ocsf_file.read_text())["message"].startswith(f"{word} at edge")


def test_taken_back_by_its_run(glue: Glue) -> None:
    subject = {
        "action": "block.scope",
        "params": {"host": HOST, "path": "/orders/a", "principal": {"user_id": "u1"}, "ttl": "1h"},
        "outputs": {"lease_id": "L-u1", "point": "edge"},
    }
    one = job("block.lift", {"lease_id": "L-u1"}, purpose="undo", subject=subject)
    perform(glue.world, one, blocks.IMPLEMENTATIONS["block.lift"], lambda *_: None)
    assert told(glue) == [("L-u1", "Restore", "Unknown")]  # asked for; the point tells when it is gone


@pytest.mark.parametrize(("error", "status"), [(None, "Success"), (Rejected("no such user", code="V002"), "Failure")])
def test_what_no_point_holds_is_told_by_its_action(glue: Glue, error: Exception | None, status: str) -> None:
    one = job("user.sign_out", {"user_id": "u1"})
    with contextlib.suppress(Rejected):
        perform(glue.world, one, Recorder(error=error), lambda *_: None)
    assert told(glue) == [(one.call.key, "Evict", status)]


def test_reading_and_telling_people_is_no_remediation(glue: Glue) -> None:
    perform(glue.world, job("chat.message", {"to": "user:ana", "text": "hello"}), Recorder(), lambda *_: None)
    assert told(glue) == []


def test_a_file_that_cannot_be_written_holds_up_nothing(glue: Glue, caplog: pytest.LogCaptureFixture) -> None:
    assert glue.settings.ocsf_file is not None
    glue.settings.ocsf_file.mkdir(parents=True)
    reply = points.reconcile(glue.world, Reconcile(point="edge", adds=(lease("u1"),)))
    assert [result[1] for result in reply.results] == [True]
    assert "OCSF" in caplog.text


def test_without_the_setting_nothing_is_written(tmp_path: Path, point: Point) -> None:
    with Glue(tmp_path, points={"edge": {"kind": "memory"}}) as made, reachable(made.world, FakeTemporal()):
        made.world._built["point", "edge"] = point
        points.reconcile(made.world, Reconcile(point="edge", adds=(lease("u1"),)))
    assert not list(tmp_path.rglob("*.jsonl"))
