"""Kept originals: bodies of deliveries, readable only through the keys of their cases, opened only with a reason."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, select, tuple_, update

from stanch.errors import Refused
from stanch.records import schema
from stanch.records.chain import Entry
from stanch.records.database import rows, rows_in_parts
from stanch.records.ledger import Ledger
from stanch.records.originals_rows import (
    BODIES,
    KEYS,
    PART,
    case_keys_of,
    delete_bodies,
    existing,
    expired,
    forget_for_good,
    gone_error,
    held_keys,
    key_row,
    known_keys,
    places_of,
    store_originals,
)
from stanch.sealing import MasterKeys, SealedOriginal, open_body, unwrap_data_key

EPISODE = "originals"


@dataclass(frozen=True)
class Opened:
    """An original, opened. `holders` are the cases it concerns (or `quarantine:SOURCE`)."""

    body: bytes = field(repr=False)
    media_type: str
    body_digest: str
    at: datetime
    holders: tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """A legal hold: nothing of this case is deleted, by time or by hand."""

    case_id: str
    by: str
    reason: str
    at: datetime


class Originals(Ledger):
    """Bodies of deliveries: kept, opened, held, expired and shredded."""

    def add_originals(self, originals: Sequence[SealedOriginal], *, keys: MasterKeys) -> int:
        """Store sealed bodies in a transaction of their own; returns how many are new."""
        with self._write() as db:
            return store_originals(db, originals, keys=keys) if originals else 0

    def attach_original(self, source: str, delivery_id: str, case_ids: Iterable[str], *, keys: MasterKeys) -> bool:
        """Let further cases hold an original, as after a release from quarantine; False where it is gone."""
        with self._write() as db:
            held = held_keys(db, source, delivery_id)
            if not held:
                return False
            case_id, wrapped = held[0]
            case_key = case_keys_of(db, {case_id}, keys)[case_id]
            data_key = unwrap_data_key(case_key, wrapped, case_id=case_id, source=source, delivery_id=delivery_id)
            new = sorted(set(case_ids) - {holder for holder, _ in held})
            for holder, key in case_keys_of(db, new, keys).items():
                db.execute(KEYS.insert(), key_row(source, delivery_id, holder, case_key=key, data_key=data_key))
        return True

    def open_original(
        self, source: str, delivery_id: str, *, actor: str, reason: str, at: datetime, keys: MasterKeys
    ) -> Opened:
        """The body as it arrived; the ledger of each of its cases says who opened it and why, before it is given out.

        Raises:
            Refused: G010, no reason was given.
            IntakeError: I040 there is no such delivery, I041 its body is gone, I042 it is not what was sealed.
        """
        if not reason.strip():
            raise Refused("an original is opened only for a reason", code="G010", hint="say it with --reason")
        with self._read() as db:
            row = existing(db, source, delivery_id)
            held = held_keys(db, source, delivery_id)
            if not held:
                raise gone_error(row)
            case_id, wrapped = held[0]
            case_key = known_keys(db, [case_id], keys)[case_id]
        data_key = unwrap_data_key(case_key, wrapped, case_id=case_id, source=source, delivery_id=delivery_id)
        place = {"source": source, "delivery_id": delivery_id}
        body = open_body(row["sealed"], data_key=data_key, digest=row["body_digest"], size=row["size"], **place)
        facts = place | {"digest": row["body_digest"], "reason": reason}
        self.append([_line(holder, "original.opened", actor, at=at, data=facts) for holder, _ in held])
        holders = tuple(holder for holder, _ in held)
        return Opened(body, row["media_type"], row["body_digest"], row["at"], holders)

    def originals_of(self, case_id: str) -> list[dict[str, Any]]:
        """The kept originals of a case, oldest first: source, delivery, digest, size, times; never their content."""
        names = ("source", "delivery_id", "body_digest", "size", "media_type", "at", "expires")
        same = (KEYS.c.source == BODIES.c.source) & (KEYS.c.delivery_id == BODIES.c.delivery_id)
        query = select(*(BODIES.c[name] for name in names)).join(KEYS, same).where(KEYS.c.case_id == case_id)
        with self._read() as db:
            return rows(db, query.order_by(BODIES.c.at))

    def expire_originals(self, now: datetime, *, limit: int = 5000) -> int:
        """Delete bodies whose time is over and that no hold protects; digest and size stay. Returns how many."""
        done = 0
        while done < limit:
            with self._write() as db:
                forget_for_good(db)
                places = expired(db, now)
                delete_bodies(db, places, at=now, why="expired")
            done += len(places)
            if len(places) < PART:
                break
        return done

    def shred(self, case_id: str, *, actor: str, reason: str, at: datetime) -> int:
        """Destroy a case's key, and with it its access to every original; bodies nobody else holds are deleted.

        Raises:
            Refused: G011, the case is under a legal hold.
        """
        with self._changing(case_id) as db:
            if db.execute(select(schema.holds.c.case_id).where(schema.holds.c.case_id == case_id)).first():
                raise Refused("this case is under a legal hold", code="G011", hint="`stanch case unhold` ends it")
            places = places_of(db, KEYS.c.case_id == case_id)
            db.execute(delete(KEYS).where(KEYS.c.case_id == case_id))
            db.execute(delete(schema.case_keys).where(schema.case_keys.c.case_id == case_id))
            for part in rows_in_parts(places, PART):
                left = set(places_of(db, tuple_(KEYS.c.source, KEYS.c.delivery_id).in_(part)))
                delete_bodies(db, [place for place in part if place not in left], at=at, why="shredded")
            facts = {"reason": reason, "originals": len(places)}
            self._append(db, [_line(case_id, "originals.shredded", actor, at=at, data=facts)])
        return len(places)

    def hold(self, case_id: str, *, actor: str, reason: str, at: datetime) -> bool:
        """Put a legal hold on a case; False where one is there already, which then stays."""
        with self._changing(case_id) as db:
            is_new = self._insert_new(db, schema.holds, {"case_id": case_id, "by": actor, "reason": reason, "at": at})
            if is_new:
                self._append(db, [_line(case_id, "hold.placed", actor, at=at, data={"reason": reason})])
        return is_new

    def release(self, case_id: str, *, actor: str, reason: str, at: datetime) -> bool:
        """End a legal hold; False where there is none."""
        with self._changing(case_id) as db:
            done = db.execute(delete(schema.holds).where(schema.holds.c.case_id == case_id)).rowcount == 1
            if done:
                self._append(db, [_line(case_id, "hold.released", actor, at=at, data={"reason": reason})])
        return done

    def hold_of(self, case_id: str) -> Hold | None:
        """The legal hold of a case."""
        with self._read() as db:
            found = rows(db, select(schema.holds).where(schema.holds.c.case_id == case_id))
        return Hold(**found[0]) if found else None

    def rewrap(self, keys: MasterKeys, *, limit: int = 1000) -> int:
        """Wrap case keys of an older master key under the current one; returns how many there were, 0 when done."""
        table = schema.case_keys
        stale = ~table.c.wrapped.between(keys.current_id, keys.current_id + b"\xff" * 128)
        with self._write() as db:
            found = rows(db, select(table).where(stale).limit(limit).with_for_update())
            for row in found:
                key = keys.unwrap(row["case_id"], row["wrapped"])
                same = table.c.case_id == row["case_id"]
                db.execute(update(table).where(same).values(wrapped=keys.wrap(row["case_id"], key)))
        return len(found)

    @contextmanager
    def _changing(self, case_id: str) -> Generator[Connection]:
        """A write transaction in which the case's ledger can be continued."""
        with self._read() as db:
            known = db.execute(select(schema.heads.c.case_id).where(schema.heads.c.case_id == case_id)).first()
        if known is None:
            self._begin_cases([case_id])
        with self._write() as db:
            forget_for_good(db)
            yield db


def _line(case_id: str, event: str, actor: str, *, at: datetime, data: Mapping[str, Any]) -> Entry:
    return Entry(case_id=case_id, episode=EPISODE, key=uuid4().hex, time=at, actor=actor, event=event, data=data)
