"""One conversation with the mail server: connected within a time, under TLS, signed in; never in the clear."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from activities._mail import outcomes
from activities._mail.settings import MailConfig

TOTAL_SECONDS = 15.0  # an attempt has 20; a server that answers a byte at a time must not use them up


class _Line(smtplib.SMTP):
    """The library's client with TLS from the first byte where wished, and an end that each answer cannot put off."""

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._end = threading.Timer(TOTAL_SECONDS, self._cut)
        self._end.daemon = True
        self._end.start()
        try:
            super().__init__(config.host, config.port, local_hostname=config.name_here, timeout=config.timeout)
        except BaseException:
            self.hang_up()
            raise

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """As the library does, but that TLS begins at once where the configuration says so."""
        raw = socket.create_connection((host, port), self.timeout, source_address)
        self.sock: socket.socket | None = raw
        if self._config.tls == "tls":
            self.sock = trusted(self._config).wrap_socket(raw, server_hostname=host)
        self.file = None
        return self.getreply()

    def hang_up(self) -> None:
        self._end.cancel()
        with contextlib.suppress(OSError):
            self.close()

    def _cut(self) -> None:
        line = getattr(self, "sock", None)
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def trusted(config: MailConfig) -> ssl.SSLContext:
    """Certificates are always checked, against the usual authorities or those of `ca_file`."""
    context = ssl.create_default_context(cafile=config.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextmanager
def conversation(config: MailConfig) -> Iterator[smtplib.SMTP]:
    """A server that would take mail from us now.

    Raises:
        ConnectorError: why it would not; nothing has been sent.
    """
    line = outcomes.tried(lambda: _Line(config), step=outcomes.CONNECT)
    try:
        outcomes.asked(line.ehlo, step=outcomes.CONNECT)
        if config.tls == "starttls":
            _under_tls(line, config)
        if config.user:
            _signed_in(line, config)
        yield line
    finally:
        line.hang_up()


def goodbye(line: smtplib.SMTP) -> None:
    """Say QUIT; what has been taken does not depend on the answer."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        line.quit()


def _under_tls(line: smtplib.SMTP, config: MailConfig) -> None:
    outcomes.tried(lambda: line.starttls(context=trusted(config)), step=outcomes.START_TLS)
    outcomes.asked(line.ehlo, step=outcomes.START_TLS)


def _signed_in(line: smtplib.SMTP, config: MailConfig) -> None:
    password = config.password.get_secret_value()
    outcomes.tried(lambda: line.login(config.user, password), step=outcomes.SIGN_IN)
