"""Takes deliveries in, many in one transaction: who is new, whose each finding is, what is only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from stanch.records import aliases, schema
from stanch.records.aliases import Names
from stanch.records.cases import FindingRow
from stanch.records.database import Database, rows, rows_in_parts
from stanch.records.intake import Conflict, New, Quarantined, Repeat
from stanch.records.originals_rows import store_originals
from stanch.sealing import MasterKeys, SealedOriginal

REPEAT_WINDOW = timedelta(seconds=30)
STORM = timedelta(minutes=10)
STORM_LIMIT = 100


@dataclass(frozen=True)
class Item:
    """One finding of a delivery.

    Args:
        row: with the id that its case has if the problem is new.
        names: its identities.
        content: equal for reports that say the same.
        status: what it asks of its case.
        opens: whether it may open a case, and so counts as new in a storm.
    """

    row: FindingRow
    names: Names
    content: str
    status: str
    count: int = 1
    opens: bool = True


@dataclass(frozen=True)
class Arrival:
    """One delivery with everything that came out of it.

    Args:
        sealed: its body, to be kept for the cases it turns out to be about.
        storm_limit: new problems a minute that its source may report.
    """

    source: str
    delivery_id: str
    body_digest: str
    at: datetime
    items: tuple[Item, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    sealed: SealedOriginal | None = None
    storm_limit: int = STORM_LIMIT


@dataclass(frozen=True)
class Placed:
    """What becomes of one finding.

    Args:
        signal: False where it was only counted: its case was told the same less than 30 seconds ago.
        held: earlier repeats that this signal speaks for too.
        due: when its case must be told of what was counted; None where that is arranged already.
    """

    case_id: str
    signal: bool = True
    held: int = 0
    due: datetime | None = None


@dataclass(frozen=True)
class Taken:
    """What records say of a delivery; `placed` has one entry for each item, unless it is answered from memory."""

    before: New | Repeat | Conflict
    placed: tuple[Placed, ...] = ()
    storm: bool = False


@dataclass(frozen=True)
class Finish:
    """The answer of a delivery, and what its cases have now been told: (case, content, status)."""

    source: str
    delivery_id: str
    result: Mapping[str, Any]
    at: datetime
    signalled: tuple[tuple[str, str, str], ...] = ()
    due: tuple[tuple[str, datetime], ...] = ()
    storm: bool = False


@dataclass
class _Report:
    content: str = ""
    status: str = ""
    signalled: datetime | None = None
    held: int = 0
    due: datetime | None = None


@dataclass
class _Books:
    """What one transaction knows and changes of the reports of cases."""

    known: dict[str, _Report]
    counted: Counter[str] = field(default_factory=Counter[str])
    fresh: Counter[str] = field(default_factory=Counter[str])
    opened: dict[str, datetime] = field(default_factory=dict[str, datetime])


class Arrivals(Database):
    """Deliveries on their way to cases."""

    def take(self, arrivals: Sequence[Arrival], *, keys: MasterKeys) -> list[Taken]:
        """Remember deliveries, store their findings, and say what is to be signalled; all of it or nothing."""
        with self._write() as db:
            before = self._remembered(db, arrivals)
            open_ones = [arrival for arrival, seen in zip(arrivals, before, strict=True) if _goes_on(seen)]
            going = self._with_cases(db, open_ones)
            books = _Books(_reports(db, [item.row.case_id for arrival in going.values() for item in arrival.items]))
            placed = {name: _placed(books, arrival) for name, arrival in going.items()}
            self._store(db, list(going.values()), books)
            bodies = [_for_cases(arrival.sealed, placed[name]) for name, arrival in going.items() if arrival.sealed]
            store_originals(db, bodies, keys=keys)
            stormy = {arrival.source for arrival in going.values() if self._storms(db, arrival, books)}
        return [
            Taken(seen, placed.get(id(arrival), ()), arrival.source in stormy)
            for arrival, seen in zip(arrivals, before, strict=True)
        ]

    def _with_cases(self, db: Connection, arrivals: Sequence[Arrival]) -> dict[int, Arrival]:
        """The deliveries with each finding in the case its problem already has, by the identity of the given object."""
        items = [item for arrival in arrivals for item in arrival.items]
        if not items:
            return {id(arrival): arrival for arrival in arrivals}
        if not self._is_sqlite:
            self._lock(db, aliases.LOCK)
        new = {item.names.primary: item.row.case_id for item in items}
        found = iter(aliases.assign_cases(db, [item.names for item in items], mint=new.__getitem__, at=arrivals[0].at))
        return {
            id(arrival): replace(arrival, items=tuple(_in_case(item, next(found)[0]) for item in arrival.items))
            for arrival in arrivals
        }

    def _remembered(self, db: Connection, arrivals: Sequence[Arrival]) -> list[New | Repeat | Conflict]:
        table = schema.deliveries
        names = ("source", "delivery_id", "body_digest", "at")
        values = [{name: getattr(arrival, name) for name in names} | {"result": None} for arrival in arrivals]
        statement = self._insert(table).on_conflict_do_nothing().returning(table.c.source, table.c.delivery_id)
        new = {tuple(row) for row in db.execute(statement, values)}
        found: list[New | Repeat | Conflict] = []
        for arrival in arrivals:
            key = (arrival.source, arrival.delivery_id)
            found.append(New() if key in new else _seen(db, arrival))
            new.discard(key)
        return found

    def _store(self, db: Connection, arrivals: Sequence[Arrival], books: _Books) -> None:
        findings = [asdict(item.row) for arrival in arrivals for item in arrival.items]
        if findings:
            db.execute(self._insert(schema.findings).on_conflict_do_nothing(), findings)
        opened = [{"case_id": case, "at": at, "held": 0} for case, at in books.opened.items()]
        if opened:
            db.execute(self._insert(schema.case_reports).on_conflict_do_nothing(), opened)
        counted = [{"which": case, "more": more} for case, more in books.counted.items() if more]
        if counted:
            table = schema.case_reports
            held = table.c.held + bindparam("more")
            db.execute(update(table).where(table.c.case_id == bindparam("which")).values(held=held), counted)
        quarantined = [vars(item) for arrival in arrivals for item in arrival.quarantined]
        if quarantined:
            db.execute(self._insert(schema.quarantine).on_conflict_do_nothing(), quarantined)

    def _storms(self, db: Connection, arrival: Arrival, books: _Books) -> bool:
        """True once where a source reports more new problems a minute than it may; told again while it goes on."""
        fresh = books.fresh.pop(arrival.source, 0)
        if not fresh:
            return False
        table = schema.storms
        row = db.execute(select(table).where(table.c.source == arrival.source)).one_or_none()
        minute = arrival.at.replace(second=0, microsecond=0)
        total = fresh + (row.fresh if row is not None and row.minute == minute else 0)
        until, told = (row.until, row.told) if row is not None else (None, None)
        is_storm = total > arrival.storm_limit
        until = arrival.at + STORM if is_storm else until
        values = {"source": arrival.source, "minute": minute, "fresh": total, "until": until, "told": told}
        self._upsert(db, table, values)
        return is_storm and (told is None or told < arrival.at - STORM)

    def finish(self, answers: Sequence[Finish]) -> list[None]:
        """Keep answers for repeats, and what cases have been told; the first answer of a delivery stays."""
        with self._write() as db:
            _keep_answers(db, answers)
            _keep_signals(db, answers)
            for answer in answers:
                if answer.storm:
                    table = schema.storms
                    db.execute(update(table).where(table.c.source == answer.source).values(told=answer.at))
        return [None] * len(answers)

    def storming(self, source: str, now: datetime) -> bool:
        """Whether a source has lately reported more new problems than it may, so that nothing runs alone for it."""
        table = schema.storms
        with self._read() as db:
            until = db.execute(select(table.c.until).where(table.c.source == source)).scalar_one_or_none()
        return until is not None and until > now

    def held(self, case_id: str) -> tuple[int, FindingRow | None]:
        """How many repeats a case has not been told of, and its newest finding."""
        reports, found = schema.case_reports, schema.findings
        with self._read() as db:
            count = db.execute(select(reports.c.held).where(reports.c.case_id == case_id)).scalar_one_or_none()
            newest = select(found).where(found.c.case_id == case_id).order_by(found.c.at.desc()).limit(1)
            row = next(iter(rows(db, newest)), None)
        return count or 0, FindingRow(**row) if row else None

    def give_back(self, placed: Sequence[Placed]) -> None:
        """Repeats that signals were to speak for, which then could not be sent, are counted as held again."""
        table = schema.case_reports
        values = [{"which": item.case_id, "more": item.held} for item in placed if item.held]
        if values:
            changed = update(table).where(table.c.case_id == bindparam("which"))
            with self._write() as db:
                db.execute(changed.values(held=table.c.held + bindparam("more")), values)

    def told(self, case_id: str, *, held: int, at: datetime) -> None:
        """The case has been told of that many repeats."""
        table = schema.case_reports
        with self._write() as db:
            values = {"held": table.c.held - held, "signalled": at, "due": None}
            db.execute(update(table).where(table.c.case_id == case_id).values(values))


def _in_case(item: Item, case_id: str) -> Item:
    return item if case_id == item.row.case_id else replace(item, row=replace(item.row, case_id=case_id))


def _for_cases(sealed: SealedOriginal, placed: Iterable[Placed]) -> SealedOriginal:
    """The body with the cases that hold its key; its source holds it where there are none."""
    cases = tuple(dict.fromkeys(place.case_id for place in placed))
    return replace(sealed, holders=cases) if cases else sealed


def _goes_on(seen: New | Repeat | Conflict) -> bool:
    return isinstance(seen, New) or (isinstance(seen, Repeat) and not seen.finished)


def _seen(db: Connection, arrival: Arrival) -> Repeat | Conflict:
    table = schema.deliveries
    query = select(table.c.body_digest, table.c.result, table.c.finished)
    row = db.execute(query.where(table.c.source == arrival.source, table.c.delivery_id == arrival.delivery_id)).one()
    return Repeat(row.result, row.finished) if row.body_digest == arrival.body_digest else Conflict()


def _reports(db: Connection, cases: Iterable[str]) -> dict[str, _Report]:
    table, found = schema.case_reports, dict[str, _Report]()
    query = select(table.c.case_id, table.c.content, table.c.status, table.c.signalled, table.c.held, table.c.due)
    for part in rows_in_parts(dict.fromkeys(cases)):
        for row in db.execute(query.where(table.c.case_id.in_(part))):
            found[row.case_id] = _Report(row.content, row.status, row.signalled, row.held, row.due)
    return found


def _placed(books: _Books, arrival: Arrival) -> tuple[Placed, ...]:
    return tuple(_place(books, arrival, item) for item in arrival.items)


def _place(books: _Books, arrival: Arrival, item: Item) -> Placed:
    case = item.row.case_id
    report = books.known.get(case)
    if report is None:
        books.known[case] = _Report()
        books.opened[case] = arrival.at
        books.fresh[arrival.source] += item.opens
        return Placed(case)
    if not _is_repeat(report, item, arrival.at):
        taken, report.held = report.held, 0
        books.counted[case] -= taken  # this signal speaks for them, and no other does
        return Placed(case, held=taken)
    books.counted[case] += item.count
    due = None
    if report.due is None or report.due < arrival.at - REPEAT_WINDOW:  # nobody will tell the case by itself
        due = report.due = (report.signalled or arrival.at) + REPEAT_WINDOW
    return Placed(case, signal=False, due=due)


def _is_repeat(report: _Report, item: Item, at: datetime) -> bool:
    same = report.content == item.content and report.status == item.status
    return same and report.signalled is not None and at - report.signalled < REPEAT_WINDOW


def _keep_answers(db: Connection, answers: Sequence[Finish]) -> None:
    table = schema.deliveries
    which = (table.c.source == bindparam("of")) & (table.c.delivery_id == bindparam("which"))
    given = [{"of": answer.source, "which": answer.delivery_id, "answer": dict(answer.result)} for answer in answers]
    changed = update(table).where(which & table.c.finished.is_(False))
    db.execute(changed.values(result=bindparam("answer"), finished=True), given)


def _keep_signals(db: Connection, answers: Sequence[Finish]) -> None:
    table = schema.case_reports
    which = table.c.case_id == bindparam("which")
    told = [
        {"which": case, "what": content, "asks": status, "when": answer.at}
        for answer in answers
        for case, content, status in answer.signalled
    ]
    if told:
        changed = (
            update(table)
            .where(which)
            .values(
                content=bindparam("what"),
                status=bindparam("asks"),
                signalled=bindparam("when"),
                at=bindparam("when"),
                due=None,
            )
        )
        db.execute(changed, told)
    due = [{"which": case, "when": when} for answer in answers for case, when in answer.due]
    if due:
        db.execute(update(table).where(which).values(due=bindparam("when")), due)
