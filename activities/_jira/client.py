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

from activities._jira.answer import check
from activities._jira.settings import JiraSettings
from activities._outcomes import Call, no_answer, unusable
from stanch.errors import ConnectorError, Rejected

SEARCH_PAGES = 10
Result = TypeVar("Result")

_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,40}-[0-9]{1,12}|[0-9]{1,18}")


class JiraClient:
    """One client of the package per thread, since a session is not promised to be safe across threads."""

    def __init__(self, settings: JiraSettings) -> None:
        self._settings = settings
        self._local = threading.local()

    def __repr__(self) -> str:
        return f"JiraClient({self._settings.url!r})"

    def get(self, path: str, *, action: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What Jira answers, always an object."""
        query = dict(params or {})
        call = Call("Jira", action, write=False)
        return self._run(call, lambda: _object(self._session().get(self._url(path), params=query)))

    def rows(
        self, path: str, name: str, *, action: str, params: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """The objects of one list in an answer; none where Jira leaves it out."""
        found = self.get(path, action=action, params=params)
        return rows_of(found, name, action=action)

    def send(self, method: str, path: str, body: object, *, action: str) -> Any:
        """A write; the answer's JSON, or None where Jira answers without a body."""
        data = json.dumps(body)
        call = Call("Jira", action, write=True)
        return self._run(call, lambda: _json(self._session().request(method, self._url(path), data=data)))

    def search(
        self, jql: str, *, fields: str, action: str = "search for the ticket", pages: int = SEARCH_PAGES
    ) -> list[dict[str, Any]]:
        """The issues that match, some pages of them; the index lags behind creation."""
        path = "search/jql" if self._settings.cloud else "search"
        rows: list[dict[str, Any]] = []
        more = {"startAt": "0"}
        for _ in range(pages):
            # A page of Cloud may be empty and still not be the last.
            given = {} if self._settings.cloud and "startAt" in more else more
            params = {"jql": jql, "fields": fields, "maxResults": "50", **given}
            page = self.get(path, action=action, params=params)
            if "issues" not in page:
                raise unusable(Call("Jira", action, write=False))
            rows += rows_of(page, "issues", action=action)
            more = _next(page, seen=len(rows), cloud=self._settings.cloud)
            if not more:
                break
        return rows

    def create(self, fields: dict[str, Any]) -> str:
        """The key of a new issue."""
        call = Call("Jira", "create the ticket", write=True)
        return self._run(call, lambda: _key_of(self._client().create_issue(fields=fields, prefetch=False).key))

    def comment(self, key: str, body: Any) -> None:
        call = Call("Jira", "add the note", write=True)
        self._run(call, lambda: self._client().add_comment(key, body).id)

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        file: Any = io.BytesIO(content)  # the package names a narrower type than it needs
        call = Call("Jira", "attach the file", write=True)
        self._run(call, lambda: self._client().add_attachment(key, attachment=file, filename=name).id)

    def _run(self, call: Call, work: Callable[[], Result]) -> Result:
        """The work's result, or one of the four outcomes; the package's own text, which holds headers, is dropped."""
        self._local.call = call
        try:
            return work()
        except ConnectorError:
            raise
        except JIRAError:
            outcome = unusable(call)  # what is not 2xx, the hook has raised
        except requests.JSONDecodeError:
            outcome = unusable(call)
        except requests.RequestException as error:
            outcome = no_answer(call, error)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            outcome = unusable(call)
        # Outside the handlers: the vendor's exception is not even the context of ours.
        raise outcome

    def _check(self, response: requests.Response, *_: object, **__: object) -> requests.Response:
        """Response hook: the package sees no answer but a good one, and follows no redirect."""
        check(response, self._local.call, seconds=self._settings.timeout)
        return response

    def _url(self, path: str) -> str:
        return self._client()._get_url(path)

    def _session(self) -> requests.Session:
        return self._client()._session

    def _client(self) -> JIRA:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = _connect(self._settings)
            client._session.hooks["response"].append(self._check)
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


def _key_of(value: object) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError("not an issue key")
    return value


def rows_of(page: Mapping[str, Any], name: str, *, action: str) -> list[dict[str, Any]]:
    """The objects of a list in an answer; none where it is left out or null.

    Raises:
        RetrySafe: it is something else.
    """
    found = page.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unusable(Call("Jira", action, write=False))
    return found


def _next(page: Mapping[str, Any], *, seen: int, cloud: bool) -> dict[str, str]:
    """The parameters of the next page; none where this was the last."""
    if cloud:
        token = page.get("nextPageToken")
        return {"nextPageToken": token} if isinstance(token, str) and token and page.get("isLast") is not True else {}
    total = page.get("total")
    return {"startAt": str(seen)} if isinstance(total, int) and page.get("issues") and seen < total else {}


def _object(response: requests.Response) -> dict[str, Any]:
    found = response.json()
    if not isinstance(found, dict):
        raise TypeError("not an object")
    return found


def _json(response: requests.Response) -> Any:
    return response.json() if response.content else None
