"""Attack and weakness on one operation: linked, never merged, since each has its own owner, playbook and clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from stanch.affinity import compatible, operation
from stanch.findings import Finding
from stanch.records import schema
from stanch.records.cases import FindingRow
from stanch.records.chain import Entry
from stanch.records.database import Database, rows, rows_in_parts, upsert
from stanch.records.places import MAX_LINKS, OTHERS, Place, counterparts, place_of
from stanch.records.prepared import Prepared, columns_of
from stanch.records.suppressions import Suppression, standing

EPISODE = "links"  # ledger lines of links belong to no run

_place = tuple(column.name for column in columns_of(schema.operations, Place))
_PUT_PLACE = Prepared(partial(upsert, schema.operations, names=_place, unless_newer="at"))


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
        near = counterparts(db, places)
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
        _PUT_PLACE.run_all(db, values)


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
