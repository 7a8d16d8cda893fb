"""How a foreign Jira speaks HTTP: routes by pattern, and faults before or after the effect of a request."""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status, self.body = status, body


KEY = r"/rest/api/3/issue/([\w-]+)"
META = r"/rest/api/3/issue/createmeta/(\w+)/issuetypes"
TABLE: list[tuple[str, str, str]] = [
    ("GET", r"/rest/api/3/myself", "myself"),
    ("GET", r"/rest/api/3/mypermissions", "may"),
    ("GET", META, "types"),
    ("GET", META + r"/(\d+)", "fields"),
    ("POST", r"/rest/api/3/issue", "create"),
    ("GET", KEY, "read"),
    ("GET", r"/rest/api/3/search/jql", "find"),
    ("GET", KEY + "/comment", "comments"),
    ("POST", KEY + "/comment", "comment"),
    ("GET", KEY + "/transitions", "ways"),
    ("POST", KEY + "/transitions", "move"),
    ("PUT", KEY + "/assignee", "assign"),
    ("POST", KEY + "/remotelink", "link"),
    ("POST", KEY + "/attachments", "attach"),
    ("POST", KEY + "/watchers", "watch"),
]


class Handler(BaseHTTPRequestHandler):
    """One request; a fault is carried out before or after its effect."""

    protocol_version = "HTTP/1.1"
    server: Any  # with `faults` and `calls` by operation, a `lock`, and one method for each operation

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = [(name, match) for method, path, name in TABLE if method == self.command
                 if (match := re.fullmatch(path, parts.path))]  # fmt: skip
        if not found or not self.headers.get("Authorization", "").startswith("Basic "):
            return self._answer(404 if not found else 401, {"errorMessages": ["nicht gefunden"], "errors": {}})
        name, match = found[0]
        with self.server.lock:
            self.server.calls.append((self.command, name))
            fault = (self.server.faults.get(name) or [""]).pop(0)
        if fault.startswith("before"):
            return self._spoil(fault, b"")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        body = json.loads(raw) if "json" in self.headers.get("Content-Type", "") and raw else raw
        status, answer = self._do(name, query, body, match.groups())
        if fault:
            return self._spoil(fault, json.dumps(answer).encode())
        return self._answer(status, answer)

    do_GET = do_POST = do_PUT = _serve

    def _do(self, name: str, query: Json, body: Any, parts: tuple[str, ...]) -> tuple[int, Any]:
        try:
            with self.server.lock:
                answer = getattr(self.server, name)(query, body, *parts)
        except Refused as refused:
            return refused.status, refused.body
        return answer if isinstance(answer, tuple) else (200, answer)

    def _answer(self, status: int, body: Any, *, kind: str = "application/json;charset=UTF-8", **more: str) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for header, value in {"Content-Type": kind, "Content_Length": str(len(data)), **more}.items():
            self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _spoil(self, fault: str, whole: bytes) -> None:
        kind = fault.partition(" ")[2]
        if kind == "reset":  # the peer gets RST, not an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif kind == "half":
            self._answer(200, whole[: len(whole) // 2], Connection="close")
        elif kind == "short":  # promises more than it sends
            self._answer(200, whole[: len(whole) // 2], Content_Length=str(len(whole)), Connection="close")
        elif kind == "contradiction":  # two lengths, as broken proxies send
            self._answer(200, whole, CONTENT_LENGTH=str(len(whole) + 7), Connection="close")
        elif kind == "drip":  # a byte now and then: no single read ever times out
            self._drip()
        elif kind == "page":
            self._answer(200, b"<html><title>Wartung</title></html>", kind="text/html", Connection="close")
        elif kind == "empty":
            self._answer(200, b"", Connection="close")
        elif kind == "wrong":
            self._answer(200, {"errorMessages": ["Interner Fehler"], "errors": {}}, Connection="close")
        elif kind == "429":
            self._answer(
                429, {"errorMessages": ["zu viele"]}, Retry_After="17", X_RateLimit_Remaining="0", Connection="close"
            )
        else:
            self._answer(int(kind), b"upstream connect error", kind="text/plain", Connection="close")
        self.close_connection = True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(60):
            try:
                self.wfile.write(b" ")
            except OSError:
                return
            time.sleep(0.1)

    def log_message(self, format: str, *args: Any) -> None:
        return None
