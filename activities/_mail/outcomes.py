"""How a conversation with a mail server ended, in our outcomes; nothing that the server wrote is passed on."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from typing import TypeVar

from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain

_T = TypeVar("_T")
# RFC 4954, RFC 3207: sign in first, or with more than this.
_SIGN_IN = frozenset((530, 534, 535, 538))
_ENHANCED = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9])")
CONNECT, START_TLS, SIGN_IN, SENDER = "connect", "start TLS", "sign in", "take the sender"
RECIPIENT, HEADER, CONTENT = "take the address", "begin the mail", "take the mail"
_HINTS = {
    START_TLS: 'use tls = "tls" with port 465 if the server has no STARTTLS; mail is never sent in the clear',
    SIGN_IN: "check user and password, and that the server lets this account send",
    SENDER: "check `sender`, and that the account may send as it",
    RECIPIENT: "check the address in the directory of routes.yaml",
}


def asked(call: Callable[[], tuple[int, bytes]], *, step: str, wants: int = 250) -> None:
    """Ask the server for one step; it returns, or raises how it ended. Only `CONTENT` can end unclear."""
    code, text = tried(call, step=step)
    if code != wants:
        raise refused(code, text, step=step)


def tried(call: Callable[[], _T], *, step: str) -> _T:
    """Run one call of the library in the same way."""
    try:
        return call()
    except smtplib.SMTPResponseException as error:  # of it are also errors of sign-in, greeting and DATA
        text = error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        outcome = refused(error.smtp_code, text, step=step)
    except smtplib.SMTPNotSupportedError:
        outcome = Rejected(f"the mail server cannot {step}", code="V242", hint=_hint(step))
    except ssl.SSLCertVerificationError:
        hint = "set `host` to the name in its certificate, and `ca_file` where the authority is your own"
        outcome = RetrySafe("the mail server's certificate is not trusted", code="V240", hint=hint)
    except smtplib.SMTPServerDisconnected:
        outcome = unclear(step=step)
    except smtplib.SMTPException:
        outcome = Rejected(f"the mail server cannot {step} in a way that we can", code="V242", hint=_hint(step))
    except (OSError, ValueError):
        outcome = unclear(step=step)
    raise outcome


def refused(code: int, text: bytes, *, step: str) -> ConnectorError:
    """The outcome of an answer that is not the one wanted.

    Args:
        code: three digits of RFC 5321; anything else is no answer.
        text: of which only an enhanced status code (RFC 3463) is read.
        step: what the server was asked to do.
    """
    found = _ENHANCED.match(text.strip())
    said = f"{code} {found[1].decode()}" if found else str(code)
    if 400 <= code < 500:
        return RetrySafe(f"the mail server asks to try again later: {step} ({said})", code="V244")
    if not 500 <= code < 600:
        return unclear(step=step)
    # 5.7 is policy: whoever we are, we may not send as this sender.
    if code in _SIGN_IN or step == SIGN_IN or (step == SENDER and said[4:].startswith("5.7.")):
        return AuthBlocked(f"the mail server does not let us {step} ({said})", code="V243", hint=_hint(step))
    return Rejected(f"the mail server refused to {step} ({said})", code="V242", hint=_hint(step))


def unclear(*, step: str) -> ConnectorError:
    """No usable answer: until the content is on its way, nothing has been sent."""
    if step == CONTENT:
        return Uncertain("the mail server did not say whether it took the mail", code="V241")
    hint = "check host, port, tls and the network; `stanch doctor`"
    return RetrySafe(f"the mail server gave no usable answer: {step}", code="V240", hint=hint)


def _hint(step: str) -> str:
    return _HINTS.get(step, "`stanch doctor` checks the mail server")
