"""ServiceNow through `pysnow`, kept to what is safe in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pysnow

from activities._servicenow.settings import ServiceNowSettings
from activities._servicenow.transport import Record, found_by, open_session, record_of, rows_of, run, timeouts


class PysnowTransport:
    """A client and a resource per call.

    pysnow shares query parameters between calls and threads, reads errors as "no records", and updates by a query and a
    PUT. So nothing of it is kept, our session's hook reads each answer first, and changes go by PATCH to a sys_id.
    """

    def __init__(self, settings: ServiceNowSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"PysnowTransport({self._settings.url!r})"

    def find(self, table: str, query: str, *, fields: Sequence[str], limit: int, display: bool = False) -> list[Record]:
        def work() -> list[Record]:
            with self._resource(f"/table/{table}") as resource:
                # pysnow writes True and False as Python does, which an instance need not understand.
                flags = {"sysparm_display_value": str(display).lower(), "sysparm_exclude_reference_link": "true"}
                resource.parameters.add_custom(flags)
                return rows_of(resource.get(query=query, limit=limit, fields=list(fields)).all())

        return found_by(work)

    def get(self, table: str, sys_id: str, *, fields: Sequence[str]) -> Record:
        def work() -> Record:
            with self._resource(f"/table/{table}") as resource:
                resource.parameters.fields = list(fields)
                resource.parameters.add_custom({"sysparm_exclude_reference_link": "true"})
                return record_of(resource.request("GET", path_append=f"/{sys_id}").one())

        return run("GET", work)

    def create(self, table: str, record: Mapping[str, Any]) -> Record:
        def work() -> Record:
            with self._resource(f"/table/{table}") as resource:
                return record_of(resource.create(dict(record)).one())

        return run("POST", work)

    def patch(self, table: str, sys_id: str, changes: Mapping[str, Any]) -> Record:
        def work() -> Record:
            with self._resource(f"/table/{table}") as resource:
                body = json.dumps(dict(changes))
                return record_of(resource.request("PATCH", path_append=f"/{sys_id}", data=body).one())

        return run("PATCH", work)

    def attach(self, table: str, sys_id: str, *, name: str, content: bytes) -> Record:
        def work() -> Record:
            with self._resource("/attachment") as resource:
                # pysnow's own upload reads a path and returns normally on 404.
                where = {"table_name": table, "table_sys_id": sys_id, "file_name": name}
                resource.parameters.add_custom(where)
                headers = {"Content-Type": "application/octet-stream"}
                answer = resource.request("POST", path_append="/file", data=content, headers=headers)
                return record_of(answer.one())

        return run("POST", work)

    @contextmanager
    def _resource(self, path: str) -> Iterator[Any]:
        parts = urlsplit(self._settings.url)
        with open_session(self._settings) as session:
            client = pysnow.Client(host=parts.netloc + parts.path, use_ssl=parts.scheme == "https", session=session)
            yield client.resource(api_path=path, timeout=timeouts(self._settings))
