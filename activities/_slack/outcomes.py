"""How a Slack call ended, in our five outcomes; nothing that Slack or the library wrote is passed on."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackClientError

from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain

MOST_SECONDS = 3600.0

# docs.slack.dev, errors of chat.postMessage, chat.update and users.info.
_AUTH = frozenset(
    (
        "not_authed",
        "invalid_auth",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "missing_scope",
        "access_denied",
        "not_allowed_token_type",
        "ekm_access_denied",
        "two_factor_setup_required",
        "enterprise_is_restricted",
        "is_inactive",
        "user_is_bot",
        "user_is_restricted",
        "restricted_action",
    )
)
_LATER = frozenset(
    (
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "request_timeout",
        "team_added_to_org",
        "org_login_required",
    )
)
# Slack says of these that something may have happened before it failed.
_OPEN = frozenset(("fatal_error", "internal_error", "service_unavailable"))
_CODE = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
_INSTALL = "put the bot token (xoxb-) of the installed app where `token` of the section points, then restart"
_HINTS = {
    **dict.fromkeys(("invalid_auth", "not_authed", "account_inactive", "token_expired"), _INSTALL),
    "not_allowed_token_type": _INSTALL,
    "missing_scope": "add the scope to the app and install it again; `stanch doctor` names it",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "choose another channel for this owner in the routes file",
    "channel_not_found": "check the channel id in the routes file, and that the app may see the channel",
    "message_not_found": "the message was deleted; a new one can be posted",
    "token_revoked": "install the app again and replace the token",
}


def perform(call: Callable[[], Any], *, writes: bool) -> Any:
    """Run one library call; it returns the response or raises one of our outcomes.

    Args:
        call: the call; the client has no retries of its own.
        writes: whether an unclear end may have changed something.
    """
    try:
        return call()
    except SlackApiError as error:
        outcome = _answered(error, writes=writes)
    except URLError as error:
        outcome = _not_sent(error, writes=writes)
    except (OSError, HTTPException, ValueError, AttributeError, TypeError, SlackClientError):
        # The last ones are how the library fails on a body that is JSON but no object, or in an unknown encoding.
        outcome = unclear(writes=writes)
    raise outcome


def unclear(*, writes: bool) -> ConnectorError:
    """The outcome of a call that went out and brought no usable answer."""
    if writes:
        return Uncertain("Slack gave no usable answer; the message may or may not be there", code="V205")
    return RetrySafe("Slack gave no usable answer", code="V204")


def _answered(error: SlackApiError, *, writes: bool) -> ConnectorError:
    response: Any = error.response
    status = int(response.status_code)
    data = response.data if isinstance(response.data, Mapping) else {}
    code = str(data.get("error", ""))
    if status == 429 or code in _LATER:
        return RetrySafe(
            "Slack asks to wait", retry_after=retry_after(response.headers, now=datetime.now(UTC)), code="V214"
        )
    if status in (401, 403) or code in _AUTH:
        return AuthBlocked(f"Slack does not let the app do this ({_named(code)})", code="V213", hint=_hint(code))
    if status >= 500 or (status in (200, 408) and not _is_refusal(code)):
        return unclear(writes=writes)
    return Rejected(f"Slack refused the call ({_named(code)})", code="V212", hint=_hint(code))


def _is_refusal(code: str) -> bool:
    return bool(_CODE.fullmatch(code)) and code not in _OPEN


def _named(code: str) -> str:
    """Slack's error code; the library puts pieces of the body here when it could not read it."""
    return code if _CODE.fullmatch(code) else "no error code"


def _hint(code: str) -> str:
    return _HINTS.get(code, "`stanch doctor` checks the connection to Slack")


def _not_sent(error: URLError, *, writes: bool) -> ConnectorError:
    """The library's urllib wraps only what happens up to the end of sending; later errors come as they are."""
    reason = error.reason
    refused = isinstance(reason, OSError) and reason.errno in _UNREACHABLE
    if refused or isinstance(reason, TimeoutError | socket.gaierror | ssl.SSLCertVerificationError):
        return RetrySafe("Slack cannot be reached", code="V204", hint="check the network, the proxy and base_url")
    return unclear(writes=writes)


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait as Slack asked, as a number or a date, at most an hour; None where it did not say."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return min(float(text), MOST_SECONDS)
    try:
        due = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    due = due if due.tzinfo is not None else due.replace(tzinfo=UTC)
    return min(max((due - now).total_seconds(), 0.0), MOST_SECONDS)
