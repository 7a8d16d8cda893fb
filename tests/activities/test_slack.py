"""The Slack connector through the real slack_sdk, over sockets, against the stand-in."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from activities._slack.outcomes import retry_after
from activities.slack import CONNECTOR, Slack
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.ports import ChatPort, Message, Posted
from stanch.sandbox._server import Fault
from stanch.sandbox._slack.workspace import SCOPES
from stanch.sandbox.slack import SANDBOX_APP, Channel, Person, SlackStandin

News = Callable[[str], list[dict[str, Any]]]

TOKEN = "xoxb-canary-51c7"
SECRET = "signing-canary-88aa"
MESSAGE = Message(
    key="ab12cd34",
    channel="C0PAY",
    title="Block DELETE /orders",
    text="An attacker reads orders.",
    fields=(("Host", "api.example.org"), ("Until", "2026-11-23 12:00 UTC")),
    buttons=(("Approve", "stanch.approve", "token-a", "primary"), ("Deny", "stanch.deny", "token-d", "danger")),
    context=("case-7",),
    case_id="case-7",
)
PEOPLE = (
    Person("U01MARIA", "Maria K.", "maria@example.org"),
    Person("U02GUEST", "Gus", is_guest=True),
    Person("U03BOT", "robot", is_bot=True),
    Person("U04GONE", "gone", deleted=True),
    Person("U05OTHER", "Olga", team_id="T0OTHER"),
)


@pytest.fixture(scope="module")
def running() -> Iterator[SlackStandin]:
    channels = (Channel("C0PAY", "pay"), Channel("C0OLD", "old", archived=True), Channel("C0SEC", "s", member=False))
    app = replace(SANDBOX_APP, token=TOKEN, signing_secret=SECRET)
    with SlackStandin(app=app, people=PEOPLE, channels=channels) as started:
        yield started


@pytest.fixture
def slack(running: SlackStandin) -> SlackStandin:
    """The workspace as at first, but for its messages and ledger; see `news`."""
    running.faults.clear()
    running.workspace.revoked = False
    running.workspace.scopes = SCOPES
    return running


@pytest.fixture
def news(running: SlackStandin) -> News:
    """What the ledger has of an event since this test began."""
    before = len(running.ledger.entries())
    return lambda event: [entry for entry in running.ledger.entries(event) if entry["n"] > before]


@pytest.fixture
def chat(slack: SlackStandin) -> ChatPort:
    return connect(slack.url + "/api/")


def connect(url: str, **changed: Any) -> Slack:
    section = {"token": TOKEN, "signing_secrets": [SECRET], "team_id": "T0SANDBOX", "base_url": url, "timeout": 5}
    built = CONNECTOR.build("slack", {"pace": 0, **section, **changed})
    assert isinstance(built, Slack)
    return built


def test_a_posted_card_is_there_with_its_key_and_no_markup(slack: SlackStandin, chat: ChatPort, news: News) -> None:
    posted = chat.post(MESSAGE)
    (entry,) = news("slack.posted")
    assert (entry["channel"], entry["ts"]) == (posted.channel, posted.ref)
    assert entry["metadata"] == {"event_type": "stanch", "event_payload": {"key": "ab12cd34", "case_id": "case-7"}}
    assert [block["type"] for block in entry["blocks"]] == ["header", "section", "section", "actions", "context"]


def test_slack_is_told_to_make_no_mentions_and_fetch_no_links(chat: ChatPort, news: News) -> None:
    chat.update(chat.post(MESSAGE), MESSAGE)
    quiet = {"link_names": False, "parse": "none"}
    assert news("slack.posted")[0]["options"] == {**quiet, "unfurl_links": False, "unfurl_media": False}
    assert news("slack.updated")[0]["options"] == quiet


def test_a_card_goes_into_the_thread_of_an_earlier_one(slack: SlackStandin, chat: ChatPort, news: News) -> None:
    first = chat.post(MESSAGE)
    chat.post(replace(MESSAGE, thread=first.ref))
    chat.post(replace(MESSAGE, thread="MOBP-7"))
    assert [entry.get("thread_ts") for entry in news("slack.posted")] == [None, first.ref, None]


def test_a_person_gets_a_direct_message_that_can_be_updated(slack: SlackStandin, chat: ChatPort, news: News) -> None:
    posted = chat.post(replace(MESSAGE, channel="U01MARIA"))
    chat.update(posted, replace(MESSAGE, title="Approved", buttons=()))
    (entry,) = news("slack.updated")
    assert posted.channel == entry["channel"] == "D01MARIA"
    assert [block["type"] for block in entry["blocks"]] == ["header", "section", "section", "context"]


def test_an_update_takes_the_buttons_away(slack: SlackStandin, chat: ChatPort) -> None:
    posted = chat.post(MESSAGE)
    chat.update(posted, replace(MESSAGE, buttons=()))
    with pytest.raises(LookupError):
        slack.press("U01MARIA", "Approve", channel="C0PAY", ts=posted.ref)


@pytest.mark.parametrize(
    ("user", "guest", "bot", "deleted", "team"),
    [
        ("U01MARIA", False, False, False, "T0SANDBOX"),
        ("U02GUEST", True, False, False, "T0SANDBOX"),
        ("U03BOT", False, True, False, "T0SANDBOX"),
        ("U04GONE", False, False, True, "T0SANDBOX"),
        ("U05OTHER", False, False, False, "T0OTHER"),
    ],
)
def test_a_user_comes_with_what_decides_about_trust(
    chat: ChatPort, user: str, guest: bool, bot: bool, deleted: bool, team: str
) -> None:
    found = chat.user(user)
    assert (found.is_guest, found.is_bot, found.deleted, found.team) == (guest, bot, deleted, team)


def test_a_user_has_an_address_only_where_the_scope_allows(slack: SlackStandin, chat: ChatPort) -> None:
    assert chat.user("U01MARIA").email == "maria@example.org"
    slack.workspace.scopes = ("users:read",)
    assert chat.user("U01MARIA").email == ""


WRITES: list[tuple[str, Callable[[ChatPort], object]]] = [
    ("chat.postMessage", lambda chat: chat.post(MESSAGE)),
    ("chat.update", lambda chat: chat.update(Posted("C0PAY", "1.0"), MESSAGE)),
]


@pytest.mark.parametrize(("method", "write"), WRITES, ids=["post", "update"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop_before"),
        Fault("drop_after"),
        Fault("html"),
        Fault("error_200"),
        Fault("status", status=500),
        Fault("status", status=503, retry_after="3"),
        Fault("status", status=502),
    ],
    ids=lambda fault: f"{fault.mode}-{fault.status}",
)
def test_a_write_without_usable_answer_is_uncertain(
    slack: SlackStandin, chat: ChatPort, method: str, write: Callable[[ChatPort], object], fault: Fault
) -> None:
    slack.faults.script(method, fault)
    with pytest.raises(Uncertain):
        write(chat)


@pytest.mark.parametrize("mode", ["drop_before", "html", "error_200", "status"])
def test_a_failed_read_may_be_repeated(slack: SlackStandin, chat: ChatPort, mode: str) -> None:
    slack.faults.script("users.info", Fault(mode))
    with pytest.raises(RetrySafe):
        chat.user("U01MARIA")
    assert chat.user("U01MARIA").name == "Maria K."


@pytest.mark.parametrize("mode", ["hang", "delay"])
def test_a_write_that_times_out_is_uncertain(slack: SlackStandin, mode: str) -> None:
    slack.faults.script("*", Fault(mode, seconds=0.6))
    with pytest.raises(Uncertain):
        connect(slack.url + "/api/", timeout=0.3).post(MESSAGE)


def test_a_lost_answer_is_never_repeated_by_the_library(slack: SlackStandin, chat: ChatPort, news: News) -> None:
    slack.faults.script("chat.postMessage", Fault("drop_after"))
    with pytest.raises(Uncertain):
        chat.post(MESSAGE)
    assert len(news("slack.posted")) == 1


def test_a_refused_connection_changed_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        chat = connect(f"http://127.0.0.1:{unused.getsockname()[1]}/api/")
        with pytest.raises(RetrySafe):
            chat.post(MESSAGE)


def test_a_proxy_for_https_is_not_used_for_http(slack: SlackStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert connect(slack.url + "/api/").user("U01MARIA").id == "U01MARIA"


def test_an_unknown_host_changed_nothing() -> None:
    with pytest.raises(RetrySafe):
        connect("https://slack.invalid/api/").post(MESSAGE)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        ("", None, None),
        ("soon", None, None),
        ("999999", 3600, 3600),
        ("date+20", 10, 20),
        ("date-20", 0, 0),
    ],
)
def test_a_rate_limit_tells_how_long_to_wait(
    slack: SlackStandin, chat: ChatPort, header: str, low: float | None, high: float | None, news: News
) -> None:
    if header.startswith("date"):
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=int(header[4:])), usegmt=True)
    slack.faults.script("chat.postMessage", Fault("status", status=429, retry_after=header))
    with pytest.raises(RetrySafe) as caught:
        chat.post(MESSAGE)
    wait = caught.value.retry_after
    assert wait is None if low is None or high is None else wait is not None and low <= wait <= high
    assert len(news("slack.posted")) == 0


@pytest.mark.parametrize("text", ["-5", "1e9", "Mon, 99 Foo 2026", "٣", "\x00"])
def test_a_senseless_wait_is_no_wait(text: str) -> None:
    assert retry_after({"retry-after": text}, now=datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("invalid_auth", AuthBlocked),
        ("account_inactive", AuthBlocked),
        ("token_expired", AuthBlocked),
        ("no_permission", AuthBlocked),
        ("restricted_action", AuthBlocked),
        ("ratelimited", RetrySafe),
        ("rate_limited", RetrySafe),
        ("request_timeout", RetrySafe),
        ("fatal_error", Uncertain),
        ("internal_error", Uncertain),
        ("Received <html> canary-9b", Uncertain),
        ("", Uncertain),
        ("msg_too_long", Rejected),
        ("cant_update_message", Rejected),
        ("some_new_error", Rejected),
    ],
)
def test_every_error_code_has_its_outcome(
    slack: SlackStandin, chat: ChatPort, error: str, outcome: type[ConnectorError]
) -> None:
    slack.fail_next("chat.postMessage", error)
    with pytest.raises(outcome) as caught:
        chat.post(MESSAGE)
    assert type(caught.value) is outcome
    assert "canary" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


@pytest.mark.parametrize(
    ("status", "outcome"), [(401, AuthBlocked), (403, AuthBlocked), (400, Rejected), (404, Rejected), (408, Uncertain)]
)
def test_an_http_refusal_has_its_outcome(
    slack: SlackStandin, chat: ChatPort, status: int, outcome: type[ConnectorError]
) -> None:
    slack.faults.script("chat.postMessage", Fault("status", status=status))
    with pytest.raises(outcome):
        chat.post(MESSAGE)


@pytest.mark.parametrize("channel", ["C0NONE", "C0OLD", "C0SEC", "#pay", "pay", "../x", ""])
def test_a_channel_that_cannot_be_written_to_is_rejected(chat: ChatPort, channel: str) -> None:
    with pytest.raises(Rejected):
        chat.post(replace(MESSAGE, channel=channel))


def test_a_message_that_is_gone_is_rejected(chat: ChatPort) -> None:
    with pytest.raises(Rejected):
        chat.update(Posted("C0PAY", "1.000001"), MESSAGE)
    with pytest.raises(Rejected):
        chat.update(Posted("C0PAY", "not a ts"), MESSAGE)


@pytest.mark.parametrize("user", ["U0NOBODY", "maria", "", "U01&user=U02"])
def test_an_unknown_user_is_rejected(chat: ChatPort, user: str) -> None:
    with pytest.raises(Rejected):
        chat.user(user)


def test_a_revoked_token_blocks_and_names_the_next_step(slack: SlackStandin, chat: ChatPort) -> None:
    slack.workspace.revoked = True
    with pytest.raises(AuthBlocked) as caught:
        chat.post(MESSAGE)
    assert "token" in caught.value.hint


@pytest.mark.parametrize("code", ["invalid_auth", "not_authed", "account_inactive", "not_allowed_token_type"])
def test_a_wrong_token_is_mended_by_another_one_and_not_by_asking_the_same_again(code: str) -> None:
    from activities._slack.outcomes import _hint

    assert "xoxb-" in _hint(code)
    assert "doctor" not in _hint(code)


def test_a_missing_scope_blocks(slack: SlackStandin, chat: ChatPort) -> None:
    slack.workspace.scopes = ("users:read",)
    with pytest.raises(AuthBlocked):
        chat.post(MESSAGE)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (b"200 OK", b"[]"),
        (b"200 OK", b'"ok"'),
        (b"200 OK", b'{"ok": true}'),
        (b"200 OK", b'{"ok": true, "channel": "C0PAY", "ts": null}'),
        (b"200 OK", b""),
        (b"200 OK", b"\xff\xfe"),
        (b"200 OK", b'{"ok": true, "ch'),
        (b"500 Oops", b"\xff"),
        (b"nonsense", b""),
    ],
)
def test_a_lying_server_leaves_a_write_uncertain(status: bytes, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(Uncertain):
        connect(url).post(MESSAGE)


def test_a_user_that_was_not_asked_for_is_not_believed() -> None:
    with answering(b"200 OK", b'{"ok": true, "user": {"id": "U0OTHER"}}') as url, pytest.raises(RetrySafe):
        connect(url).user("U01MARIA")


@contextmanager
def answering(status: bytes, body: bytes) -> Iterator[str]:
    """A server that says one thing once, whatever it is asked."""
    reply = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, reply), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/"
        thread.join(timeout=5)


def _answer(listener: socket.socket, reply: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def test_one_connector_serves_many_threads(slack: SlackStandin, chat: ChatPort, news: News) -> None:
    keys = [f"{number:04x}" for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(lambda key: (key, chat.post(replace(MESSAGE, key=key)).ref), keys))
    entries = news("slack.posted")
    assert {(entry["metadata"]["event_payload"]["key"], entry["ts"]) for entry in entries} == set(posted)


def test_doctor_is_content_with_a_healthy_workspace(chat: ChatPort) -> None:
    assert [check for check in chat.doctor() if not check.ok] == []


def test_doctor_names_what_is_wrong(slack: SlackStandin) -> None:
    slack.workspace.scopes = ("chat:write",)
    checks = connect(slack.url + "/api/", team_id="T0ELSE").doctor()
    failed = {check.name: check for check in checks if not check.ok}
    assert set(failed) == {"slack workspace", "slack scopes"}
    assert "users:read" in failed["slack scopes"].detail
    assert all(check.fix for check in failed.values())


def test_doctor_survives_a_revoked_token(slack: SlackStandin, chat: ChatPort) -> None:
    slack.workspace.revoked = True
    (check,) = chat.doctor()
    assert not check.ok
    assert check.fix


def test_nothing_the_vendor_says_reaches_the_log(
    slack: SlackStandin, chat: ChatPort, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    slack.faults.script("chat.postMessage", Fault("html"), Fault("drop_before"))
    for _ in range(2):
        with pytest.raises(Uncertain):
            chat.post(MESSAGE)
    assert [record for record in caplog.records if "slack" in record.name] == []
