"""What is past its end comes off from the point's own state, with Temporal, records or both gone; nothing else does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from edge import FOREIGN, HOST, USERS_GET, Edge, edge, lease, stack, targets
from glue import Glue
from typer.testing import CliRunner

import worker
from activities import _reaping, _spool
from stanch.cli.app import REGISTRY, explain
from stanch.cli.lease_reap import reap, status_of
from stanch.errors import Rejected, StanchError, Uncertain
from stanch.leases import Applied, BlockSpec, LeaseState, target_of
from stanch.ports import Owned
from stanch.records import LeaseRow, Records
from stanch.sandbox._toml import to_toml

__all__ = ["edge", "stack"]
OVER = BlockSpec(host=HOST, path="/over")
KEY = "a-key-of-this-test-that-is-long-enough"


class Site:
    """A deployment without Temporal: settings, the point of `edge`, and the command."""

    def __init__(self, folder: Path, sections: Mapping[str, Any]) -> None:
        self.folder = folder
        root = Path(__file__).parents[2]
        given = {
            "data_dir": str(folder / "data"),
            "policy_dir": str(root / "policy"),
            "playbooks_dir": str(root / "playbooks"),
            "case_key": "secret://env/REAP_KEY",
            "points": sections,
        }
        (folder / "stanch.toml").write_text(to_toml(given), encoding="utf-8")
        (folder / "data").mkdir()

    @property
    def variables(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("STANCH_", "TEMPORAL_"))}
        return own | {"STANCH_CONFIG": str(self.folder / "stanch.toml"), "REAP_KEY": KEY}

    def reap(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit status and answer; no process of Temporal is anywhere."""
        with pytest.MonkeyPatch.context() as patched:
            for name, value in {**self.variables, "TEMPORAL_ADDRESS": "127.0.0.1:9"}.items():
                patched.setenv(name, value)
            patched.setitem(REGISTRY, "worker", worker)
            app = typer.Typer(pretty_exceptions_enable=False)
            app.command()(reap)
            ran = CliRunner().invoke(app, ["--json", *options])
        if isinstance(ran.exception, StanchError):
            return explain(ran.exception), {"said": ran.exception.code}
        return ran.exit_code, json.loads(ran.stdout)

    def records(self, monkeypatch: pytest.MonkeyPatch) -> Records:
        """The records of this deployment, made now."""
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)
        return worker.make_world().records


def section(edge: Edge) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in edge.section().items()}


@pytest.fixture
def site(tmp_path: Path, edge: Edge) -> Site:
    return Site(tmp_path, {"edge": {"kind": "envoy", **section(edge)}})


@pytest.fixture
def late(edge: Edge) -> Edge:
    """One block past its end, one in time, and the customer's own rule."""
    in_time, over = lease(USERS_GET), lease(OVER, case="case-late", hours=1.2 / 3600)
    edge.point.reconcile(adds=[], removes=[], wanted=[in_time, over], expected="")
    time.sleep(max(0.0, over.expires_at.timestamp() - time.time()) + 0.05)
    assert targets(edge.point.list_owned()) == {target_of(USERS_GET), target_of(OVER)}
    return edge


def foreign(edge: Edge) -> Any:
    body = json.loads(edge.gateway.rules_file.read_text())
    policies = body["resources"][0]["typed_config"]["rules"]["policies"]
    return {name: policy for name, policy in policies.items() if not name.startswith("stanch-")}


def test_with_temporal_and_records_gone_only_what_is_over_comes_off(site: Site, late: Edge) -> None:
    status, found = site.reap("--dry-run")
    assert (status, [item["state"] for item in found["entries"]]) == (1, ["overdue"])
    assert late.status("/over") == 403

    status, found = site.reap()
    assert status == 0
    ((item),) = found["entries"]
    assert (item["state"], item["case_id"], item["point"]) == ("lifted", "case-late", "edge")
    assert (found["ledger"], found["standing"]) == ("spool", 1)
    assert late.status("/over") != 403
    assert targets(late.point.list_owned()) == {target_of(USERS_GET)}
    assert foreign(late) == FOREIGN
    assert not (site.folder / "data" / "records.db").exists()  # an empty database would shadow a restored one

    assert site.reap()[1]["entries"] == []
    assert site.reap("--dry-run")[0] == 0


