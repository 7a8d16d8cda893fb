"""Takes deliveries in, many in one transaction: who is new, whose each finding is, what is only counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from stanch.records import aliases, schema
from stanch.records.arriving import PUT_AWAY, Arrival, Finish, Item, Placed, Taken
from stanch.records.cases import FindingRow
from stanch.records.database import insert_new, rows
from stanch.records.intake import Conflict, New, Repeat
from stanch.records.links import Link, Links
from stanch.records.originals_rows import store_originals
from stanch.records.placing import Books, books_of, placed
from stanch.records.scopes import Scopes
from stanch.sealing import MasterKeys, Original, seal_originals

STORM = timedelta(minutes=10)

_deliveries, _reports, _storms = schema.deliveries, schema.case_reports, schema.storms
_this_delivery = (_deliveries.c.source == bindparam("of")) & (_deliveries.c.delivery_id == bindparam("which"))
_of_case = update(_reports).where(_reports.c.case_id == bindparam("which"))
_DELIVERY = select(_deliveries.c.body_digest, _deliveries.c.result, _deliveries.c.finished).where(_this_delivery)
_ANSWER = (
    update(_deliveries)
    .where(_this_delivery & _deliveries.c.finished.is_(False))
    .values(result=bindparam("answer"), finished=True)
)
_HOLD = _of_case.values(held=_reports.c.held + bindparam("more"))
_DUE = _of_case.values(due=bindparam("when"))
_TOLD = _of_case.values(
    content=bindparam("what"), status=bindparam("asks"), signalled=bindparam("when"), at=bindparam("when"), due=None
)
_STORM = select(_storms).where(_storms.c.source == bindparam("of"))
_STORM_TOLD = update(_storms).where(_storms.c.source == bindparam("of")).values(told=bindparam("when"))


class Arrivals(Scopes, Links):
    """Deliveries on their way to cases."""

    def take(self, arrivals: Sequence[Arrival]) -> list[Taken]:
        """Remember deliveries, store their findings, and say what is to be signalled; all of it or nothing."""
        with self._write() as db:
            before = self._remembered(db, arrivals)
            open_ones = [arrival for arrival, seen in zip(arrivals, before, strict=True) if _goes_on(seen)]
            going = self._with_cases(db, open_ones)
            books = books_of(db, going.values())
            taken = {name: self._placed(db, arrival, books) for name, arrival in going.items()}
            self._store(db, going.values(), books)
            links = tuple(self._linked(db, going.values()))
        first = next(iter(going), 0)  # whoever is first writes the lines of all
        return [
            replace(taken.get(id(arrival), Taken(seen)), before=seen, links=links if id(arrival) == first else ())
            for arrival, seen in zip(arrivals, before, strict=True)
        ]

    def _placed(self, db: Connection, arrival: Arrival, books: Books) -> Taken:
        known = books.fresh
        found = placed(books, arrival)
        return Taken(New(), found, arrival, storm=self._storms(db, arrival, books.fresh - known))

    def follow(self, taken: Sequence[Taken], *, keys: MasterKeys, keep: timedelta) -> list[tuple[str, ...]]:
        """Keep the bodies of deliveries, and count full reports: nothing of it decides where findings go.

        Args:
            taken: from `take`.
            keys: of this deployment, to seal bodies with.
            keep: how long bodies are kept.

        Returns:
            For each, the cases that this full report and the one before it do not show any more.
        """
        bodies = (_body(found) for found in taken)
        sealed = seal_originals((body for body in bodies if body is not None), keep=keep)
        with self._write() as db:
            store_originals(db, sealed, keys=keys)
            return [self._absent(db, found.arrival) for found in taken]

    def _absent(self, db: Connection, arrival: Arrival | None) -> tuple[str, ...]:
        if arrival is None or arrival.scope is None:
            return ()
        shown = {item.row.case_id for item in arrival.items if item.status != "resolved"}
        scope, name = arrival.scope, arrival.delivery_id
        return self.full_report(arrival.source, scope.name, delivery_id=name, present=shown, at=scope.at, db=db)

    def _linked(self, db: Connection, arrivals: Iterable[Arrival]) -> list[Link]:
        places = [
            replace(item.place, case_id=item.row.case_id)
            for arrival in arrivals
            for item in arrival.items
            if item.place is not None and item.opens
        ]
        return self.link(db, self.links_for(db, places))

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
        names = ("source", "delivery_id", "body_digest", "at")
        values = [{name: getattr(arrival, name) for name in names} | {"result": None} for arrival in arrivals]
        statement = insert_new(schema.deliveries, db.dialect.name, returning=True)
        new = {tuple(row) for row in db.execute(statement, values)}
        found: list[New | Repeat | Conflict] = []
        for arrival in arrivals:
            key = (arrival.source, arrival.delivery_id)
            found.append(New() if key in new else _seen(db, arrival))
            new.discard(key)
        return found

    def _store(self, db: Connection, arrivals: Iterable[Arrival], books: Books) -> None:
        findings = [vars(item.row) for arrival in arrivals for item in arrival.items if item.status != PUT_AWAY]
        if findings:
            db.execute(insert_new(schema.findings, db.dialect.name), findings)
        opened = [{"case_id": case, "at": at, "held": 0} for case, at in books.opened.items()]
        if opened:
            db.execute(insert_new(schema.case_reports, db.dialect.name), opened)
        counted = [{"which": case, "more": more} for case, more in books.counted.items() if more]
        if counted:
            db.execute(_HOLD, counted)
        quarantined = [vars(item) for arrival in arrivals for item in arrival.quarantined]
        if quarantined:
            db.execute(insert_new(schema.quarantine, db.dialect.name), quarantined)

    def _storms(self, db: Connection, arrival: Arrival, fresh: int) -> bool:
        """True once where a source reports more new problems a minute than it may; told again while it goes on."""
        if not fresh:
            return False
        row = db.execute(_STORM, {"of": arrival.source}).one_or_none()
        minute = arrival.at.replace(second=0, microsecond=0)
        total = fresh + (row.fresh if row is not None and row.minute == minute else 0)
        until, told = (row.until, row.told) if row is not None else (None, None)
        is_storm = total > arrival.storm_limit
        until = arrival.at + STORM if is_storm else until
        values = {"source": arrival.source, "minute": minute, "fresh": total, "until": until, "told": told}
        self._upsert(db, schema.storms, values)
        return is_storm and (told is None or told < arrival.at - STORM)

    def finish(self, answers: Sequence[Finish]) -> list[None]:
        """Keep answers for repeats, and what cases have been told; the first answer of a delivery stays."""
        with self._write() as db:
            _keep_answers(db, answers)
            _keep_signals(db, answers)
            for answer in answers:
                if answer.storm:
                    db.execute(_STORM_TOLD, {"of": answer.source, "when": answer.at})
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
        values = [{"which": item.case_id, "more": item.held} for item in placed if item.held]
        if values:
            with self._write() as db:
                db.execute(_HOLD, values)

    def told(self, case_id: str, *, held: int, at: datetime) -> None:
        """The case has been told of that many repeats."""
        table = schema.case_reports
        with self._write() as db:
            values = {"held": table.c.held - held, "signalled": at, "due": None}
            db.execute(update(table).where(table.c.case_id == case_id).values(values))


def _in_case(item: Item, case_id: str) -> Item:
    return item if case_id == item.row.case_id else replace(item, row=replace(item.row, case_id=case_id))


def _body(taken: Taken) -> Original | None:
    """The body with the cases that hold its key; its source holds it where there are none."""
    if taken.arrival is None or taken.arrival.original is None:
        return None
    return replace(taken.arrival.original, case_ids=tuple(dict.fromkeys(place.case_id for place in taken.placed)))


def _goes_on(seen: New | Repeat | Conflict) -> bool:
    return isinstance(seen, New) or (isinstance(seen, Repeat) and not seen.finished)


def _seen(db: Connection, arrival: Arrival) -> Repeat | Conflict:
    row = db.execute(_DELIVERY, {"of": arrival.source, "which": arrival.delivery_id}).one()
    return Repeat(row.result, row.finished) if row.body_digest == arrival.body_digest else Conflict()


def _keep_answers(db: Connection, answers: Sequence[Finish]) -> None:
    given = [{"of": answer.source, "which": answer.delivery_id, "answer": dict(answer.result)} for answer in answers]
    db.execute(_ANSWER, given)


def _keep_signals(db: Connection, answers: Sequence[Finish]) -> None:
    told = [
        {"which": case, "what": content, "asks": status, "when": answer.at}
        for answer in answers
        for case, content, status in answer.signalled
    ]
    if told:
        db.execute(_TOLD, told)
    due = [{"which": case, "when": when} for answer in answers for case, when in answer.due]
    if due:
        db.execute(_DUE, due)
