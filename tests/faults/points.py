"""Where a worker can die: every activity of a recorded history in three phases, and the plan that names one."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

LOCAL = "core_local_activity"


class Phase(StrEnum):
    """When the worker is killed."""

    BEFORE = "before the call"
    APPLIED = "applied but unanswered"
    ANSWERED = "answered but unrecorded"


@dataclass(frozen=True)
class Point:
    """One moment of one activity.

    Args:
        name: activity and, where it has one, the step it serves.
        nth: which time this name is carried out, from 1.
        write: which of its remote writes was the last one applied, from 1; 0 where it writes nothing remote.
    """

    name: str
    nth: int
    phase: Phase
    write: int = 0

    def __str__(self) -> str:
        return f"{self.name}#{self.nth} {self.phase.value}" + (f" (write {self.write})" if self.write else "")


def name_of(activity: str, given: Mapping[str, Any]) -> str:
    """The same name in history and in the worker, whatever the order in which things run side by side."""
    if "path" in given and "purpose" in given:
        return f"{activity} {given['path']} {given['purpose']}"
    if activity == "point.reconcile":
        return f"{activity} {'hold' if given.get('adds') else 'lift'}"
    return activity


def case_of(given: Mapping[str, Any]) -> str:
    """The case an activity's argument is about."""
    scene = given.get("scene")
    if isinstance(scene, Mapping):
        return str(scene["case_id"])
    held = [*given.get("adds", ()), *given.get("holders", ()), *given.get("outcomes", ())]
    return str(held[0]["case_id"] if held else given.get("case_id", ""))


def activities_of(histories: Iterable[WorkflowHistory], case_id: str) -> Counter[str]:
    """How often each activity was carried out for a case, normal and local, as Temporal recorded it."""
    found: Counter[str] = Counter()
    for history in histories:
        own = history.workflow_id == case_id
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                given = json.loads(scheduled.input.payloads[0].data)
                if case_of(given) == case_id:
                    found[name_of(scheduled.activity_type.name, given)] += 1
            elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED and own:
                marker = event.marker_recorded_event_attributes
                if marker.marker_name == LOCAL:
                    found[json.loads(marker.details["data"].payloads[0].data)["activity_type"]] += 1
    return found


class Plan:
    """What the test asks of its worker, and what the worker did, in files both can see.

    Args:
        folder: shared by test and worker.
    """

    def __init__(self, folder: Path) -> None:
        self._order = folder / "crash.json"
        self._seen = folder / "seen.jsonl"
        self._fired = folder / "fired.jsonl"

    def arm(self, case_id: str, point: Point) -> None:
        """Have the next worker that comes there killed, once."""
        draft = self._order.with_suffix(".new")
        draft.write_text(json.dumps({"case_id": case_id, **asdict(point)}), encoding="utf-8")
        draft.replace(self._order)

    def disarm(self) -> None:
        self._order.unlink(missing_ok=True)

    def meets(self, case_id: str, point: Point) -> bool:
        """True where this very point is armed."""
        try:
            order = json.loads(self._order.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        return bool(order == {"case_id": case_id, **asdict(point)})

    def fire(self, case_id: str, point: Point) -> None:
        """Note that it is done, durably, so that it is done once."""
        _append(self._fired, {"case_id": case_id, "point": str(point), "pid": os.getpid()})
        self._order.unlink()

    def saw(self, case_id: str, name: str, nth: int, kind: str) -> None:
        """Note that an activity of a case made a write."""
        _append(self._seen, {"case_id": case_id, "name": name, "nth": nth, "kind": kind})

    def fired(self, case_id: str) -> list[str]:
        return [line["point"] for line in _lines(self._fired) if line["case_id"] == case_id]

    def seen(self, case_id: str) -> list[tuple[str, int, str]]:
        """(name, nth, kind) in order."""
        return [(line["name"], line["nth"], line["kind"]) for line in _lines(self._seen) if line["case_id"] == case_id]

    def points(self, case_id: str, activities: Counter[str]) -> list[Point]:
        """Three phases of every recorded activity; one more for every further remote write in it."""
        writes = Counter((name, nth) for name, nth, kind in self.seen(case_id) if kind == "write")
        found: list[Point] = []
        for name, times in activities.items():
            for nth in range(1, times + 1):
                found.append(Point(name, nth, Phase.BEFORE))
                count = writes[name, nth]
                found += [Point(name, nth, Phase.APPLIED, write) for write in range(1, count + 1)]
                found += [Point(name, nth, Phase.APPLIED)] if not count else []
                found.append(Point(name, nth, Phase.ANSWERED))
        return found


def _append(path: Path, line: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
