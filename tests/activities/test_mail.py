"""A mail over the real smtplib to a mail server on a socket: what arrives, and how each way to fail ends."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities._mail import line as _mail_line
from activities.mail import Mail, build
from stanch.errors import AuthBlocked, ConfigError, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.mailing import Letter, is_address
from stanch.sandbox._server import Fault
from stanch.sandbox.smtp import SmtpStandin

LETTER = Letter(key="ab" * 16, to="ana@example.com", subject="Decision needed", body="Block it?\n.\nUntil noon.\n")
USERS = {"stanch": "a-password"}
HEADERS = [
    *("Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"),
    *("Subject", "To", "X-Auto-Response-Suppress"),
]


@pytest.fixture
def server() -> Iterator[SmtpStandin]:
    with SmtpStandin(users=USERS) as standin:
        yield standin


def connector(server: SmtpStandin, **more: Any) -> Mail:
    return build("office", server.section(**more))


def test_a_letter_arrives_once_under_tls_and_signed_in(server: SmtpStandin) -> None:
    message_id = connector(server).send(LETTER)
    (mail,) = server.mails()
    assert (mail["sender"], mail["to"], mail["tls"], mail["user"]) == (
        "stanch@example.com",
        ["ana@example.com"],
        True,
        "stanch",
    )
    assert mail["headers"]["message-id"] == message_id == f"<{'ab' * 16}@example.com>"
    assert mail["headers"]["auto-submitted"] == "auto-generated"
    assert mail["headers"]["content-type"].startswith("text/plain")
    assert mail["body"] == LETTER.body


def test_tls_from_the_first_byte() -> None:
    with SmtpStandin(implicit=True) as server:
        connector(server).send(LETTER)
        assert [mail["tls"] for mail in server.mails()] == [True]


def test_a_later_letter_answers_the_first(server: SmtpStandin) -> None:
    first = connector(server).send(LETTER)
    connector(server).send(Letter(key="cd" * 16, to=LETTER.to, subject="Decided", body="x", answers=first))
    connector(server).send(Letter(key="ef" * 16, to=LETTER.to, subject="x", body="x", answers="<a@b>\r\nBcc: e@f"))
    assert [mail["headers"].get("in-reply-to") for mail in server.mails()] == [None, first, None]


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(max_size=300) | st.sampled_from(["x\r\nBcc: eve@evil.example", "\r\n.\r\nMAIL FROM:<e@v>", "\ud800"])
)
def test_no_text_becomes_a_header_a_command_or_a_second_mail(text: str) -> None:
    from activities.mail import _written

    config = build("office", {"host": "127.0.0.1", "tls": "none", "sender": "stanch@example.com"}).config
    raw = _written(Letter(key="ab" * 16, to="ana@example.com", subject=text, body=text), config).as_bytes()
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert sorted(read.keys()) == HEADERS
    assert read["To"] == "ana@example.com"
    assert raw.isascii()
    shown = read.get_content().replace("\r\n", "\n")
    assert not any((ord(char) < 32 and char not in "\n\t") or 0x202A <= ord(char) <= 0x202E for char in shown)


HOSTILE = ["", "ana", "ana@", "a@b\r\nBcc: e@f", "<a@b>", "a@b,c@d", "a b@c", '"a"@b', "a@[127.0.0.1]", "ä@b", "a@b>"]


@pytest.mark.parametrize("address", HOSTILE)
def test_what_is_no_plain_address_is_never_written_to(server: SmtpStandin, address: str) -> None:
    with pytest.raises(Rejected) as refused:
        connector(server).send(Letter(key="ab" * 16, to=address, subject="x", body="x"))
    assert refused.value.code == "V245"
    assert server.mails() == []
    assert not is_address(address)


@pytest.mark.parametrize(
    ("operation", "fault", "outcome", "code"),
    [
        ("connect", Fault("status", status=421), RetrySafe, "V244"),
        ("connect", Fault("status", status=554), Rejected, "V242"),
        ("connect", Fault("drop_before"), RetrySafe, "V240"),
        ("connect", Fault("html"), RetrySafe, "V240"),
        ("starttls", Fault("status", status=454), RetrySafe, "V244"),
        ("auth", Fault("status", status=535), AuthBlocked, "V243"),
        ("auth", Fault("status", status=454), RetrySafe, "V244"),
        ("mail", Fault("status", status=530), AuthBlocked, "V243"),
        ("mail", Fault("status", status=553, reason="5.7.1 not you"), AuthBlocked, "V243"),
        ("mail", Fault("status", status=552), Rejected, "V242"),
        ("rcpt", Fault("status", status=450), RetrySafe, "V244"),
        ("rcpt", Fault("status", status=550), Rejected, "V242"),
        ("rcpt", Fault("drop_before"), RetrySafe, "V240"),
        ("data", Fault("status", status=451), RetrySafe, "V244"),
        ("content", Fault("status", status=451), RetrySafe, "V244"),
        ("content", Fault("status", status=554), Rejected, "V242"),
        ("content", Fault("html"), Uncertain, "V241"),
        ("content", Fault("drop_before"), Uncertain, "V241"),
        ("content", Fault("drop_after"), Uncertain, "V241"),
        ("content", Fault("hang", seconds=2), Uncertain, "V241"),
    ],
)
def test_each_failure_has_its_outcome(
    server: SmtpStandin, operation: str, fault: Fault, outcome: type[ConnectorError], code: str
) -> None:
    server.faults.script(operation, fault)
    with pytest.raises(outcome) as ended:
        connector(server, timeout=0.5).send(LETTER)
    assert ended.value.code == code
    assert "as told" not in str(ended.value)
    assert "a-password" not in repr(ended.value.__dict__)
    assert len(server.mails()) == (1 if fault.mode == "drop_after" else 0)


def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    with SmtpStandin(starttls=False) as server:
        with pytest.raises(Rejected) as refused:
            connector(server, tls="starttls").send(LETTER)
        assert refused.value.code == "V242"
        assert server.mails() == []


def test_a_foreign_certificate_gets_nothing(server: SmtpStandin) -> None:
    with pytest.raises(RetrySafe) as refused:
        connector(server, ca_file="").send(LETTER)
    assert refused.value.code == "V240"
    assert server.mails() == []


def test_an_answer_without_an_end_ends(server: SmtpStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mail_line, "TOTAL_SECONDS", 0.5)
    server.faults.script("mail", Fault("truncated"))
    with pytest.raises(RetrySafe):
        connector(server).send(LETTER)


def test_nobody_listens() -> None:
    with SmtpStandin() as server:
        section = server.section()
    with pytest.raises(RetrySafe) as ended:
        build("office", section).send(LETTER)
    assert ended.value.code == "V240"


def test_doctor_tries_everything_but_sending(server: SmtpStandin) -> None:
    assert [check.ok for check in connector(server).doctor()] == [True]
    (check,) = connector(server, password="wrong").doctor()
    assert not check.ok
    assert "password" in check.fix
    assert "wrong" not in check.detail + check.fix
    assert server.mails() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"tls": "none", "host": "mail.example.com"},
        {"sender": "a@b\nBcc: e@f"},
        {"host": "a\r\nb"},
        {"user": "only"},
        {"user": "a", "password": "pässword"},
        {"port": 0},
        {"retries": 3},
    ],
)
def test_a_wrong_section_is_refused_without_its_values(wrong: dict[str, Any]) -> None:
    given = {"kind": "smtp", "host": "mail.example.com", "sender": "stanch@example.com"}
    with pytest.raises(ConfigError) as refused:
        build("office", {**given, **wrong})
    assert "pässword" not in str(refused.value)


def test_the_ledger_outlives_the_server(tmp_path: Path) -> None:
    with SmtpStandin(ledger=tmp_path / "mail.jsonl") as server:
        connector(server).send(LETTER)
    assert "smtp.mail" in (tmp_path / "mail.jsonl").read_text("utf-8")
