"""One signed request to a device: to the very address that was checked, without redirects, bounded in time and size."""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

from activities._fence import before_write
from activities._outcomes import Call, status_error, unusable
from activities._scan_address import allowed_addresses
from activities._webhook.form import Filled, Values, host_of
from activities._webhook.settings import Device
from stanch.errors import ConfigError, Rejected, RetrySafe, Uncertain
from stanch.intake.signatures import Scheme, sign, usable

MAX_ADDRESSES = 3  # of a name that leads to many, so that trying them ends within an attempt
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Answer:
    """An expected answer; `data` is its JSON, None where it has none."""

    status: int
    data: Any


class Sender:
    """Talks to one device. Safe to share between threads: every request has a connection of its own."""

    def __init__(self, name: str, device: Device) -> None:
        self.name = name
        self._device = device
        self._trust = _trust(device.ca_file)
        if not usable(Scheme.STANDARD_WEBHOOKS, device.secret.get_secret_value()):
            hint = "it looks like whsec_ and base64"
            raise ConfigError(f"{name}: `secret` is not a Standard Webhooks secret", hint=hint)

    def __repr__(self) -> str:
        return f"Sender({self.name!r})"

    def send(self, filled: Filled, values: Values, *, action: str, key: str, also: tuple[int, ...] = ()) -> Answer:
        """Send and read.

        Args:
            filled: the request.
            values: for the device's host name.
            action: in words, for errors.
            key: idempotency key of the effect; with `action` it names this request, however often it is sent.
            also: further statuses that are answers.

        Raises:
            ConnectorError: the outcome, where the status is none of those expected.
        """
        call = Call(system=self.name, action=action, write=filled.method != "GET")
        parts = urlsplit(host_of(self._device.url, values))
        host, port = self._place(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        filled = replace(filled, target=parts.path + filled.target)
        headers = {**self._headers(filled, parts.netloc, action=action, key=key), "Host": parts.netloc}
        for address in allowed_addresses(host, port, self._device.networks)[:MAX_ADDRESSES]:
            shown = f"[{address}]" if ":" in address else address
            url = f"{parts.scheme}://{shown}:{port}{filled.target}"
            if call.write:
                before_write()
            try:
                status, head, body = self._exchange(filled, url, headers, host)
                break
            except _NOT_SENT:
                continue  # nothing has gone out, so the next address may be tried
            except _TooLargeError:
                _no_answer(call, f"; it is larger than max_bytes ({self._device.max_bytes})", hint="raise `max_bytes`")
            except (httpx.HTTPError, httpx.InvalidURL, OSError):
                _no_answer(call)
        else:
            hint = "check `url`, its certificate and the firewall"
            raise RetrySafe(f"{self.name} cannot be reached", hint=hint)
        if status not in (*filled.expect, *also):
            # Another 2xx than those expected is no refusal: what it did is unknown.
            raise unusable(call) if 200 <= status < 300 else status_error(call, status, headers=head)
        return Answer(status, self._read(body, call))

    def _place(self, host: str, port: int) -> tuple[str, int]:
        allow = self._device.allow
        if allow and not any(_covers(pattern, host) for pattern in allow):
            raise Rejected("the device's host is not one that may be called", code="V041", hint="see `allow`")
        return host, port

    def _headers(self, filled: Filled, place: str, *, action: str, key: str) -> dict[str, str]:
        """Signed, so that a request cannot be sent again in another's place: its id names method and address, too."""
        step = f"{key}.{action.split(maxsplit=1)[0]}"
        about = hashlib.sha256(f"{filled.method} {place}{filled.target}".encode()).hexdigest()[:16]
        signed = sign(
            filled.body,
            secret=self._device.secret.get_secret_value(),
            delivery_id=f"{step}.{about}.{secrets.token_hex(4)}",
            now=datetime.now(UTC),
        )
        own = {name: value.get_secret_value() for name, value in self._device.headers.items()}
        kind = {"Content-Type": "application/json"} if filled.body else {}
        kind |= {"Idempotency-Key": step} if filled.method != "GET" else {}
        return {**own, "Accept": "application/json", "Accept-Encoding": "identity", **kind, **signed}

    def _exchange(
        self, filled: Filled, url: str, headers: Mapping[str, str], host: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        device = self._device
        waits = httpx.Timeout(device.timeout, connect=device.connect_timeout)
        cut = _Cut()
        extensions = {"sni_hostname": host, "trace": cut.trace}
        with (
            cut.after(device.timeout + device.connect_timeout),
            httpx.Client(verify=self._trust, timeout=waits, trust_env=False, follow_redirects=False) as client,
            client.stream(
                filled.method, url, content=filled.body or None, headers=dict(headers), extensions=extensions
            ) as answer,
        ):
            body = b""
            for piece in answer.iter_raw():
                body += piece
                if len(body) > device.max_bytes:
                    raise _TooLargeError
            return answer.status_code, answer.headers, body

    def _read(self, body: bytes, call: Call) -> Any:
        if not body.strip():
            return None
        try:
            return json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            if call.write:
                return None  # a device may say what it likes to a change; what counts is what `verify` shows
            raise unusable(call) from None


class _Cut:
    """Ends an exchange that lasts too long as a whole, however often a byte of it comes."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._over = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]
            if self._over:
                self._end()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._over = True
        plug = self._stream.get_extra_info("socket") if self._stream is not None else None
        if plug is not None:
            try:
                socket.socket.shutdown(plug, socket.SHUT_RDWR)
            except OSError:
                return  # it had ended by itself


class _TooLargeError(Exception):
    """Nobody has to read so much."""


def _no_answer(call: Call, why: str = "", *, hint: str = "") -> NoReturn:
    message = f"{call.system} gave no usable answer{why}"
    raise (Uncertain if call.write else RetrySafe)(message, hint=hint)


def _covers(pattern: str, host: str) -> bool:
    """`*.` in front of a pattern stands for exactly one label."""
    if not pattern.startswith("*."):
        return pattern.lower() == host.lower()
    label, _, rest = host.lower().partition(".")
    return bool(label) and fnmatchcase(rest, pattern[2:].lower())


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError):
        raise ConfigError("`ca_file` of a webhook cannot be read", hint="a PEM file with certificates") from None


def _no_constant(_text: str) -> NoReturn:
    raise ValueError("no JSON")
