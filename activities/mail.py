"""E-mail as a way to tell people: plain text over SMTP under TLS, one address a mail, and nothing to decide with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from activities._mail import outcomes
from activities._mail.line import conversation, goodbye
from activities._mail.settings import MailConfig
from activities._section import read_section
from stanch.errors import ConnectorError, Rejected
from stanch.mailing import Letter, is_address
from stanch.ports import Check, Connector
from stanch.sinks.text import clean, one_line

MAX_BYTES = 256 * 1024
_KEY = re.compile(r"[0-9a-f]{16,64}", re.ASCII)
_MESSAGE_ID = re.compile(r"<[0-9a-f]{16,64}@[A-Za-z0-9.-]{1,253}>", re.ASCII)


class Mail:
    """`stanch.mailing.MailPort` over SMTP; each letter is a conversation of its own, so threads share nothing.

    SMTP has no way to ask whether a mail was taken. After Uncertain the same letter is sent again with the same
    Message-ID, by which most mailboxes keep one of the two; a mail decides nothing, so a second one harms nobody.
    """

    def __init__(self, config: MailConfig) -> None:
        self.config = config

    def send(self, letter: Letter) -> str:
        """Hand the letter over; gives its Message-ID.

        Raises:
            Rejected: the server, or we, will not send this to this address.
            AuthBlocked: the server does not let us send.
            RetrySafe: it was not sent.
            Uncertain: the content was on its way and no answer came.
        """
        written = _written(letter, self.config)
        raw = written.as_bytes()
        if len(raw) > MAX_BYTES:
            raise Rejected("the mail is too large", code="V245")
        with conversation(self.config) as line:
            options = [f"size={len(raw)}"] if line.has_extn("size") else []
            outcomes.asked(lambda: line.mail(self.config.sender, options), step=outcomes.SENDER)
            outcomes.asked(lambda: line.rcpt(letter.to), step=outcomes.RECIPIENT)
            outcomes.asked(lambda: line.data(raw), step=outcomes.CONTENT)
            goodbye(line)
        return str(written["Message-ID"])

    def doctor(self) -> Sequence[Check]:
        """Connection, TLS and sign-in, and whether the sender is taken; no mail is sent."""
        try:
            with conversation(self.config) as line:
                outcomes.asked(lambda: line.mail(self.config.sender), step=outcomes.SENDER)
                outcomes.asked(line.rset, step=outcomes.SENDER)
                goodbye(line)
        except ConnectorError as error:
            return [Check(name="mail server", ok=False, detail=error.message, fix=error.hint)]
        protection = {"none": "in the clear, on this machine"}.get(self.config.tls, f"under TLS ({self.config.tls})")
        signed = "signed in" if self.config.user else "without signing in"
        return [
            Check(name="mail server", ok=True, detail=f"takes mail of {self.config.sender}, {protection}, {signed}")
        ]


def build(name: str, section: Mapping[str, Any]) -> Mail:
    """The connector from its section, secrets resolved."""
    return Mail(read_section(MailConfig, name, section))


def _written(letter: Letter, config: MailConfig) -> EmailMessage:
    """The mail; the library encodes every header, and refuses a newline in one."""
    if not is_address(letter.to):
        hint = "write one plain address, such as ana@example.com, in the directory"
        raise Rejected("this is no address that mail can be sent to", code="V245", hint=hint)
    if not _KEY.fullmatch(letter.key):
        raise Rejected("the mail has no usable key", code="V245")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(one_line(config.sender_name, limit=80), addr_spec=config.sender)
    mail["To"] = Address(addr_spec=letter.to)
    mail["Subject"] = one_line(letter.subject, limit=200)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{letter.key}@{config.domain}>"
    if _MESSAGE_ID.fullmatch(letter.answers):
        mail["In-Reply-To"] = mail["References"] = letter.answers
    # RFC 3834, and Exchange's own word for it: nobody's holiday answers a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(clean(letter.body), charset="utf-8", cte="quoted-printable")
    return mail


CONNECTOR = Connector(port="mail", kind="smtp", build=build)
