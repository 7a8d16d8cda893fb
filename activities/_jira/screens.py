"""What Jira's create screens ask for, read once an hour."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from activities._jira.client import JiraClient, rows_of, segment
from activities._outcomes import FieldsRejected
from stanch.errors import Gone, Rejected

CACHE_SECONDS = 3600.0
MOST_PAGES = 20
_ACTION = "read the create screen"
_ABSENT = (405,)
# What Stanch gives on every create, or Jira by itself.
GIVEN = frozenset({"project", "issuetype", "summary", "description", "labels", "reporter"})


@dataclass(frozen=True)
class ScreenField:
    """A field of a create screen.

    Args:
        required: Jira asks for it and has no default.
        kind: `type` of its schema, such as option, user, array, number, string.
        items: what an array is of.
        custom: the full type of a custom field.
        allowed: the names of its values, where they are listed.
    """

    id: str
    name: str = ""
    required: bool = False
    kind: str = ""
    items: str = ""
    custom: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class CreateScreen:
    """The fields that a project and type have on creation; without `fields` Jira does not tell."""

    type: Mapping[str, str]  # the reference to the type
    fields: Mapping[str, ScreenField] = field(default_factory=lambda: MappingProxyType(dict[str, ScreenField]()))

    @property
    def required(self) -> tuple[ScreenField, ...]:
        """What must come from configuration."""
        return tuple(each for _, each in sorted(self.fields.items()) if each.required and each.id not in GIVEN)

    def has(self, name: str) -> bool:
        """Whether a field may be sent; where Jira does not tell, it is tried."""
        return not self.fields or name in self.fields


class CreateScreens:
    """Create screens by project and type."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], tuple[float, CreateScreen]] = {}

    def get(self, project: str, type_name: str, *, fresh: bool = False) -> CreateScreen:
        """The screen.

        Raises:
            Rejected: the project has no such type, or cannot be seen.
        """
        with self._lock:
            read_at, screen = self._kept.get((project, type_name), (0.0, None))
        if fresh or screen is None or time.monotonic() - read_at > CACHE_SECONDS:
            screen = self._read(project, type_name)
            with self._lock:
                self._kept[project, type_name] = (time.monotonic(), screen)
        return screen

    def usable(self, project: str, type_name: str, *, fresh: bool = False) -> CreateScreen:
        """The screen; where this Jira shows none (before 8.4, or not to us), only the type by its name."""
        try:
            return self.get(project, type_name, fresh=fresh)
        except Gone:
            return CreateScreen(type={"name": type_name})
        except FieldsRejected as error:
            if error.status not in _ABSENT:
                raise
            return CreateScreen(type={"name": type_name})

    def _read(self, project: str, type_name: str) -> CreateScreen:
        path = f"issue/createmeta/{segment(project)}/issuetypes"
        types = self._pages(path, "issueTypes")
        type_id = _type_id(types, type_name)
        if not type_id:
            names = ", ".join(sorted(str(each.get("name", ""))[:40] for each in types)[:20])
            raise Rejected("the Jira project has no such issue type", hint=f"set `type` to one of: {names}")
        fields = [_field(each) for each in self._pages(f"{path}/{segment(type_id)}", "fields")]
        return CreateScreen(type={"id": type_id}, fields={each.id: each for each in fields if each.id})

    def _pages(self, path: str, name: str) -> list[dict[str, Any]]:
        """All rows; Cloud calls them by `name`, Data Center `values`."""
        rows: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            query = {"startAt": str(len(rows)), "maxResults": "100"}
            page = self._client.get(path, action=_ACTION, params=query)
            new = rows_of(page, name if name in page else "values", action=_ACTION)
            rows += new
            if not new or not _more(page, seen=len(rows)):
                break
        return rows


def _more(page: Mapping[str, Any], *, seen: int) -> bool:
    total = page.get("total")
    if isinstance(total, int):
        return seen < total
    return page.get("isLast") is False or page.get("last") is False


def _type_id(types: list[dict[str, Any]], wanted: str) -> str:
    """By its name or id, then by its name in any case or before translation."""
    for each in types:
        if wanted in (each.get("name"), str(each.get("id"))):
            return str(each.get("id") or "")
    for each in types:
        names = (str(each.get(name, "")).casefold() for name in ("name", "untranslatedName"))
        if wanted.casefold() in names:
            return str(each.get("id") or "")
    return ""


def _field(row: Mapping[str, Any]) -> ScreenField:
    found = row.get("schema")
    schema: Mapping[str, Any] = found if isinstance(found, dict) else {}
    values = row.get("allowedValues")
    options = (_option(each) for each in values) if isinstance(values, list) else ()
    return ScreenField(
        id=str(row.get("fieldId") or row.get("key") or ""),
        name=str(row.get("name", "")),
        required=bool(row.get("required")) and not row.get("hasDefaultValue"),
        kind=str(schema.get("type", "")),
        items=str(schema.get("items", "")),
        custom=str(schema.get("custom", "")),
        allowed=tuple(filter(None, options)),
    )


def _option(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    return str(value.get("value") or value.get("name") or value.get("key") or "")
