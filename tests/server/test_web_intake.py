"""Findings over HTTP: proof, memory of deliveries, and what is stored by Temporal before anything is promised."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from web_support import SECRET, Edge, finding, signed

from stanch.contract import REPORT
from stanch.records import Records
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.web import reception


def test_a_signed_finding_is_stored_by_temporal_before_it_is_accepted(edge: Edge) -> None:
    answer = edge.send(finding(), delivery_id="d-1")
    assert answer.status_code == 202
    (result,) = answer.json()["results"]
    assert result["status"] == "accepted"
    assert edge.signals(result["case_id"]) == [REPORT]
    assert edge.records.findings(result["case_id"])[0].finding_id == result["finding_id"]


def test_the_same_problem_again_is_counted_and_its_case_not_told_twice_in_a_moment(edge: Edge) -> None:
    first = edge.send(finding(uid="F-2"), delivery_id="d-2").json()["results"][0]
    again = [edge.send(finding(uid="F-2"), delivery_id=f"d-3{number}").json()["results"][0] for number in range(3)]
    assert {item["case_id"] for item in again} == {first["case_id"]}
    assert [item["status"] for item in again] == ["repeat"] * 3
    assert edge.signals(first["case_id"]) == [REPORT]
    assert edge.records.held(first["case_id"])[0] == 3


def test_what_changed_is_told_at_once_together_with_what_was_only_counted(edge: Edge) -> None:
    first = edge.send(finding(uid="F-2b"), delivery_id="d-3a").json()["results"][0]
    edge.send(finding(uid="F-2b", count=5), delivery_id="d-3b")
    worse = edge.send(finding(uid="F-2b", severity="critical"), delivery_id="d-3c").json()["results"][0]
    assert worse == {**first, "finding_id": worse["finding_id"]}
    assert edge.signals(first["case_id"]) == [REPORT, REPORT]
    assert edge.reports(first["case_id"])[1]["finding"]["count"] == 6
    assert edge.records.held(first["case_id"])[0] == 0


def test_a_repeated_delivery_gets_the_first_answer_and_signals_nothing(edge: Edge) -> None:
    raw = json.dumps(finding(uid="F-3")).encode()
    answers = [edge.http.post("/v1/findings/own", content=raw, headers=signed(raw, delivery_id="d-4")) for _ in "ab"]
    first, second = (answer.json()["results"][0] for answer in answers)
    assert (first["status"], second["status"]) == ("accepted", "repeat")
    assert first["case_id"] == second["case_id"]
    assert edge.signals(first["case_id"]) == [REPORT]


def test_a_delivery_id_with_another_body_is_a_conflict(edge: Edge) -> None:
    assert edge.send(finding(uid="F-4"), delivery_id="d-5").status_code == 202
    answer = edge.send(finding(uid="F-5"), delivery_id="d-5")
    assert (answer.status_code, answer.json()["code"]) == (409, "I030")


def test_a_bad_finding_is_quarantined_and_does_not_sink_the_good_one(edge: Edge) -> None:
    bad = finding(uid="F-6", severity="terrible")
    answer = edge.send([bad, finding(uid="F-7")], delivery_id="d-6")
    assert answer.status_code == 202
    assert [item["status"] for item in answer.json()["results"]] == ["quarantined", "accepted"]
    held = edge.http.get("/v1/quarantine", headers=edge.api()).json()["items"]
    assert "severity" in held[0]["message"]


def test_what_is_quarantined_holds_no_credential(edge: Edge) -> None:
    canary = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    edge.send(finding(uid="F-8", severity="terrible", description=f"Bearer {canary}"), delivery_id="d-7")
    assert canary not in edge.http.get("/v1/quarantine", headers=edge.api()).text


def test_word_of_a_fix_opens_no_case(edge: Edge) -> None:
    result = edge.send(finding(uid="F-9", status="resolved"), delivery_id="d-8").json()["results"][0]
    assert result["status"] == "ignored"


REFUSED = {"detail": "the delivery could not be authenticated", "code": "I020", "status": 401}


def test_whatever_cannot_be_proven_gets_the_same_answer(edge: Edge) -> None:
    raw = json.dumps(finding()).encode()
    good = signed(raw, delivery_id="d-9")
    old = signed(raw, delivery_id="d-9", at=datetime.now(UTC) - timedelta(minutes=6))
    other = signed(raw, delivery_id="d-9", secret="whsec_" + "QUJD" * 8)
    attempts = [
        ("own", {"content-type": "application/json"}),
        ("own", good | {"webhook-id": "another"}),
        ("own", old),
        ("own", other),
        ("nosuch", good),
    ]
    answers = [edge.http.post(f"/v1/findings/{name}", content=raw, headers=headers) for name, headers in attempts]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert REFUSED.items() <= answers[0].json().items()


def test_a_retired_source_is_gone(edge: Edge) -> None:
    assert edge.send(finding(), delivery_id="d-10", source="old").status_code == 410


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"title": 1, "title": 2}', 400),
        (b'{"a":' * 150 + b"1" + b"}" * 150, 400),
        (b"[" * 100_000, 413),
        (b"\xff\xfe", 400),
        (b'{"severity": NaN}', 400),
        (b'"\\ud800"', 400),
    ],
)
def test_hostile_bodies_are_refused_as_problems(edge: Edge, body: bytes, status: int) -> None:
    headers = signed(body, delivery_id="d-11")
    answer = edge.http.post("/v1/findings/own", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


def test_a_body_that_grows_too_large_is_cut_off_while_it_arrives(edge: Edge) -> None:
    def endless() -> object:
        for _ in range(1000):
            yield b"x" * 4096

    answer = edge.http.post("/v1/findings/own", content=endless(), headers={"content-type": "application/json"})  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (413, "I002")


def test_other_content_types_are_refused(edge: Edge) -> None:
    raw = b"%PDF-1.7"
    headers = signed(raw, delivery_id="d-12") | {"content-type": "application/pdf"}
    assert edge.http.post("/v1/findings/own", content=raw, headers=headers).status_code == 415


def test_the_secret_is_not_in_the_repository_of_answers(edge: Edge) -> None:
    assert SECRET not in edge.http.get("/openapi.json", headers=edge.api()).text


def test_what_was_answered_is_remembered_before_a_web_service_ends(
    temporal: EmbeddedTemporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANCH_TEST_OWN", SECRET)
    monkeypatch.setattr(reception, "AFTERWARDS", 60.0)  # nothing but the end is a reason to write it
    with Edge(tmp_path, temporal.address) as edge:
        answer = edge.send(finding(uid="F-last"), delivery_id="d-last").json()
        assert (found := edge.records.delivery("d-last", source="own")) is not None
        assert not found.finished
    records = Records(edge.settings.url_of_records, edge.keys.ledger)
    kept = records.delivery("d-last", source="own")
    records.close()
    assert kept is not None
    assert (kept.finished, kept.result) == (True, answer)


def test_a_sender_that_repeats_itself_at_once_does_not_wait_for_the_next_delivery(
    temporal: EmbeddedTemporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANCH_TEST_OWN", SECRET)
    monkeypatch.setattr(reception, "AFTERWARDS", 60.0)
    with Edge(tmp_path, temporal.address) as edge:
        first = edge.send(finding(uid="F-twice"), delivery_id="d-twice").json()["results"][0]
        again = edge.send(finding(uid="F-twice"), delivery_id="d-twice").json()["results"][0]
    assert again == first | {"status": "repeat"}
