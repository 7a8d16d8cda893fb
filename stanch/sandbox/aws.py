"""AWS on a loopback socket: WAFv2 and its logs as AWS documents them, everything else by moto behind the same front."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from stanch.sandbox._aws.asked import Asked, Verdict
from stanch.sandbox._aws.cloudwatch import CloudWatchLogs
from stanch.sandbox._aws.edge import AwsEdge
from stanch.sandbox._aws.moto import Mirror, Moto, Pair, Reply
from stanch.sandbox._aws.seed import Seeded, seed
from stanch.sandbox._aws.shapes import AwsError
from stanch.sandbox._aws.traffic import Seen
from stanch.sandbox._aws.wafv2 import WafV2
from stanch.sandbox._server import Fault, Standin

__all__ = ["DENIED", "EXPIRED", "INTERNAL", "LOCKED", "THROTTLED", "AwsStandin", "Seeded", "Seen", "answer_with"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CODE = "code:"
_READS = re.compile(
    r"(Admin)?(Get|List|Describe|Check|Filter)\w*|(GET|HEAD) .*|(Admin)?(InitiateAuth|RespondToAuthChallenge)"
)
_FORM = "application/x-www-form-urlencoded"
_XML = "<ErrorResponse><Error><Code>{code}</Code><Message>scripted</Message></Error></ErrorResponse>"
_NOTED = ("Name", "Username", "ResourceArn", "WebACLArn")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[\w-]+/([\w-]+)/aws4_request")


def answer_with(code: str, *, status: int = 400) -> Fault:
    """A fault that answers with an AWS error code instead of doing anything."""
    return Fault(_CODE + code, status=status)


THROTTLED = answer_with("ThrottlingException")
DENIED = answer_with("AccessDeniedException")
EXPIRED = answer_with("ExpiredTokenException")
LOCKED = answer_with("WAFOptimisticLockException")
INTERNAL = answer_with("WAFInternalErrorException", status=500)


@dataclass(frozen=True)
class _Call:
    service: str
    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class AwsStandin(Standin):
    """AWS for tests and the demo.

    Faults are scripted by operation name (`UpdateWebACL`, `AdminDisableUser`). Besides the common modes, `answer_with`
    makes one for any error code. The ledger has an entry for every call that changed something, named by operation.

    Args:
        witness: repeat each WAFv2 call at moto, for comparison.
    """

    name = "aws"

    def __init__(
        self, *, ledger: Path | None = None, port: int = 0, region: str = "eu-central-1", witness: bool = True
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self.region = region
        self.account = "".join(secrets.choice("123456789") for _ in range(12))
        self._moto = Moto(account=self.account, region=region)
        self._mirror = Mirror(self._moto) if witness else None
        self._lock = threading.Lock()
        self.waf = WafV2(account=self.account, region=region, exists=self._moto.exists)
        self.calls: Counter[str] = Counter()  # every request that was answered, as `service:Operation`
        self.app = self._application()

    @property
    def pairs(self) -> list[Pair]:
        """What moto answered to the WAFv2 calls it has, next to our own answers."""
        return [] if self._mirror is None else self._mirror.pairs

    def section(self, **more: Any) -> dict[str, Any]:
        """The common part of a connector's section that reaches this stand-in."""
        keys = {"access_key_id": "AKIASTANDIN0000000", "secret_access_key": "not-a-secret"}
        return {"region": self.region, "endpoint_url": self.url, **keys, **more}

    def seed(self, host: str = "api.example.com") -> Seeded:
        """A customer with a web ACL of their own in front of a REST stage, and a user pool with people in it."""
        return seed(self.url, region=self.region, host=host)

    def feed(self, acl_name: str, requests: Iterable[Seen]) -> None:
        """Let a web ACL see traffic, so that samples exist (`Seen` says what each request matches)."""
        with self._lock:
            self.waf.feed(acl_name, requests)

    @property
    def logs(self) -> CloudWatchLogs:
        """Where web ACLs log that are told to (`PutLoggingConfiguration`), with lag and page size to set."""
        return self.waf.logs

    def edge(self, acl_name: str) -> AwsEdge:
        """An API behind a web ACL, where requests are really denied."""

        def decide(asked: Asked) -> Verdict:
            with self._lock:
                return self.waf.judge(acl_name, asked)

        return AwsEdge(decide)

    def _application(self) -> Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]:
        async def app(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)  # a function, since uvicorn takes a bound method for ASGI 2

        return app

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        call = _read(scope, await _body(receive))
        fault = self.faults.take(call.operation)
        if fault is not None and fault.seconds:
            await asyncio.sleep(fault.seconds)
        mode = "" if fault is None else fault.mode
        reply = None if fault is None else _scripted(fault, call)
        if reply is None and mode not in ("drop_before", "hang"):
            reply = await asyncio.to_thread(self._answer, call)
        if reply is None or mode == "drop_after":
            _cut(send)
        else:
            await _send(send, reply)

    def _answer(self, call: _Call) -> Reply:
        with self._lock:
            self.calls[f"{call.service}:{call.operation}"] += 1
        logs = call.service == "logs" and self.waf.logs.has(call.operation)
        reply = self._own(call) if call.service == "wafv2" or logs else self._other(call)
        if reply.status < 300 and not _READS.fullmatch(call.operation):
            self.ledger.append(call.operation, {"service": call.service, **_noted(call.body)})
        return reply

    def _own(self, call: _Call) -> Reply:
        try:
            if "authorization" not in call.headers:
                raise AwsError("MissingAuthenticationTokenException", "the request is not signed", status=403)
            request = json.loads(call.body or b"{}")
            with self._lock:
                state = self.waf if call.service == "wafv2" else self.waf.logs
                answer = json.loads(json.dumps(state.call(call.operation, request)))
                if self._mirror is not None and call.service == "wafv2":
                    self._mirror.repeat(call.operation, request, answer)
        except AwsError as error:
            return _json(error.status, error.body)
        return _json(200, answer)

    def _other(self, call: _Call) -> Reply:
        return self._moto.forward(method=call.method, path=call.path, headers=call.headers, body=call.body)


