"""The ledger of each case: append once, read as a timeline, verify, export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, collate, func, select, tuple_, update

from stanch.records.chain import (
    ERASED,
    START,
    Bad,
    Entry,
    Head,
    Root,
    Sealed,
    Verification,
    check,
    seal,
    seal_head,
    seal_root,
)
from stanch.records.columns import storable
from stanch.records.database import Database, insert_new, rows_in_parts
from stanch.records.ledger_file import write_ledger
from stanch.records.reassigning import reassignments_of
from stanch.records.schema import cases, heads, ledger, reassignments, root

UNCERTAIN = "UNCERTAIN"
_HEAD = tuple(heads.c[name] for name in Head._fields)


@dataclass(frozen=True)
class TimelineItem:
    """One line of a case's story.

    Args:
        uncertain: an effect was intended and nobody knows how it ended.
        erased: the data was removed on purpose; the entry still counts.
    """

    seq: int
    time: datetime
    actor: str
    event: str
    step: str
    episode: str
    effect: str
    plan_digest: str
    request_digest: str
    response_digest: str
    data: dict[str, Any]
    hash: str
    uncertain: bool = False
    erased: bool = False


class Ledger(Database):
    """The hash-chained ledger."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries of any number of cases in one transaction; those whose key is known are ignored.

        Raises:
            DependencyError: records cannot be written; nothing was added.
        """
        if entries:
            new_cases = self._try_append(entries)
            if new_cases:
                self._begin_cases(new_cases)
                self._try_append(entries)

    def timeline(self, case_id: str) -> list[TimelineItem]:
        """The case's entries in order, with the effects whose end is unknown marked."""
        with self._read() as db:
            rows = [Sealed(*row) for row in db.execute(_rows().where(ledger.c.case_id == case_id))]
        open_effects = _open_effects(rows)
        return [_item(row, open_effects) for row in rows]

    def count_keys(self, case_id: str, episode: str, prefix: str, *, limit: int) -> int:
        """How many entries of a case have a key that begins like this, counted up to a limit."""
        mine = (ledger.c.case_id == case_id, ledger.c.episode == episode)
        found = select(ledger.c.seq).where(*mine, ledger.c.key.startswith(prefix, autoescape=True)).limit(limit)
        with self._read() as db:
            return db.execute(select(func.count()).select_from(found.subquery())).scalar_one()

    def verify(self, case_id: str = "") -> Verification:
        """Check one case's chain, or every chain and that no case is missing."""
        with self._read(snapshot=True) as db:
            known = {head.case_id: head for head in _heads(db, case_id)}
            lost = None if case_id else db.execute(_without_head()).scalar()
            if lost is not None:
                gone = Bad(lost, 1, "the case is known, and nothing of it is in the ledger")
                return Verification(ok=False, entries=0, cases=len(known), first_bad=gone)
            return check(_stream(db, case_id), known, root=None if case_id else _root(db, self._key), key=self._key)

    def export(self, path: Path, *, case_id: str = "") -> int:
        """Write the ledger, or one case's, as JSON lines that `verify_file` checks offline; returns the entries."""
        with self._read(snapshot=True) as db:
            base = None if case_id else _root(db, self._key)
            return write_ledger(path, root=base, heads=_heads(db, case_id), rows=_stream(db, case_id))

    def erase(self, entry: Entry, *, seq: int) -> None:
        """Remove the data of an entry for good; `entry` says who and why and is appended. The chain stays valid."""
        record = replace(entry, event=ERASED, data={**entry.data, "seq": seq})
        which = (ledger.c.case_id == entry.case_id) & (ledger.c.seq == seq)
        with self._write() as db:
            self._append(db, [record])
            db.execute(update(ledger).where(which).values(data=None, salt=None))

    def _try_append(self, entries: Sequence[Entry]) -> list[str]:
        with self._write() as db:
            return self._append(db, entries)

    def _append(self, db: Connection, entries: Sequence[Entry]) -> list[str]:
        """Append, or return the cases that have no head yet, and then nothing was appended."""
        ids = sorted({storable(entry.case_id) for entry in entries})
        state = self._locked_heads(db, ids)
        missing = [case_id for case_id in ids if case_id not in state]
        if missing:
            return missing
        sealed: list[Sealed] = []
        new = list(_unknown(db, entries))
        for entry in new:
            head = state[storable(entry.case_id)]
            row = seal(entry, seq=head.entries + 1, prev_hash=head.last_hash, key=self._key)
            sealed.append(row)
            state[row.case_id] = head._replace(entries=row.seq, last_hash=row.hash)
        if sealed:
            db.execute(ledger.insert(), [row._asdict() for row in sealed])
            self._write_heads(db, [state[case_id] for case_id in {row.case_id for row in sealed}])
        moved = reassignments_of(new)
        if moved:
            db.execute(insert_new(reassignments, db.dialect.name), moved)
        return []

    def _locked_heads(self, db: Connection, ids: list[str]) -> dict[str, Head]:
        """Heads, locked until the transaction ends, by all writers in the same order, so that none waits in a ring."""
        order = heads.c.case_id if self._is_sqlite else collate(heads.c.case_id, "C")
        found: dict[str, Head] = {}
        for part in rows_in_parts(ids):
            query = select(*_HEAD).where(heads.c.case_id.in_(part)).order_by(order).with_for_update()
            found |= {row.case_id: Head(*row) for row in db.execute(query)}
        return found

    def _begin_cases(self, ids: list[str]) -> None:
        """Give new cases an empty head with the next ordinal, in a transaction of its own that locks only the root."""
        with self._write() as db:
            self._insert_new(db, root, {"id": 1, **seal_root(self._key, 0)._asdict()})
            count: int = db.execute(select(root.c.cases).with_for_update()).scalar_one()
            for case_id in ids:
                head = seal_head(self._key, case_id=case_id, ordinal=count + 1, entries=0, last_hash=START)
                count += self._insert_new(db, heads, head._asdict())
            db.execute(update(root).values(seal_root(self._key, count)._asdict()))

    def _write_heads(self, db: Connection, changed: list[Head]) -> None:
        for head in changed:
            done = seal_head(
                self._key, case_id=head.case_id, ordinal=head.ordinal, entries=head.entries, last_hash=head.last_hash
            )
            db.execute(update(heads).where(heads.c.case_id == head.case_id).values(done._asdict()))


