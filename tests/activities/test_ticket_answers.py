"""Answers that no stand-in gives: each has its outcome, in time, with nothing of it in the error."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jira_support import TOKEN
from raw_server import Answer, RawServer, drip, http
from servicenow_support import PASSWORD, TRANSPORTS
from ticket_support import KEY, draft, exception_texts

from activities import jira, servicenow
from activities._outcomes import RETRY_AFTER_CAP, retry_after
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import TicketPort

CANARY = "canary-9f2"
ISSUE = {
    "id": 10001,
    "key": "MOBP-1",
    "self": "https://elsewhere.example/rest/api/3/issue/10001",
    "unknown": {"more": []},
    "fields": {"status": {"statusCategory": {"id": 2, "key": "NEW"}}, "labels": [f"stanch-{KEY[:16]}"]},
}
TYPES = {"issueTypes": [{"id": "7", "name": "Task"}]}
FIELDS = {"fields": [{"fieldId": name, "required": name == "summary"} for name in ("summary", "labels")]}
RECORD = {"sys_id": "a" * 32, "number": "INC0010001", "state": 1, "correlation_id": f"stanch:{KEY}"}

Maker = Callable[[], Answer]


def chunks() -> Iterator[bytes]:
    yield b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield b'5\r\n{"key\r\n'  # and then nothing more


# (what comes, what it means for a write, what for a read)
ODD: list[tuple[str, Maker, type[ConnectorError], type[ConnectorError]]] = [
    ("drips", drip, Uncertain, RetrySafe),
    ("ends inside a chunk", chunks, Uncertain, RetrySafe),
    ("shorter than said", lambda: http({"a": CANARY})[:-3], Uncertain, RetrySafe),
    ("half a JSON", lambda: http(b'{"key": "MOBP-1", "id": '), Uncertain, RetrySafe),
    ("nested beyond reason", lambda: http(b"[" * 100_000), Uncertain, RetrySafe),
    ("a number", lambda: http(7, status=201), Uncertain, RetrySafe),
    ("null", lambda: http(None, status=201), Uncertain, RetrySafe),
    ("a list", lambda: http([ISSUE], status=201), Uncertain, RetrySafe),
    ("nothing", lambda: http(b""), Uncertain, RetrySafe),
    ("no HTTP", lambda: b"hello there\r\n\r\n", Uncertain, RetrySafe),
    ("no gzip", lambda: http(b"plain", headers="Content-Encoding: gzip"), Uncertain, RetrySafe),
    ("an error in 200", lambda: http({"errorMessages": [CANARY], "error": {"message": CANARY}}), Uncertain, RetrySafe),
    ("a page", lambda: http(b"<html>sign in</html>", headers="Content-Type: text/html"), Uncertain, RetrySafe),
    ("429 with a number", lambda: http(7, status=429, headers="retry-after: 3"), RetrySafe, RetrySafe),
    ("429 with null", lambda: http(None, status=429), RetrySafe, RetrySafe),
    ("429 cut off", lambda: http({"a": CANARY}, status=429)[:-3], RetrySafe, RetrySafe),
    ("400 with text", lambda: http(CANARY.encode(), status=400), Rejected, Rejected),
    ("401 with a list", lambda: http([CANARY], status=401), AuthBlocked, AuthBlocked),
    ("407", lambda: http({}, status=407), AuthBlocked, AuthBlocked),
    ("307", lambda: http({}, status=307, headers="Location: /elsewhere"), Rejected, Rejected),
    ("503 with a page", lambda: http(b"<html>", status=503, headers="Retry-After: 2"), Uncertain, RetrySafe),
]
IDS = [each[0] for each in ODD]


def to_jira(url: str, **changes: Any) -> TicketPort:
    section = {"url": url, "token": TOKEN, "email": "s@example.com", "project": "MOBP", "timeout": 0.4}
    return jira.CONNECTOR.build("jira", {**section, "connect_timeout": 0.4, "settle": 0, **changes})


def to_now(url: str, transport: str) -> TicketPort:
    section = {"url": url, "user": "stanch", "password": PASSWORD, "transport": transport, "timeout": 0.4}
    return servicenow.CONNECTOR.build("now", {**section, "connect_timeout": 0.4, "settle": 0})


def jira_answers(
    *, create: Maker | None = None, search: Maker | None = None, issue: Maker | None = None
) -> Callable[[str, str, bytes], Answer]:
    def answer(method: str, path: str, body: bytes) -> Answer:
        where = path.partition("?")[0]
        if method == "POST":
            return create() if create and where.endswith("/issue") else http(ISSUE, status=200)
        if "/search" in where:
            return search() if search else http({"issues": []})
        if where.endswith("/issuetypes"):
            return http(TYPES)
        if "/createmeta/" in where:
            return http(FIELDS)
        return issue() if issue else http(ISSUE)

    return answer


def now_answers(*, create: Maker | None = None, query: Maker | None = None) -> Callable[[str, str, bytes], Answer]:
    def answer(method: str, path: str, body: bytes) -> Answer:
        if method == "POST":
            return create() if create else http({"result": RECORD}, status=200)
        return query() if query else http({"result": []})

    return answer


@pytest.mark.parametrize(("name", "odd", "write", "read"), ODD, ids=IDS)
def test_jira(name: str, odd: Maker, write: type[ConnectorError], read: type[ConnectorError]) -> None:
    judged(write, lambda url: to_jira(url), jira_answers(create=odd))
    judged(read, lambda url: to_jira(url), jira_answers(search=odd))


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("name", "odd", "write", "read"), ODD, ids=IDS)
def test_servicenow(
    transport: str, name: str, odd: Maker, write: type[ConnectorError], read: type[ConnectorError]
) -> None:
    judged(write, lambda url: to_now(url, transport), now_answers(create=odd))
    judged(read, lambda url: to_now(url, transport), now_answers(query=odd))


def judged(
    expected: type[ConnectorError], connect: Callable[[str], TicketPort], answers: Callable[[str, str, bytes], Answer]
) -> None:
    with RawServer(answers) as server:
        begun = time.monotonic()
        with pytest.raises(expected) as caught:
            connect(server.url).ensure_ticket(draft(summary=f"{CANARY}-summary"))
        assert time.monotonic() - begun < 3
        assert "/elsewhere" not in {path for _, path in server.seen}
        assert [method for method, _ in server.seen].count("POST") <= 1
    texts = exception_texts(caught.value)
    for secret in (CANARY, TOKEN, PASSWORD, "127.0.0.1", "Authorization"):
        assert secret not in texts


def test_jira_goes_by_what_matters_and_no_more() -> None:
    """A number for an id, another host in `self`, unknown members, a key in capitals, 200 for 201, no summary."""
    with RawServer(jira_answers()) as server:
        ticket = to_jira(server.url).ensure_ticket(draft())
        assert ticket.url == f"{server.url}/browse/MOBP-1"
    assert (ticket.key, ticket.id, ticket.state.value) == ("MOBP-1", "10001", "new")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_servicenow_goes_by_what_matters_and_no_more(transport: str) -> None:
    packed = gzip.compress(json.dumps({"result": RECORD, "more": [1], "error": None}).encode())
    with RawServer(now_answers(create=lambda: http(packed, headers="content-encoding: gzip"))) as server:
        ticket = to_now(server.url, transport).ensure_ticket(draft())
    assert (ticket.key, ticket.state.value) == ("INC0010001", "new")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_older_instance_says_404_to_a_query_without_a_hit(transport: str) -> None:
    none = http({"error": {"message": "No Record found"}, "status": "failure"}, status=404)
    with RawServer(now_answers(query=lambda: none)) as server:
        assert to_now(server.url, transport).ensure_ticket(draft()).key == "INC0010001"
    gone = http({"error": {"message": "Invalid table incident"}}, status=404)
    with RawServer(now_answers(query=lambda: gone)) as server, pytest.raises(Rejected):
        to_now(server.url, transport).ensure_ticket(draft())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_403_is_a_rule_or_a_missing_right(transport: str) -> None:
    rule = {"message": "Operation against file 'incident' was aborted by Business Rule 'Guard^5230'", "detail": ""}
    acl = {"message": "Operation Failed", "detail": "ACL Exception Insert Failed due to security constraints"}
    page = b"<html>business rule</html>"
    for body, expected in (({"error": rule}, Rejected), ({"error": acl}, AuthBlocked), (page, AuthBlocked)):
        answers = now_answers(create=lambda body=body: http(body, status=403))
        with RawServer(answers) as server, pytest.raises(expected):
            to_now(server.url, transport).ensure_ticket(draft())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_hidden_key_is_a_missing_right_and_no_reason_to_make_another(transport: str) -> None:
    strangers = http({"result": [{"sys_id": "b" * 32, "number": "INC0000001"}]})
    with RawServer(now_answers(query=lambda: strangers)) as server, pytest.raises(AuthBlocked, match="correlation_id"):
        to_now(server.url, transport).ensure_ticket(draft())


@pytest.mark.parametrize("status", [200, 401, 403, 404])
@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ("X-Seraph-LoginReason: AUTHENTICATION_DENIED", "CAPTCHA"),
        ("x-seraph-loginreason: AUTHENTICATED_FAILED", "sign-in"),
    ],
)
def test_a_stranger_sees_nothing_and_that_is_no_answer(status: int, headers: str, words: str) -> None:
    nothing = http({"issues": []}, status=status, headers=headers)
    with RawServer(jira_answers(search=lambda: nothing)) as server, pytest.raises(AuthBlocked, match=words):
        to_jira(server.url).ensure_ticket(draft())
    assert ("POST", "/rest/api/3/issue") not in server.seen


def test_captcha_has_a_way_out() -> None:
    denied = http({}, status=403, headers="X-Authentication-Denied-Reason: CAPTCHA_CHALLENGE; login-url=http://x")
    with (
        RawServer(jira_answers(create=lambda: denied)) as server,
        pytest.raises(AuthBlocked, match="CAPTCHA") as caught,
    ):
        to_jira(server.url).ensure_ticket(draft())
    assert "browser" in caught.value.hint


def test_the_pages_of_a_search_are_followed() -> None:
    pages = iter([{"issues": [], "nextPageToken": "t", "isLast": False}, {"issues": [ISSUE], "isLast": True}])
    with RawServer(jira_answers(search=lambda: http(next(pages)))) as server:
        assert to_jira(server.url).ensure_ticket(draft()).key == "MOBP-1"
    assert not [method for method, _ in server.seen if method == "POST"]


def test_a_search_that_has_no_end_ends() -> None:
    endless = http({"issues": [], "nextPageToken": "t", "isLast": False})
    with RawServer(jira_answers(search=lambda: endless)) as server:
        assert to_jira(server.url).ensure_ticket(draft()).key == "MOBP-1"
    assert len(server.seen) < 30


def test_a_row_without_labels_is_read_before_it_is_passed_over() -> None:
    bare = {"id": "10001", "key": "MOBP-1"}
    with RawServer(jira_answers(search=lambda: http({"issues": [bare]}))) as server:
        assert to_jira(server.url).ensure_ticket(draft()).key == "MOBP-1"
    assert not [method for method, _ in server.seen if method == "POST"]


def test_a_jira_without_create_screens_gets_the_type_by_its_name() -> None:
    sent: list[dict[str, Any]] = []

    def answer(method: str, path: str, body: bytes) -> Answer:
        if "/createmeta/" in path:
            return http({"errorMessages": ["gone"]}, status=404)
        if method == "POST":
            sent.append(json.loads(body)["fields"])
        return jira_answers()(method, path, body)

    with RawServer(answer) as server:
        to_jira(server.url, fields={"customfield_1": {"value": "x"}}).ensure_ticket(draft(type="Bug"))
    assert sent[0]["issuetype"] == {"name": "Bug"}
    assert sent[0]["customfield_1"] == {"value": "x"}


def test_no_library_logs_what_we_send(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for connect, answers in (
        (to_jira, jira_answers(create=lambda: http({"errorMessages": [CANARY]}, status=500))),
        (lambda url: to_now(url, "requests"), now_answers(create=lambda: http({"error": CANARY}, status=500))),
    ):
        with RawServer(answers) as server, pytest.raises(Uncertain):
            connect(server.url).ensure_ticket(draft(summary=f"{CANARY}-summary"))
    for secret in (CANARY, TOKEN, PASSWORD):
        assert secret not in caplog.text


ODD_WAITS = ["1e999", "-1e999", "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 01 Jan 0001 00:00:00 +2359", "٣", "7, 7"]


@given(st.text(max_size=40) | st.sampled_from(ODD_WAITS))
def test_whatever_retry_after_says_the_wait_is_bounded(value: str) -> None:
    seconds = retry_after(value)
    assert seconds is None or 0 <= seconds <= RETRY_AFTER_CAP
