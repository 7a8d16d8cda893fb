"""How an HTTP answer, or none, of a tracker or an identity provider becomes one of the four outcomes."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ProxyError

from stanch.errors import AuthBlocked, ConnectorError, Gone, Rejected, RetrySafe, Uncertain

RETRY_AFTER_CAP = 900.0
_AUTH = (401, 403)
_NOT_SENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError, ProxyError, ssl.SSLCertVerificationError)
_OUR_SIDE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)  # not InvalidHeader: an answer whose headers contradict each other is told so too


@dataclass(frozen=True)
class Call:
    """What was asked, in words for the person who reads the error.

    Args:
        system: the vendor's name.
        action: such as "create the ticket".
        write: True where the tracker may have been changed.
    """

    system: str
    action: str
    write: bool


class FieldsRejected(Rejected):
    """The tracker refused; `fields` are the ids of the fields it named, `status` is its answer's."""

    def __init__(self, message: str, *, fields: tuple[str, ...], status: int = 400, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fields = fields
        self.status = status


def status_error(
    call: Call, status: int, *, headers: Mapping[str, str], fields: tuple[str, ...] = ()
) -> ConnectorError:
    """The outcome of an answer that is not 2xx."""
    if status == 429:
        return _retry(call, f"{call.system} asks to slow down", headers)
    if status == 407:
        return AuthBlocked("the proxy asks for credentials", hint="give them in `proxy`, or let this host through")
    if status in _AUTH:
        return AuthBlocked(
            f"{call.system} did not allow Stanch to {call.action} (HTTP {status})",
            hint="check the credentials, their scopes and the account's roles with `stanch doctor`",
        )
    if status >= 500 or status in (303, 408):
        return _failed(call, f"{call.system} failed with HTTP {status}", headers)
    if 300 <= status < 400:
        return Rejected(
            f"{call.system} redirects elsewhere (HTTP {status})", hint="set `url` to the address that it redirects to"
        )
    if status in (404, 410) and not call.write:
        return Gone(f"{call.system} has nothing there to {call.action} (HTTP {status})", hint="see docs/tickets.md")
    return _refused(call, status, fields)


def no_answer(call: Call, error: requests.RequestException) -> ConnectorError:
    """The outcome of a call that got no complete answer."""
    if isinstance(error, requests.TooManyRedirects) and error.response is not None:
        return status_error(call, error.response.status_code, headers=error.response.headers)
    if isinstance(error, requests.ConnectionError | requests.Timeout) and _never_sent(error):
        return RetrySafe(
            f"{call.system} cannot be reached",
            hint="check its address in stanch.toml, DNS, proxy, certificate and firewall",
        )
    if isinstance(error, _OUR_SIDE):
        return RetrySafe(f"{call.system} cannot be called so", hint="check its address and `proxy` in stanch.toml")
    return _failed(call, f"{call.system} did not answer", {})


def unusable(call: Call) -> ConnectorError:
    """The outcome of a 2xx whose body says nothing usable: a login page, an error object, a missing id."""
    return _failed(call, f"{call.system} answered with something else than the result", {})


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds to wait as a Retry-After header says (seconds or an HTTP date), at most the cap; None without one."""
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now or datetime.now(UTC))
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_CAP)


def _seconds_until(text: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(text)
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):  # whatever a header may hold
        return math.nan


def _retry(call: Call, message: str, headers: Mapping[str, str]) -> RetrySafe:
    return RetrySafe(f"{message} (could not {call.action})", retry_after=retry_after(headers.get("Retry-After")))


def _failed(call: Call, message: str, headers: Mapping[str, str]) -> ConnectorError:
    if not call.write:
        return _retry(call, message, headers)
    return Uncertain(
        f"{message}; it may or may not have done this: {call.action}",
        retry_after=retry_after(headers.get("Retry-After")),
        hint="Stanch looks for the result under its own key before it tries again",
    )


def _refused(call: Call, status: int, fields: tuple[str, ...]) -> Rejected:
    named = f": fields {', '.join(fields)}" if fields else ""
    return FieldsRejected(
        f"{call.system} refused to {call.action} (HTTP {status}){named}",
        fields=fields,
        status=status,
        hint="give the fields a value in this connector's section" if fields else "check the project, type and state",
    )


def _never_sent(error: BaseException) -> bool:
    """True where no byte of the request can have reached the tracker."""
    return isinstance(error, requests.ConnectTimeout) or any(isinstance(cause, _NOT_SENT) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exceptions wrapped in one: arguments, `reason` (urllib3) and contexts."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [*each.args, getattr(each, "reason", None), getattr(each, "original_error", None), each.__context__]