def _read(scope: Mapping[str, Any], body: bytes) -> _Call:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    target, _, named = headers.get("x-amz-target", "").rpartition(".")
    signed = _SCOPE.search(headers.get("authorization", ""))
    service = signed[1] if signed else ("wafv2" if target.startswith("AWSWAF") else "")
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    operation = named or _action(headers, body) or f"{scope['method']} {scope['path']}"
    return _Call(service, operation, scope["method"], path, headers, body)


def _action(headers: Mapping[str, str], body: bytes) -> str:
    """The operation of the older protocol, whose requests are forms (IAM)."""
    if not headers.get("content-type", "").startswith(_FORM):
        return ""
    return dict(parse_qsl(body.decode("utf-8", errors="replace"))).get("Action", "")


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _scripted(fault: Fault, call: _Call) -> Reply | None:
    if fault.mode.startswith(_CODE):
        code = fault.mode.removeprefix(_CODE)
        if call.headers.get("content-type", "").startswith(_FORM):
            return Reply(fault.status, (("content-type", "text/xml"),), _XML.format(code=code).encode())
        return _json(fault.status, AwsError(code, "scripted").body, fault.retry_after)
    if fault.mode == "status":
        return _json(fault.status, {"message": "scripted"}, fault.retry_after)
    if fault.mode == "html":
        return Reply(200, (("content-type", "text/html"),), b"<html>Down for maintenance</html>")
    if fault.mode == "error_200":
        return _json(200, {"__type": "InternalFailure", "message": "scripted"})
    return None


def _json(status: int, body: Mapping[str, Any], retry_after: str = "") -> Reply:
    extra = (("retry-after", retry_after),) if retry_after else ()
    headers = (("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", secrets.token_hex(8)), *extra)
    return Reply(status, headers, json.dumps(body).encode())


async def _send(send: Send, reply: Reply) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _cut(send: Send) -> None:
    """Reset the connection without an answer; ASGI has no word for that, so uvicorn's transport is used."""
    cycle: Any = getattr(send, "__self__", None)
    cycle.transport.abort()
    cycle.disconnected = True


def _noted(body: bytes) -> dict[str, Any]:
    """What the ledger keeps of a request: names, never passwords or tokens."""
    try:
        request: dict[str, Any] = json.loads(body or b"{}")
    except ValueError:
        return {}
    kept: dict[str, Any] = {name: request[name] for name in _NOTED if name in request}
    if "Rules" in request:
        kept["Rules"] = [rule.get("Name", "") for rule in request["Rules"]]
    return kept
