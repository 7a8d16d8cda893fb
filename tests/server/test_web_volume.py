"""Many findings: large deliveries, many senders at once, repeats that are only counted, storms, and parts missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from web_support import SECRET, Edge, eventually, finding, signed

from stanch.contract import REPORT
from stanch.errors import DependencyError
from stanch.records import placing
from stanch.sandbox.temporal import EmbeddedTemporal


def many(count: int, *, tag: str) -> list[dict[str, Any]]:
    return [finding(uid=f"{tag}-{number}") for number in range(count)]


def started(edge: Edge, kind: str) -> list[str]:
    async def look(client: Client) -> list[str]:
        return [item.id async for item in client.list_workflows(f"WorkflowType = '{kind}'")]

    ids: list[str] = edge.in_loop(look)
    return ids


@pytest.fixture
def own_temporal(tmp_path: Path) -> Iterator[EmbeddedTemporal]:
    with EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False) as server:
        yield server


@pytest.fixture
def alone(own_temporal: EmbeddedTemporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """A web service whose Temporal nobody else uses."""
    monkeypatch.setenv("STANCH_TEST_OWN", SECRET)
    with Edge(tmp_path, own_temporal.address) as made:
        yield made


@pytest.fixture
def busy(own_temporal: EmbeddedTemporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """The whole again, for who leaves so much work behind that others would wait for it."""
    monkeypatch.setenv("STANCH_TEST_OWN", SECRET)
    with Edge(tmp_path, own_temporal.address, with_worker=True) as made:
        yield made


def test_up_to_twenty_findings_are_signalled_one_by_one(alone: Edge) -> None:
    answer = alone.send(many(20, tag="V1"), delivery_id="v-1").json()
    assert [item["status"] for item in answer["results"]] == ["accepted"] * 20
    eventually(lambda: len(started(alone, "Case")) == 20)
    assert started(alone, "Intake") == []


def test_a_large_delivery_is_one_durable_call_and_every_finding_reaches_its_case(whole: Edge) -> None:
    bad = finding(uid="bad", severity="terrible")
    answer = whole.send([*many(40, tag="V2"), bad], delivery_id="v-2")
    assert (answer.status_code, answer.json()["status"]) == (202, "batch")
    assert (answer.json()["count"], answer.json()["quarantined"]) == (41, 1)

    def finished() -> dict[str, Any] | None:
        told: dict[str, Any] = whole.http.get("/v1/deliveries/v-2", headers=whole.api()).json()
        return told if told.get("progress", {}).get("done") == 40 else None

    told = eventually(finished, seconds=60)
    assert told["progress"] == {"total": 40, "done": 40, "failed": []}
    listed = told["result"]["results"]
    assert [item["status"] for item in listed] == ["accepted"] * 40 + ["quarantined"]
    assert listed[40]["reason"] == "invalid"
    for item in listed[:40]:
        assert [report["finding"]["id"] for report in whole.reports(item["case_id"])] == [item["finding_id"]]


def test_a_large_delivery_sent_again_starts_nothing(alone: Edge) -> None:
    raw = json.dumps(many(21, tag="V3")).encode()
    first, second = (
        alone.http.post("/v1/findings/own", content=raw, headers=signed(raw, delivery_id="v-3")).json() for _ in "ab"
    )
    assert first == second
    eventually(lambda: len(started(alone, "Intake")) == 1)


def test_many_senders_at_once_share_calls_and_none_is_lost(busy: Edge) -> None:
    def send(number: int) -> dict[str, Any]:
        answer = busy.send(finding(uid=f"V4-{number}"), delivery_id=f"v4-{number}")
        assert answer.status_code == 202, answer.text
        result: dict[str, Any] = answer.json()["results"][0]
        return result

    with ThreadPoolExecutor(48) as pool:
        results = list(pool.map(send, range(80)))
    assert {item["status"] for item in results} == {"accepted"}
    assert len({item["case_id"] for item in results}) == 80
    eventually(lambda: 0 < len(started(busy, "Intake")) < 70)
    for item in results:
        eventually(lambda item=item: busy.signals(item["case_id"]).count(REPORT) == 1)


@pytest.mark.long
def test_repeats_in_one_call_are_folded_before_their_case_is_touched(busy: Edge) -> None:
    def send(number: int) -> httpx.Response:
        return busy.send(finding(uid="V5"), delivery_id=f"v5-{number}")

    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(send, range(96)))
    assert {answer.status_code for answer in answers} == {202}
    (case_id,) = {answer.json()["results"][0]["case_id"] for answer in answers}
    with suppress(AssertionError):
        eventually(lambda: _count(busy, case_id) == 96, seconds=60)
    assert _count(busy, case_id) == 96
    assert len(busy.reports(case_id)) < 40


def _count(edge: Edge, case_id: str) -> int:
    told = sum(int(report["finding"]["count"]) for report in edge.reports(case_id))
    return told + edge.records.held(case_id)[0]


def test_a_case_is_told_of_what_was_only_counted_when_the_window_ends(
    whole: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    for window in (8, 30, 60):  # all six must be sent within it, however slow the machine
        monkeypatch.setattr(placing, "REPEAT_WINDOW", timedelta(seconds=window))
        uid = f"V6-{window}"
        case_id = whole.send(finding(uid=uid), delivery_id=f"{uid}-0").json()["results"][0]["case_id"]
        sent = [whole.send(finding(uid=uid), delivery_id=f"{uid}-{number}").json() for number in range(1, 6)]
        said = {answer["results"][0]["status"] for answer in sent}
        if said == {"repeat"}:
            break
    assert said == {"repeat"}
    eventually(lambda: len(whole.reports(case_id)) == 2, seconds=90)
    assert whole.reports(case_id)[1]["finding"]["count"] == 5
    assert eventually(lambda: whole.case(case_id)["live"]["summary"]["findings"] == 6)
    assert whole.records.held(case_id)[0] == 0


def test_a_storm_is_one_item_for_the_owner_of_the_source_and_nothing_runs_alone(alone: Edge) -> None:
    stormy = alone.services.policy.current.sources.by_name["own"]
    assert alone.send(many(stormy.storm_limit, tag="V7"), delivery_id="v7-0").status_code == 202
    assert not alone.records.storming("own", datetime.now(UTC))
    for number in range(2):
        answer = alone.send(many(10, tag=f"V7b{number}"), delivery_id=f"v7-{number + 1}")
        assert {item["status"] for item in answer.json()["results"]} == {"accepted"}
    assert alone.records.storming("own", datetime.now(UTC))
    assert not alone.records.storming("own", datetime.now(UTC) + timedelta(minutes=11))
    assert not alone.records.storming("open", datetime.now(UTC))
    cases = eventually(lambda: len(found := started(alone, "Case")) == 21 and found)
    storms = [reports for case in cases if (reports := alone.reports(case))[0]["finding"]["type"] == "intake_storm"]
    assert [len(reports) for reports in storms] == [1]
    assert storms[0][0]["finding"]["source"] == "own"


def _unusable(*_: object, **__: object) -> Sequence[object]:
    raise DependencyError("records cannot be used", code="D010")


@pytest.mark.parametrize("down", [("look",), ("keep", "finish"), ("look", "keep", "finish")])
def test_with_records_down_findings_are_taken_and_repeats_known_to_their_case(
    whole: Edge, monkeypatch: pytest.MonkeyPatch, down: tuple[str, ...]
) -> None:
    for name in down:
        monkeypatch.setattr(whole.records, name, _unusable)
    tag = "-".join(down)
    raw = json.dumps(finding(uid=f"V8-{tag}")).encode()
    answers = [
        whole.http.post("/v1/findings/own", content=raw, headers=signed(raw, delivery_id=f"v8-{tag}")) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {202}
    (case_id,) = {answer.json()["results"][0]["case_id"] for answer in answers}
    assert eventually(lambda: whole.case(case_id)["live"]["summary"]["deliveries"] == 1)


@pytest.mark.parametrize("down", ["look", "keep"])
def test_with_records_down_what_could_only_be_kept_there_is_not_taken(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, down: str
) -> None:
    monkeypatch.setattr(edge.records, down, _unusable)
    answer = edge.send([finding(uid=f"V9-{down}"), finding(severity="terrible")], delivery_id=f"v9-{down}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_of_the_same_delivery_sent_by_many_at_once_one_is_stored(alone: Edge) -> None:
    raw = json.dumps(finding(uid="V11")).encode()
    headers = signed(raw, delivery_id="v11-0")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: alone.http.post("/v1/findings/own", content=raw, headers=headers), range(24)))
    assert {answer.status_code for answer in answers} == {202}
    (case_id,) = {answer.json()["results"][0]["case_id"] for answer in answers}
    assert len(alone.records.findings(case_id)) == 1
    told = [report["delivery_id"] for report in eventually(lambda: alone.reports(case_id))]
    assert len(set(told)) == 1


def test_one_problem_reported_by_many_at_once_opens_one_case_and_is_counted(alone: Edge) -> None:
    def send(number: int) -> dict[str, Any]:
        told: dict[str, Any] = alone.send([finding(uid="V12")], delivery_id=f"v12-{number}").json()
        return told

    with ThreadPoolExecutor(12) as pool:
        results = [answer["results"][0] for answer in pool.map(send, range(30))]
    (case_id,) = {result["case_id"] for result in results}
    statuses = Counter(result["status"] for result in results)
    assert statuses["accepted"] >= 1
    assert statuses["accepted"] + statuses["repeat"] == 30
    assert statuses["repeat"] == alone.records.held(case_id)[0]
    eventually(lambda: alone.reports(case_id) or [name for name in started(alone, "Intake") if "held" not in name])
    assert set(started(alone, "Case")) <= {case_id}
    assert len(alone.reports(case_id)) <= statuses["accepted"]  # what came in one batch is one report in it


def test_while_temporal_is_away_nothing_of_a_large_delivery_is_taken_and_later_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANCH_TEST_OWN", SECRET)
    server = EmbeddedTemporal(database=tmp_path / "temporal.db", durable=False)
    server.start()
    with Edge(tmp_path, server.address) as edge:
        server.stop()
        raw = json.dumps(many(30, tag="V10")).encode()
        headers = signed(raw, delivery_id="v10-0")
        answer = edge.http.post("/v1/findings/own", content=raw, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "D010")
        server.start()
        answer = eventually(lambda: _accepted(edge, raw, headers), seconds=30)
        assert (answer["status"], answer["count"]) == ("batch", 30)
        eventually(lambda: len(started(edge, "Intake")) == 1)
        server.stop()


def _accepted(edge: Edge, raw: bytes, headers: dict[str, str]) -> dict[str, Any] | None:
    answer = edge.http.post("/v1/findings/own", content=raw, headers=headers)
    told: dict[str, Any] = answer.json()
    return told if answer.status_code == 202 else None
