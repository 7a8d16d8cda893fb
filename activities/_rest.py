"""Calls to a vendor's JSON API over HTTPS, each ending in one of the outcomes; libraries of vendors are not needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests

from activities._fence import before_write
from activities._outcomes import Call, no_answer, status_error, unusable
from stanch.errors import ConnectorError, Gone, Rejected, RetrySafe

PAGES = 500
_RESETS = ("X-Rate-Limit-Reset", "x-ratelimit-reset")  # Okta, Auth0: seconds since the epoch


@dataclass(frozen=True)
class Answer:
    """What came back with an expected status; `body` is None where there was none."""

    status: int
    body: Any
    headers: Mapping[str, str]
    request_id: str = ""

    def mapping(self, call: Call) -> dict[str, Any]:
        """The body as an object."""
        if not isinstance(self.body, dict):
            raise unusable(call)
        return self.body

    def listed(self, call: Call) -> list[dict[str, Any]]:
        """The body as a list of objects."""
        if not isinstance(self.body, list) or not all(isinstance(item, dict) for item in self.body):
            raise unusable(call)
        return self.body


class Rest:
    """One vendor's API. Safe to share between threads: every call has a session of its own.

    Args:
        system: such as Okta, for messages.
        base: address that paths are put after.
        headers: the headers that prove who we are; `renew` asks for new ones after a 401.
        timeout: seconds to connect and to wait.
        request_id: header of an answer that names the request at the vendor.
    """

    def __init__(
        self,
        system: str,
        base: str,
        *,
        headers: Callable[[bool], Mapping[str, str]],
        timeout: tuple[float, float],
        request_id: str = "",
    ) -> None:
        self.system = system
        self.base = base.rstrip("/")
        self._headers = headers
        self._timeout = timeout
        self._request_id = request_id

    def __repr__(self) -> str:
        return f"Rest({self.system!r}, {self.base!r})"

    def told(self, action: str, *, write: bool) -> Call:
        """What is asked, in words for whoever reads the error."""
        return Call(system=self.system, action=action, write=write)

    def send(
        self,
        method: str,
        path: str,
        *,
        call: Call,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
    ) -> Answer:
        """One call; a 401 is answered once with fresh credentials, since it has done nothing.

        Raises:
            ConnectorError: the outcome, where the status is none of those expected.
        """
        for renew in (False, True):
            answer = self._once(method, path, call=call, json=json, params=params, renew=renew)
            if answer.status_code in expect:
                return self._answer(answer, call)
            if answer.status_code != 401:
                break
        raise self._outcome(call, answer)

    def pages(self, path: str, *, call: Call, params: Mapping[str, str]) -> Iterator[Answer]:
        """A list and what its `Link` headers lead to (RFC 8288), as long as that stays at the same vendor."""
        asked: Mapping[str, str] | None = params
        for _ in range(PAGES):
            answer = self.send("GET", path, call=call, params=asked)
            yield answer
            links = requests.utils.parse_header_links(answer.headers.get("Link", ""))
            following = next((link["url"] for link in links if link.get("rel") == "next"), "")
            if not following:
                return
            path, asked = self.inside(following, call), None
        raise unusable(call)  # what was not seen must not pass for not there

    def inside(self, address: str, call: Call) -> str:
        """An address that the vendor gave us, if our credentials may go there: the same scheme, host and port."""
        whole = urljoin(self.base + "/", address)
        if urlsplit(whole)[:2] != urlsplit(self.base)[:2]:
            raise unusable(call)
        return whole

    def _once(
        self,
        method: str,
        path: str,
        *,
        call: Call,
        json: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
        renew: bool,
    ) -> requests.Response:
        headers = {"Accept": "application/json", **self._headers(renew)}
        address = path if "://" in path else f"{self.base}{path}"
        if call.write:
            before_write()
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.request(
                    method,
                    address,
                    json=json,
                    params=params,
                    headers=headers,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            raise no_answer(call, error) from None

    def _answer(self, answer: requests.Response, call: Call) -> Answer:
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            raise unusable(call) from None
        return Answer(answer.status_code, body, answer.headers, answer.headers.get(self._request_id, ""))

    def _outcome(self, call: Call, answer: requests.Response) -> ConnectorError:
        status = answer.status_code
        if 200 <= status < 300:
            return unusable(call)
        if status == 429 and "Retry-After" not in answer.headers:
            return RetrySafe(f"{self.system} asks to slow down", retry_after=_until_reset(answer.headers))
        if status == 404:
            return Gone(f"{self.system} does not know what it was to {call.action}")
        if 400 <= status < 500 and status not in (401, 403, 408, 429):
            message = f"{self.system} refused to {call.action} (HTTP {status})"
            return Rejected(message, hint=f"the log of {self.system} says why")
        return status_error(call, status, headers=answer.headers)


def path_of(*parts: str) -> str:
    """A path of which every part is data: none can lead anywhere else."""
    if any(part in ("", ".", "..") for part in parts):
        raise Gone("an empty name or dots cannot be part of an address")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _until_reset(headers: Mapping[str, str]) -> float | None:
    text = next((headers[name] for name in _RESETS if name in headers), "")
    return min(max(0.0, float(text) - time.time()), 900.0) if text.isascii() and text.isdigit() else None
