"""The five calls that ServiceNow tickets need, and how each answer is checked before any library reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import requests

from activities._servicenow_settings import ServiceNowSettings
from activities._ticket_http import Call, no_answer, status_error, unusable
from stanch.errors import ConnectorError, Rejected

Record = dict[str, Any]
Result = TypeVar("Result")

_ACTIONS = {"GET": "read", "POST": "create the record", "PATCH": "update the record"}
_POLICY = ("Data Policy", "Business Rule")


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
    session.hooks["response"].append(_check)
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
    except (ValueError, KeyError, TypeError, AttributeError, LookupError):
        outcome = unusable(call)
    # Outside the handlers: the library's exception is not even the context of ours.
    raise outcome


def record_of(result: object) -> Record:
    """The one record of an answer, with its sys_id.

    Raises:
        ValueError: it is not one.
    """
    if not isinstance(result, dict) or not result.get("sys_id"):
        raise ValueError("no record")
    return dict(result)


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


def _check(response: requests.Response, *_: object, **__: object) -> requests.Response:
    """Response hook: a failed status, a page instead of JSON, or an `error` inside a 200 never reaches the library."""
    call = _call(response.request.method or "POST")
    text = response.text  # read to the end, so that the connection is given back when this raises
    if response.status_code == 403 and any(word in text for word in _POLICY):
        raise Rejected(
            f"a ServiceNow data policy or business rule refused to {call.action}",
            hint="give the mandatory fields a value under `fields`, or see the instance's policy",
        )
    if not 200 <= response.status_code < 300:
        raise status_error(call, response.status_code, headers=response.headers)
    if not _has_result(text):
        raise unusable(call)
    return response


def _has_result(text: str) -> bool:
    """False for a page, and for an `error` in a 200, which comes with an empty result and would read as "no record"."""
    try:
        body = json.loads(text)
    except ValueError:
        return False
    return isinstance(body, dict) and "result" in body and not body.get("error")
