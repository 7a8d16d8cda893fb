"""A second, tiny ServiceNow, written from its users' reports: raw sockets under asyncio, and nothing of the stand-in.

References always come as objects, rows newest first, bodies in chunks; a part of a query that names an unknown column
is dropped, so that everything is returned. `faults` maps an operation to what spoils its next calls.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]

PEOPLE = {"a" * 32: ("stanch", "Stanch"), "b" * 32: ("eva.brandt", "Eva Brandt")}
TEAMS = {"c" * 32: ("Mobile Product", "Mobile Product")}
COLUMNS = {"sys_id", "number", "state", "short_description", "description", "assigned_to", "assignment_group"}
COLUMNS |= {"correlation_id", "correlation_display", "close_code", "close_notes", "work_notes", "urgency", "impact"}
COLUMNS |= {"sys_updated_by", "sys_mod_count", "sys_created_on", "watch_list", "due_date", "name", "user_name"}
COLUMNS |= {"table_sys_id", "file_name", "element", "mandatory", "active", "default_value"}


class ForeignServiceNow:
    """The instance: its tables, and an event loop of its own that serves them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.columns = set(COLUMNS)
        self.journal: dict[str, list[str]] = {}
        self.faults: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.port = 0
        people = [{"sys_id": key, "user_name": name, "name": shown} for key, (name, shown) in PEOPLE.items()]
        teams = [{"sys_id": key, "name": name} for key, (name, _) in TEAMS.items()]
        rules = [{"name": "incident", "element": "short_description", "mandatory": "true", "default_value": ""}]
        self.tables: dict[str, list[Json]] = {"incident": [], "sys_user": people, "sys_user_group": teams}
        self.tables |= {"sys_attachment": [], "sys_dictionary": rules}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def incidents(self) -> list[Json]:
        return self.tables["incident"]

    def find(self, table: str, query: Json) -> tuple[int, Any]:
        rows = list(reversed(self.tables[table]))
        for part in filter(None, query.get("sysparm_query", "").split("^")):
            column, _, value = part.partition("=")
            if column in self.columns and "=" in part:  # what it does not know it leaves out, and says nothing
                rows = [row for row in rows if str(row.get(column, "")) == value]
        shown = [self.view(table, row, query) for row in rows[: int(query.get("sysparm_limit", 10))]]
        return 200, {"result": shown}

    def view(self, table: str, row: Json, query: Json) -> Json:
        display = query.get("sysparm_display_value") == "true"
        wanted = query.get("sysparm_fields", ",".join(row)).split(",")
        view = {name: self._value(name, row[name], display=display) for name in wanted if name in row}
        if "work_notes" in wanted and display:
            lines = [f"2026-11-28 10:00:00 - Stanch (Work notes)\n{text}\n\n" for text in self.journal[row["sys_id"]]]
            view["work_notes"] = "".join(reversed(lines))
        return view

    def _value(self, name: str, value: str, *, display: bool) -> Any:
        known = {**PEOPLE, **TEAMS}.get(value) if name in ("assigned_to", "assignment_group") else None
        if known is None:
            return value
        link = f"{self.url}/api/now/table/x/{value}"
        return {"display_value": known[1], "link": link} if display else {"link": link, "value": value}

    def create(self, table: str, body: Json) -> tuple[int, Any]:
        if table == "sys_attachment":
            return 201, {"result": {**body, "sys_id": "d" * 32}}
        number = len(self.incidents) + 1
        row = {
            "sys_id": f"{number:032x}",
            "number": f"INC{number:07}",
            "state": "1",
            "assigned_to": "",
            "close_code": "",
        }
        row |= {"assignment_group": "", "sys_updated_by": "stanch", "sys_mod_count": "0", "work_notes": ""}
        self.incidents.append(row)
        self.journal[row["sys_id"]] = []
        self._write(row, body)
        return 201, {"result": self.view(table, row, {})}

    def change(self, table: str, key: str, body: Json) -> tuple[int, Any]:
        row = next((row for row in self.incidents if row["sys_id"] == key), None)
        if row is None:
            return 404, failure("No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if body.get("state") in ("6", "7") and not (body.get("close_code") and body.get("close_notes")):
            return 403, failure("Operation Failed", "Data Policy Exception: close_code, close_notes are mandatory")
        self._write(row, body)
        return 200, {"result": self.view(table, row, {})}

    def _write(self, row: Json, body: Json) -> None:
        text = body.get("work_notes")
        if text:
            self.journal[row["sys_id"]].append(text)
        row.update({name: str(value) for name, value in body.items() if name in self.columns and name != "work_notes"})
        row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)

    # -- HTTP by hand -----------------------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            await self._respond(method, urlsplit(target), headers, raw, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _respond(
        self, method: str, target: Any, headers: dict[str, str], raw: bytes, writer: asyncio.StreamWriter
    ) -> None:
        parts = unquote(target.path).removeprefix("/api/now/").split("/")
        operation = {"GET": "find", "POST": "create", "PATCH": "change", "PUT": "change"}[method]
        operation = f"{operation} {parts[1]}"
        self.calls.append(operation)
        fault = (self.faults.get(operation) or [""]).pop(0)
        status, answer = (500, None) if fault.startswith("before") else self._do(method, parts, target, headers, raw)
        await self._send(writer, status, json.dumps(answer).encode(), fault.partition(" ")[2])

    def _do(self, method: str, parts: list[str], target: Any, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        query = {key: values[0] for key, values in parse_qs(target.query).items()}
        if not headers.get("authorization", "").startswith("Basic "):
            return 401, failure("User Not Authenticated", "Required to provide Auth information")
        if parts[0] == "attachment":
            self.tables["sys_attachment"].append(query)
            return self.create("sys_attachment", query)
        if method == "GET":
            return self.find(parts[1], query)
        return self.create(parts[1], json.loads(raw)) if method == "POST" else self.change(*parts[1:3], json.loads(raw))

    async def _send(self, writer: asyncio.StreamWriter, status: int, body: bytes, fault: str) -> None:
        kind, more = "application/json;charset=UTF-8", ""
        if fault == "cut":
            return
        if fault == "asleep":
            status, body, kind = 200, b"<html><body>Your instance is hibernating</body></html>", "text/html"
        elif fault == "timed out":
            late = failure("Transaction cancelled: maximum execution time exceeded", "maximum execution time exceeded")
            status, body = 200, json.dumps({**late, "result": []}).encode()
        elif fault == "429":
            status, more = 429, "Retry-After: 21\r\nX-RateLimit-Limit: 100\r\n"
        elif fault.isdigit():
            status, body, kind = int(fault), b"Bad Gateway", "text/plain"
        head = (
            f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\n{more}Transfer-Encoding: chunked\r\nConnection: close\r\n"
        )
        half = len(body) // 2
        pieces = [body[:half]] if fault == "half a chunk" else [body[:half], body[half:]]
        writer.write(
            head.encode() + b"\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
        )
        writer.write(b"" if fault == "half a chunk" else b"0\r\n\r\n")
        await writer.drain()


def failure(message: str, detail: str) -> Json:
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


@contextmanager
def foreign_servicenow() -> Iterator[ForeignServiceNow]:
    """The instance, serving."""
    now = ForeignServiceNow()
    ready = threading.Event()

    over = asyncio.Event()

    async def run() -> None:
        async with await asyncio.start_server(now.serve, "127.0.0.1", 0) as server:
            now.port = server.sockets[0].getsockname()[1]
            ready.set()
            await over.wait()

    thread = threading.Thread(target=now.loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield now
    finally:
        now.loop.call_soon_threadsafe(over.set)
        thread.join()
        now.loop.close()
