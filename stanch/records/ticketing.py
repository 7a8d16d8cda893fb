"""What cases were last told of their tickets, and what tickets were last told of their cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select, update

from stanch.records import schema
from stanch.records import schema_tickets as tables
from stanch.records.cases import CaseRow
from stanch.records.database import Database, rows

SEEN = (
    "system",
    "key",
    "case_id",
    "ticket_id",
    "state",
    "resolution",
    "assignee",
    "team",
    "priority",
    "version",
    "gone",
    "at",
)
DIFFERENCES = "ticket_differences"
MAX_NOTES = 60  # ids that are remembered of one ticket
WORKED_ON = ("running", "waiting", "approval", "needs_person")
LONGEST_PAUSE = timedelta(hours=6)


@dataclass(frozen=True)
class TicketView:
    """A ticket as its case knows it.

    Args:
        notes: ids of people's notes that the case has been told of, oldest first.
        draft_key: our idempotency key, by which its doubles are found.
        told: ledger line of the case up to which the ticket has had notes. telling: up to which one is being written.
        case_state: as last recorded, "" before the first record.
        url: as it was when the ticket was made.
    """

    system: str
    key: str
    case_id: str
    at: datetime
    ticket_id: str = ""
    draft_key: str = ""
    state: str = ""
    resolution: str = ""
    assignee: str = ""
    team: str = ""
    priority: str = ""
    version: int = 0
    notes: tuple[str, ...] = ()
    gone: bool = False
    told: int = 0
    telling: int = 0
    tries: int = 0
    case_state: str = ""
    url: str = ""


class Ticketing(Database):
    """Tickets as cases know them."""

    def see_ticket(self, view: TicketView) -> bool:
        """Remember what the case has just been told; False where something newer is remembered."""
        values = {name: getattr(view, name) for name in SEEN}
        values |= {"notes": list(view.notes[-MAX_NOTES:])} if view.notes else {}
        values |= {"draft_key": view.draft_key} if view.draft_key else {}
        with self._write() as db:
            return self._upsert(db, tables.ticket_views, values, unless_newer="version")

    def ticket_moved_by_us(self, system: str, key: str, *, state: str, resolution: str) -> None:
        """Remember the state that our own move gave a ticket; what else the tracker said is for the case to be told."""
        table = tables.ticket_views
        which = (table.c.system == system) & (table.c.key == key)
        with self._write() as db:
            db.execute(update(table).where(which).values(state=state, resolution=resolution))

    def rename_ticket(self, system: str, old: str, new: str) -> None:
        """A ticket has another key now; the old one still leads to its case."""
        table, links = tables.ticket_views, schema.tickets
        with self._write() as db:
            taken = db.execute(select(table.c.key).where(table.c.system == system, table.c.key == new)).first()
            if taken is None:
                db.execute(update(table).where(table.c.system == system, table.c.key == old).values(key=new))
            for row in rows(db, select(links).where(links.c.system == system, links.c.key == old)):
                self._insert_new(db, links, {**row, "key": new})

    def ticket_view(self, system: str, *, key: str = "", ticket_id: str = "") -> TicketView | None:
        """A ticket by its key, or by its tracker's own id, which moves with it."""
        table = tables.ticket_views
        given = [table.c.key == key] if key else []
        given += [table.c.ticket_id == ticket_id] if ticket_id else []
        if not given:
            return None
        query = _views().where(table.c.system == system, or_(*given)).order_by(table.c.key != key).limit(1)
        return next(iter(self._read_views(query)), None)

    def ticket_views(
        self, *, after: tuple[str, str] = ("", ""), closed_since: datetime, limit: int
    ) -> list[TicketView]:
        """Tickets of open cases and of those that closed since then, in order of their keys."""
        table, cases = tables.ticket_views, schema.cases
        follows = or_(table.c.system > after[0], (table.c.system == after[0]) & (table.c.key > after[1]))
        lives = or_(cases.c.closed.is_(None), cases.c.closed >= closed_since)
        query = _views().where(follows, lives).order_by(table.c.system, table.c.key).limit(limit)
        return self._read_views(query)

    def cases_without_ticket(self, *, before: datetime, limit: int = 200) -> list[CaseRow]:
        """Cases with a playbook that opened before then, are not over, and have no ticket, nor one of a group."""
        cases, noise = schema.cases, schema.case_noise
        query = select(cases).join(noise, noise.c.case_id == cases.c.case_id, isouter=True)
        alone = or_(noise.c.group_id.is_(None), noise.c.group_id == "")
        waits = cases.c.state.in_(WORKED_ON)
        query = query.where(waits, alone, cases.c.ticket_key == "", cases.c.playbook != "", cases.c.opened < before)
        with self._read() as db:
            found = rows(db, query.order_by(cases.c.opened).limit(limit))
        return [_case(row) for row in found]

    def tickets_to_tell(self, *, limit: int, now: datetime) -> list[TicketView]:
        """Tickets whose case has ledger lines that the ticket has not been told of, longest untold first."""
        table, heads = tables.ticket_views, schema.heads
        query = _views().join(heads, heads.c.case_id == table.c.case_id)
        query = query.where(heads.c.entries > table.c.told, table.c.gone.is_(False), table.c.at <= now)
        return self._read_views(query.order_by(table.c.at, table.c.key).limit(limit))

    def count_tickets(self) -> dict[str, int]:
        """How many tickets are gone, and how many wait for a note."""
        table, heads = tables.ticket_views, schema.heads
        gone = select(func.count()).select_from(table).where(table.c.gone.is_(True))
        waits = select(func.count()).select_from(table).join(heads, heads.c.case_id == table.c.case_id)
        waits = waits.where(table.c.tries > 0, heads.c.entries > table.c.told, table.c.gone.is_(False))
        with self._read() as db:
            return {"gone": db.execute(gone).scalar_one(), "untold": db.execute(waits).scalar_one()}

    def count_differences(self, found: Mapping[str, int]) -> dict[str, int]:
        """Add to what comparisons have found so far, by the word for it; gives the sums."""
        table = schema.settings
        with self._write() as db:
            self._lock(db, DIFFERENCES)
            query = select(table.c.value).where(table.c.name == DIFFERENCES)
            known: dict[str, int] = db.execute(query).scalar_one_or_none() or dict[str, int]()
            sums = {what: known.get(what, 0) + found.get(what, 0) for what in sorted({*known, *found})}
            if found:
                self._upsert(db, table, {"name": DIFFERENCES, "value": sums})
        return sums

    def begin_telling(self, view: TicketView, up_to: int) -> None:
        """A note that speaks for these lines is about to be written; a second attempt writes the same."""
        self._tell(view, {"telling": up_to})

    def ticket_told(self, view: TicketView, up_to: int) -> None:
        """The ticket knows everything up to this line."""
        self._tell(view, {"told": up_to, "telling": 0, "tries": 0})

    def ticket_not_told(self, view: TicketView, now: datetime) -> None:
        """The tracker does not answer: asked again later, after longer and longer pauses."""
        pause = min(LONGEST_PAUSE, timedelta(minutes=2 ** min(view.tries, 10)))
        self._tell(view, {"tries": view.tries + 1, "at": now + pause})

    def _tell(self, view: TicketView, values: Mapping[str, Any]) -> None:
        table = tables.ticket_views
        with self._write() as db:
            which = (table.c.system == view.system) & (table.c.key == view.key)
            db.execute(update(table).where(which).values(**values))

    def _read_views(self, query: Select[Any]) -> list[TicketView]:
        with self._read() as db:
            return [_view(row) for row in rows(db, query)]


def _views() -> Select[Any]:
    table, cases, links = tables.ticket_views, schema.cases, schema.tickets
    query = select(table, cases.c.state.label("case_state"), links.c.url.label("url"))
    query = query.join(cases, cases.c.case_id == table.c.case_id, isouter=True)
    return query.join(links, (links.c.system == table.c.system) & (links.c.key == table.c.key), isouter=True)


def _case(row: Mapping[str, Any]) -> CaseRow:
    values: dict[str, Any] = {**row, "labels": tuple(row["labels"])}
    return CaseRow(**values)


def _view(row: Mapping[str, Any]) -> TicketView:
    texts: dict[str, Any] = {name: row[name] or "" for name in ("case_state", "url")}
    values: dict[str, Any] = {**row, **texts, "notes": tuple(row["notes"])}
    return TicketView(**values)
