"""Who is calling: a bearer token on the API, a signed session at the console; everything else is refused."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

from fastapi import Depends, Request

from stanch.routing import People
from stanch.web.people import known, principals
from stanch.web.problems import WebError
from stanch.web.services import Given
from stanch.web.sessions import COOKIE, is_fresh, read_session

AS_HEADER = "stanch-as"
VIA_HEADER = "stanch-via"

# Routes that prove their caller themselves, or that must answer before anybody has logged in.
OPEN = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/static/{name}"),
        ("GET", "/login"),
        ("POST", "/login"),
        ("POST", "/v1/findings/{source}"),
        ("GET", "/v1/findings/{source}"),
        ("OPTIONS", "/v1/findings/{source}"),
        ("POST", "/v1/slack/commands"),
        ("POST", "/v1/slack/events"),
        ("POST", "/v1/slack/interactions"),
        ("POST", "/v1/tickets/{system}"),
    }
)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Args:
        principal: the person, such as `user:ana`; "" for a token that speaks for nobody.
        via: how the person decides.
        session: id of the console session; CSRF tokens belong to it.
        proven: when the token was last given in this session for this person; 0 where it was not.
        fresh: that was just now, so that an answer of high impact counts as given after signing in again.
    """

    principal: str = ""
    via: Literal["console", "cli", "api"] = "api"
    session: str = ""
    proven: int = 0
    fresh: bool = False

    @property
    def name(self) -> str:
        """What the ledger says."""
        return self.principal or "token:admin"

    def person(self) -> str:
        """The principal, where only a person will do.

        Raises:
            WebError: W002, 403.
        """
        if not self.principal:
            hint = "choose who you are" if self.via == "console" else f"send {AS_HEADER}: user:NAME (CLI: --as)"
            raise WebError("only a person may do that", status=403, code="W002", hint=hint)
        return self.principal


async def authenticate(request: Request, services: Given) -> None:
    """App-wide dependency: nothing is reached without credentials but what `OPEN` names.

    Raises:
        WebError: W001, 401; W002, 403.
    """
    path = str(getattr(request.scope.get("route"), "path", ""))
    method = "GET" if request.method == "HEAD" else request.method
    caller = _bearer(request, services) if is_api(path) else _session(request, services)
    if caller is None and (method, path) not in OPEN:
        hint = "send Authorization: Bearer with the token of api.token" if is_api(path) else "log in"
        raise WebError("credentials are needed", status=401, code="W001", hint=hint)
    request.state.caller = caller or Caller()


def is_api(path: str) -> bool:
    """Whether a route takes bearer tokens (and never cookies, so that no other site can use a browser's)."""
    return path.startswith("/v1/") or path in ("/openapi.json", "/readyz", "/metrics")


def _bearer(request: Request, services: Given) -> Caller | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same(token.strip(), services.api_token):
        return None
    via: Literal["cli", "api"] = "cli" if request.headers.get(VIA_HEADER) == "cli" else "api"
    return Caller(principal=_acting_as(request, services), via=via)


def _acting_as(request: Request, services: Given) -> str:
    """The person a token speaks for. Only on loopback: there the token's file already means full control."""
    wanted = request.headers.get(AS_HEADER, "")
    if not wanted:
        return ""
    if not is_loopback(request):
        hint = "do this on the machine of the web service, or at the console"
        raise WebError("a token cannot speak for a person from another machine", status=403, code="W002", hint=hint)
    people = services.policy.current.routes.people
    if not known(people, wanted):
        message, hint = "nobody active of that name is in the directory", _meant(people, wanted)
        raise WebError(message, status=403, code="W002", place=AS_HEADER, hint=hint)
    return wanted


def _meant(people: People, wanted: str) -> str:
    """Who may be meant, such as `user:maria` by `maria`."""
    names = [name for name, _ in principals(people)]
    close = get_close_matches(wanted if ":" in wanted else f"user:{wanted}", names, n=1)
    return f"did you mean {close[0]}?" if close else "write user:NAME as in `directory` of routes.yaml"


def _session(request: Request, services: Given) -> Caller | None:
    session = read_session(request.cookies.get(COOKIE, ""), services.keys.sessions)
    if session is None or session.id in request.app.state.ended_sessions:
        return None
    fresh = bool(session.principal) and is_fresh(session.proven, services.settings.web.step_up)
    return Caller(session.principal, "console", session.id, proven=session.proven, fresh=fresh)


def is_loopback(request: Request) -> bool:
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def same(given: str, wanted: str) -> bool:
    """Equal and not empty, in constant time."""
    return bool(wanted) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


async def caller_of(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


By = Annotated[Caller, Depends(caller_of)]
