"""Cases as lists and plots show them: the read model, findings, tickets and reassignments; never read to decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from stanch.records import schema
from stanch.records.database import Database, rows


@dataclass(frozen=True)
class CaseRow:
    """A case as it stood at `version`, which grows with every change, so that a late write never undoes a newer one.

    A case that comes back after its end is opened anew, and counts its versions from the beginning.
    """

    case_id: str
    version: int
    opened: datetime
    updated: datetime
    episode: str = ""
    state: str = ""
    title: str = ""
    severity: str = ""
    owner: str = ""
    assignee: str = ""
    source: str = ""
    category: str = ""
    kind: str = ""
    environment: str = ""
    host: str = ""
    path: str = ""
    method: str = ""
    playbook: str = ""
    mode: str = ""
    lane: str = ""
    rule: str = ""
    ticket_system: str = ""
    ticket_key: str = ""
    ticket_url: str = ""
    waiting_on: str = ""
    outcome: str = ""
    due: datetime | None = None
    closed: datetime | None = None
    finding_count: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseFilter:
    """Which cases; empty fields do not filter. `text` is looked for in title, host, path, id and ticket key."""

    states: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    owner: str = ""
    assignee: str = ""
    source: str = ""
    host: str = ""
    playbook: str = ""
    open: bool | None = None
    text: str = ""
    updated_before: datetime | None = None
    opened_after: datetime | None = None


@dataclass(frozen=True)
class FindingRow:
    """One finding of a case, redacted."""

    case_id: str
    finding_id: str
    source: str
    at: datetime
    body: Mapping[str, Any]
    delivery_id: str = ""


@dataclass(frozen=True)
class Reassignment:
    """A person gave a case to another owner; enough of these become a proposed rule. `key` makes it count once."""

    key: str
    case_id: str
    at: datetime
    by: str
    from_owner: str
    to_owner: str
    rule: str = ""
    category: str = ""
    host: str = ""
    path: str = ""
    method: str = ""
    severity: str = ""
    source: str = ""
    environment: str = ""
    via: str = ""


class Cases(Database):
    """What is known about cases."""

    def put_case(self, row: CaseRow) -> None:
        """Store how a case stands, unless something newer is stored."""
        with self._write() as db:
            self._upsert(db, schema.cases, asdict(row), unless_newer=("opened", "version"))

    def case(self, case_id: str) -> CaseRow | None:
        with self._read() as db:
            found = rows(db, select(schema.cases).where(schema.cases.c.case_id == case_id))
        return _case(found[0]) if found else None

    def cases(self, filter: CaseFilter | None = None, *, limit: int = 100) -> list[CaseRow]:
        """Cases, newest change first; go on with `updated_before` of the last one."""
        order = (schema.cases.c.updated.desc(), schema.cases.c.case_id)
        query = select(schema.cases).where(*_matching(filter or CaseFilter())).order_by(*order).limit(limit)
        with self._read() as db:
            return [_case(row) for row in rows(db, query)]

    def count_cases(self, by: str, filter: CaseFilter | None = None) -> dict[str, int]:
        """How many cases there are for each value of a column such as `state`, `severity` or `owner`."""
        column = schema.cases.c[by]
        query = select(column.label("value"), func.count().label("number")).group_by(column)
        with self._read() as db:
            found = rows(db, query.where(*_matching(filter or CaseFilter())))
        return {row["value"]: row["number"] for row in found}

    def add_finding(self, row: FindingRow) -> bool:
        """Store a finding once; False where the case already has it."""
        with self._write() as db:
            return self._insert_new(db, schema.findings, asdict(row))

    def findings(self, case_id: str, *, limit: int = 1000) -> list[FindingRow]:
        """The case's findings, oldest first."""
        table = schema.findings
        query = select(table).where(table.c.case_id == case_id).order_by(table.c.at, table.c.finding_id).limit(limit)
        with self._read() as db:
            return [FindingRow(**row) for row in rows(db, query)]

    def recent_findings(self, *, since: datetime | None = None, limit: int = 10_000) -> list[FindingRow]:
        """Findings of all cases, the newest first."""
        table = schema.findings
        query = select(table).order_by(table.c.at.desc(), table.c.case_id, table.c.finding_id).limit(limit)
        with self._read() as db:
            found = rows(db, query if since is None else query.where(table.c.at >= since))
        return [FindingRow(**row) for row in found]

    def newest_finding(self, case_id: str) -> FindingRow | None:
        """The case's newest finding."""
        table = schema.findings
        newest = select(table).where(table.c.case_id == case_id).order_by(table.c.at.desc(), table.c.finding_id.desc())
        with self._read() as db:
            found = rows(db, newest.limit(1))
        return FindingRow(**found[0]) if found else None

    def link_ticket(self, case_id: str, *, system: str, key: str, at: datetime, url: str = "") -> None:
        """Remember whose ticket this is."""
        values = {"system": system, "key": key, "case_id": case_id, "url": url, "at": at}
        with self._write() as db:
            self._upsert(db, schema.tickets, values)

    def case_of_ticket(self, system: str, key: str) -> str | None:
        table = schema.tickets
        with self._read() as db:
            query = select(table.c.case_id).where(table.c.system == system, table.c.key == key)
            return db.execute(query).scalar_one_or_none()

    def add_reassignment(self, row: Reassignment) -> bool:
        """Store a reassignment once; False where it was known."""
        with self._write() as db:
            return self._insert_new(db, schema.reassignments, asdict(row))

    def reassignments(self, *, since: datetime | None = None, limit: int = 10_000) -> list[Reassignment]:
        """Reassignments, oldest first."""
        table = schema.reassignments
        query = select(table).order_by(table.c.at, table.c.key).limit(limit)
        with self._read() as db:
            found = rows(db, query if since is None else query.where(table.c.at >= since))
        return [Reassignment(**row) for row in found]


def _case(row: dict[str, Any]) -> CaseRow:
    row["labels"] = tuple(row["labels"])
    return CaseRow(**row)


def _matching(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    return _equal(wanted) + _other(wanted)


def _equal(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    columns = schema.cases.c
    names = ("owner", "assignee", "source", "host", "playbook")
    return [columns[name] == getattr(wanted, name) for name in names if getattr(wanted, name)]


def _other(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    columns = schema.cases.c
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(columns.state.in_(wanted.states))
    if wanted.severities:
        found.append(columns.severity.in_(wanted.severities))
    if wanted.open is not None:
        found.append(columns.closed.is_(None) if wanted.open else columns.closed.is_not(None))
    if wanted.updated_before is not None:
        found.append(columns.updated < wanted.updated_before)
    if wanted.opened_after is not None:
        found.append(columns.opened > wanted.opened_after)
    if wanted.text:
        places = (columns.title, columns.host, columns.path, columns.case_id, columns.ticket_key)
        found.append(or_(*(place.icontains(wanted.text, autoescape=True) for place in places)))
    return found