def _unknown(db: Connection, entries: Sequence[Entry]) -> Iterator[Entry]:
    """Entries whose key is neither stored nor earlier in the list."""
    places = [tuple(map(storable, (entry.case_id, entry.episode, entry.key))) for entry in entries]
    seen: set[tuple[Any, ...]] = set()
    key = (ledger.c.case_id, ledger.c.episode, ledger.c.key)
    for part in rows_in_parts(places):
        seen.update(tuple(row) for row in db.execute(select(*key).where(tuple_(*key).in_(part))))
    for place, entry in zip(places, entries, strict=True):
        if place not in seen:
            seen.add(place)
            yield entry


def _rows() -> Select[Any]:
    return select(*(ledger.c[name] for name in Sealed._fields)).order_by(ledger.c.case_id, ledger.c.seq)


def _stream(db: Connection, case_id: str) -> Iterator[Sealed]:
    query = _rows().where(ledger.c.case_id == case_id) if case_id else _rows()
    result = db.execution_options(yield_per=2000).execute(query)
    return map(Sealed._make, result)


def _heads(db: Connection, case_id: str) -> Iterable[Head]:
    query = select(*_HEAD).order_by(heads.c.case_id)
    return [Head(*row) for row in db.execute(query.where(heads.c.case_id == case_id) if case_id else query)]


def _root(db: Connection, key: bytes) -> Root:
    row = db.execute(select(root.c.cases, root.c.mac)).one_or_none()
    if row is not None:
        return Root(*row)
    any_entry = db.execute(select(func.count()).select_from(ledger)).scalar_one()
    return Root(0, "missing") if any_entry else seal_root(key, 0)


def _without_head() -> Select[Any]:
    """Recorded cases without a chain: a case's entries are always written before its row."""
    chained = select(heads.c.case_id)
    return select(cases.c.case_id).where(cases.c.case_id.not_in(chained)).order_by(cases.c.case_id).limit(1)


def _open_effects(rows: Iterable[Sealed]) -> set[str]:
    """Effects with an intent whose last word is missing or says uncertain."""
    last: dict[str, bool] = {}
    for row in rows:
        if row.effect and row.event.endswith(".intent"):
            last[row.effect] = True
        elif row.effect and row.event.endswith(".outcome"):
            last[row.effect] = json.loads(row.data or "{}").get("outcome") == UNCERTAIN
    return {effect for effect, is_open in last.items() if is_open}


def _item(row: Sealed, open_effects: set[str]) -> TimelineItem:
    names = ("seq", "actor", "event", "step", "episode", "effect", "plan_digest", "request_digest", "response_digest")
    return TimelineItem(
        **{name: getattr(row, name) for name in (*names, "hash")},
        time=datetime.fromisoformat(row.time),
        data=json.loads(row.data) if row.data is not None else {},
        uncertain=row.effect in open_effects and row.event.endswith((".intent", ".outcome")),
        erased=row.data is None,
    )
