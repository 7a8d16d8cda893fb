"""What `stanch doctor` asks a ServiceNow instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from activities._servicenow.people import People
from activities._servicenow.query import equals, plain
from activities._servicenow.settings import ServiceNowSettings
from activities._servicenow.transport import Record, Transport
from stanch.errors import ConnectorError
from stanch.ports import Check
from stanch.sinks.text import one_line
from stanch.views import TicketTarget

# What Stanch gives on every create.
_GIVEN = frozenset({"short_description", "description", "correlation_id", "correlation_display"})


def examine(
    transport: Transport, people: People, *, settings: ServiceNowSettings, targets: Sequence[TicketTarget]
) -> Sequence[Check]:
    """Sign-in first; the rest only where that works."""
    signed_in = _guarded("servicenow sign-in", lambda: _sign_in(people, settings))
    checks = [signed_in, _callback(settings)]
    if signed_in.ok:
        checks.append(_guarded("servicenow table", lambda: _table(transport, settings)))
        checks.append(_guarded("servicenow fields", lambda: _fields(transport, settings, targets)))
        checks.append(_guarded("servicenow queries", lambda: _queries(transport, settings)))
        for group in sorted({settings.group, *(target.group for target in targets)} - {""}):
            checks.append(_guarded(f"servicenow group {one_line(group)}", partial(_group, people, group)))
    return checks


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ConnectorError as error:
        return Check(name=name, ok=False, detail=error.message, fix=error.hint)


def _sign_in(people: People, settings: ServiceNowSettings) -> Check:
    people.user_id(settings.user)
    return Check(name="servicenow sign-in", ok=True, detail=settings.user)


def _callback(settings: ServiceNowSettings) -> Check:
    ready = bool(settings.callback_secret.get_secret_value())
    fix = "" if ready else "set callback_secret, and the same secret in the business rule"
    detail = "set" if ready else "every callback is refused"
    return Check(name="servicenow callback secret", ok=ready, detail=detail, fix=fix)


def _table(transport: Transport, settings: ServiceNowSettings) -> Check:
    transport.find(settings.table, "", fields=("sys_id",), limit=1)
    return Check(name="servicenow table", ok=True, detail=settings.table)


def _fields(transport: Transport, settings: ServiceNowSettings, targets: Sequence[TicketTarget]) -> Check:
    """Every mandatory field without a default has a value, for each route of its own."""
    query = equals(name=settings.table, mandatory="true", active="true")
    fields = ("name", "element", "column_label", "mandatory", "default_value")
    rows = transport.find("sys_dictionary", query, fields=fields, limit=200)
    ours = (row for row in rows if plain(row.get("name")) == settings.table and plain(row.get("mandatory")) == "true")
    needed = {plain(row.get("element")): plain(row.get("column_label")) for row in ours if not _default(row)}
    given = _GIVEN | set(settings.fields) | _of_all(targets)
    given |= {"assignment_group"} if settings.group else set()
    given |= {"urgency", "impact"} if settings.urgency else set()
    missing = sorted(name for name in needed if name and name not in given)
    shown = ", ".join(f"{name} ({one_line(needed[name], limit=60)})" if needed[name] else name for name in missing)
    detail = f"mandatory without a value: {shown}" if missing else "every mandatory field has a value"
    lines = "; ".join(f'{name} = "..."' for name in missing)
    fix = f"write under fields, or the route's ticket.fields: {lines}" if missing else ""
    return Check(name="servicenow fields", ok=not missing, detail=detail, fix=fix)


def _default(row: Record) -> str:
    return plain(row.get("default_value"))


def _of_all(targets: Sequence[TicketTarget]) -> set[str]:
    """The fields that every route gives."""
    own = {"category": "category", "assignment_group": "group", "problem_id": "problem"}
    each = [{*target.fields, *(field for field, name in own.items() if getattr(target, name))} for target in targets]
    return set.intersection(*each) if each else set()


def _queries(transport: Transport, settings: ServiceNowSettings) -> Check:
    """Says what the instance does with a query it cannot read; Stanch checks every row either way."""
    rows = transport.find(settings.table, equals(stanch_no_such_field="1"), fields=("sys_id",), limit=1)
    detail = "unknown parts of a query are ignored" if rows else "unknown parts of a query give no rows"
    return Check(name="servicenow queries", ok=True, detail=detail)


def _group(people: People, group: str) -> Check:
    people.group_id(group)
    return Check(name=f"servicenow group {one_line(group)}", ok=True, detail=group)
