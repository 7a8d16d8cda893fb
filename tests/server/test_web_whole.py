"""A case from finding to lifted block, decided and told over HTTP, with the real workflows behind it."""

from __future__ import annotations

from typing import Any

import pytest
from web_support import Edge, eventually, finding

from stanch.records import LeaseRow


@pytest.fixture(scope="module")
def case_id(whole: Edge) -> str:
    answer = whole.send(finding(uid="W-1"), delivery_id="w-1")
    assert answer.status_code == 202, answer.text
    case: str = answer.json()["results"][0]["case_id"]
    return case


def asked(whole: Edge, case_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = whole.case(case_id)
        return found["approvals"][0] if found.get("live") and found["approvals"] else None

    return eventually(look)


def decide(whole: Edge, case_id: str, *, by: str, verdict: str = "approve", digest: str = "", click: str = "") -> Any:
    request = asked(whole, case_id)["request"]
    body = {"approval_id": request["approval_id"], "digest": digest or request["digest"], "verdict": verdict}
    headers = whole.api(by=by) | ({"idempotency-key": click} if click else {})
    return whole.http.post(f"/v1/cases/{case_id}/decisions", json=body, headers=headers)


def standing(whole: Edge, case_id: str) -> list[LeaseRow]:
    return whole.records.leases(case_id=case_id)


def test_a_decision_is_asked_for_with_everything_in_it(whole: Edge, case_id: str) -> None:
    request = asked(whole, case_id)["request"]
    assert request["question"] == "Block GET /orders/{p} for 2 hours?"
    also = request["also"] or [{"action": request["action"], "params": request["params"]}]
    assert also[0]["params"]["host"] == "shop.example.com"
    assert request["verdicts"] == ["approve", "deny"]


def test_who_is_no_approver_is_told_so(whole: Edge, case_id: str) -> None:
    answer = decide(whole, case_id, by="user:tom")
    assert (answer.status_code, answer.json()["code"]) == (409, "A006")


def test_a_token_alone_is_nobody(whole: Edge, case_id: str) -> None:
    answer = decide(whole, case_id, by="")
    assert (answer.status_code, answer.json()["code"]) == (403, "W002")


@pytest.mark.parametrize("name", ["user:nobody", "user:gone", "team:shop"])
def test_only_active_people_of_the_directory_can_be_spoken_for(whole: Edge, case_id: str, name: str) -> None:
    assert decide(whole, case_id, by=name).status_code == 403


def test_what_was_not_seen_cannot_be_approved(whole: Edge, case_id: str) -> None:
    answer = decide(whole, case_id, by="user:maria", digest="0" * 64)
    assert (answer.status_code, answer.json()["code"]) == (409, "A002")


def test_approving_blocks_once_and_says_so(whole: Edge, case_id: str) -> None:
    request = asked(whole, case_id)["request"]
    first = decide(whole, case_id, by="user:maria", click="one")
    assert (first.status_code, first.json()["status"]) == (200, "counted")
    assert first.json()["settled"]["outcome"] == "approved"
    body = {"approval_id": request["approval_id"], "digest": request["digest"], "verdict": "approve"}
    again = whole.http.post(
        f"/v1/cases/{case_id}/decisions", json=body, headers=whole.api(by="user:maria") | {"idempotency-key": "one"}
    )
    assert again.json()["code"] == "A000"  # the same click gets the same answer
    held = eventually(lambda: [row for row in standing(whole, case_id) if row.state.value == "held"])
    assert len(held) == 1
    assert list(whole.point.held) == [held[0].lease.target]


def test_leases_are_listed_with_their_end(whole: Edge, case_id: str) -> None:
    (row,) = whole.http.get("/v1/leases", params={"case_id": case_id}, headers=whole.api()).json()["leases"]
    assert row["lease"]["spec"]["host"] == "shop.example.com"
    assert row["lease"]["expires_at"] > "2026"


def test_the_timeline_names_who_approved(whole: Edge, case_id: str) -> None:
    def look() -> list[str]:
        entries = whole.http.get(f"/v1/cases/{case_id}/timeline", headers=whole.api()).json()["entries"]
        return [entry["event"] for entry in entries if "user:maria" in str(entry)]

    assert eventually(look)


def test_a_comment_is_kept_under_its_authors_name(whole: Edge, case_id: str) -> None:
    path = f"/v1/cases/{case_id}/comment"
    assert whole.http.post(path, json={"text": "seen"}, headers=whole.api(by="user:tom")).status_code == 202
    assert whole.http.post(path, json={"text": " "}, headers=whole.api(by="user:tom")).status_code == 422

    def look() -> bool:
        entries = whole.http.get(f"/v1/cases/{case_id}/timeline", headers=whole.api()).json()["entries"]
        return any(e["event"] == "case.comment" and e["actor"] == "user:tom" for e in entries)

    assert eventually(look)


def test_lifting_by_hand_takes_the_block_off_and_leaves_a_trace(whole: Edge, case_id: str) -> None:
    (row,) = standing(whole, case_id)
    path = f"/v1/leases/{row.lease.lease_id}/lift"
    answer = whole.http.post(path, json={"reason": "partner calls"}, headers=whole.api(by="user:tom"))
    assert answer.status_code == 202
    assert eventually(lambda: not whole.point.held or None) is True
    assert eventually(lambda: not standing(whole, case_id) or None) is True
    entries = whole.records.timeline(case_id)
    assert any(entry.event == "lease.lift_asked" and entry.actor == "user:tom" for entry in entries)


def test_a_ticket_resolved_at_the_board_reaches_the_case(whole: Edge, case_id: str) -> None:
    key = eventually(lambda: whole.case(case_id)["case"]["ticket_key"])
    assert key.startswith("BOARD-")
    whole.in_loop(lambda client: _resolve(whole, key))
    assert eventually(lambda: whole.case(case_id)["case"]["state"] == "verifying")


async def _resolve(whole: Edge, key: str) -> None:
    from stanch.ports import TicketState
    from stanch.web.console.board import _tell
    from stanch.web.services import now

    changed = whole.records.board_move(key, TicketState.DONE, by="user:tom", at=now(), resolution="fixed")
    assert await _tell(whole.services, changed)


def test_listing_filters_by_state_and_text(whole: Edge, case_id: str) -> None:
    def ids(**query: str) -> list[str]:
        found = whole.http.get("/v1/cases", params=query, headers=whole.api()).json()["cases"]
        return [row["case_id"] for row in found]

    assert case_id in ids(state="verifying", q="card numbers")
    assert case_id not in ids(state="new")
    assert case_id not in ids(q="100%_nothing")


def test_halting_is_seen_by_guards_and_left_in_the_ledger(whole: Edge) -> None:
    halted = whole.http.post("/v1/halt", json={"reason": "drill"}, headers=whole.api(by="user:tom"))
    assert halted.status_code == 200
    assert whole.records.halts()[0].reason == "drill"
    assert whole.http.post("/v1/resume", json={}, headers=whole.api()).json()["status"] == "resumed"
    assert whole.http.post("/v1/resume", json={}, headers=whole.api()).json()["status"] == "not_halted"
    assert [entry.event for entry in whole.records.timeline("control")] == ["halt.set", "halt.lifted"]


def test_unknown_things_are_not_found(whole: Edge) -> None:
    for path in ("/v1/cases/case-none", "/v1/cases/case-none/timeline", "/v1/leases/none"):
        answer = whole.http.get(path, headers=whole.api())
        assert (answer.status_code, answer.json()["code"]) == (404, "W005")


def test_ready_and_metrics_speak_of_what_is_there(whole: Edge, case_id: str) -> None:
    ready = whole.http.get("/readyz", headers=whole.api())
    assert ready.status_code == 200, ready.text
    text = whole.http.get("/metrics", headers=whole.api()).text
    assert 'stanch_cases{state="verifying"} 1' in text
    assert "\nstanch_halts 0\n" in text
    assert 'stanch_findings_received_total{source="own",status="accepted"}' in text
