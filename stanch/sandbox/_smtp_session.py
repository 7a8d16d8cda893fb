"""One conversation of the mail stand-in: the commands of RFC 5321, STARTTLS and AUTH, and the faults it is told."""

from __future__ import annotations

import base64
import binascii
import contextlib
import email
import email.policy
import re
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stanch.sandbox._fault_rules import Fault
from stanch.sandbox._smtp_tls import server_side

if TYPE_CHECKING:
    from stanch.sandbox.smtp import SmtpStandin

MAX_MAIL = 1024 * 1024
ENDLESS, PAUSE = 2000, 0.05
_PATH = re.compile(rb"(?:FROM|TO):<([^<>\s]*)>", re.IGNORECASE)


class Session:
    """What one client says, answered line by line."""

    def __init__(self, server: SmtpStandin, line: socket.socket) -> None:
        self._server = server
        self._line = line
        self._file = line.makefile("rb")
        self._tls = self._mute = False
        self._user = self._sender = ""
        self._to: list[str] = []
        self._commands: dict[str, Callable[[bytes], bool]] = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: self._say("250 2.0.0 fine"),
        }

    def run(self) -> None:
        """Until the client says QUIT, goes, or a fault ends it."""
        with contextlib.suppress(OSError):
            if self._server.implicit:
                self._protect()
            going = self._step("connect", lambda: self._say("220 stand-in ESMTP"))
            while going and (said := self._file.readline(4096)):
                going = self._obey(said)
        with contextlib.suppress(OSError):
            self._file.close()
            self._line.close()

    def _obey(self, said: bytes) -> bool:
        verb, _, rest = said.strip().partition(b" ")
        name = verb.upper().decode("ascii", "replace")
        if name == "QUIT":
            return self._say("221 2.0.0 bye") and False
        command = self._commands.get(name)
        if command is None:
            return self._say("502 5.5.1 no such command")
        return self._step(name.lower(), lambda: command(rest))

    def _step(self, operation: str, work: Callable[[], bool]) -> bool:
        """Do it, or what a fault says instead; gives whether the line goes on."""
        fault = self._server.faults.take(operation)
        if fault is None:
            return work()
        if fault.mode == "drop_after":
            self._mute = True
            return work() and False
        if fault.mode == "delay":
            time.sleep(fault.seconds)
            return work()
        return self._spoil(fault)

    def _spoil(self, fault: Fault) -> bool:
        if fault.mode == "status":
            return self._say(f"{fault.status} {fault.reason or 'as told'}")
        if fault.mode == "html":
            return self._say("<html>Sign in to continue</html>") and False
        if fault.mode == "hang":
            time.sleep(fault.seconds)
        elif fault.mode == "truncated":  # an answer without an end
            for number in range(ENDLESS):
                self._say(f"250-{number}")
                time.sleep(PAUSE)
        return False

    def _say(self, *lines: str) -> bool:
        if self._mute:
            return False
        self._line.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return True

    def _ehlo(self, _rest: bytes) -> bool:
        extensions = ["250-stand-in", f"250-SIZE {MAX_MAIL}"]
        extensions += ["250-STARTTLS"] if self._server.starttls and not self._tls else []
        extensions += ["250-AUTH PLAIN"] if self._server.users and self._tls else []
        return self._say(*extensions, "250 8BITMIME")

    def _starttls(self, _rest: bytes) -> bool:
        if not self._server.starttls:
            return self._say("502 5.5.1 no such command")
        self._say("220 2.0.0 go ahead")
        self._protect()
        return True

    def _protect(self) -> None:
        self._line = server_side(self._server.certificate).wrap_socket(self._line, server_side=True)
        self._file = self._line.makefile("rb")
        self._tls = True

    def _auth(self, rest: bytes) -> bool:
        way, _, first = rest.partition(b" ")
        if way.upper() != b"PLAIN" or not self._tls:
            return self._say("504 5.5.4 not this way")
        with contextlib.suppress(binascii.Error, ValueError):
            _, user, password = base64.b64decode(first).split(b"\0")
            if self._server.users.get(user.decode()) == password.decode():
                self._user = user.decode()
                return self._say("235 2.7.0 welcome")
        self._server.ledger.append("smtp.sign_in_refused", {})
        return self._say("535 5.7.8 no")

    def _mail(self, rest: bytes) -> bool:
        if self._server.users and not self._user:
            return self._say("530 5.7.0 sign in first")
        found = _PATH.match(rest)
        self._sender, self._to = (found[1].decode() if found else ""), []
        return self._say("250 2.1.0 fine" if found else "501 5.5.4 whom?")

    def _rcpt(self, rest: bytes) -> bool:
        found = _PATH.match(rest)
        address = found[1].decode() if found else ""
        if not address or address in self._server.unknown:
            return self._say("550 5.1.1 nobody here")
        self._to.append(address)
        return self._say("250 2.1.5 fine")

    def _rset(self, _rest: bytes) -> bool:
        self._sender, self._to = "", []
        return self._say("250 2.0.0 fine")

    def _data(self, _rest: bytes) -> bool:
        if not self._to:
            return self._say("503 5.5.1 for whom?")
        self._say("354 go on")
        lines: list[bytes] = []
        while (said := self._file.readline(64 * 1024)) not in (b".\r\n", b""):
            lines.append(said[1:] if said.startswith(b".") else said)
        return bool(said) and self._step("content", lambda: self._taken(b"".join(lines)))

    def _taken(self, raw: bytes) -> bool:
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        shown = {name.lower(): str(value) for name, value in mail.items()}
        body = "" if mail.is_multipart() else mail.get_content().replace("\r\n", "\n")
        told = {"sender": self._sender, "to": list(self._to), "headers": shown, "body": body}
        self._server.ledger.append(
            "smtp.mail", {**told, "raw": raw.decode("ascii", "replace"), "tls": self._tls, "user": self._user}
        )
        return self._say("250 2.0.0 queued")
