"""What tests of enforcement points share: a world with one point, leases for it, and records of who holds what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from glue import CASE, EPISODE, HOST, Glue

from stanch.leases import BlockSpec, Lease, LeaseState, Principal, target_of
from stanch.records import LeaseRow

EDGE = {"edge": {"kind": "memory", "hosts": ["*.example.com"]}}
HOUR = timedelta(hours=1)
_P = TypeVar("_P")


@contextmanager
def edge_world(folder: Path) -> Iterator[Glue]:
    """A world whose only point is called edge."""
    with Glue(folder, points=EDGE) as made:
        yield made


def standing_in(glue: Glue, point: _P) -> _P:
    """Have this object answer for the point."""
    glue.world._built["point", "edge"] = point
    return point


def lease(name: str, left: timedelta = HOUR, **more: Any) -> Lease:
    """A block of one token, with so much time left, that the shipped guards allow."""
    spec = more.pop("spec", BlockSpec(host=HOST, path=f"/{name}", principal=Principal(token_id=f"tok-{name}")))
    given: dict[str, Any] = {
        "lease_id": name,
        "case_id": CASE,
        "episode": EPISODE,
        "step": "block",
        "point": "edge",
        "target": target_of(spec),
        "spec": spec,
        "expires_at": datetime.now(UTC).replace(microsecond=0) + left,
        "playbook": "contain_attacker",
        "source": "own",
    }
    return Lease(**{**given, **more})


def held(glue: Glue, *leases: Lease) -> None:
    """Records say that these are held."""
    for one in leases:
        glue.records.put_lease(LeaseRow(lease=one, state=LeaseState.HELD, updated=datetime.now(UTC)))
