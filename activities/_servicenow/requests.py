"""ServiceNow over plain `requests`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activities._servicenow.settings import ServiceNowSettings
from activities._servicenow.transport import Record, found_by, open_session, record_of, rows_of, run, timeouts


class RequestsTransport:
    """A session per call: no state is shared between threads or calls."""

    def __init__(self, settings: ServiceNowSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"RequestsTransport({self._settings.url!r})"

    def find(self, table: str, query: str, *, fields: Sequence[str], limit: int, display: bool = False) -> list[Record]:
        params = {
            "sysparm_query": query,
            "sysparm_limit": str(limit),
            "sysparm_fields": ",".join(fields),
            "sysparm_display_value": str(display).lower(),
            "sysparm_exclude_reference_link": "true",
        }
        return found_by(lambda: rows_of(self._send("GET", f"/table/{table}", params=params)))

    def get(self, table: str, sys_id: str, *, fields: Sequence[str]) -> Record:
        params = {"sysparm_fields": ",".join(fields), "sysparm_exclude_reference_link": "true"}
        return run("GET", lambda: record_of(self._send("GET", f"/table/{table}/{sys_id}", params=params)))

    def create(self, table: str, record: Mapping[str, Any]) -> Record:
        return run("POST", lambda: record_of(self._send("POST", f"/table/{table}", json=dict(record))))

    def patch(self, table: str, sys_id: str, changes: Mapping[str, Any]) -> Record:
        return run("PATCH", lambda: record_of(self._send("PATCH", f"/table/{table}/{sys_id}", json=dict(changes))))

    def attach(self, table: str, sys_id: str, *, name: str, content: bytes) -> Record:
        params = {"table_name": table, "table_sys_id": sys_id, "file_name": name}
        return run("POST", lambda: record_of(self._send("POST", "/attachment/file", params=params, data=content)))

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> object:
        headers = {"Content-Type": "application/octet-stream"} if data is not None else {}
        with open_session(self._settings) as session:
            response = session.request(
                method,
                f"{self._settings.url}/api/now{path}",
                params=params,
                json=json,
                data=data,
                headers=headers,
                timeout=timeouts(self._settings),
            )
            return response.json()["result"]
