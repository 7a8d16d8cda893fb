"""Attack and weakness on one operation: linked, never merged, since each has its own owner, playbook and clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select

from stanch.affinity import compatible, operation
from stanch.findings import Finding
from stanch.records import schema
from stanch.records.cases import FindingRow
from stanch.records.chain import Entry
from stanch.records.database import Database, rows, rows_in_parts, upsert
from stanch.records.suppressions import Suppression, standing

WINDOW = timedelta(hours=24)
MAX_LINKS = 50  # of one case; the operation's list has the rest
MAX_NEAR = 5000  # cases looked at for one transaction
ATTACK = "attack"
OTHERS = ("weakness", "exposure", "policy_gap")
EPISODE = "links"  # ledger lines of links belong to no run


@dataclass(frozen=True)
class Link:
    """Two cases of one story, as `case_id` sees it.

    Args:
        why: in words, for both pages.
        at: when it was seen.
        other_kind, other_category, other_title, other_owner, other_state: as last recorded of the other case.
        is_open: the other case's problem is still there: its case is open, or its risk was accepted.
        accepted: words of a suppression of the other case that stands, such as `risk accepted until ...`.
    """

    case_id: str
    other: str
    why: str
    at: datetime
    other_kind: str = ""
    other_category: str = ""
    other_title: str = ""
    other_owner: str = ""
    other_state: str = ""
    is_open: bool = True
    accepted: str = ""


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


@dataclass
class _Known:
    """What records have of the other cases."""

    cases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    put_away: Mapping[str, Suppression] = field(default_factory=dict[str, Suppression])


class Links(Database):
    """Links between cases, and the operations that they are found by."""

    def links_for(self, db: Connection, places: Sequence[Place]) -> list[Link]:
        """Place new findings, and find the cases that they belong with; both directions, none stored before.

        Args:
            db: an open write transaction.
            places: of findings, in any number.
        """
        if not places:
            return []
        self._put_places(db, places)
        near = _counterparts(db, places)
        fresh: dict[tuple[str, str], Link] = {}
        for place in places:
            for other in near(place):
                why = f"{place.kind} and {other.kind} on {place.words}"
                for one, two in ((place, other), (other, place)):
                    fresh[one.case_id, two.case_id] = Link(one.case_id, two.case_id, why, place.at)
        known = _stored(db, [case_id for case_id, _ in fresh])
        return [link for pair, link in fresh.items() if pair not in known]

    def link(self, db: Connection, links: Sequence[Link]) -> list[Link]:
        """Store links once each; gives those that were new."""
        table = schema.links
        new: list[Link] = []
        for link in links:
            values = {"case_id": link.case_id, "other": link.other, "why": link.why, "at": link.at}
            if self._insert_new(db, table, values):
                new.append(link)
        return new

    def connect_findings(self, found: Sequence[FindingRow], *, db: Connection | None = None) -> list[Link]:
        """Both of the above in one for stored findings: place them, store their links, give the new ones."""
        given = (place_of(Finding.model_validate(row.body), case_id=row.case_id, at=row.at) for row in found)
        places = [place for place in given if place is not None]
        with self._joining(db) as db:
            return self.link(db, self.links_for(db, places))

    def links(self, case_id: str, now: datetime) -> list[Link]:
        """The case's links, newest first, with what is known of each other case."""
        table, places = schema.links, schema.operations
        query = select(table, places.c.kind, places.c.category)
        query = query.join(places, places.c.case_id == table.c.other, isouter=True)
        query = query.where(table.c.case_id == case_id).order_by(table.c.at.desc(), table.c.other).limit(MAX_LINKS)
        with self._read() as db:
            found = rows(db, query)
            known = _known(db, [row["other"] for row in found], now)
        return [_told(row, known) for row in found]

    def _put_places(self, db: Connection, places: Sequence[Place]) -> None:
        """Remember where each case's problem is, the newest word of it."""
        newest = {place.case_id: place for place in sorted(places, key=lambda place: place.at)}
        values = [vars(place) | {"path": operation(place.path)} for _, place in sorted(newest.items())]
        db.execute(upsert(schema.operations, db.dialect.name, names=tuple(values[0]), unless_newer="at"), values)


def _counterparts(db: Connection, places: Sequence[Place]) -> Callable[[Place], list[Place]]:
    """Gives the other side on the same operation: seen within a day, or not over yet."""
    near: dict[tuple[str, str], list[Place]] = {}
    kinds = sorted({kind for place in places for kind in _others(place)})
    now = min(place.at for place in places)
    given: dict[str, Any] = {"kinds": kinds, "now": now, "recent": now - WINDOW}
    for hosts in rows_in_parts(dict.fromkeys(place.host for place in places)):
        for paths in rows_in_parts(dict.fromkeys(operation(place.path) for place in places)):
            for row in db.execute(_NEAR, given | {"hosts": hosts, "paths": paths}).mappings():
                near.setdefault((row["host"], row["path"]), []).append(Place(**row))

    def of(place: Place) -> list[Place]:
        here = near.get((place.host, operation(place.path)), [])
        return [other for other in here if other.case_id != place.case_id and _meets(place, other)][:MAX_LINKS]

    return of


def _others(place: Place) -> tuple[str, ...]:
    return OTHERS if place.kind == ATTACK else (ATTACK,)


def _meets(place: Place, other: Place) -> bool:
    return other.kind in _others(place) and (not place.method or other.method in (place.method, ""))


def link_entries(links: Iterable[Link]) -> list[Entry]:
    """The ledger's `case.linked` lines; written once each, whoever writes them."""
    return [
        Entry(
            case_id=link.case_id,
            episode=EPISODE,
            key=f"linked:{link.other}",
            time=link.at,
            actor="stanch",
            event="case.linked",
            data={"to": link.other, "why": link.why},
        )
        for link in links
    ]


def uses(link: Link, category: str) -> bool:
    """Whether an attack of this category may be using what the other case is about, and that is still there."""
    return link.is_open and link.other_kind in OTHERS and compatible(category, link.other_category)


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
_NEAR = select(_places).where(*_here, _recent()).order_by(_places.c.at.desc(), _places.c.case_id).limit(MAX_NEAR)


def _stored(db: Connection, case_ids: Sequence[str]) -> set[tuple[str, str]]:
    if not case_ids:
        return set()
    table = schema.links
    found: set[tuple[str, str]] = set()
    for part in rows_in_parts(sorted(set(case_ids))):
        query = select(table.c.case_id, table.c.other).where(table.c.case_id.in_(part))
        found |= {(row.case_id, row.other) for row in db.execute(query)}
    return found


def _known(db: Connection, others: list[str], now: datetime) -> _Known:
    table = schema.cases
    columns = (table.c.case_id, table.c.title, table.c.owner, table.c.state, table.c.closed)
    found = rows(db, select(*columns).where(table.c.case_id.in_(others)))
    return _Known({row["case_id"]: row for row in found}, standing(db, others, now))


def _told(row: Mapping[str, Any], known: _Known) -> Link:
    other = row["other"]
    case = known.cases.get(other, {})
    away = known.put_away.get(other)
    accepted = away.words if away is not None and away.kind == "risk_accepted" else ""
    return Link(
        case_id=row["case_id"],
        other=other,
        why=row["why"],
        at=row["at"],
        other_kind=row["kind"] or "",
        other_category=row["category"] or "",
        other_title=case.get("title", ""),
        other_owner=case.get("owner", ""),
        other_state=case.get("state", ""),
        is_open=case.get("closed") is None or bool(accepted),
        accepted=accepted,
    )
