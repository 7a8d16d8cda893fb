"""Which open cases hold others back, which case is in which group, and which generation a group has come to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select

from stanch.records import schema
from stanch.records.database import Database, rows, rows_in_parts

LONGEST = timedelta(days=30)  # that a case holds others back, as for a silence; one that is lost does so no longer


@dataclass(frozen=True)
class InhibitSide:
    """How a finding stands to one inhibition rule; `equal` is a digest of what source and target must share."""

    rule: str
    equal: str
    is_source: bool
    is_target: bool


@dataclass(frozen=True)
class CaseNoise:
    """What lists show of the noise around a case.

    Args:
        group_id: the workflow of its group; "" where it has none.
        quiet: why nobody is told, in words; "" where everybody is.
    """

    case_id: str
    group_id: str = ""
    quiet: str = ""
    until: datetime | None = None


class Noises(Database):
    """Read models and the one question of the noise layer that needs other cases."""

    def inhibit(self, case_id: str, sides: Sequence[InhibitSide], now: datetime) -> tuple[str, str] | None:
        """Remember what this case holds back, and find the oldest open case that holds it back: (rule, case).

        One transaction, so that a source that ends at the same moment is either seen or tells this case.
        """
        table = schema.inhibitors
        with self._write() as db:
            db.execute(delete(table).where(table.c.case_id == case_id))
            for side in sides:
                if side.is_source:
                    values = {"rule": side.rule, "equal": side.equal, "case_id": case_id, "at": now}
                    self._insert_new(db, table, values | {"is_both": side.is_target})
            found = _held_by(db, case_id, [side for side in sides if side.is_target], since=now - LONGEST)
            if found is None:
                db.execute(delete(schema.inhibited).where(schema.inhibited.c.case_id == case_id))
            else:
                self._upsert(db, schema.inhibited, {"case_id": case_id, "source": found[1], "at": now})
        return found

    def uninhibit(self, source: str) -> list[str]:
        """The case is over: it holds nothing back any more. Gives those that have to be told, until `forget_held`."""
        with self._write() as db:
            db.execute(delete(schema.inhibitors).where(schema.inhibitors.c.case_id == source))
            query = select(schema.inhibited.c.case_id).where(schema.inhibited.c.source == source)
            return sorted(db.execute(query).scalars())

    def forget_held(self, source: str, told: Collection[str]) -> None:
        """These have been told; one that has found another source in the meantime stays remembered for that."""
        table = schema.inhibited
        with self._write() as db:
            for part in rows_in_parts(sorted(told)):
                db.execute(delete(table).where(table.c.source == source, table.c.case_id.in_(part)))

    def put_noise(self, row: CaseNoise) -> None:
        """What is said of a case now."""
        with self._write() as db:
            self._upsert(db, schema.case_noise, asdict(row))

    def noise_of(self, case_ids: Collection[str]) -> dict[str, CaseNoise]:
        """The noise around these cases, where there is any."""
        table = schema.case_noise
        found: dict[str, CaseNoise] = {}
        with self._read() as db:
            for part in rows_in_parts(sorted(case_ids)):
                for row in rows(db, select(table).where(table.c.case_id.in_(part))):
                    found[row["case_id"]] = CaseNoise(**row)
        return found

    def members(self, group_id: str, *, limit: int = 200) -> list[str]:
        """Cases of a group, in no order that matters."""
        table = schema.case_noise
        query = select(table.c.case_id).where(table.c.group_id == group_id).order_by(table.c.case_id).limit(limit)
        with self._read() as db:
            return list(db.execute(query).scalars())

    def generation(self, group_id: str) -> int:
        """The generation that new members join; 1 where nothing else is known."""
        table = schema.generations
        with self._read() as db:
            found = db.execute(select(table.c.number).where(table.c.group_id == group_id)).scalar_one_or_none()
        return found or 1

    def put_generation(self, group_id: str, number: int, now: datetime) -> None:
        """A group is full, or old: new members join this generation. A late word changes nothing."""
        values = {"group_id": group_id, "number": number, "at": now}
        with self._write() as db:
            self._upsert(db, schema.generations, values, unless_newer="number")


def _held_by(
    db: Connection, case_id: str, targets: Sequence[InhibitSide], *, since: datetime
) -> tuple[str, str] | None:
    table = schema.inhibitors
    if not targets:
        return None
    any_of = [and_(table.c.rule == side.rule, table.c.equal == side.equal, *_one_sided(side)) for side in targets]
    query = select(table.c.rule, table.c.case_id).where(or_(*any_of), table.c.case_id != case_id, table.c.at > since)
    first = db.execute(query.order_by(table.c.at, table.c.case_id).limit(1)).first()
    return (str(first[0]), str(first[1])) if first is not None else None


def _one_sided(side: InhibitSide) -> list[ColumnElement[bool]]:
    """A finding on both sides is only held back by one that is a source alone."""
    return [schema.inhibitors.c.is_both.is_(False)] if side.is_source else []