def test_the_lines_of_a_reaping_without_records_reach_them_later(
    site: Site, late: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.reap("--as", "user:ana")
    for name, value in site.variables.items():
        monkeypatch.setenv(name, value)
    world = worker.make_world()
    _spool.merge(world)
    lines = world.records.timeline("case-late")
    assert [line.event for line in lines] == ["point.reap.intent", "point.reap.outcome"]
    assert lines[0].actor.startswith("user:ana (login ")
    assert lines[1].data is not None
    assert lines[1].data["outcome"] == "CONFIRMED"
    assert world.records.verify("").ok
    world.records.close()


def test_with_records_the_lease_ends_there_too(site: Site, late: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    records = site.records(monkeypatch)
    over = lease(OVER, case="case-late", hours=-0.001)
    for one in (over, lease(USERS_GET)):
        records.put_lease(LeaseRow(lease=one, state=LeaseState.HELD, updated=one.expires_at.replace(year=2020)))
    status, found = site.reap("--at", "edge")
    assert (status, found["ledger"]) == (0, "records")
    row = records.lease(over.lease_id)
    assert row is not None
    assert row.state is LeaseState.EXPIRED
    assert [line.episode for line in records.timeline("case-late")] == ["e1", "e1"]
    assert [row.lease.target for row in records.leases()] == [target_of(USERS_GET)]
    records.close()


def test_a_freeze_keeps_even_what_is_over(site: Site, late: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    records = site.records(monkeypatch)
    records.halt("point:edge", by="user:ana", reason="evidence", at=lease(OVER).expires_at, freeze=True)
    assert site.reap()[0] == 5
    assert late.status("/over") == 403
    records.resume("point:edge")
    records.halt("all", by="user:ana", reason="drill", at=lease(OVER).expires_at)  # without --freeze lifts go on
    assert site.reap()[0] == 0
    assert late.status("/over") != 403
    records.close()


def test_one_renewed_between_the_look_and_the_lift_stays(late: Edge) -> None:
    seen = [item for item in late.point.list_owned() if item.case_id == "case-late"]
    late.point.reconcile(adds=[], removes=[], wanted=[lease(USERS_GET), lease(OVER, case="case-late")], expected="")
    assert [(item.ok, item.proof) for item in late.point.take_out(seen)] == [(True, {"state": "renewed"})]
    assert late.status("/over") == 403


class Answers:
    """A point with one entry past its end that answers `take_out` as a test wants."""

    entry = Owned("entry", "case-late", datetime(2020, 1, 1, tzinfo=UTC), "a" * 32)

    def __init__(self, answer: Applied | StanchError) -> None:
        self.answer = answer

    def list_owned(self) -> list[Owned]:
        return [self.entry]

    def take_out(self, entries: Sequence[Owned]) -> list[Applied]:
        if isinstance(self.answer, StanchError):
            raise self.answer
        return [self.answer]


@pytest.mark.parametrize(
    ("answer", "state", "outcome"),
    [
        (Applied(target="entry", ok=True), "lifted", "CONFIRMED"),
        (Applied(target="entry", ok=True, proof={"state": "renewed"}), "renewed", "CONFIRMED"),
        (Applied(target="entry", ok=False, code="V002", proof={"outcome": "REJECTED"}), "failed", "REJECTED"),
        (Rejected("no"), "failed", "REJECTED"),
        (Uncertain("no answer"), "failed", "UNCERTAIN"),
    ],
)
def test_ledger_and_report_say_what_became_of_each(
    tmp_path: Path, answer: Applied | StanchError, state: str, outcome: str
) -> None:
    with Glue(tmp_path, points={"edge": {"kind": "memory"}}) as glue:
        glue.world._built["point", "edge"] = Answers(answer)
        found = _reaping.reap(glue.world, points=("edge",))
        lines = glue.records.timeline("case-late")
    assert [item.state for item in found.entries] == [state]
    assert (lines[-1].data or {})["outcome"] == outcome
    told = {"entries": [asdict(found.entries[0])], "points": [{"state": "answered"}]}
    assert status_of(told, dry_run=False) == (7 if state == "failed" else 0)


def test_what_was_lifted_is_told_even_where_its_line_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(world: Any, lines: Sequence[Any], *, lifting: bool) -> None:
        if lines[0].event == "point.reap.outcome":
            raise OSError

    monkeypatch.setattr(_spool, "write", full)
    with Glue(tmp_path, points={"edge": {"kind": "memory"}}) as glue:
        glue.world._built["point", "edge"] = Answers(Applied(target="entry", ok=True))
        found = _reaping.reap(glue.world, points=("edge",))
    assert [(item.state, item.code) for item in found.entries] == [("lifted", "D010")]
    assert found.unreachable == {}
    told = {"entries": [asdict(found.entries[0])], "points": [{"state": "answered"}]}
    assert status_of(told, dry_run=False) == 7


def test_statuses_say_what_could_not_be_done(tmp_path: Path, edge: Edge) -> None:
    away = {**section(edge), "kind": "envoy", "directory": str(tmp_path / "nowhere")}
    site = Site(tmp_path, {"edge": {"kind": "envoy", **section(edge)}, "gone": away})
    assert site.reap()[0] == 7
    status, found = site.reap("--at", "gone")
    assert (status, found["points"][0]["state"]) == (4, "unreachable")
    status, found = site.reap("--at", "nobody")
    assert (status, "C032" in found["said"]) == (3, True)


@pytest.mark.parametrize("name", ["stanch-odd", f"stanch-case-999999999999-{'a' * 32}"])
def test_a_name_that_says_no_end_is_reported_and_left(site: Site, edge: Edge, name: str) -> None:
    path = edge.gateway.rules_file
    body = json.loads(path.read_text())
    rule = {"permissions": [{"url_path": {"path": {"prefix": "/odd"}}}], "principals": [{"any": True}]}
    body["resources"][0]["typed_config"]["rules"]["policies"][name] = rule
    path.write_text(json.dumps(body))
    status, found = site.reap()
    assert (status, found["entries"][0]["state"], found["entries"][0]["code"]) == (7, "unreadable", "L014")
    assert name in path.read_text()
