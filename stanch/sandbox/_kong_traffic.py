"""What the Kong stand-in does with requests: its router decides, the rest goes on to the API, and a log tells."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stanch.sandbox._server import Standin
from stanch.sandbox.kong import KongStandin

_UNRESERVED = re.compile(rb"%([0-9A-Fa-f]{2})")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"]
_PROXY = "127.0.0.1"  # the one address that is believed about x-forwarded-for


class KongTraffic(Standin):
    """A data plane over one Admin API and one origin; paths are matched normalised, and go on as they came."""

    name = "kong-traffic"

    def __init__(self, admin: KongStandin, *, origin: str, log: Path) -> None:
        super().__init__()
        self._admin = admin
        self._origin = origin
        self._log = log
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=_METHODS)])

    async def _serve(self, request: Request) -> Response:
        target: bytes = request.scope["raw_path"]
        path = normalised(target.split(b"?", 1)[0]).decode("latin-1")
        fields = {
            "http.method": [request.method],
            "http.path": [path],
            "http.host": [re.sub(r":[0-9]+$", "", request.headers.get("host", "")).lower()],
            "net.src.ip": [_client(request)],
        }
        for name in request.headers:
            fields[f"http.headers.{name.replace('-', '_')}"] = request.headers.getlist(name)
        ended = self._admin.ends(fields)
        answer = Response(status_code=ended[1]) if ended else await self._pass_on(request, target)
        self._note(request, path, answer.status_code, ended[0] if ended else "customer")
        return answer

    async def _pass_on(self, request: Request, target: bytes) -> Response:
        query = request.scope["query_string"]
        headers = [(name, value) for name, value in request.headers.raw if name not in (b"connection",)]
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501 - plain http to loopback
            sent = client.build_request(request.method, self._origin, headers=headers, content=await request.body())
            sent.extensions["target"] = target + (b"?" + query if query else b"")
            answer = await client.send(sent)
        return Response(answer.content, answer.status_code)

    def _note(self, request: Request, path: str, status: int, route: str) -> None:
        """A line as the file-log plugin writes it."""
        line = {
            "request": {
                "method": request.method,
                "uri": path,
                "headers": {
                    "host": request.headers.get("host", ""),
                    "user-agent": request.headers.get("user-agent", ""),
                },
            },
            "response": {"status": status},
            "route": {"name": route},
            "client_ip": _client(request),
            "started_at": int(time.time() * 1000),
            "latencies": {"request": 1},
        }
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def normalised(path: bytes) -> bytes:
    """As Kong routes it: unreserved characters decoded, others in upper-case escapes, slashes merged, dots resolved."""
    plain = _UNRESERVED.sub(_decoded, path)
    kept: list[bytes] = []
    parts = re.sub(rb"/+", b"/", plain).split(b"/")[1:]
    for part in parts:
        if part == b"..":
            kept[-1:] = []
        elif part != b".":
            kept.append(part)
    ends = parts[-1:] in ([b"."], [b".."])
    return b"/" + b"/".join(kept) + (b"/" if ends and kept else b"")


def _decoded(found: re.Match[bytes]) -> bytes:
    byte = int(found[1], 16)
    return bytes([byte]) if byte in _PLAIN else found[0].upper()


def _client(request: Request) -> str:
    """The nearest address that is not the trusted proxy's own."""
    peer = request.client.host if request.client else ""
    named = ",".join(request.headers.getlist("x-forwarded-for"))
    for text in reversed([part.strip() for part in named.split(",") if part.strip()] if peer == _PROXY else []):
        if text != _PROXY:
            return str(ipaddress.ip_address(text))
    return peer
