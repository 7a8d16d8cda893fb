"""Where the problems of cases are: which other side of a story is on the same operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select

from stanch.affinity import operation
from stanch.findings import Finding
from stanch.records import schema
from stanch.records.database import rows_in_parts
from stanch.records.prepared import Prepared, columns_of

WINDOW = timedelta(hours=24)
MAX_LINKS = 50  # of one case; the operation's list has the rest
MAX_NEAR = 5000  # cases looked at for one transaction
ATTACK = "attack"
OTHERS = ("weakness", "exposure", "policy_gap")


@dataclass(frozen=True)
class Place:
    """Where a case's problem is. `path` is a template; `at` is when it was last reported."""

    case_id: str
    kind: str
    host: str
    method: str
    path: str
    category: str
    at: datetime

    @property
    def words(self) -> str:
        return f"{self.method or 'any method'} {self.host}{self.path}"


def place_of(finding: Finding, *, case_id: str, at: datetime) -> Place | None:
    """None for what has no operation, or takes no side; what never acts is linked to nothing."""
    api = finding.api
    if finding.kind not in (ATTACK, *OTHERS) or not api.host or finding.is_test:
        return None
    return Place(
        case_id=case_id,
        kind=finding.kind,
        host=api.host,
        method=api.method,
        path=api.path_template or api.path,
        category=next(iter(finding.owasp_api), ""),
        at=at,
    )


def _recent() -> ColumnElement[bool]:
    """Within the window, or open still, or put away as a risk that is accepted: then the weakness is there."""
    places, cases, away = schema.operations, schema.cases, schema.suppressions
    running = select(cases.c.case_id).where(cases.c.case_id == places.c.case_id, cases.c.closed.is_(None))
    accepted = select(away.c.case_id).where(
        away.c.case_id == places.c.case_id, away.c.kind == "risk_accepted", away.c.until > bindparam("now")
    )
    return or_(places.c.at > bindparam("recent"), running.exists(), accepted.exists())


def _listed(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return column.in_(bindparam(name, expanding=True))


_places = schema.operations
_here = (_listed(_places.c.host, "hosts"), _listed(_places.c.path, "paths"), _listed(_places.c.kind, "kinds"))
_NEAR = Prepared(
    select(*columns_of(_places, Place))
    .where(*_here, _recent())
    .order_by(_places.c.at.desc(), _places.c.case_id)
    .limit(MAX_NEAR)
)


def counterparts(db: Connection, places: Sequence[Place]) -> Callable[[Place], list[Place]]:
    """Gives the other side on the same operation: seen within a day, or not over yet."""
    near: dict[tuple[str, str], list[Place]] = {}
    kinds = sorted({kind for place in places for kind in _others(place)})
    now = min(place.at for place in places)
    given: dict[str, Any] = {"kinds": kinds, "now": now, "recent": now - WINDOW}
    for hosts in rows_in_parts(dict.fromkeys(place.host for place in places)):
        for paths in rows_in_parts(dict.fromkeys(operation(place.path) for place in places)):
            for other in (Place(*row) for row in _NEAR.rows(db, given | {"hosts": hosts, "paths": paths})):
                near.setdefault((other.host, other.path), []).append(other)

    def of(place: Place) -> list[Place]:
        if not near:
            return []
        here = near.get((place.host, operation(place.path)), [])
        return [other for other in here if other.case_id != place.case_id and _meets(place, other)][:MAX_LINKS]

    return of


def met(places: Sequence[Place]) -> Iterator[Place]:
    """Those of the places where both sides of a story are among them."""
    here: dict[tuple[str, str], list[Place]] = {}
    if len({place.kind == ATTACK for place in places}) < 2:
        return
    for place in places:
        here.setdefault((place.host, operation(place.path)), []).append(place)
    for found in here.values():
        if len(found) > 1 and len({place.kind == ATTACK for place in found}) == 2:
            yield from found


def _others(place: Place) -> tuple[str, ...]:
    return OTHERS if place.kind == ATTACK else (ATTACK,)


def _meets(place: Place, other: Place) -> bool:
    return other.kind in _others(place) and (not place.method or other.method in (place.method, ""))
