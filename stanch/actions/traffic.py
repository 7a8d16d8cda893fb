"""Verbs that read: traffic, evidence and the scanner's second look."""

from __future__ import annotations

from datetime import timedelta

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue
from stanch.durations import Duration


class Usage(Params):
    host: str
    path: str = "/**"
    method: str = ""
    window: Duration = timedelta(days=7)
    at: str = ""


class Used(Outputs):
    requests: int = 0
    clients: int = 0
    principals: int = 0
    errors: int = 0
    last_seen: str = ""
    coverage: str = ""


class Snapshot(Params):
    finding: str = ""
    window: Duration = timedelta(minutes=30)


class Preserved(Outputs):
    sha256: str = ""
    items: int = 0
    path: str = ""


class Rescan(Params):
    finding: str = ""


class Rescanned(Outputs):
    clean: bool = False
    why: str = ""
    scanner: str = ""


ACTIONS = (
    ActionSpec(
        name="traffic.usage",
        title="Count who uses an endpoint",
        effect=Effect.READ,
        params=Usage,
        outputs=Used,
        queue=Queue.PROBE,
        total=timedelta(minutes=5),
        example="{id: traffic, do: traffic.usage, with: {host: api.example.com, path: '/users/{id}', window: 7d}}",
    ),
    ActionSpec(
        name="evidence.snapshot",
        title="Preserve evidence",
        effect=Effect.READ,
        params=Snapshot,
        outputs=Preserved,
        queue=Queue.PROBE,
        total=timedelta(minutes=5),
        example="{id: evidence, do: evidence.snapshot, with: {window: 30m}}",
    ),
    ActionSpec(
        name="scanner.rescan",
        title="Ask the scanner to look again",
        effect=Effect.READ,
        params=Rescan,
        outputs=Rescanned,
        queue=Queue.PROBE,
        attempt=timedelta(minutes=10),  # what a scanner may take at most, and room to stop it
        total=timedelta(hours=1),
        example="{id: rescan, do: scanner.rescan}",
    ),
)
