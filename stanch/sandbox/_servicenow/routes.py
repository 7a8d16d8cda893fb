"""The HTTP surface of the ServiceNow stand-in: Table and Attachment API, pages for people, control."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._control import control
from stanch.sandbox._operations import Spoils, faulting, login_page
from stanch.sandbox._servicenow import query as encoded
from stanch.sandbox._servicenow.page import ServiceNowPage
from stanch.sandbox._servicenow.state import BOT, TASK_TABLES, PolicyRefusal
from stanch.sandbox._tracker_page import pages

if TYPE_CHECKING:
    from stanch.sandbox.servicenow import ServiceNowStandin

Answer = Callable[[Request, bytes], Response]

SPOILS = Spoils(
    error_200={
        "error": {
            "message": "Transaction cancelled: maximum execution time exceeded", "detail": "maximum execution time"
        },
        "result": [],
        "status": "failure",
    },
    refusal={
        "error": {"message": "Operation Failed", "detail": "Operation against file was aborted by Business Rule"},
        "status": "failure",
    },
    page="<!doctype html><title>Instance hibernating</title><p>Sign in to the developer site to wake it.</p>",
)  # fmt: skip
_REFERENCES = {"assigned_to": "sys_user", "assignment_group": "sys_user_group"}


def routes(now: ServiceNowStandin) -> list[Route]:
    """Every route; faults name the operation: query, lookup, get, create, patch, attach."""
    on = _Routes(now)
    tables = [("incident", "query"), ("sn_si_incident", "query")]
    tables += [(name, "lookup") for name in now.state.tables if name not in TASK_TABLES]
    found = [
        Route(f"/api/now/table/{table}", on.faulted(operation, on.query(table)), methods=["GET"])
        for table, operation in tables
    ]
    for table in TASK_TABLES:
        found += [
            Route(f"/api/now/table/{table}", on.faulted("create", on.create(table)), methods=["POST"]),
            Route(f"/api/now/table/{table}/{{id}}", on.faulted("get", on.get(table)), methods=["GET"]),
            Route(f"/api/now/table/{table}/{{id}}", on.faulted("patch", on.patch(table)), methods=["PATCH", "PUT"]),
            Route(f"/api/now/table/{table}/{{id}}", on.faulted("delete", on.delete(table)), methods=["DELETE"]),
        ]
    return [
        *found,
        Route("/api/now/attachment/file", on.faulted("attach", on.attach), methods=["POST"]),
        *pages(ServiceNowPage(now)),
        Route("/login", login_page),
        *control(now),
    ]


class _Routes:
    """One method per operation, made for a table."""

    def __init__(self, now: ServiceNowStandin) -> None:
        self._now = now

    def faulted(self, operation: str, answer: Answer) -> Callable[[Request], Any]:
        return faulting(self._now, operation, self._guarded(answer), spoils=SPOILS)

    def _guarded(self, answer: Answer) -> Answer:
        def handler(request: Request, body: bytes) -> Response:
            if self._now.hibernating:
                return HTMLResponse(SPOILS.page)
            expected = base64.b64encode(f"{BOT}:{self._now.password}".encode()).decode()
            if request.headers.get("authorization", "") != f"Basic {expected}":
                return _error(401, "User Not Authenticated", "Required to provide Auth information")
            try:
                with self._now.lock:
                    return answer(request, body)
            except PolicyRefusal as refusal:
                return _error(403, "Operation Failed", str(refusal))
            except json.JSONDecodeError:
                return _error(400, "Exception while reading request", "The payload is not valid JSON")

        return handler

    def query(self, table: str) -> Answer:
        def answer(request: Request, body: bytes) -> Response:
            query = request.query_params.get("sysparm_query", "")
            rows = self._rows(table, encoded.parse(query, fields=self._now.state.queryable(table)))
            limit = int(request.query_params.get("sysparm_limit", "10000"))
            start = int(request.query_params.get("sysparm_offset", "0"))
            shown = [self._view(request, table, row) for row in rows[start : start + limit]]
            return JSONResponse({"result": shown}, headers={"X-Total-Count": str(len(rows))})

        return answer

    def _rows(self, table: str, parsed: encoded.Parsed) -> list[dict[str, str]]:
        """What the query finds, in its order; how scripts and unreadable parts are taken is the instance's setting."""
        evaluates = self._now.scripts == "evaluate"
        for script in parsed.scripts:
            event = f"servicenow.script_{'evaluated' if evaluates else 'refused'}"
            self._now.ledger.append(event, {"table": table, "script": script})
        if (parsed.dropped and self._now.strict_queries) or (parsed.scripts and not evaluates):
            return []
        rows = [row for row in self._now.state.tables[table].values() if parsed.test(row)]
        for name, descending in reversed(parsed.order):
            rows.sort(key=lambda row: row.get(name, ""), reverse=descending)
        return rows

    def get(self, table: str) -> Answer:
        def answer(request: Request, body: bytes) -> Response:
            record = self._now.state.tables[table].get(request.path_params["id"])
            return JSONResponse({"result": self._view(request, table, record)}) if record else _no_record()

        return answer

    def create(self, table: str) -> Answer:
        def answer(request: Request, body: bytes) -> Response:
            record = self._now.state.create(table, json.loads(body), by=BOT)
            shown = {"correlation_id": record["correlation_id"], "summary": record["short_description"]}
            self._now.changed("servicenow.created", table, record, by=BOT, fields=shown)
            return JSONResponse({"result": self._view(request, table, record)}, status_code=201)

        return answer

    def patch(self, table: str) -> Answer:
        def answer(request: Request, body: bytes) -> Response:
            record = self._now.state.tables[table].get(request.path_params["id"])
            if record is None:
                return _no_record()
            self._now.update(table, record, json.loads(body), by=BOT)
            return JSONResponse({"result": self._view(request, table, record)})

        return answer

    def delete(self, table: str) -> Answer:
        def answer(request: Request, body: bytes) -> Response:
            record = self._now.state.tables[table].get(request.path_params["id"])
            if record is None:
                return _no_record()
            self._now.delete(record["number"], by=BOT)
            return Response(status_code=204)

        return answer

    def attach(self, request: Request, body: bytes) -> Response:
        query = request.query_params
        table = query.get("table_name", "")
        record = self._now.state.tables.get(table, {}).get(query.get("table_sys_id", ""))
        if record is None:
            return _no_record()
        if len(body) > self._now.attachment_limit:
            return _error(413, "Attachment size exceeds the limit", "com.glide.attachment.max_size")
        row = self._now.state.attach(table, record, name=query["file_name"], content=body)
        shown = {
            "key": record["number"],
            "by": BOT,
            "number": record["number"],
            "filename": row["file_name"],
            "size": len(body),
        }
        self._now.ledger.append("servicenow.attachment", shown)
        return JSONResponse({"result": row}, status_code=201)

    def _view(self, request: Request, table: str, record: dict[str, str]) -> dict[str, Any]:
        query = request.query_params
        display = query.get("sysparm_display_value", "false").lower() == "true"
        plain = query.get("sysparm_exclude_reference_link", "false").lower() == "true"
        names = [name for name in query.get("sysparm_fields", "").split(",") if name] or sorted(record)
        return {name: self._value(table, record, name, display, plain) for name in names if name in record}

    def _value(self, table: str, record: dict[str, str], name: str, display: bool, plain: bool) -> Any:
        if table in TASK_TABLES and name in ("work_notes", "comments"):
            return self._journal_text(record, name) if display else ""
        value = record[name]
        if table not in TASK_TABLES or name not in _REFERENCES or not value:
            return value
        if display:
            shown = self._now.state.tables[_REFERENCES[name]][value]["name"]
            return shown if plain else {"display_value": shown, "link": self._link(name, value)}
        return value if plain else {"link": self._link(name, value), "value": value}

    def _link(self, name: str, value: str) -> str:
        return f"{self._now.url}/api/now/table/{_REFERENCES[name]}/{value}"

    def _journal_text(self, record: dict[str, str], element: str) -> str:
        rows = reversed(self._now.state.journal(record, element))
        return "\n\n".join(
            f"{row['sys_created_on']} - {row['sys_created_by']} ({element})\n{row['value']}" for row in rows
        )


def _error(status: int, message: str, detail: str) -> Response:
    return JSONResponse({"error": {"message": message, "detail": detail}, "status": "failure"}, status_code=status)


def _no_record() -> Response:
    return _error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
