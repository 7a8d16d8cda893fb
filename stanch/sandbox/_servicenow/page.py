"""What the pages of the ServiceNow stand-in show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from stanch.sandbox._servicenow.state import BOT, CLOSED, STATE_NAMES, TASK_TABLES, USERS
from stanch.sandbox._tracker_page import Note, Shown

if TYPE_CHECKING:
    from stanch.sandbox.servicenow import ServiceNowStandin


class ServiceNowPage:
    """A desk for people over both tables."""

    title = "ServiceNow stand-in"
    paths = ("/nav_to.do",)

    def __init__(self, now: ServiceNowStandin) -> None:
        self._now = now

    def tickets(self) -> Sequence[Shown]:
        with self._now.lock:
            rows = [(table, row) for table in TASK_TABLES for row in self._now.state.tables[table].values()]
            rows.sort(key=lambda each: each[1]["sys_created_on"], reverse=True)
            return [self._shown(table, row) for table, row in rows]

    def find(self, request: Request) -> Shown | None:
        wanted = request.path_params.get("key") or request.query_params.get("uri", "").rpartition("sys_id=")[2]
        with self._now.lock:
            rows = ((table, row) for table in TASK_TABLES for row in self._now.state.tables[table].values())
            found = (self._shown(table, row) for table, row in rows if wanted in (row["number"], row["sys_id"]))
            return next(found, None)

    def people(self) -> Sequence[str]:
        return [name for name in USERS if name != BOT]

    def resolutions(self) -> Sequence[str]:
        return ("Solution provided", "Resolved by request", "No resolution provided", "Duplicate", "User error")

    def act(self, order: dict[str, Any]) -> None:
        self._now.act(order)

    def _shown(self, table: str, row: dict[str, str]) -> Shown:
        tables = self._now.state.tables
        notes = [each for name in ("work_notes", "comments") for each in self._now.state.journal(row, name)]
        holder = tables["sys_user"].get(row["assigned_to"], {}).get("user_name", "")
        team = tables["sys_user_group"].get(row["assignment_group"], {}).get("name", "")
        return Shown(
            key=row["number"],
            summary=row["short_description"],
            state=STATE_NAMES[table].get(row["state"], row["state"]),
            open=row["state"] not in CLOSED[table],
            assignee=" / ".join(part for part in (team, holder) if part),
            priority=row["priority"],
            resolution=row["close_code"],
            description=row["description"],
            notes=tuple(Note(each["sys_created_by"], each["value"]) for each in notes),
        )
