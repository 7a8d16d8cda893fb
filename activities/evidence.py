"""The verbs that look: traffic of an endpoint, evidence before anything changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities._run import Job
from activities._world import World
from stanch.actions.traffic import Preserved, Snapshot, Usage, Used
from stanch.canonical import canonical
from stanch.errors import Rejected
from stanch.ports import Excerpt, PointPort

MAX_LINES = 500


def _usage(world: World, job: Job, params: Usage) -> Used:
    point: PointPort = world.connector("point", world.serving("point", params.host, at=params.at))
    found = point.usage(host=params.host, path=params.path, method=params.method, window=params.window)
    return Used(
        requests=found.requests,
        clients=found.clients,
        principals=found.principals,
        errors=found.errors,
        last_seen=found.last_seen.isoformat() if found.last_seen else "",
        coverage=found.coverage,
    )


def _snapshot(world: World, job: Job, params: Snapshot) -> Preserved:
    """Keep the finding and the access log around it, redacted, as one file named by its SHA-256."""
    finding = job.scene.finding
    if finding is None:
        raise Rejected("there is no finding to preserve", code="V022")
    try:
        point: PointPort = world.connector("point", world.serving("point", finding.api.host))
        found = point.samples(host=finding.api.host, path=finding.api.path, window=params.window, limit=MAX_LINES)
    except Rejected as error:
        found = Excerpt(coverage=f"none: {error.message}")
    body = canonical(
        {
            "case_id": job.scene.case_id,
            "taken_at": job.since.astimezone(UTC).isoformat(),
            "finding": finding.model_dump(mode="json"),
            "coverage": found.coverage,
            "requests": [dict(line) for line in found.lines],
        }
    )
    sha256 = hashlib.sha256(body).hexdigest()
    path = keep(world.settings.data_dir / "evidence" / job.scene.case_id, f"{sha256}.json", body)
    return Preserved(sha256=sha256, items=len(found.lines) + 1, path=str(path))


def keep(folder: Path, name: str, body: bytes) -> Path:
    """Write a file once, whole and flushed; readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        draft = folder / f".{name}.{os.getpid()}.{int(datetime.now(UTC).timestamp() * 1e6)}"
        with draft.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o600)
        draft.replace(path)
    return path


IMPLEMENTATIONS: Mapping[str, Any] = {
    "traffic.usage": _usage,
    "evidence.snapshot": _snapshot,
}
