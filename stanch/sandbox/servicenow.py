"""The ServiceNow stand-in: incident and sn_si_incident tables with journal, users, groups and signed callbacks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from standardwebhooks import Webhook
from starlette.applications import Starlette

from stanch.sandbox._callbacks import Callback, Callbacks
from stanch.sandbox._server import Ledger, Standin
from stanch.sandbox._servicenow import admin, people
from stanch.sandbox._servicenow.routes import routes
from stanch.sandbox._servicenow.state import BOT, GROUPS, PRIORITIES, TASK_TABLES, USERS, ServiceNowState

__all__ = ["BOT", "GROUPS", "USERS", "ServiceNowStandin"]


class ServiceNowStandin(Standin):
    """An instance with the real one's traps.

    Args:
        password: of the integration user `stanch`.
        callback_secret: signs callbacks (Standard Webhooks); set `callbacks.url` to get them.
        strict_queries: a query with an unknown part gives no rows (glide.invalid_query.returns_no_rows).
        mandatory: fields without which a data policy refuses a record.
    """

    name = "servicenow"

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        port: int = 0,
        password: str = "now-password",  # noqa: S107  the stand-in's own, opens nothing else
        callback_secret: str = "",
        strict_queries: bool = False,
        mandatory: tuple[str, ...] = (),
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self._first = (password, callback_secret, strict_queries, mandatory)
        self.lock = RLock()
        self.callbacks = Callbacks(name=self.name, ledger=self.ledger, faults=self.faults)
        self.reset()
        self.app = Starlette(routes=routes(self))

    def reset(self) -> None:
        """Forget everything but the ledger's file: records, faults, settings, callbacks."""
        self.callbacks.stop()
        self.password, self.callback_secret, self.strict_queries, mandatory = self._first
        self.scripts = "evaluate"  # or "refuse": a query with javascript: gives no rows
        self.hibernating = False
        self.attachment_limit = 24 * 1024 * 1024
        self.state = ServiceNowState(mandatory=mandatory)
        self.faults.clear()
        self.observe = None
        self.ledger = Ledger(self.ledger.path)
        self.callbacks = Callbacks(name=self.name, ledger=self.ledger, faults=self.faults)

    def stop(self) -> None:
        super().stop()
        self.callbacks.stop()

    # What a person does in the instance.

    def record(self, number: str) -> dict[str, str]:
        """The record, for looking at; raises KeyError where there is none."""
        return self._find(number)[1]

    def records(self, table: str = "incident") -> list[dict[str, str]]:
        with self.lock:
            return [dict(row) for row in self.state.tables[table].values()]

    def notes(self, number: str) -> list[str]:
        """The work notes, oldest first."""
        return [row["value"] for row in self.state.journal(self.record(number), "work_notes")]

    def reassign(self, number: str, *, to: str = "", group: str = "", by: str = "maria.k") -> None:
        given = {"assigned_to": self.state.user(to)} if to else {}
        if group:
            given["assignment_group"] = self.state.group(group)
        if not all(given.values()):
            raise ValueError("there is no such user or group")
        self._person(number, given, by=by)

    def resolve(self, number: str, *, by: str = "maria.k", close_code: str = "Solution provided") -> None:
        state = "6" if self._find(number)[0] == "incident" else "3"
        self._person(number, {"state": state, "close_code": close_code, "close_notes": f"Closed by {by}"}, by=by)

    def reopen(self, number: str, *, by: str = "maria.k") -> None:
        self._person(number, {"state": "2" if self._find(number)[0] == "incident" else "18"}, by=by)

    def comment(self, number: str, text: str, *, by: str = "maria.k") -> None:
        self._person(number, {"work_notes": text}, by=by)

    def prioritise(self, number: str, *, to: str, by: str = "maria.k") -> None:
        """Give an incident the impact and urgency that have this priority."""
        pair = next((pair for pair, priority in PRIORITIES.items() if priority == to), None)
        if pair is None:
            raise ValueError(f"there is no priority {to}")
        self._person(number, {"impact": pair[0], "urgency": pair[1]}, by=by)

    def move(self, number: str, *, to: str, by: str = "maria.k") -> None:
        """Make a record one of another table; there its number finds it, here nothing does."""
        with self.lock:
            table, record = self._find(number)
            if to not in TASK_TABLES or to == table:
                raise ValueError(f"there is no other table {to}")
            self.state.move(record, to=to, by=by)
            self.changed("servicenow.moved", to, record, by=by, fields={"from": table})

    def delete(self, number: str, *, by: str = "maria.k") -> None:
        with self.lock:
            table, record = self._find(number)
            del self.state.tables[table][record["sys_id"]]
            self.changed("servicenow.deleted", table, {**record, "sys_updated_by": by}, by=by, fields={})

    # What the control interface and the page ask.

    def act(self, order: dict[str, Any]) -> None:
        """Do what a control request asks: `do` is one of `_servicenow_people.ACTS`."""
        people.act(self, order)

    def settings(self) -> dict[str, Any]:
        return admin.view(self)

    def set(self, order: Mapping[str, Any]) -> None:
        """Change settings at run time.

        Raises:
            ValueError: with what is wrong; nothing is changed then.
        """
        admin.change(self, order)

    def tickets(self) -> list[dict[str, Any]]:
        """Every record in short, for a judge."""
        return admin.briefs(self)

    def _find(self, number: str) -> tuple[str, dict[str, str]]:
        rows = ((table, row) for table in TASK_TABLES for row in self.state.tables[table].values())
        found = next(((table, row) for table, row in rows if row["number"] == number), None)
        if found is None:
            raise KeyError(number)
        return found

    def _person(self, number: str, given: dict[str, Any], *, by: str) -> None:
        with self.lock:
            table, record = self._find(number)
            self.update(table, record, given, by=by)

    # What the routes share with people.

    def update(self, table: str, record: dict[str, str], given: dict[str, Any], *, by: str) -> None:
        """Change a record; nothing is entered or told where nothing changed."""
        names = self.state.update(table, record, given, by=by)
        if "work_notes" in names:
            self.ledger.append("servicenow.note", {"key": record["number"], "by": by, "text": str(given["work_notes"])})
        if names:
            shown = {"changed": names, "state": record["state"]}
            self.changed("servicenow.updated", table, record, by=by, fields=shown)

    def changed(self, event: str, table: str, record: dict[str, str], *, by: str, fields: dict[str, Any]) -> None:
        """Enter a change in the ledger and run the business rule that tells Stanch."""
        self.ledger.append(event, {"key": record["number"], "table": table, "by": by, **fields})
        names = ("sys_id", "number", "state", "sys_mod_count", "sys_updated_by")
        body = json.dumps({"table": table, **{name: record[name] for name in names}})
        self.callbacks.emit(self._signed(body, key=record["number"]))

    def _signed(self, body: str, *, key: str) -> Callback:
        event_id, now = f"msg_{uuid.uuid4().hex}", datetime.now(UTC)
        headers = {"Content-Type": "application/json", "webhook-id": event_id}
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        if self.callback_secret:
            encoded = self.callback_secret.startswith("whsec_")
            signer = Webhook(self.callback_secret if encoded else self.callback_secret.encode())
            headers["webhook-signature"] = signer.sign(event_id, now, body)
        return Callback(event_id=event_id, body=body.encode(), headers=headers, key=key)
