"""Clicks from Slack and callbacks from trackers: who may, what is forged, and what a case hears."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from web_support import SECRET, Edge, FakeChat, eventually, finding

from stanch.errors import Gone, IntakeError, RetrySafe
from stanch.ports import ChatUser, Check, Ticket, TicketDraft, TicketEvent, TicketNote, TicketState
from stanch.records import TicketView
from stanch.sandbox._server import Standin
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.slack.signing import Button, Verdict, button_token, sign
from stanch.web.slack_reply import allowed

SIGNING = "a-signing-secret-of-slack"
LATER = 10**15
SLACK = {"kind": "slack", "signing_secrets": [SIGNING], "team_id": "T0HOME"}


class FakeTracker:
    """A tracker whose callbacks carry a shared word, and whose ticket a test sets."""

    def __init__(self) -> None:
        self.ticket = Ticket("SEC-1", "1", "jira", "", TicketState.NEW)
        self.said: list[TicketNote] = []

    def parse_event(self, *, headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
        if headers.get("x-word") != "mine":
            raise IntakeError("the callback is not authentic", status=401, code="I410")
        read = json.loads(body)
        return TicketEvent("jira", read["key"], read["id"]) if read.get("key") else None

    def get_ticket(self, key: str) -> Ticket:
        return self.ticket

    def ensure_ticket(self, draft: TicketDraft, *, uncertain_since: datetime | None = None) -> Ticket:
        return self.ticket

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        return self.ticket

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        return None

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        return None

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        return None

    def assign(self, key: str, *, assignee: str = "", group: str = "", note: str = "") -> Ticket:
        return self.ticket

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        return []

    def notes(self, key: str) -> Sequence[TicketNote]:
        return self.said

    def doctor(self) -> Sequence[Check]:
        return []


class Replies(Standin):
    """Where Slack takes what only the person who clicked sees."""

    name = "replies"

    def __init__(self) -> None:
        super().__init__()
        self.app = Starlette(routes=[Route("/actions/1", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.ledger.append("reply", await request.json())
        return Response("ok")


@pytest.fixture(scope="module")
def chat() -> FakeChat:
    made = FakeChat("U01MARIA", "U01TOM", "U0NOBODY")
    made.users["U01GUEST"] = ChatUser(id="U01GUEST", name="g", team="T0HOME", is_guest=True)
    return made


@pytest.fixture(scope="module")
def replies() -> Iterator[Replies]:
    with Replies() as made:
        yield made


@pytest.fixture(scope="module")
def busy(
    temporal: EmbeddedTemporal, chat: FakeChat, replies: Replies, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    folder, slack = tmp_path_factory.mktemp("busy"), {**SLACK, "base_url": replies.url}
    with (
        pytest.MonkeyPatch.context() as patch,
        Edge(folder, temporal.address, with_worker=True, chat=(chat, slack)) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        made.ports.by_name["jira"] = FakeTracker()
        yield made


@pytest.fixture(scope="module")
def request_of(busy: Edge) -> dict[str, Any]:
    """An open approval."""
    case_id = busy.send(finding(uid="S-1"), delivery_id="s-1").json()["results"][0]["case_id"]

    def look() -> dict[str, Any] | None:
        found = busy.case(case_id)
        return found["approvals"][0]["request"] if found.get("live") and found["approvals"] else None

    return eventually(look)


def token(busy: Edge, request: Mapping[str, Any], verdict: Verdict = Verdict.APPROVE, **more: Any) -> str:
    given = {
        "approval_id": request["approval_id"],
        "verdict": verdict,
        "case_id": request["case_id"],
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "digest": request["digest"],
    }
    secret = more.pop("secret", busy.keys.buttons)
    return button_token(Button(**(given | more)), key_id="1", secret=secret)


def press(busy: Edge, value: str, *, user: str = "U01MARIA", team: str = "T0HOME", **how: str) -> httpx.Response:
    message = {"type": "message", "message_ts": "1700000000.000100", "channel_id": "C0SHOP"}
    payload = {
        "type": "block_actions",
        "user": {"id": user, "team_id": team},
        "team": {"id": team},
        "api_app_id": "A0STANCH",
        "trigger_id": "1.2.a",
        "channel": {"id": "C0SHOP"},
        "container": message,
        "response_url": how.get("reply", ""),
        "actions": [
            {"type": "button", "action_id": "stanch.approve", "value": value, "action_ts": how.get("ts", "1700.1")}
        ],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = how.get("stamp", str(int(time.time())))
    headers = {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": sign(body, timestamp=stamp, secret=how.get("secret", SIGNING)),
        "content-type": "application/x-www-form-urlencoded",
    }
    return busy.http.post("/v1/slack/interactions", content=body, headers=headers)


def test_forged_and_old_requests_are_refused(busy: Edge, request_of: dict[str, Any]) -> None:
    value = token(busy, request_of)
    assert press(busy, value, secret="another").status_code == 401
    assert press(busy, value, stamp=str(int(time.time()) - 301)).status_code == 401
    assert busy.http.post("/v1/slack/interactions", content=b"payload=%7B%7D").status_code == 401


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"user": "U0NOBODY"}, "not in the directory"),
        ({"user": "U01GUEST"}, "guests"),
        ({"team": "T0OTHER"}, "another workspace"),
        ({"user": "U01TOM"}, "not among the approvers"),
    ],
)
def test_who_may_not_decide_is_told_why(
    busy: Edge, request_of: dict[str, Any], how: dict[str, str], words: str
) -> None:
    answer = press(busy, token(busy, request_of), **how)
    assert answer.status_code == 200
    assert words in answer.json()["text"]
    assert answer.json()["response_type"] == "ephemeral"


def test_buttons_that_are_not_ours_or_expired_or_stale_decide_nothing(busy: Edge, request_of: dict[str, Any]) -> None:
    forged = press(busy, token(busy, request_of, secret="not our key"))
    assert "not one of ours" in forged.json()["text"]
    late = press(busy, token(busy, request_of, expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert "expired" in late.json()["text"]
    stale = press(busy, token(busy, request_of, digest="0" * 64))
    assert "not what is asked now" in stale.json()["text"]
    assert busy.case(request_of["case_id"])["approvals"][0]["votes"] == []


def test_the_button_of_the_posted_card_decides_and_a_second_click_is_explained(
    busy: Edge, chat: FakeChat, replies: Replies, request_of: dict[str, Any]
) -> None:
    card = eventually(lambda: [message for message in chat.posted if message.key == request_of["approval_id"]])[0]
    assert card.channel == "U01MARIA"
    assert [button[1] for button in card.buttons] == ["stanch.approve", "stanch.deny", "stanch.review"]
    value = card.buttons[0][2]
    first = press(busy, value, ts="1700.2", reply=f"{replies.url}/actions/1")
    assert first.json()["text"] == "Approved by Maria K."
    assert eventually(lambda: replies.ledger.entries("reply"))[0]["text"] == "Approved by Maria K."
    assert eventually(lambda: list(busy.point.held))
    assert "lready" in press(busy, value, ts="1700.3").json()["text"]
    assert eventually(lambda: chat.updated)[0].buttons == ()


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/x", "https://hooks.slack.com.evil.example/x", "https://hooks.slack.com@evil/x"]
)
def test_answers_go_to_slack_only(address: str) -> None:
    assert allowed(address, {"base_url": "https://slack.com/api/"}) == ""
    assert allowed("https://hooks.slack.com/actions/T/1/x", {}) == "https://hooks.slack.com/actions/T/1/x"


def test_the_same_request_byte_for_byte_is_refused(busy: Edge, request_of: dict[str, Any]) -> None:
    stamp = str(int(time.time()))
    value = token(busy, request_of)
    assert press(busy, value, stamp=stamp, ts="1700.4").status_code == 200
    assert press(busy, value, stamp=stamp, ts="1700.4").status_code == 401


def call_back(busy: Edge, body: Mapping[str, str], *, word: str = "mine", system: str = "jira") -> httpx.Response:
    return busy.http.post(f"/v1/tickets/{system}", json=dict(body), headers={"x-word": word})


def test_unproven_callbacks_and_unknown_trackers_are_refused(busy: Edge) -> None:
    assert call_back(busy, {"key": "SEC-1", "id": "1"}, word="guess").status_code == 401
    assert call_back(busy, {"key": "SEC-1", "id": "1"}, system="nosuch").status_code == 401


def test_events_of_other_tickets_are_let_go(busy: Edge) -> None:
    assert call_back(busy, {"id": "1"}).json() == {"status": "ignored"}
    assert call_back(busy, {"key": "OTHER-9", "id": "2"}).json() == {"status": "ignored"}


def test_a_ticket_is_read_again_and_its_case_told_in_our_own_names(busy: Edge) -> None:
    case_id = busy.send(finding(uid="S-2"), delivery_id="s-2").json()["results"][0]["case_id"]
    own = str(eventually(lambda: busy.case(case_id)["case"]["ticket_key"]))
    busy.records.link_ticket(case_id, system="jira", key=own, at=datetime.now(UTC))
    ticket = Ticket(own, "1", "jira", "", TicketState.NEW, assignee="tom.b", changed_by="maria.k")
    busy.ports.by_name["jira"].ticket = ticket  # type: ignore[attr-defined]
    assert call_back(busy, {"key": own, "id": "e1"}).json()["status"] == "accepted"
    assert eventually(lambda: busy.case(case_id)["live"]["summary"]["assignee"] == "user:tom")


# -- what is new about a ticket


@pytest.fixture(scope="module")
def tracked(busy: Edge) -> tuple[str, str, FakeTracker]:
    """A case whose board ticket a fake tracker speaks for."""
    case_id = busy.send(finding(uid="S-3"), delivery_id="s-3").json()["results"][0]["case_id"]
    own = str(eventually(lambda: busy.case(case_id)["case"]["ticket_key"]))
    now = datetime.now(UTC)
    busy.records.link_ticket(case_id, system="jira", key=own, at=now)
    busy.records.see_ticket(TicketView("jira", own, case_id, now, ticket_id="77", state="new", version=LATER))
    tracker = FakeTracker()
    busy.ports.by_name["jira"] = tracker
    return case_id, own, tracker


def signals(busy: Edge, case_id: str) -> int:
    async def count(client: Client) -> int:
        events = (await client.get_workflow_handle(case_id).fetch_history()).events
        return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in events)

    found: int = busy.in_loop(count)
    return found


def ticket_of(key: str, look: int, **more: Any) -> Ticket:
    version = LATER + look  # the case has learned a version from the board, which really made its ticket
    given: dict[str, Any] = {"key": key, "id": "77", "system": "jira", "url": "", "state": TicketState.NEW} | more
    return Ticket(version=version, **given)


def test_own_late_doubled_and_reordered_events_cost_the_case_nothing(
    busy: Edge, tracked: tuple[str, str, FakeTracker]
) -> None:
    case_id, key, tracker = tracked
    before = signals(busy, case_id)
    tracker.ticket = ticket_of(key, 5, state=TicketState.IN_PROGRESS, changed_by="tom.b")
    assert call_back(busy, {"key": key, "id": "n1"}).json()["status"] == "accepted"
    for again in ("n1", "n2"):  # delivered twice; and an event of something that no longer shows
        assert call_back(busy, {"key": key, "id": again}).json() == {"status": "ignored"}
    tracker.ticket = ticket_of(key, 3, state=TicketState.NEW)  # a look that was had before, and comes after
    assert call_back(busy, {"key": key, "id": "n3"}).json() == {"status": "ignored"}
    assert signals(busy, case_id) == before + 1
    eventually(lambda: busy.case(case_id)["live"]["summary"]["ticket_state"] == "in_progress")


def test_what_people_write_on_the_ticket_is_in_the_story_once_and_redacted(
    busy: Edge, tracked: tuple[str, str, FakeTracker]
) -> None:
    case_id, key, tracker = tracked
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    tracker.said = [TicketNote("c1", "tom.b", f"the key was {secret} <script>"), TicketNote("c2", "ghost", "x" * 9000)]
    tracker.ticket = ticket_of(key, 6, state=TicketState.IN_PROGRESS)
    for event in ("c1", "c2"):
        call_back(busy, {"key": key, "id": event})

    def comments() -> list[Any]:
        return [line for line in busy.records.timeline(case_id) if line.event == "ticket.comment"]

    first, second = eventually(lambda: comments() if len(comments()) == 2 else [])
    assert first.actor == "user:tom"
    assert secret not in json.dumps(first.data)
    assert len(second.data["text"]) <= 2000


def test_a_tracker_that_cannot_be_read_is_looked_at_later(
    busy: Edge, tracked: tuple[str, str, FakeTracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key, tracker = tracked

    def down(key: str) -> Ticket:
        raise RetrySafe("Jira did not answer")

    monkeypatch.setattr(tracker, "get_ticket", down)
    assert call_back(busy, {"key": key, "id": "later"}).json() == {"status": "later"}

    async def look(client: Client) -> int:
        history = await client.get_workflow_handle("ticket-jira-" + key).fetch_history()
        return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in history.events)

    assert busy.in_loop(look) == 1


def test_a_moved_ticket_is_the_same_and_a_lost_one_is_said_once(
    busy: Edge, tracked: tuple[str, str, FakeTracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, key, tracker = tracked
    tracker.ticket = ticket_of("NEW-4", 9, state=TicketState.IN_PROGRESS, url="https://jira.example.com/browse/NEW-4")
    assert call_back(busy, {"key": key, "id": "moved"}).json()["status"] == "accepted"
    eventually(lambda: busy.case(case_id)["live"]["summary"]["ticket_key"] == "NEW-4")
    assert busy.records.case_of_ticket("jira", "NEW-4") == busy.records.case_of_ticket("jira", key) == case_id

    def gone(key: str) -> Ticket:
        raise Gone("nothing there")

    monkeypatch.setattr(tracker, "get_ticket", gone)
    assert call_back(busy, {"key": "NEW-4", "id": "gone"}).json()["status"] == "accepted"
    assert call_back(busy, {"key": "NEW-4", "id": "gone2"}).json() == {"status": "ignored"}
    eventually(lambda: [line for line in busy.records.timeline(case_id) if line.event == "ticket.gone"])
    assert busy.records.count_tickets()["gone"] == 1


def test_a_person_who_reopens_the_ticket_of_a_closed_case_opens_the_case(busy: Edge) -> None:
    case_id = busy.send(finding(uid="S-4"), delivery_id="s-4").json()["results"][0]["case_id"]
    key = str(eventually(lambda: busy.case(case_id)["case"]["ticket_key"]))
    busy.http.post(f"/v1/cases/{case_id}/close", json={"text": "done"}, headers=busy.api())
    eventually(lambda: busy.records.case(case_id).state == "closed")  # type: ignore[union-attr]
    now = datetime.now(UTC)
    busy.records.link_ticket(case_id, system="jira", key=key, at=now)
    busy.records.see_ticket(TicketView("jira", key, case_id, now, ticket_id="78", state="done", version=LATER))
    tracker = FakeTracker()
    busy.ports.by_name["jira"] = tracker
    tracker.ticket = ticket_of(key, 5, id="78", state=TicketState.DONE, assignee="tom.b")
    assert call_back(busy, {"key": key, "id": "r1"}).json() == {"status": "ignored"}
    tracker.ticket = ticket_of(key, 6, id="78", state=TicketState.IN_PROGRESS, changed_by="tom.b")
    assert call_back(busy, {"key": key, "id": "r2"}).json()["status"] == "accepted"
    assert eventually(lambda: busy.case(case_id)["live"]["requested_by"] == "user:tom")
