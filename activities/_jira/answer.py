"""Judges each answer of Jira before the client package reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import requests

from activities._outcomes import Call, status_error, unusable
from activities._ticket.answer import json_of, take_whole
from stanch.errors import AuthBlocked, ConnectorError

_FIELD_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_REFUSED = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")


def check(response: requests.Response, call: Call, *, seconds: float) -> None:
    """Let a good answer pass.

    Raises:
        ConnectorError: a failed status, a sign-in that did not work, a page, or an error inside a 200.
    """
    status = response.status_code
    if not 200 <= status < 300:
        raise _failed(response, call, seconds=seconds)
    body = take_whole(response, call, seconds=seconds)
    if not call.write and _sign_in_refused(response.headers):
        raise _auth(response.headers)  # Jira went on as for a stranger, who sees nothing: that is no "not found"
    if body and _is_error(body):
        raise unusable(call)


def _failed(response: requests.Response, call: Call, *, seconds: float) -> ConnectorError:
    status, headers = response.status_code, response.headers
    try:
        body = take_whole(response, call, seconds=seconds)
    except ConnectorError:
        body = b""  # the status says enough
    if status in (400, 401, 403, 404) and (_sign_in_refused(headers) or _captcha(headers)):
        return _auth(headers)
    return status_error(call, status, headers=headers, fields=_field_ids(body))


def _sign_in_refused(headers: Mapping[str, str]) -> bool:
    return any(word in headers.get("X-Seraph-LoginReason", "").upper() for word in _REFUSED)


def _captcha(headers: Mapping[str, str]) -> bool:
    return "CAPTCHA" in headers.get("X-Authentication-Denied-Reason", "").upper()


def _auth(headers: Mapping[str, str]) -> AuthBlocked:
    if _captcha(headers) or "DENIED" in headers.get("X-Seraph-LoginReason", "").upper():
        return AuthBlocked(
            "Jira asks for a CAPTCHA after failed sign-ins", hint="sign in as this account once, in a browser"
        )
    return AuthBlocked("Jira did not accept the sign-in", hint="check `email` and `token` with `stanch doctor`")


def _is_error(body: bytes) -> bool:
    """True for a page, and for an error object in a 200."""
    try:
        found: Any = json_of(body)
    except ValueError:
        return True
    return isinstance(found, dict) and any(found.get(name) for name in ("errorMessages", "errors", "errorMessage"))


def _field_ids(body: bytes) -> tuple[str, ...]:
    """Ids of the fields that Jira complains about; the package's own message loses them."""
    try:
        found: Any = json_of(body)
    except ValueError:
        return ()
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, dict):
        return ()
    return tuple(sorted(name for name in errors if isinstance(name, str) and _FIELD_ID.fullmatch(name)))[:20]
