"""The tables of the ServiceNow stand-in, with the instance's own ways: cut texts, ignored fields, data policies."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

TASK_TABLES = ("incident", "sn_si_incident")
MAX_LENGTH = {"short_description": 160, "description": 4000, "correlation_id": 100, "correlation_display": 100}
_PREFIX = {"incident": "INC", "sn_si_incident": "SIR"}
_FIRST_STATE = {"incident": "1", "sn_si_incident": "10"}
CLOSED = {"incident": ("6", "7", "8"), "sn_si_incident": ("3", "7")}
_NEEDS_CODE = {"incident": ("6", "7"), "sn_si_incident": ("3",)}
STATE_NAMES = {
    "incident": {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"},
    "sn_si_incident": {
        "10": "Draft",
        "16": "Analysis",
        "18": "Contain",
        "19": "Eradicate",
        "20": "Recover",
        "100": "Review",
        "3": "Closed",
        "7": "Cancelled",
    },
}
# The instance's own lookup of an incident's priority from impact and urgency; a priority that is sent is ignored.
PRIORITIES = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
    ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip
_SYSTEM_FIELDS = ("created_by", "updated_by", "created_on", "updated_on", "mod_count", "class_name")
_TASK_FIELDS = frozenset({
    "sys_id", "number", "short_description", "description", "state", "assigned_to", "assignment_group",
    "correlation_id", "correlation_display", "work_notes", "comments", "impact", "urgency", "priority", "severity",
    "category", "subcategory", "caller_id", "watch_list", "due_date", "close_code", "close_notes", "active", "cmdb_ci",
    "business_service", "contact_type", *(f"sys_{name}" for name in _SYSTEM_FIELDS),
})  # fmt: skip
_READ_ONLY = frozenset(
    {"sys_id", "number", "sys_created_by", "sys_updated_by", "sys_created_on", "sys_updated_on", "sys_mod_count"}
)
_FIELDS = {
    "sys_user": frozenset({"sys_id", "user_name", "name", "email", "active"}),
    "sys_user_group": frozenset({"sys_id", "name", "active"}),
    "sys_attachment": frozenset({"sys_id", "table_name", "table_sys_id", "file_name", "size_bytes"}),
    "sys_journal_field": frozenset({"sys_id", "name", "element", "element_id", "value", "sys_created_by"}),
    "sys_dictionary": frozenset({"sys_id", "name", "element", "mandatory", "active", "default_value"}),
}

BOT = "stanch"
USERS = {BOT: "Stanch", "maria.k": "Maria K.", "tom.b": "Tom B."}
GROUPS = ("Mobile Product", "Mobile Platform", "Payments", "AppSec", "DevOps")


class PolicyRefusal(Exception):
    """A data policy or business rule stopped the write; the instance answers 403."""


def sys_id_of(text: str) -> str:
    """A stable sys_id for a record that exists from the start."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class ServiceNowState:
    """Every table. Callers hold the stand-in's lock."""

    def __init__(self, *, mandatory: tuple[str, ...] = ()) -> None:
        self.mandatory: tuple[str, ...] = ()
        self.abort_when: dict[str, str] = {}  # a business rule aborts writes that would give a record these values
        self.hidden: frozenset[str] = frozenset()  # columns that queries do not know, such as renamed ones
        self.tables: dict[str, dict[str, dict[str, str]]] = {name: {} for name in (*TASK_TABLES, *_FIELDS)}
        self.files: dict[str, bytes] = {}
        self._numbers = {"INC": itertools.count(10001), "SIR": itertools.count(10001)}
        for name, shown in USERS.items():
            email = f"{name}@example.com"
            self._put("sys_user", {"user_name": name, "name": shown, "email": email, "active": "true"}, name)
        for name in GROUPS:
            self._put("sys_user_group", {"name": name, "active": "true"}, name)
        self.demand(mandatory)

    def demand(self, mandatory: tuple[str, ...]) -> None:
        """Make these fields mandatory, and no others."""
        self.mandatory = mandatory
        self.tables["sys_dictionary"].clear()
        for element in mandatory:
            row = {"name": "incident", "element": element, "mandatory": "true", "active": "true", "default_value": ""}
            self._put("sys_dictionary", row, element)

    def _put(self, table: str, record: dict[str, str], seed: str) -> dict[str, str]:
        record["sys_id"] = sys_id_of(f"{table}:{seed}")
        self.tables[table][record["sys_id"]] = record
        return record

    def fields(self, table: str) -> frozenset[str]:
        return _TASK_FIELDS | frozenset(self.mandatory) if table in TASK_TABLES else _FIELDS[table]

    def queryable(self, table: str) -> frozenset[str]:
        return self.fields(table) - self.hidden

    def user(self, name: str) -> str:
        """The sys_id of a user, empty where there is none."""
        return next((key for key, row in self.tables["sys_user"].items() if row["user_name"] == name), "")

    def group(self, name: str) -> str:
        return next((key for key, row in self.tables["sys_user_group"].items() if row["name"] == name), "")

    def create(self, table: str, given: dict[str, Any], *, by: str) -> dict[str, str]:
        now = _now()
        record = dict.fromkeys(self.fields(table), "")
        record |= {
            "sys_id": uuid.uuid4().hex,
            "state": _FIRST_STATE[table],
            "active": "true",
            "sys_class_name": table,
            "sys_created_by": by,
            "sys_updated_by": by,
            "sys_created_on": now,
            "sys_updated_on": now,
            "sys_mod_count": "0",
        }
        record |= {"impact": "3", "urgency": "3"} | self._stored(table, given)
        record["priority"] = _priority(table, record)
        self._check(table, record)
        record["number"] = f"{_PREFIX[table]}{next(self._numbers[_PREFIX[table]]):07d}"
        self.tables[table][record["sys_id"]] = record
        self._journal(table, record, given, by=by)
        return record

    def update(self, table: str, record: dict[str, str], given: dict[str, Any], *, by: str) -> list[str]:
        """Names of what changed; nothing changed leaves `sys_mod_count` as it is."""
        wanted = self._stored(table, given)
        wanted["priority"] = _priority(table, {**record, **wanted})
        changed = [name for name, value in wanted.items() if record.get(name) != value]
        changed += self._noted(given)
        if not changed:
            return []
        self._check(table, {**record, **wanted})
        record.update(wanted)
        record["active"] = "false" if record["state"] in ("7", "3", "8") else "true"
        record["sys_mod_count"] = str(int(record["sys_mod_count"]) + 1)
        record["sys_updated_by"], record["sys_updated_on"] = by, _now()
        self._journal(table, record, given, by=by)
        return changed

    def move(self, record: dict[str, str], *, to: str, by: str) -> None:
        """Make the record one of another table, with the sys_id and number that it has."""
        del self.tables[record["sys_class_name"]][record["sys_id"]]
        for name in self.fields(to):
            record.setdefault(name, "")
        record |= {"sys_class_name": to, "state": _FIRST_STATE[to], "sys_updated_by": by, "sys_updated_on": _now()}
        record["sys_mod_count"] = str(int(record["sys_mod_count"]) + 1)
        self.tables[to][record["sys_id"]] = record

    def attach(self, table: str, record: dict[str, str], *, name: str, content: bytes) -> dict[str, str]:
        key = uuid.uuid4().hex
        row = {
            "sys_id": key, "table_name": table, "table_sys_id": record["sys_id"],
            "file_name": name, "size_bytes": str(len(content)),
        }  # fmt: skip
        self.tables["sys_attachment"][key] = row
        self.files[key] = content
        return row

    def journal(self, record: dict[str, str], element: str) -> list[dict[str, str]]:
        rows = self.tables["sys_journal_field"].values()
        return [row for row in rows if row["element_id"] == record["sys_id"] and row["element"] == element]

    def _stored(self, table: str, given: dict[str, Any]) -> dict[str, str]:
        """What is kept: unknown and read-only fields vanish, long texts are cut, bad references are empty."""
        known = self.fields(table) - _READ_ONLY - {"work_notes", "comments"}
        kept = {name: str(value)[: MAX_LENGTH.get(name, 65_000)] for name, value in given.items() if name in known}
        for name, target in (("assigned_to", "sys_user"), ("assignment_group", "sys_user_group")):
            if kept.get(name) and kept[name] not in self.tables[target]:
                kept[name] = ""
        return kept

    def _check(self, table: str, record: dict[str, str]) -> None:
        missing = [name for name in self.mandatory if not record.get(name)]
        if record["state"] in _NEEDS_CODE[table]:
            missing += [name for name in ("close_code", "close_notes") if not record.get(name)]
        if missing:
            raise PolicyRefusal(f"Data Policy Exception: The following fields are mandatory: {', '.join(missing)}")
        if self.abort_when and all(record.get(name) == value for name, value in self.abort_when.items()):
            raise PolicyRefusal(f"Operation against file '{table}' was aborted by Business Rule 'Change freeze'")

    def _noted(self, given: dict[str, Any]) -> list[str]:
        return [name for name in ("work_notes", "comments") if given.get(name)]

    def _journal(self, table: str, record: dict[str, str], given: dict[str, Any], *, by: str) -> None:
        for element in self._noted(given):
            key = uuid.uuid4().hex
            self.tables["sys_journal_field"][key] = {
                "sys_id": key, "name": table, "element": element, "element_id": record["sys_id"],
                "value": str(given[element]), "sys_created_by": by, "sys_created_on": _now(),
            }  # fmt: skip


def _priority(table: str, record: dict[str, str]) -> str:
    if table != "incident":
        return record.get("priority", "")
    return PRIORITIES.get((record.get("impact", ""), record.get("urgency", "")), "5")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
