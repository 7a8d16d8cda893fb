"""Attaches what was found, redacted as it is in records, to the case's ticket."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from activities._ticket.common import ATTACHMENT_LIMIT, attachment_name, note_marker
from activities._world import World
from stanch.canonical import canonical
from stanch.contract import Scene
from stanch.errors import ConnectorError, DependencyError
from stanch.ports import TicketPort

NAME = "evidence.json"


def attach_evidence(world: World, scene: Scene, tracker: TicketPort, key: str) -> str:
    """Attach the newest report once and say so in a note; its SHA-256, or "" where there is none or it failed.

    A ticket without its evidence is better than a failed step, so nothing is raised; a repeated step tries again.
    """
    try:
        row = world.records.newest_finding(scene.case_id)
        if row is None:
            return ""
        content = evidence_file(scene.case_id, row.body)
        sha256 = hashlib.sha256(content).hexdigest()
        tracker.attach(key, name=NAME, content=content)
        text = f"Attached: {attachment_name(NAME, content)}, the finding as it is kept, redacted. SHA-256 {sha256}"
        tracker.add_note(key, text, marker=note_marker("evidence", sha256))
    except (ConnectorError, DependencyError):
        return ""
    return sha256


def evidence_file(case_id: str, body: Mapping[str, Any]) -> bytes:
    """The report as canonical JSON within the limit, the same file each time; what had to be left out is said."""

    def render(evidence: Sequence[object], **more: object) -> bytes:
        return canonical({"case_id": case_id, "finding": {**body, "evidence": list(evidence)}, **more})

    found: list[object] = list(body.get("evidence") or ())
    whole = canonical({"case_id": case_id, "finding": dict(body)})
    if len(whole) <= ATTACHMENT_LIMIT:
        return whole
    kept = _most(len(found), lambda count: len(render(found[:count], left_out=len(found))) <= ATTACHMENT_LIMIT)
    content = render(found[:kept], left_out=len(found) - kept)
    if len(content) <= ATTACHMENT_LIMIT:
        return content
    return canonical({"case_id": case_id, "left_out": "the finding is above 5 MiB; the case keeps it"})


def _most(highest: int, fits: Callable[[int], bool]) -> int:
    """The most that fit, at least 0."""
    low, high = 0, highest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
