"""Files that are edited, broken and deleted while a case runs: it ends as it began, and people see what is in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from web_support import PLAYBOOK, SECRET, STATE, Edge, eventually, finding

from stanch.policy_state import PolicyUse
from stanch.ports import ChatUser, Check, Message, Posted, TicketState
from stanch.records import LeaseRow
from stanch.sandbox.temporal import EmbeddedTemporal

BYE = """  - id: bye
    do: chat.message
    with: {to: "${{ route.owner.id }}", template: own_words}
  - id: close"""
TELL = """  - id: tell
    do: chat.message
    with: {to: "${{ route.owner.id }}", template: own_words}
  - id: fixed"""
OTHER = """
version: playbook/v1
id: other
title: For another place
mode: manual
owner: team:shop
on: {match: {host: other.example.com}}
steps:
  - {id: tell, do: chat.message, with: {to: "${{ route.owner.id }}", template: finding}}
"""


class Chat:
    """A workspace that keeps what is posted."""

    def __init__(self) -> None:
        self.posted: list[Message] = []

    def post(self, message: Message) -> Posted:
        self.posted.append(message)
        return Posted(message.channel, "1.1")

    def update(self, posted: Posted, message: Message) -> None: ...

    def user(self, user_id: str) -> ChatUser:
        return ChatUser(id=user_id, name=user_id, team="T0HOME")

    def doctor(self) -> Sequence[Check]:
        return []


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat()


@pytest.fixture(scope="module")
def edited(temporal: EmbeddedTemporal, chat: Chat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edited")
    slack: dict[str, Any] = {"kind": "slack", "signing_secrets": ["a-signing-secret"], "team_id": "T0HOME"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STANCH_TEST_OWN", SECRET)
        made = Edge(folder, temporal.address, with_worker=True, chat=(chat, slack))
        (folder / "playbooks" / "hold_endpoint.yaml").write_text(
            PLAYBOOK.replace("  - id: fixed", TELL).replace("  - id: close", BYE)
        )
        (folder / "playbooks" / "other.yaml").write_text(OTHER)
        (folder / "policy" / "texts" / "own_words.j2").write_text("As it was\nold words about {{ finding.title }}\n")
        with made:
            yield made


def asked(edge: Edge, case_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = edge.case(case_id)
        return found["approvals"][0] if found.get("live") and found["approvals"] else None

    return eventually(look)


def held(edge: Edge, case_id: str) -> list[LeaseRow]:
    return [row for row in edge.records.leases(case_id=case_id) if row.state.value == "held"]


async def resolved(edge: Edge, key: str) -> bool:
    from stanch.web.console.board import _tell
    from stanch.web.services import now

    changed = edge.records.board_move(key, TicketState.DONE, by="user:tom", at=now(), resolution="fixed")
    return await _tell(edge.services, changed)


def uses_now(edge: Edge) -> str:
    """What the worker gives new cases."""
    return edge.world.policy.current.digest


def deleted(edge: Edge) -> None:
    """Everything the case was begun with goes, and another owner takes its place."""
    before = uses_now(edge)
    (edge.folder / "playbooks" / "hold_endpoint.yaml").unlink()
    (edge.folder / "policy" / "texts" / "own_words.j2").unlink()
    routes = edge.folder / "policy" / "routes.yaml"
    changed = routes.read_text().replace(
        "owner: team:shop, assignee: user:maria}", "owner: user:tom, assignee: user:tom}"
    )
    assert "owner: user:tom, assignee: user:tom}" in changed
    routes.write_text(changed)
    eventually(lambda: uses_now(edge) != before)


def test_a_running_case_keeps_what_it_began_with(edited: Edge, chat: Chat) -> None:
    case_id = edited.send(finding(uid="E-1"), delivery_id="e-1").json()["results"][0]["case_id"]
    request = asked(edited, case_id)["request"]
    deleted(edited)
    other = edited.send(finding(uid="E-2", api={"host": "shop.example.com", "path": "/later"}), delivery_id="e-2")
    later = other.json()["results"][0]["case_id"]
    eventually(lambda: edited.case(later)["case"]["owner"] == "user:tom")
    assert edited.case(later)["case"]["playbook"] == "", "new cases go by the new files"

    body = {"approval_id": request["approval_id"], "digest": request["digest"], "verdict": "approve"}
    path = f"/v1/cases/{case_id}/decisions"
    assert edited.http.post(path, json=body, headers=edited.api(by="user:maria")).status_code == 200
    eventually(lambda: held(edited, case_id))
    eventually(lambda: told(chat, case_id) == 1)
    edited.world.kept_texts.clear()  # as in a worker that was started since

    key = edited.case(case_id)["case"]["ticket_key"]
    assert edited.in_loop(lambda client: resolved(edited, key))
    eventually(lambda: edited.case(case_id)["case"]["state"] == "verifying")
    assert held(edited, case_id) == []
    assert told(chat, case_id) == 2
    row = edited.case(case_id)["case"]
    assert (row["owner"], row["playbook"], row["rule"]) == ("team:shop", "hold_endpoint", "shop")


def told(chat: Chat, case_id: str) -> int:
    """How often the owner has heard of the case in its own words."""
    said = [message for message in chat.posted if message.case_id == case_id and message.title == "As it was"]
    return sum("old words about Orders give out card numbers" in message.text for message in said)


def test_a_broken_edit_is_seen_by_everybody_who_looks(edited: Edge) -> None:
    """The worker says it, and pages, API and figures of the web service repeat it, as text."""
    problem = "routes.yaml:3:1 R001 <script>alert(1)</script>"
    moment = datetime.now(UTC)
    broken = PolicyUse("worker@b:7", STATE.digest, problem, STATE.loaded_at, moment)
    old = PolicyUse("worker@c:8", "1" * 64, "", moment - timedelta(hours=1), moment)
    policy = edited.services.policy
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edited.services, "policy", replace(policy, fellows=(broken, old)))  # type: ignore[type-var]
        edited.http.post("/login", data={"token": edited.services.api_token, "next": "/"})
        page = edited.http.get("/").text
        ready = edited.http.get("/readyz", headers=edited.api())
        figures = edited.http.get("/metrics", headers=edited.api()).text
        told = edited.http.get("/v1/policy", headers=edited.api()).json()
        anybody = edited.http.get("/login", headers={"cookie": ""}).text
    assert "worker@b: the newest edit of the policy is not in use" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "worker@b" not in anybody
    assert (ready.status_code, ready.json()["checks"]["policy"]["stale"]) == (200, False)
    assert 'stanch_policy_stale{process="worker@b"} 1' in figures
    assert 'stanch_policy_stale{process="worker@c"} 0' in figures
    assert "stanch_policy_versions 2" in figures
    assert [use["problem"] for use in told["uses"]] == ["", problem, ""]
    assert len(told["warnings"]) == 1
    assert edited.http.get("/v1/policy").status_code == 401


def test_records_forget_processes_that_say_nothing_any_more(edited: Edge) -> None:
    moment = datetime.now(UTC)
    records = edited.records
    gone = PolicyUse("worker@z:1", "1" * 64, "", moment, moment - timedelta(minutes=5))
    assert gone.process not in {use.process for use in records.say_policy(gone) if use.at > moment}
    here = PolicyUse("worker@z:2", "2" * 64, "x", moment, moment)
    assert records.say_policy(here) == (here,)
    assert records.policy_uses(moment + timedelta(minutes=2)) == ()
