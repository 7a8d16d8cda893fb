"""Senders for the intake benchmark: keep-alive connections that post signed findings as fast as they are answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from stanch.intake.signatures import sign


@dataclass
class Tally:
    """What the senders were told. `accepted` maps a finding's uid to its case; `unanswered` are not promised."""

    accepted: dict[str, str] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    unanswered: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.accepted) / self.seconds if self.seconds else 0.0


def finding(uid: str) -> bytes:
    """One realistic finding of our own format, a problem of its own for each uid."""
    return json.dumps(
        {
            "schema": "finding/1",
            "uid": uid,
            "title": "Orders endpoint returns whole customer records",
            "description": "The response holds fields that the client never shows: address, date of birth, card brand.",
            "kind": "exposure",
            "severity": "high",
            "confidence": 0.9,
            "category": "API3:2023",
            "rule": "excessive-data",
            "api": {"host": "api.example.com", "method": "GET", "path": f"/orders/{uid}/lines/17"},
            "data_classification": ["pii"],
            "labels": ["team-orders"],
        }
    ).encode()


class Sender:
    """One keep-alive connection."""

    def __init__(self, port: int, source: str, secret: str) -> None:
        self._port, self._source, self._secret = port, source, secret
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes, delivery_id: str) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            OSError: there was no answer.
        """
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(self._request(body, delivery_id))
            return await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.close()
            raise ConnectionError from None

    def _request(self, body: bytes, delivery_id: str) -> bytes:
        signed = sign(body, secret=self._secret, delivery_id=delivery_id, now=datetime.now(UTC))
        lines = [f"POST /v1/findings/{self._source} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        lines += ["content-type: application/json", *(f"{name}: {value}" for name, value in signed.items())]
        return "\r\n".join((*lines, "", "")).encode() + body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return int(head[9:12]), await reader.readexactly(length)


async def flood(
    port: int,
    *,
    secret: str,
    senders: int,
    findings: int,
    retry: Callable[[], bool] = lambda: False,
    tally: Tally | None = None,
    source: str = "own",
) -> Tally:
    """Post that many findings over that many connections; while `retry` says so, what is not accepted is sent again."""
    tally = tally or Tally()
    waiting, run = iter(range(findings)), uuid4().hex[:8]

    async def one() -> None:
        sender = Sender(port, source, secret)
        for number in waiting:
            await _until_accepted(sender, f"{run}-{number}", tally, retry)
        sender.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(senders)))
    tally.seconds = time.perf_counter() - began
    return tally


async def _until_accepted(sender: Sender, uid: str, tally: Tally, retry: Callable[[], bool]) -> None:
    while True:
        began = time.perf_counter()
        try:
            status, answer = await sender.post(finding(uid), f"msg_{uid}")
        except OSError:
            tally.unanswered += 1
            status, answer = 0, b""
        if status == 202:
            tally.latencies.append(time.perf_counter() - began)
            tally.accepted[uid] = json.loads(answer)["results"][0]["case_id"]
            return
        tally.refused[status] = tally.refused.get(status, 0) + 1
        if not retry():
            return
        await asyncio.sleep(0.1)
