"""Keeps what came in and what became of it, many deliveries in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, case, null, select, true, update

from stanch.records import aliases, schema
from stanch.records.arriving import PUT_AWAY, Arrival, Finish, Kept, Placed, Taken
from stanch.records.cases import FindingRow
from stanch.records.database import insert_into, insert_new, rows, rows_in_parts
from stanch.records.links import Link, Links
from stanch.records.looking import Looking, places_in
from stanch.records.originals_rows import store_originals
from stanch.records.prepared import Prepared
from stanch.records.scopes import Scopes
from stanch.sealing import MasterKeys, Original, seal_originals

STORM = timedelta(minutes=10)

_deliveries, _reports, _storms = schema.deliveries, schema.case_reports, schema.storms
_this_delivery = (_deliveries.c.source == bindparam("of")) & (_deliveries.c.delivery_id == bindparam("which"))
_of_case = update(_reports).where(_reports.c.case_id == bindparam("which"))
_ANSWER = Prepared(
    update(_deliveries)
    .where(_this_delivery & _deliveries.c.finished.is_(False))
    .values(result=bindparam("answer"), finished=true())
)
_HOLD = Prepared(_of_case.values(held=_reports.c.held + bindparam("more")))
_DUE = Prepared(_of_case.values(due=bindparam("when")))
_TOLD = Prepared(
    _of_case.values(
        content=bindparam("what"),
        status=bindparam("asks"),
        signalled=bindparam("when"),
        at=bindparam("when"),
        due=null(),
    )
)
_of_source = update(_storms).where(_storms.c.source == bindparam("of"))
_STORM_TOLD = Prepared(_of_source.values(told=bindparam("when")))
_STORMS_UNTIL = Prepared(_of_source.values(until=bindparam("when")))
_IN_ORDER = Prepared(
    select(_reports.c.case_id)
    .where(_reports.c.case_id.in_(bindparam("cases", expanding=True)))
    .order_by(_reports.c.case_id)
    .with_for_update()
)
_NEW_DELIVERY = Prepared(partial(insert_new, schema.deliveries))
_NEW_FINDING = Prepared(partial(insert_new, schema.findings))
_NEW_REPORT = Prepared(partial(insert_new, schema.case_reports))


def _count_fresh(dialect: str) -> Insert:
    """Counts new problems of a source in a minute; gives how many they are now, and when a storm was last told."""
    statement = insert_into(_storms, dialect)
    new = statement.excluded
    fresh = case((_storms.c.minute == new.minute, _storms.c.fresh + new.fresh), else_=new.fresh)
    counted = statement.on_conflict_do_update(index_elements=["source"], set_={"minute": new.minute, "fresh": fresh})
    return counted.returning(_storms.c.fresh, _storms.c.told)


_COUNT_FRESH = Prepared(_count_fresh)


class Arrivals(Looking, Scopes, Links):
    """Deliveries on their way to cases."""

    def keep(
        self, taken: Sequence[Taken], *, keys: MasterKeys, keep: timedelta, finished: Sequence[Finish] = ()
    ) -> list[Kept]:
        """Write down what `look` has said of deliveries, with their bodies; all of it or nothing.

        Args:
            taken: from `look`, not answered from memory.
            keys: of this deployment, to seal bodies with.
            keep: how long bodies are kept.
            finished: answers of earlier deliveries, kept before these in the same transaction (`finish`).
        """
        sealed = seal_originals((body for found in taken if (body := _body(found)) is not None), keep=keep)
        with self._write(lasting=any(map(_is_only_here, taken))) as db:
            self._lock_all(db, taken, finished)
            _finish(db, finished)
            self._store(db, taken)
            store_originals(db, sealed, keys=keys, opened={case for found in taken for case in found.opened})
            links = tuple(self._linked(db, taken))
            pace = self._pace(db, [found for found in taken if found.arrival is not None])
            gone = [self._absent(db, found.arrival) if found.arrival is not None else () for found in taken]
        return [  # whoever is first writes the lines of all links
            _seen(pace.get(id(found)), links=links if found is taken[0] else (), gone=missing)
            for found, missing in zip(taken, gone, strict=True)
        ]

    def _pace(self, db: Connection, taken: Sequence[Taken]) -> dict[int, tuple[bool, int]]:
        """Count what is new of each source; the answer is for its first delivery, by the identity of the object."""
        by_source: dict[str, list[Taken]] = {}
        for found in taken:
            if found.fresh and found.arrival is not None:
                by_source.setdefault(found.arrival.source, []).append(found)
        counted: dict[int, tuple[bool, int]] = {}
        for _, group in sorted(by_source.items()):  # one order for all writers: none waits in a ring
            newest = group[-1].arrival
            assert newest is not None
            storm, fresh = self._storms(db, newest, sum(found.fresh for found in group))
            counted |= {id(found): (storm and found is group[0], fresh) for found in group}
        return counted

    def _absent(self, db: Connection, arrival: Arrival) -> tuple[str, ...]:
        if arrival.scope is None:
            return ()
        shown = {item.row.case_id for item in arrival.items if item.status != "resolved"}
        scope, name = arrival.scope, arrival.delivery_id
        return self.full_report(arrival.source, scope.name, delivery_id=name, present=shown, at=scope.at, db=db)

    def _linked(self, db: Connection, taken: Iterable[Taken]) -> list[Link]:
        places = [place for found in taken if found.arrival is not None for place in places_in(found.arrival)]
        return self.link(db, self.links_for(db, places))

    def _store(self, db: Connection, taken: Sequence[Taken]) -> None:
        arrivals = [found.arrival for found in taken if found.arrival is not None]
        _NEW_DELIVERY.run_all(db, [_row_of(arrival) for arrival in arrivals])
        aliases.remember(db, [row for found in taken for row in found.aliases])
        findings = [vars(item.row) for arrival in arrivals for item in arrival.items if item.status != PUT_AWAY]
        _NEW_FINDING.run_all(db, findings)
        _store_reports(db, taken)
        quarantined = [vars(item) for arrival in arrivals for item in arrival.quarantined]
        if quarantined:
            db.execute(insert_new(schema.quarantine, db.dialect.name), quarantined)

    def _lock_all(self, db: Connection, taken: Sequence[Taken], finished: Sequence[Finish]) -> None:
        """Let writers of several processes wait here, in one order, and never for each other (SQLite has one)."""
        if self._is_sqlite:
            return
        if any(found.aliases for found in taken):
            self._lock(db, aliases.LOCK)
        changed = {case for found in taken for case in found.counted}
        changed |= {case for answer in finished for case, _, _ in answer.signalled}
        changed |= {case for answer in finished for case, _ in answer.due}
        for part in rows_in_parts(sorted(changed) if len(changed) > 1 else ()):
            _IN_ORDER.rows(db, {"cases": part})

    def _storms(self, db: Connection, arrival: Arrival, fresh: int) -> tuple[bool, int]:
        """Whether to tell of a storm (once, and again while it goes on), and the new problems of this minute."""
        minute = arrival.at.replace(second=0, microsecond=0)
        values = {"source": arrival.source, "minute": minute, "fresh": fresh, "until": None, "told": None}
        ((total, told),) = _COUNT_FRESH.rows(db, values)
        is_storm = total > arrival.storm_limit
        if is_storm:
            _STORMS_UNTIL.run(db, {"of": arrival.source, "when": arrival.at + STORM})
        return is_storm and (told is None or told < arrival.at - STORM), total

    def finish(self, answers: Sequence[Finish]) -> list[None]:
        """Keep answers for repeats, and what cases have been told; the first answer of a delivery stays."""
        with self._write(lasting=False) as db:  # what is lost is worked on again, and its cases know it
            self._lock_all(db, (), answers)
            _finish(db, answers)
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
                _HOLD.run_all(db, values)

    def told(self, case_id: str, *, held: int, at: datetime) -> None:
        """The case has been told of that many repeats."""
        table = schema.case_reports
        with self._write() as db:
            values = {"held": table.c.held - held, "signalled": at, "due": None}
            db.execute(update(table).where(table.c.case_id == case_id).values(values))


def _seen(pace: tuple[bool, int] | None, *, links: tuple[Link, ...], gone: tuple[str, ...]) -> Kept:
    storm, fresh = pace or (False, 0)
    return Kept(storm, fresh, links, gone)


def _body(taken: Taken) -> Original | None:
    """The body with the cases that hold its key; its source holds it where there are none."""
    if taken.arrival is None or taken.arrival.original is None:
        return None
    return replace(taken.arrival.original, case_ids=tuple(dict.fromkeys(place.case_id for place in taken.placed)))


def _row_of(arrival: Arrival) -> dict[str, Any]:
    known = {"source": arrival.source, "delivery_id": arrival.delivery_id, "body_digest": arrival.body_digest}
    return known | {"at": arrival.at, "result": None, "finished": False}


def _is_only_here(taken: Taken) -> bool:
    """Whether something of a delivery is promised that no case is told: what was quarantined, put away or counted."""
    arrival = taken.arrival
    return arrival is not None and (bool(arrival.quarantined) or not all(place.signal for place in taken.placed))


def _store_reports(db: Connection, taken: Sequence[Taken]) -> None:
    """Which cases there are now, and the repeats that they are not told of."""
    going = [(found, found.arrival.at) for found in taken if found.arrival is not None]
    nothing = {"content": "", "status": "", "signalled": None, "held": 0, "due": None}
    _NEW_REPORT.run_all(db, [{"case_id": case, "at": at} | nothing for found, at in going for case in found.opened])
    counted = [{"which": case, "more": more} for found, _ in going for case, more in found.counted.items() if more]
    _HOLD.run_all(db, counted)


def _finish(db: Connection, answers: Sequence[Finish]) -> None:
    _keep_answers(db, answers)
    _keep_signals(db, answers)
    for answer in answers:
        if answer.storm:
            _STORM_TOLD.run(db, {"of": answer.source, "when": answer.at})


def _keep_answers(db: Connection, answers: Sequence[Finish]) -> None:
    given = [{"of": answer.source, "which": answer.delivery_id, "answer": answer.result} for answer in answers]
    _ANSWER.run_all(db, given)


def _keep_signals(db: Connection, answers: Sequence[Finish]) -> None:
    told = [
        {"which": case, "what": content, "asks": status, "when": answer.at}
        for answer in answers
        for case, content, status in answer.signalled
    ]
    _TOLD.run_all(db, told)
    due = [{"which": case, "when": when} for answer in answers for case, when in answer.due]
    _DUE.run_all(db, due)
