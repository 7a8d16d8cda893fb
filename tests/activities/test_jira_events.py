"""Callbacks of Jira: authentic over the raw body, never an echo of our own change, the same id when repeated."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

import pytest
from jira_support import connect
from spec_contract import obeying
from ticket_support import draft

from activities.jira import JiraTickets
from stanch.errors import IntakeError
from stanch.sandbox._callbacks import Callback
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import JiraStandin

SECRET = "hook-secret"


@pytest.fixture(scope="module", params=["cloud", "server"])
def shared(request: pytest.FixtureRequest) -> Iterator[JiraStandin]:
    with JiraStandin(cloud=request.param == "cloud", webhook_secret=SECRET) as standin:
        yield standin


@pytest.fixture
def jira(shared: JiraStandin) -> Iterator[JiraStandin]:
    shared.reset()
    with obeying(shared, once=True) if shared.cloud else nullcontext():
        yield shared


@pytest.fixture
def tickets(jira: JiraStandin) -> JiraTickets:
    return connect(jira, webhook_secret=SECRET)


def signed(body: bytes, *, key: str = SECRET, **headers: str) -> dict[str, str]:
    mac = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature": f"sha256={mac}", **headers}


def changed_by_a_person(jira: JiraStandin, tickets: JiraTickets) -> Callback:
    key = tickets.ensure_ticket(draft()).key
    jira.reassign(key, to="tom.b", by="maria.k")
    return jira.callbacks.sent[-1]


def test_a_persons_change_is_told(jira: JiraStandin, tickets: JiraTickets) -> None:
    sent = changed_by_a_person(jira, tickets)
    event = tickets.parse_event(headers=sent.headers, body=sent.body)
    assert event is not None
    assert (event.system, event.ticket_key, event.actor) == ("jira", "MOBP-1", "maria.k")
    assert event.event_id == sent.headers["X-Atlassian-Webhook-Identifier"]


def test_header_names_come_in_any_case(jira: JiraStandin, tickets: JiraTickets) -> None:
    sent = changed_by_a_person(jira, tickets)
    lowered = {name.lower(): value for name, value in sent.headers.items()}
    assert tickets.parse_event(headers=lowered, body=sent.body) is not None


@pytest.mark.parametrize("account", ["", "stanch-bot"])
def test_our_own_change_is_no_event(jira: JiraStandin, account: str) -> None:
    tickets = connect(jira, webhook_secret=SECRET, account_id=account)
    tickets.assign(tickets.ensure_ticket(draft()).key, assignee="tom.b", note="Over to you.")
    assert len(jira.callbacks.sent) == 3
    assert [tickets.parse_event(headers=sent.headers, body=sent.body) for sent in jira.callbacks.sent] == [None] * 3


def test_with_jira_down_an_event_goes_through(jira: JiraStandin, tickets: JiraTickets) -> None:
    sent = changed_by_a_person(jira, tickets)
    jira.faults.script("myself", Fault("status", status=500))
    assert tickets.parse_event(headers=sent.headers, body=sent.body) is not None


def altered(sent: Callback) -> list[tuple[str, Mapping[str, str], bytes]]:
    good = sent.headers["X-Hub-Signature"]
    rest = {name: value for name, value in sent.headers.items() if name != "X-Hub-Signature"}
    return [
        ("no signature", rest, sent.body),
        ("empty", {**rest, "X-Hub-Signature": ""}, sent.body),
        ("other body", sent.headers, sent.body + b" "),
        ("other key", signed(sent.body, key="other"), sent.body),
        ("sha1", {**rest, "X-Hub-Signature": good.replace("sha256", "sha1")}, sent.body),
        ("no method", {**rest, "X-Hub-Signature": good.removeprefix("sha256=")}, sent.body),
        ("cut", {**rest, "X-Hub-Signature": good[:-1]}, sent.body),
        ("not ascii", {**rest, "X-Hub-Signature": "sha256=é"}, sent.body),
    ]


def test_what_is_not_authentic_is_refused(jira: JiraStandin, tickets: JiraTickets) -> None:
    for name, headers, body in altered(changed_by_a_person(jira, tickets)):
        with pytest.raises(IntakeError) as caught:
            tickets.parse_event(headers=headers, body=body)
        assert caught.value.status == 401, name


def test_without_a_secret_everything_is_refused(jira: JiraStandin) -> None:
    open_door = connect(jira)
    body = b"{}"
    for headers in (signed(body, key=""), signed(body), {}):
        with pytest.raises(IntakeError) as caught:
            open_door.parse_event(headers=headers, body=body)
        assert caught.value.status == 401


def test_the_key_before_is_good_while_it_is_rotated(jira: JiraStandin, tickets: JiraTickets) -> None:
    sent = changed_by_a_person(jira, tickets)
    rotating = connect(jira, webhook_secret="new", webhook_secret_old=SECRET)
    assert rotating.parse_event(headers=sent.headers, body=sent.body) is not None
    rotated = connect(jira, webhook_secret="new")
    with pytest.raises(IntakeError):
        rotated.parse_event(headers=sent.headers, body=sent.body)


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"issue": {"key": "../../x"}}', b"\xff", b"[" * 100_000])
def test_a_signed_body_that_is_no_event_is_a_bad_request(tickets: JiraTickets, body: bytes) -> None:
    with pytest.raises(IntakeError) as caught:
        tickets.parse_event(headers=signed(body), body=body)
    assert caught.value.status == 400


def test_an_event_about_no_issue_is_none_of_ours(tickets: JiraTickets) -> None:
    body = json.dumps({"webhookEvent": "project_created", "project": {"key": "MOBP"}}).encode()
    assert tickets.parse_event(headers=signed(body), body=body) is None


def test_without_an_identifier_the_body_is_the_identity(tickets: JiraTickets) -> None:
    body = json.dumps({"issue": {"key": "MOBP-1"}}).encode()
    first = tickets.parse_event(headers=signed(body), body=body)
    again = tickets.parse_event(headers=signed(body), body=body)
    assert first is not None
    assert first == again


def test_callbacks_go_over_the_wire_and_are_repeated_under_one_id(jira: JiraStandin, tickets: JiraTickets) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((dict(self.headers.items()), body))
            self.send_response(500 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        key = tickets.ensure_ticket(draft()).key
        jira.callbacks.url = f"http://127.0.0.1:{server.server_port}/v1/tickets/jira"
        jira.comment(key, "Is this ours?", by="tom.b")
        jira.callbacks.drain()
        server.shutdown()
        thread.join()
    events = [tickets.parse_event(headers=headers, body=body) for headers, body in got]
    assert len(events) == 2
    assert events[0] is not None
    assert events[0] == events[1]
    assert events[0].actor == "tom.b"
    assert [entry["status"] for entry in jira.ledger.entries("jira.callback")] == [204]
