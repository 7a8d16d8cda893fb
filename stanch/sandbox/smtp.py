"""A stand-in for a mail server: SMTP on a real socket with STARTTLS, TLS and sign-in; nothing leaves this machine."""

from __future__ import annotations

import shutil
import socketserver
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from stanch.sandbox._faults import Faults
from stanch.sandbox._ledger import Ledger
from stanch.sandbox._smtp_session import Session
from stanch.sandbox._smtp_tls import own_certificate


class SmtpStandin:
    """A mail server on 127.0.0.1. Its ledger has each mail that it took (`smtp.mail`) with headers, body and raw text.

    Faults are scripted by command in lower case, and `connect` and `content`: modes `status`, `drop_before`,
    `drop_after` (of content: taken, and not told), `hang`, `delay`, `html` (no SMTP at all), `truncated` (an answer
    without an end).

    Args:
        starttls: offer STARTTLS. implicit: TLS from the first byte.
        users: passwords by name; where there are any, mail is taken only after signing in.
        unknown: addresses that are nobody's.
    """

    def __init__(
        self,
        *,
        starttls: bool = True,
        implicit: bool = False,
        users: Mapping[str, str] | None = None,
        unknown: Collection[str] = (),
        ledger: Path | None = None,
    ) -> None:
        self.starttls, self.implicit = starttls, implicit
        self.users = dict(users or {})
        self.unknown = set(unknown)
        self.ledger = Ledger(ledger)
        self.faults = Faults()
        self._folder = Path(tempfile.mkdtemp(prefix="stand-in-"))
        self.certificate = own_certificate(self._folder)
        standin = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                Session(standin, self.request).run()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def mails(self) -> list[dict[str, Any]]:
        """What it took, oldest first."""
        return self.ledger.entries("smtp.mail")

    def section(self, **more: Any) -> dict[str, Any]:
        """A section of stanch.toml that sends here."""
        tls = "tls" if self.implicit else "starttls" if self.starttls else "none"
        known = next(iter(self.users.items()), ("", ""))
        signed = {"user": known[0], "password": known[1]} if self.users else {}
        where = {"kind": "smtp", "host": "127.0.0.1", "port": self.port, "tls": tls, "ca_file": str(self.certificate)}
        return {**where, "sender": "stanch@example.com", **signed, **more}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.ledger.entries())
