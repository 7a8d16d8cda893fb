"""What `stanch doctor` asks a ServiceNow instance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from activities._servicenow_people import People
from activities._servicenow_query import equals
from activities._servicenow_settings import ServiceNowSettings
from activities._servicenow_transport import Transport
from activities._servicenow_view import plain
from stanch.errors import ConnectorError
from stanch.ports import Check

# What Stanch gives on every create.
_GIVEN = frozenset({"short_description", "description", "correlation_id", "correlation_display", "urgency", "impact"})


def examine(transport: Transport, people: People, *, settings: ServiceNowSettings) -> Sequence[Check]:
    """Sign-in first; the rest only where that works."""
    signed_in = _guarded("servicenow sign-in", lambda: _sign_in(people, settings))
    checks = [signed_in, _callback(settings)]
    if signed_in.ok:
        checks.append(_guarded("servicenow table", lambda: _table(transport, settings)))
        checks.append(_guarded("servicenow fields", lambda: _fields(transport, settings)))
        checks.append(_guarded("servicenow queries", lambda: _queries(transport, settings)))
        if settings.group:
            checks.append(_guarded("servicenow group", lambda: _group(people, settings)))
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


def _fields(transport: Transport, settings: ServiceNowSettings) -> Check:
    """Every mandatory field without a default has a configured value."""
    query = equals(name=settings.table, mandatory="true", active="true")
    fields = ("name", "element", "mandatory", "default_value")
    rows = transport.find("sys_dictionary", query, fields=fields, limit=200)
    ours = (row for row in rows if plain(row.get("name")) == settings.table and plain(row.get("mandatory")) == "true")
    needed = sorted(plain(row.get("element")) for row in ours if not plain(row.get("default_value")))
    missing = [name for name in needed if name and name not in _GIVEN and name not in settings.fields]
    detail = f"mandatory without a value: {', '.join(missing)}" if missing else "every mandatory field has a value"
    fix = f"give {', '.join(missing)} a value under fields" if missing else ""
    return Check(name="servicenow fields", ok=not missing, detail=detail, fix=fix)


def _queries(transport: Transport, settings: ServiceNowSettings) -> Check:
    """Says what the instance does with a query it cannot read; Stanch checks every row either way."""
    rows = transport.find(settings.table, equals(stanch_no_such_field="1"), fields=("sys_id",), limit=1)
    detail = "unknown parts of a query are ignored" if rows else "unknown parts of a query give no rows"
    return Check(name="servicenow queries", ok=True, detail=detail)


def _group(people: People, settings: ServiceNowSettings) -> Check:
    people.group_id(settings.group)
    return Check(name="servicenow group", ok=True, detail=settings.group)
