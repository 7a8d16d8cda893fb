"""The rows of kept originals: sealed bodies, the keys to them, and the keys of cases that wrap those."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, exists, select, tuple_, update

from stanch.errors import IntakeError
from stanch.records import schema
from stanch.records.database import rows, rows_in_parts
from stanch.records.prepared import Inserting, Prepared
from stanch.sealing import KEY_BYTES, MasterKeys, SealedOriginal, wrap_data_key

PART = 100
BODIES = schema.originals
KEYS = schema.original_keys
Place = tuple[str, str]
_kept = schema.case_keys.c
_KEPT = Prepared(select(_kept.case_id, _kept.wrapped).where(_kept.case_id.in_(bindparam("cases", expanding=True))))
_ADD_KEYS = Prepared(KEYS.insert())
_BODIES = Inserting(BODIES)
_CASE_KEYS = Inserting(schema.case_keys)


def store_originals(
    db: Connection, originals: Sequence[SealedOriginal], *, keys: MasterKeys, opened: Collection[str] = ()
) -> int:
    """Store sealed bodies and their keys in the caller's transaction; returns how many are new.

    A delivery that is already there stays as it is. Cases that have no key yet get one.

    Args:
        db: inside a write transaction of records.
        originals: from `seal_original`, made before the transaction.
        keys: of this deployment (`Keys.sealing`).
        opened: cases that are new, so that nobody has made keys for them, unless at this very moment.
    """
    new = [item for part in rows_in_parts(originals, PART) for item in _stored(db, part)]
    case_keys = case_keys_of(db, {holder for item in new for holder in item.holders}, keys, opened=opened)
    wrapped = [_wrapped(item, holder, case_keys[holder]) for item in new for holder in item.holders if item.sealed]
    _ADD_KEYS.run_all(db, wrapped)
    return len(new)


def _stored(db: Connection, part: list[SealedOriginal]) -> list[SealedOriginal]:
    """Those of the bodies that were not there; one of several with the same id."""
    by_place = {(item.source, item.delivery_id): item for item in reversed(part)}
    values = [_row(by_place[place]) for place in sorted(by_place)]  # one order for all writers: none waits in a ring
    return [by_place[source, delivery_id] for source, delivery_id in _BODIES.new(db, values)]


def _row(item: SealedOriginal) -> dict[str, Any]:
    names = ("source", "delivery_id", "body_digest", "size", "media_type", "at", "expires", "sealed")
    gone = {"gone": item.at, "gone_why": "too large"} if item.sealed is None else {"gone": None, "gone_why": ""}
    return {name: getattr(item, name) for name in names} | gone


def case_keys_of(
    db: Connection, holders: Iterable[str], keys: MasterKeys, *, opened: Collection[str] = ()
) -> dict[str, bytes]:
    """The keys of cases, made where there is none; of two writers at once, one key wins."""
    wanted = sorted(holders)
    found = known_keys(db, [case_id for case_id in wanted if case_id not in opened], keys)
    missing = [case_id for case_id in wanted if case_id not in found]
    if not missing:
        return found
    now = datetime.now(UTC)
    made = {case_id: secrets.token_bytes(KEY_BYTES) for case_id in missing}
    new = [{"case_id": case_id, "wrapped": keys.wrap(case_id, key), "at": now} for case_id, key in made.items()]
    stored = {case_id for (case_id,) in _CASE_KEYS.new(db, new)}
    lost = [case_id for case_id in missing if case_id not in stored]  # another writer was first
    return found | {case_id: made[case_id] for case_id in stored} | known_keys(db, lost, keys)


def known_keys(db: Connection, holders: Sequence[str], keys: MasterKeys) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in rows_in_parts(holders):
        kept = _KEPT.rows(db, {"cases": part})
        found |= {case_id: keys.unwrap(case_id, wrapped) for case_id, wrapped in kept}
    return found


def _wrapped(item: SealedOriginal, holder: str, case_key: bytes) -> dict[str, Any]:
    return key_row(item.source, item.delivery_id, holder, case_key=case_key, data_key=item.data_key)


def key_row(source: str, delivery_id: str, holder: str, *, case_key: bytes, data_key: bytes) -> dict[str, Any]:
    wrapped = wrap_data_key(case_key, data_key, case_id=holder, source=source, delivery_id=delivery_id)
    return {"source": source, "delivery_id": delivery_id, "case_id": holder, "wrapped": wrapped}


def existing(db: Connection, source: str, delivery_id: str) -> dict[str, Any]:
    found = rows(db, select(BODIES).where(BODIES.c.source == source, BODIES.c.delivery_id == delivery_id))
    if not found:
        hint = "the timeline of a case and `GET /v1/deliveries/{id}` name its deliveries"
        raise IntakeError("there is no original of this delivery", status=404, code="I040", hint=hint)
    return found[0]


def gone_error(row: Mapping[str, Any]) -> IntakeError:
    facts = f"it was {row['size']} bytes with SHA-256 {row['body_digest']}"
    why = row["gone_why"] or "no key is left"
    return IntakeError(f"the original is gone ({why})", status=410, code="I041", hint=facts)


def held_keys(db: Connection, source: str, delivery_id: str) -> list[tuple[str, bytes]]:
    query = select(KEYS.c.case_id, KEYS.c.wrapped).order_by(KEYS.c.case_id)
    found = db.execute(query.where(KEYS.c.source == source, KEYS.c.delivery_id == delivery_id))
    return [(row.case_id, row.wrapped) for row in found]


def places_of(db: Connection, which: ColumnElement[bool]) -> list[Place]:
    return [(row.source, row.delivery_id) for row in db.execute(select(KEYS.c.source, KEYS.c.delivery_id).where(which))]


def expired(db: Connection, now: datetime) -> list[Place]:
    """Bodies past their time, unless one of their cases is under a hold."""
    same = (KEYS.c.source == BODIES.c.source) & (KEYS.c.delivery_id == BODIES.c.delivery_id)
    held = exists().where(same, schema.holds.c.case_id == KEYS.c.case_id)
    query = select(BODIES.c.source, BODIES.c.delivery_id).where(BODIES.c.gone.is_(None), BODIES.c.expires <= now, ~held)
    return [(row.source, row.delivery_id) for row in db.execute(query.order_by(BODIES.c.expires).limit(PART))]


def forget_for_good(db: Connection) -> None:
    """Let what this connection deletes be overwritten: a destroyed key must not linger in free pages of a file."""
    if db.dialect.name == "sqlite":
        db.exec_driver_sql("PRAGMA secure_delete=ON")


def delete_bodies(db: Connection, places: Sequence[Place], *, at: datetime, why: str) -> None:
    """Remove bodies and their keys; digest and size stay, so that history can still be proven."""
    if places:
        db.execute(delete(KEYS).where(tuple_(KEYS.c.source, KEYS.c.delivery_id).in_(places)))
        which = tuple_(BODIES.c.source, BODIES.c.delivery_id).in_(places)
        db.execute(update(BODIES).where(which).values(sealed=None, gone=at, gone_why=why))
