"""What callers are told when parts are missing: no worker, no Temporal, no records."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from web_support import SECRET, Edge, finding, signed

from stanch.contract import DECIDE_LATER, REPORT
from stanch.records import CaseRow
from stanch.sandbox.temporal import EmbeddedTemporal

BODY = {"approval_id": "a-1", "digest": "0" * 64, "verdict": "approve"}


def test_without_a_worker_a_vote_is_stored_and_the_person_told(edge: Edge) -> None:
    case_id = edge.send(finding(uid="N-1"), delivery_id="n-1").json()["results"][0]["case_id"]
    began = datetime.now(UTC)
    answer = edge.http.post(f"/v1/cases/{case_id}/decisions", json=BODY, headers=edge.api(by="user:maria"))
    assert (answer.status_code, answer.json()["status"]) == (202, "recorded")
    assert datetime.now(UTC) - began < timedelta(seconds=3)
    assert edge.signals(case_id) == [REPORT, DECIDE_LATER]


def test_a_vote_for_a_case_that_is_over_is_refused(edge: Edge) -> None:
    answer = edge.http.post("/v1/cases/case-none/decisions", json=BODY, headers=edge.api(by="user:maria"))
    assert (answer.status_code, answer.json()["code"]) == (409, "A003")


def test_a_word_to_a_case_that_is_over_is_refused(edge: Edge) -> None:
    case_id = edge.send(finding(uid="OVER"), delivery_id="over").json()["results"][0]["case_id"]
    edge.in_loop(lambda client: client.get_workflow_handle(case_id).terminate())
    answer = edge.http.post(f"/v1/cases/{case_id}/comment", json={"text": "x"}, headers=edge.api(by="user:maria"))
    assert (answer.status_code, answer.json()["code"]) == (409, "W010")


@pytest.mark.parametrize("kind", ["reopen", "comment", "cancel", "close"])
def test_a_word_to_no_case_says_that_there_is_none(edge: Edge, kind: str) -> None:
    path = f"/v1/cases/case-none/{kind}"
    answer = edge.http.post(path, json={"text": "x"}, headers=edge.api(by="user:maria"))
    assert (answer.status_code, answer.json()["code"]) == (404, "W005")
    assert "stanch case list" in answer.json()["hint"]


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> object:
    """An edge whose Temporal went away after the start."""
    folder: Path = tmp_path_factory.mktemp("cut")
    server = EmbeddedTemporal(database=folder / "temporal.db", durable=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch, Edge(folder, server.address) as made:
        patch.setenv("STANCH_TEST_OWN", SECRET)
        server.stop()
        yield made


def test_nothing_is_promised_while_temporal_is_away(cut_off: Edge) -> None:
    answer = cut_off.send(finding(), delivery_id="c-1")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["code"] == "D010"


def test_a_vote_is_not_said_to_be_recorded_while_temporal_is_away(cut_off: Edge) -> None:
    answer = cut_off.http.post("/v1/cases/case-x/decisions", json=BODY, headers=cut_off.api(by="user:maria"))
    assert answer.status_code == 503
    assert "not recorded" in answer.json()["detail"]


def test_readiness_names_what_is_missing_and_health_does_not_care(cut_off: Edge) -> None:
    answer = cut_off.http.get("/readyz", headers=cut_off.api())
    assert answer.status_code == 503
    assert answer.json()["checks"]["temporal"]["ok"] is False
    assert answer.json()["checks"]["records"]["ok"] is True
    assert cut_off.http.get("/healthz").status_code == 200


def test_a_closed_case_is_started_again_from_its_last_finding_by_a_person(edge: Edge) -> None:
    other = edge.send(finding(uid="N-2"), delivery_id="n-2").json()["results"][0]["case_id"]
    row = edge.records.findings(other)[0]
    edge.records.add_finding(replace(row, case_id="case-closed"))
    answer = edge.http.post("/v1/cases/case-closed/reopen", json={}, headers=edge.api(by="user:tom"))
    assert answer.status_code == 202
    assert edge.signals("case-closed") == [REPORT]


def test_a_delivery_that_was_cut_short_is_taken_up_again(edge: Edge) -> None:
    """A crash between remembering a delivery and its answer must not lose the finding."""
    raw = json.dumps(finding(uid="N-3")).encode()
    digest = hashlib.sha256(raw).hexdigest()
    edge.records.remember_delivery("own", "n-3", digest, at=datetime.now(UTC))
    answer = edge.http.post("/v1/findings/own", content=raw, headers=signed(raw, delivery_id="n-3"))
    (result,) = answer.json()["results"]
    assert result["status"] == "accepted"
    assert edge.signals(result["case_id"]) == [REPORT]


def test_an_accepted_case_is_shown_before_any_worker_has_seen_it(edge: Edge) -> None:
    case_id = edge.send(finding(uid="N-4"), delivery_id="n-4").json()["results"][0]["case_id"]
    with httpx.Client(base_url=edge.url, follow_redirects=True) as browser:
        browser.post("/login", data={"token": edge.services.api_token})
        assert "as soon as a worker is there" in browser.get(f"/cases/{case_id}").text
        moment = datetime.now(UTC)
        edge.records.put_case(CaseRow(case_id, 1, moment, moment, state="waiting", title="Known", severity="low"))
        text = browser.get(f"/cases/{case_id}").text
        assert "as last recorded" in text
        assert "Known" in text
