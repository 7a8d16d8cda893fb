"""Calls to Jira through the `jira` package, each ending in a result or one of the four outcomes."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from jira import JIRA
from jira.exceptions import JIRAError

from activities._jira_settings import JiraSettings
from activities._ticket_http import Call, no_answer, status_error, unusable
from stanch.errors import ConnectorError, Rejected

Result = TypeVar("Result")

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,40}-[0-9]{1,12}|[0-9]{1,18}")
_FIELD_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class JiraClient:
    """One client of the package per thread, since a session is not promised to be safe across threads."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"JiraClient({self._settings.url!r})"

    def get(self, path: str, *, action: str, params: Mapping[str, str] | None = None) -> Any:
        query = dict(params or {})
        return _run(
            Call("Jira", action, write=False), lambda: _json(self._session().get(self._url(path), params=query))
        )

    def send(self, method: str, path: str, body: object, *, action: str) -> Any:
        """A write; the answer's JSON, or None where Jira answers without a body."""
        data = json.dumps(body)
        call = Call("Jira", action, write=True)
        return _run(call, lambda: _json(self._session().request(method, self._url(path), data=data)))

    def search(self, jql: str, *, fields: str) -> list[dict[str, Any]]:
        """The first issues that match; the index lags behind creation."""
        path = "search/jql" if self._settings.cloud else "search"
        params = {"jql": jql, "fields": fields, "maxResults": "20"}
        call = Call("Jira", "search for the ticket", write=False)
        found = self.get(path, action=call.action, params=params)
        return _run(call, lambda: [dict(issue) for issue in found["issues"]])

    def create(self, fields: dict[str, Any]) -> str:
        """The key of a new issue."""
        call = Call("Jira", "create the ticket", write=True)
        return _run(call, lambda: _key_of(self._client().create_issue(fields=fields, prefetch=False).key))

    def comment(self, key: str, body: Any) -> None:
        call = Call("Jira", "add the note", write=True)
        _run(call, lambda: self._client().add_comment(key, body).id)

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        file: Any = io.BytesIO(content)  # the package names a narrower type than it needs
        call = Call("Jira", "attach the file", write=True)
        _run(call, lambda: self._client().add_attachment(key, attachment=file, filename=name).id)

    def _url(self, path: str) -> str:
        return self._client()._get_url(path)

    def _session(self) -> requests.Session:
        return self._client()._session

    def _client(self) -> JIRA:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = _connect(self._settings)
        return client


def issue_key(key: str) -> str:
    """The key, checked, so that it is one segment of a path and nothing else.

    Raises:
        Rejected: it is no issue key.
    """
    if not _KEY.fullmatch(key):
        raise Rejected("this is no Jira issue key", hint="a key looks like MOBP-7")
    return key


def segment(text: str) -> str:
    """Text as one segment of a path."""
    return quote(text, safe="")


def _connect(settings: JiraSettings) -> JIRA:
    """A client that retries nothing, waits a bounded time, and asks nothing on its own."""
    token = settings.token.get_secret_value()
    client = JIRA(
        options={
            "server": settings.url,
            "rest_api_version": "3" if settings.cloud else "2",
            "verify": settings.ca_file or True,
            "check_update": False,
        },
        basic_auth=(settings.email, token) if settings.email else None,
        token_auth=None if settings.email else token,
        get_server_info=False,
        max_retries=0,
        timeout=(settings.connect_timeout, settings.timeout),
        proxies={"http": settings.proxy, "https": settings.proxy} if settings.proxy else None,
    )
    # Without serverInfo the package takes every Jira for Data Center and picks endpoints that Cloud removed.
    client.deploymentType = "Cloud" if settings.cloud else "Server"
    client._session.trust_env = False
    client._session.max_redirects = 0  # a redirect leads to a login page, and turns a POST into a GET
    return client


def _run(call: Call, work: Callable[[], Result]) -> Result:
    """The work's result, or one of the four outcomes; the package's own text, which holds headers, is dropped."""
    try:
        return work()
    except ConnectorError:
        raise
    except JIRAError as error:
        outcome = _of_jira(call, error)
    except requests.JSONDecodeError:
        outcome = unusable(call)
    except requests.RequestException as error:
        outcome = no_answer(call, error)
    except (ValueError, KeyError, TypeError, AttributeError):
        outcome = unusable(call)
    # Outside the handlers: the vendor's exception is not even the context of ours.
    raise outcome


def _of_jira(call: Call, error: JIRAError) -> ConnectorError:
    response = error.response
    if response is None or response.status_code < 300:
        return unusable(call)
    return status_error(call, response.status_code, headers=response.headers, fields=_field_ids(response))


def _field_ids(response: requests.Response) -> tuple[str, ...]:
    """Ids of the fields that Jira complains about; the package's own message loses them."""
    try:
        errors = response.json().get("errors", {})
    except (ValueError, AttributeError):
        return ()
    if not isinstance(errors, dict):
        return ()
    return tuple(sorted(name for name in errors if isinstance(name, str) and _FIELD_ID.fullmatch(name)))[:20]


def _key_of(value: object) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError("not an issue key")
    return value


def _json(response: requests.Response) -> Any:
    return response.json() if response.content else None
