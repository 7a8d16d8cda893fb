"""Callbacks of a ServiceNow business rule: signed, recent, and never an echo of our own change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from servicenow_support import connect
from standardwebhooks import Webhook
from ticket_support import draft

from activities.servicenow import ServiceNowTickets
from stanch.errors import IntakeError
from stanch.sandbox._callbacks import Callback
from stanch.sandbox.servicenow import ServiceNowStandin

PLAIN, ENCODED = "callback-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module", params=[PLAIN, ENCODED])
def shared(request: pytest.FixtureRequest) -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin(callback_secret=request.param) as standin:
        yield standin


@pytest.fixture
def now(shared: ServiceNowStandin) -> ServiceNowStandin:
    shared.reset()
    return shared


@pytest.fixture
def tickets(now: ServiceNowStandin) -> ServiceNowTickets:
    return connect(now, callback_secret=now.callback_secret)


def changed_by_a_person(now: ServiceNowStandin, tickets: ServiceNowTickets) -> Callback:
    now.reassign(tickets.ensure_ticket(draft()).key, to="tom.b", by="maria.k")
    return now.callbacks.sent[-1]


def signed(body: str, *, at: datetime | None = None, key: bytes = PLAIN.encode()) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    signature = Webhook(key).sign("msg_1", moment, body)
    stamp = str(int(moment.timestamp()))
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": stamp, "Webhook-Signature": signature}


def test_a_persons_change_is_told_and_ours_is_not(now: ServiceNowStandin, tickets: ServiceNowTickets) -> None:
    sent = changed_by_a_person(now, tickets)
    event = tickets.parse_event(headers=sent.headers, body=sent.body)
    assert event is not None
    assert (event.system, event.ticket_key, event.actor) == ("servicenow", "INC0010001", "maria.k")
    assert event.event_id == sent.event_id
    created = now.callbacks.sent[0]
    assert tickets.parse_event(headers=created.headers, body=created.body) is None


def test_what_is_not_authentic_is_refused(now: ServiceNowStandin, tickets: ServiceNowTickets) -> None:
    sent = changed_by_a_person(now, tickets)
    cases = [
        ({}, sent.body),
        ({name: value for name, value in sent.headers.items() if name != "webhook-signature"}, sent.body),
        ({**sent.headers, "webhook-id": "msg_other"}, sent.body),
        ({**sent.headers, "webhook-timestamp": "1"}, sent.body),
        ({**sent.headers, "webhook-timestamp": "nan"}, sent.body),
        ({**sent.headers, "webhook-signature": "v1"}, sent.body),
        ({**sent.headers, "webhook-signature": "v1,é"}, sent.body),
        ({**sent.headers, "webhook-signature": "v2," + sent.headers["webhook-signature"][3:]}, sent.body),
        (sent.headers, sent.body + b" "),
        (sent.headers, b"\xff"),
    ]
    for headers, body in cases:
        with pytest.raises(IntakeError) as caught:
            tickets.parse_event(headers=headers, body=body)
        assert caught.value.status == 401


def test_an_old_callback_is_refused() -> None:
    tickets = connect(ServiceNowStandin(), url="http://127.0.0.1:9", callback_secret=PLAIN)
    body = json.dumps({"table": "incident", "number": "INC0010001", "sys_updated_by": "tom.b"})
    for shift in (timedelta(minutes=-6), timedelta(minutes=6)):
        with pytest.raises(IntakeError):
            tickets.parse_event(headers=signed(body, at=datetime.now(UTC) + shift), body=body.encode())
    assert tickets.parse_event(headers=signed(body), body=body.encode()) is not None


def test_without_a_secret_everything_is_refused(now: ServiceNowStandin, tickets: ServiceNowTickets) -> None:
    sent = changed_by_a_person(now, tickets)
    with pytest.raises(IntakeError) as caught:
        connect(now).parse_event(headers=sent.headers, body=sent.body)
    assert caught.value.status == 401


def test_the_key_before_is_good_while_it_is_rotated(now: ServiceNowStandin, tickets: ServiceNowTickets) -> None:
    sent = changed_by_a_person(now, tickets)
    rotating = connect(now, callback_secret="new", callback_secret_old=now.callback_secret)
    assert rotating.parse_event(headers=sent.headers, body=sent.body) is not None


@pytest.mark.parametrize(
    "body", ["not json", "[]", '{"number": "../../x", "table": "incident"}', '{"table": "incident"}']
)
def test_a_signed_body_that_is_no_event_is_a_bad_request(body: str) -> None:
    tickets = connect(ServiceNowStandin(), url="http://127.0.0.1:9", callback_secret=PLAIN)
    with pytest.raises(IntakeError) as caught:
        tickets.parse_event(headers=signed(body), body=body.encode())
    assert caught.value.status == 400


def test_another_table_is_none_of_ours() -> None:
    tickets = connect(ServiceNowStandin(), url="http://127.0.0.1:9", callback_secret=PLAIN)
    body = json.dumps({"table": "problem", "number": "PRB0040001", "sys_updated_by": "tom.b"})
    assert tickets.parse_event(headers=signed(body), body=body.encode()) is None
