"""The five calls that ServiceNow tickets need, and how each answer is checked before any library reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import requests

from activities._outcomes import Call, no_answer, status_error, unusable
from activities._servicenow.query import is_sys_id, plain
from activities._servicenow.settings import ServiceNowSettings
from activities._ticket.answer import json_of, take_whole
from stanch.errors import ConnectorError, Rejected

Record = dict[str, Any]
Result = TypeVar("Result")

_ACTIONS = {"GET": "read", "POST": "create the record", "PATCH": "update the record"}
_POLICY = ("data policy", "business rule", "mandatory")


class NoRecord(Rejected):
    """The answer 404 that older instances give to a query without a hit."""


class Transport(Protocol):
    """How the Table and Attachment API is reached. Every method raises one of the four outcomes."""

    def find(
        self, table: str, query: str, *, fields: Sequence[str], limit: int, display: bool = False
    ) -> list[Record]: ...

    def get(self, table: str, sys_id: str, *, fields: Sequence[str]) -> Record: ...

    def create(self, table: str, record: Mapping[str, Any]) -> Record: ...

    def patch(self, table: str, sys_id: str, changes: Mapping[str, Any]) -> Record: ...

    def attach(self, table: str, sys_id: str, *, name: str, content: bytes) -> Record: ...


def open_session(settings: ServiceNowSettings) -> requests.Session:
    """A session that follows no redirect, reads no environment, retries nothing and checks every answer."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    session.auth = (settings.user, settings.password.get_secret_value())
    session.verify = settings.ca_file or True
    if settings.proxy:
        session.proxies = {"http": settings.proxy, "https": settings.proxy}
    session.headers["Accept"] = "application/json"
    session.hooks["response"].append(lambda response, *_, **__: _check(response, seconds=settings.timeout))
    return session


def timeouts(settings: ServiceNowSettings) -> tuple[float, float]:
    return settings.connect_timeout, settings.timeout


def run(method: str, work: Callable[[], Result]) -> Result:
    """The work's result, or one of the four outcomes; nothing of the library's own text is kept."""
    call = _call(method)
    try:
        return work()
    except ConnectorError:
        raise
    except requests.JSONDecodeError:
        outcome = unusable(call)
    except requests.RequestException as error:
        outcome = no_answer(call, error)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        outcome = unusable(call)
    # Outside the handlers: the library's exception is not even the context of ours.
    raise outcome


def record_of(result: object) -> Record:
    """The one record of an answer, with its sys_id, which becomes part of a path later.

    Raises:
        ValueError: it is not one.
    """
    if not isinstance(result, dict) or not is_sys_id(plain(result.get("sys_id"))):
        raise ValueError("no record")
    return dict(result)


def found_by(work: Callable[[], list[Record]]) -> list[Record]:
    """The rows of a query; older instances answer one without a hit by 404."""
    try:
        return run("GET", work)
    except NoRecord:
        return []


def rows_of(result: object) -> list[Record]:
    """The rows of an answer.

    Raises:
        ValueError: they are not rows.
    """
    if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
        raise ValueError("no rows")
    return [dict(row) for row in result]


def _call(method: str) -> Call:
    return Call("ServiceNow", _ACTIONS.get(method, "write"), write=method != "GET")


def _check(response: requests.Response, *, seconds: float) -> requests.Response:
    """Response hook: a failed status, a page instead of JSON, or an `error` inside a 200 never reaches the library."""
    call = _call(response.request.method or "POST")
    if not 200 <= response.status_code < 300:
        raise _failed(response, call, seconds=seconds)
    if not _has_result(take_whole(response, call, seconds=seconds)):
        raise unusable(call)
    return response


def _failed(response: requests.Response, call: Call, *, seconds: float) -> ConnectorError:
    status = response.status_code
    try:
        said = _said(take_whole(response, call, seconds=seconds))
    except ConnectorError:
        said = ""  # the status says enough
    if status == 403 and any(word in said for word in _POLICY):
        return Rejected(
            f"a ServiceNow data policy or business rule refused to {call.action}",
            hint="give the mandatory fields a value under `fields`, or see the instance's policy",
        )
    if status == 404 and not call.write and "no record found" in said:
        return NoRecord("ServiceNow has no such record", hint="check `table` and the account's roles")
    return status_error(call, status, headers=response.headers)


def _said(body: bytes) -> str:
    """What the error object says, in small letters; nothing where the answer is none, such as a page of a proxy."""
    try:
        found: Any = json_of(body)
    except ValueError:
        return ""
    error = found.get("error") if isinstance(found, dict) else None
    parts = (error.get("message"), error.get("detail")) if isinstance(error, dict) else (error,)
    return " ".join(part for part in parts if isinstance(part, str)).lower()


def _has_result(body: bytes) -> bool:
    """False for a page, and for an `error` in a 200, which comes with an empty result and would read as "no record"."""
    try:
        found: Any = json_of(body)
    except ValueError:
        return False
    return isinstance(found, dict) and "result" in found and not found.get("error")
