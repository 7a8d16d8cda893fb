"""Reads a gateway's JSON access log backwards from its end, and redacts what leaves it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stanch.errors import Rejected

_CHUNK = 1 << 20
_LIMIT = 64 << 20
_SLACK = timedelta(seconds=60)  # lines are in order of completion, times are of the start
_CLAIMS = ("sub", "jti", "client_id", "sid")
_CLAIM = "claim:"  # a field `claim:tenant` holds the claim `tenant`
_OPAQUE = re.compile(r"@|%40|^[A-Za-z0-9_=.-]{24,}$|^[0-9][0-9 -]{11,}$")


@dataclass(frozen=True)
class Line:
    """One request as the gateway saw it. Sensitive: claims and addresses are in clear.

    Args:
        client: the address that the gateway believes. peer: the one that the connection came from.
        unlogged: claims for which the log has no field, so that nobody can tell whether the token had them.
    """

    at: datetime
    method: str
    host: str
    path: str
    status: int
    client: str
    claims: Mapping[str, Any]
    policy: str = ""
    shadow_policy: str = ""
    agent: str = ""
    duration_ms: float = 0.0
    peer: str = ""
    unlogged: frozenset[str] = frozenset()

    @property
    def principal(self) -> str:
        """Who asked: the user, else the client, else the token or session; empty for nobody known."""
        return next((self.claims[name] for name in ("sub", "client_id", "jti", "sid") if name in self.claims), "")

    @property
    def nameless(self) -> bool:
        """The log has no field for the user, so that several people may look like one, or like nobody."""
        return "sub" in self.unlogged


@dataclass(frozen=True)
class LogView:
    """Requests of a window, newest first, and what is missing from it.

    Args:
        readable: False where there is no log at all, so that counts mean nothing.
    """

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    readable: bool = True

    def asked(self) -> LogView:
        """Itself, for who counts on what it does not show.

        Raises:
            Rejected: V075, there is no log, in which nothing is found whatever happened.
        """
        if not self.readable:
            raise Rejected("there is no readable access log", code="V075", hint="see `stanch doctor`, and `access_log`")
        return self

    @property
    def coverage(self) -> str:
        if not self.readable:
            return "unknown: " + "; ".join(self.notes)
        return "partial: " + "; ".join(self.notes) if self.notes else "complete"


Parse = Callable[[bytes], Line | None]


def read_log(path: Path, *, since: datetime, limit: int = _LIMIT, parse: Parse | None = None) -> LogView:
    """All requests since a time, reading at most `limit` bytes from the end; `parse` reads a line of another kind."""
    lines: list[Line] = []
    broken = 0
    oldest: datetime | None = None
    try:
        size = path.stat().st_size
        for raw in newest_first(path, limit=limit):
            line = (parse or parse_line)(raw)
            if line is None:
                broken += 1
                continue
            oldest = line.at
            if oldest < since - _SLACK:
                break
            if oldest >= since:
                lines.append(line)
    except OSError:
        return LogView((), ("there is no readable access log",), readable=False)
    return LogView(tuple(lines), tuple(_gaps(oldest, since=since, broken=broken, cut=size > limit)))


def parse_line(raw: bytes) -> Line | None:
    """One log line; None where it is not one of ours in full."""
    try:
        body = json.loads(raw)
        return Line(
            at=datetime.fromisoformat(body["time"]),
            method=_text(body["method"]),
            host=_text(body["host"]),
            path=_text(body["path"]),
            status=int(body["status"]),
            client=_text(body.get("client")),
            claims=_claims(body),
            unlogged=frozenset(name for name in _CLAIMS if name not in body),
            peer=_text(body.get("peer")),
            policy=_text(body.get("policy")),
            shadow_policy=_text(body.get("shadow_policy")),
            agent=_text(body.get("agent")),
            duration_ms=float(body.get("duration_ms") or 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class Redactor:
    """Turns names and addresses into what may be stored: keyed digests and cut networks."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name(self, value: str) -> str:
        """A digest that is the same for the same value and tells nothing else; empty stays empty."""
        if not value:
            return ""
        return "p-" + hmac.new(self._key, f"principal:{value}".encode(), hashlib.sha256).hexdigest()[:16]

    def network(self, address: str) -> str:
        """The /24 or /48 around an address."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return ""
        return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))

    def path(self, path: str) -> str:
        """The path with e-mail addresses, long numbers and opaque ids in it replaced by digests."""
        return "/".join(self.name(part) if _OPAQUE.search(part) else part for part in path[:512].split("/"))

    def sample(self, line: Line) -> dict[str, str]:
        """A line fit for tickets, cards and evidence."""
        return {
            "time": line.at.isoformat(),
            "method": line.method[:16],
            "host": line.host[:253],
            "path": self.path(line.path),
            "status": str(line.status),
            "client": self.network(line.client),
            "principal": self.name(line.principal),
            "policy": line.policy,
            "agent": line.agent[:80],
        }


def _gaps(oldest: datetime | None, *, since: datetime, broken: int, cut: bool) -> Iterator[str]:
    if oldest is None:
        yield "the access log is empty"
    elif oldest > since:
        reason = "is longer than what is read" if cut else "begins later than the window"
        yield f"the access log {reason}: nothing before {oldest.isoformat(timespec='seconds')}"
    if broken:
        yield f"{broken} lines of the access log cannot be read"


def newest_first(path: Path, *, limit: int) -> Iterator[bytes]:
    """Lines of the log and, before them, of the one that was rotated away last."""
    yield from _backwards(path, limit=limit)
    older = path.with_name(path.name + ".1")
    left = limit - path.stat().st_size
    if left > 0 and older.exists():
        yield from _backwards(older, limit=left)


def _backwards(path: Path, *, limit: int) -> Iterator[bytes]:
    """Whole lines from the end; the first, cut one at the limit is left out."""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        stop = max(0, position - limit)
        rest = b""
        while position > stop:
            step = min(_CHUNK, position - stop)
            position -= step
            file.seek(position)
            rest, *whole = (file.read(step) + rest).split(b"\n")
            yield from (line for line in reversed(whole) if line)
        if rest and position == 0:
            yield rest


def _claims(body: Mapping[str, Any]) -> dict[str, Any]:
    """The named claims as text, and each further one as the log has it, under the name in a block."""
    more = {key.removeprefix(_CLAIM): value for key, value in body.items() if key.startswith(_CLAIM)}
    return {name: str(body[name]) for name in _CLAIMS if body.get(name)} | more


def _text(value: Any) -> str:
    return "" if value is None else str(value)
