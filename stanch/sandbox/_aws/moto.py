"""moto inside this process: it serves every service but WAFv2, where it is a second witness."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.wafv2.responses import WAFV2Response
from werkzeug.test import Client

from stanch.shapes import is_list

_STAGE = re.compile(r"arn:aws:apigateway:[\w-]+::/restapis/(\w+)/stages/([\w-]+)")
_SKIPPED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


_UNKNOWN = Reply(
    400,
    (("content-type", "application/x-amz-json-1.1"),),
    b'{"__type": "UnknownOperationException", "message": "moto does not have the operation"}',
)


class Moto:
    """All of moto for one account of its own, so that two stand-ins in one process share nothing."""

    def __init__(self, *, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._client = Client(DomainDispatcherApplication(create_backend_app))
        self._lock = threading.Lock()  # moto's state is not safe for threads

    def forward(self, *, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request on as it came; `path` includes the query."""
        kept = {name: value for name, value in headers.items() if name.lower() not in _SKIPPED_HEADERS}
        kept["x-moto-account-id"] = self._account
        with self._lock:
            try:
                answer = self._client.open(path, method=method, headers=kept, data=body, base_url="http://127.0.0.1/")
            except NotImplementedError:
                return _UNKNOWN  # as a server moto answers 500, which clients would take for an outage
        shown = tuple((name, value) for name, value in answer.headers if name.lower() not in _SKIPPED_HEADERS)
        return Reply(int(answer.status_code), shown, bytes(answer.data))

    def wafv2(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        scope = f"Credential=AKIAEXAMPLE/20260101/{self._region}/wafv2/aws4_request"
        headers = {
            "x-amz-target": f"AWSWAF_20190729.{operation}",
            "content-type": "application/x-amz-json-1.1",
            "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none",
        }
        reply = self.forward(method="POST", path="/", headers=headers, body=json.dumps(request).encode())
        parsed: dict[str, Any] = json.loads(reply.body or b"{}") if reply.status < 500 else {}
        return reply.status, parsed

    def exists(self, arn: str) -> bool:
        """True for a REST stage that was made here."""
        found = _STAGE.fullmatch(arn)
        if found is None:
            return False
        apis = get_backend("apigateway")[self._account][self._region].apis
        api = apis.get(found[1])
        return api is not None and found[2] in api.stages


def snake(operation: str) -> str:
    """The method of moto that answers an operation."""
    words = operation.replace("ACLs", "AcLs").replace("ACL", "Acl").replace("IPSet", "IpSet")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", words).lower()


def implemented(operation: str) -> bool:
    return hasattr(WAFV2Response, snake(operation))


@dataclass(frozen=True)
class Pair:
    """What the strict front and moto answered to the same call."""

    operation: str
    ours: Mapping[str, Any]
    moto_status: int
    moto: Mapping[str, Any]


class Mirror:
    """Repeats accepted WAFv2 calls at moto, with moto's own ids and lock tokens put in."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._swap: dict[str, str] = {}  # our id or ARN -> moto's
        self._tokens: dict[str, str] = {}  # our id -> moto's current lock token
        self.pairs: list[Pair] = []

    def repeat(self, operation: str, request: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        if not implemented(operation):
            return
        translated = {name: self._swapped(value) for name, value in request.items()}
        identity = str(request.get("Id", ""))
        if "LockToken" in request:
            translated["LockToken"] = self._tokens.get(identity, "")
        status, answer = self._moto.wafv2(operation, translated)
        self._learn(identity, ours, answer)
        self.pairs.append(Pair(operation, ours, status, answer))

    def _swapped(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._swap.get(value, value)
        if is_list(value):
            return [self._swapped(item) for item in value]
        if isinstance(value, dict):
            return {key: self._swapped(item) for key, item in cast("dict[str, Any]", value).items()}
        return value

    def _learn(self, identity: str, ours: Mapping[str, Any], moto: Mapping[str, Any]) -> None:
        made, same = ours.get("Summary"), moto.get("Summary")
        if made and same:
            self._swap |= {made["Id"]: same["Id"], made["ARN"]: same["ARN"]}
            self._tokens[made["Id"]] = same["LockToken"]
        token = moto.get("NextLockToken", moto.get("LockToken"))
        if identity and token:
            self._tokens[identity] = str(token)
