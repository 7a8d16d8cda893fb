"""The API Gateway stand-in: its management interface on one loopback port, traffic through its stages on another."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from botocore import xform_name
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._apigw import protocol
from stanch.sandbox._apigw.apis import Apis
from stanch.sandbox._apigw.domains import Domains
from stanch.sandbox._apigw.keys import Keys
from stanch.sandbox._apigw.protocol import ApigwError
from stanch.sandbox._apigw.traffic import Answer, Buckets, Request, Traffic
from stanch.sandbox._server import Fault, Standin

__all__ = ["Answer", "ApiGatewayStandin", "Request", "answer_with"]

_CODE = "code:"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


def answer_with(code: str, *, status: int = 0) -> Fault:
    """A fault that answers with an error code of API Gateway instead of doing anything."""
    return Fault(_CODE + code, status=ApigwError(code, "", status=status).status)


class ApiGatewayStandin(Standin):
    """REST APIs with keys, usage plans, stages and deployments.

    Faults are scripted by operation (`UpdateStage`). `calls` counts requests by operation, `verbs` what a policy must
    allow: the HTTP method and the path.
    """

    name = "apigw"

    def __init__(self, *, ledger: Path | None = None, port: int = 0, region: str = "eu-central-1") -> None:
        super().__init__(ledger=ledger, port=port)
        self.region = region
        self.account = "".join(secrets.choice("123456789") for _ in range(12))
        self.calls: Counter[str] = Counter()
        self.verbs: set[tuple[str, str]] = set()
        self.apis = Apis(account=self.account, region=region)
        self.domains = Domains(self.apis)
        self.keys = Keys(self.apis.stage, self.apis.api)
        self.traffic = Traffic(self.apis, self.keys, account=self.account, region=region)
        self._lock = threading.RLock()
        self._edge = _Edge(self)
        self.app = Starlette(routes=[Route("/{rest:path}", self._control, methods=_METHODS)])

    @property
    def edge_url(self) -> str:
        """Where traffic goes, with the host in its header."""
        return self._edge.url

    def start(self) -> None:
        super().start()
        self._edge.start()

    def stop(self) -> None:
        self._edge.stop()
        super().stop()

    def state(self) -> dict[str, Any]:
        """A copy of everything that is kept, for `reset`."""
        with self._lock:
            kept = {"apis": self.apis.apis, "hosts": self.traffic.hosts, "names": self.domains.names}
            return deepcopy({**kept, "keys": self.keys.keys, "plans": self.keys.plans, "members": self.keys.members})

    def reset(self, state: Mapping[str, Any]) -> None:
        """Go back to an earlier state; faults, counts and limits begin anew, the ledger goes on."""
        with self._lock:
            given = deepcopy(dict(state))
            self.apis.apis, self.traffic.hosts = given["apis"], given["hosts"]
            self.domains.names = given["names"]
            self.keys.keys, self.keys.plans, self.keys.members = given["keys"], given["plans"], given["members"]
            self.keys.used.clear()
            self.traffic.buckets = Buckets()
            self.faults.clear()
            self.calls.clear()
            self.verbs.clear()

    def section(self, **more: Any) -> dict[str, Any]:
        """The common part of a connector's section that reaches this stand-in."""
        keys = {"access_key_id": "AKIASTANDIN0000000", "secret_access_key": "not-a-secret"}
        return {"region": self.region, "endpoint_url": self.url, **keys, **more}

    def send(self, host: str, request: Request) -> Answer:
        """A request as if it had come through the socket."""
        with self._lock:
            return self.traffic.answer(host, request)

    async def _control(self, incoming: Incoming) -> Response:
        body = await incoming.body()
        path = incoming.scope["raw_path"].decode("latin-1").partition("?")[0]
        try:
            operation, placed = protocol.operation_of(incoming.method, path)
        except ApigwError as error:
            return _error(error)
        fault = self.faults.take(operation)
        mode = "" if fault is None else fault.mode
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault is not None and mode.startswith(_CODE):
            return _error(ApigwError(mode.removeprefix(_CODE), "scripted", status=fault.status), fault.retry_after)
        if mode == "html":
            return Response("<html>Down for maintenance</html>", media_type="text/html")
        if mode == "drop_before":
            return await _cut(incoming)
        self.verbs.add((incoming.method, path))
        query = incoming.query_params.multi_items()
        answer = await asyncio.to_thread(self._answer, operation, placed, query, body, incoming.headers)
        return await _cut(incoming) if mode == "drop_after" else answer

    def _answer(self, operation: str, placed: dict[str, str], query: Any, body: bytes, headers: Any) -> Response:
        try:
            if "/apigateway/aws4_request" not in headers.get("authorization", ""):
                raise ApigwError("MissingAuthenticationTokenException", "the request is not signed", status=403)
            asked = protocol.read(operation, placed, query, body)
            with self._lock:
                self.calls[operation] += 1
                answer = self._handler(operation)(asked.params)
                status, content = protocol.render(operation, answer)
        except ApigwError as error:
            return _error(error)
        if not operation.startswith("Get"):
            kept = {name: value for name, value in asked.params.items() if name not in ("value", "schema")}
            self.ledger.append(operation, {"params": kept})
        return Response(content, status, {"x-amzn-requestid": secrets.token_hex(8)}, media_type="application/json")

    def _handler(self, operation: str) -> Any:
        name = xform_name(operation)
        for part in (self.keys, self.apis, self.domains):
            found = getattr(part, name, None)
            if found is not None:
                return found
        raise ApigwError("UnknownOperationException", f"the stand-in has no {operation}", status=404)


class _Edge(Standin):
    """The traffic port. Clients say where they come from in `x-client-ip`, since all of them are on this machine."""

    name = "apigw-edge"

    def __init__(self, gateway: ApiGatewayStandin) -> None:
        super().__init__()
        self._gateway = gateway
        self.app = Starlette(routes=[Route("/{rest:path}", self._serve, methods=_METHODS)])

    async def _serve(self, incoming: Incoming) -> Response:
        request = Request(
            method=incoming.method,
            path=incoming.url.path,
            ip=incoming.headers.get("x-client-ip", "127.0.0.1"),
            headers=dict(incoming.headers),
            query=dict(incoming.query_params),
            body=await incoming.body(),
        )
        answer = self._gateway.send(incoming.headers.get("host", "").partition(":")[0], request)
        headers = {"x-amzn-errortype": answer.kind} if answer.kind else {}
        return JSONResponse({"message": answer.message}, answer.status, headers)


def _error(error: ApigwError, retry_after: str = "") -> Response:
    headers = {"x-amzn-errortype": error.code, "x-amzn-requestid": secrets.token_hex(8)}
    headers |= {"retry-after": retry_after} if retry_after else {}
    return Response(json.dumps(error.body), error.status, headers, media_type="application/json")


async def _cut(request: Incoming) -> Response:
    """Close the socket without an answer."""
    cycle: Any = getattr(request.receive, "__self__", None)
    cycle.transport.abort()
    await asyncio.sleep(0)
    return Response()
