"""Login with a token on loopback, who one is, logout, and the files that pages need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response

from stanch.web.auth import By, is_loopback, same
from stanch.web.console.forms import Fields, done, fields_of, is_secure
from stanch.web.console.render import page
from stanch.web.people import known, principals
from stanch.web.problems import WebError
from stanch.web.services import Given, Services
from stanch.web.sessions import COOKIE, LIFE_SECONDS, Session, just_proven, new_session, write_session

STATIC = {
    path.name: path.read_bytes()
    for path in (Path(__file__).parent.parent / "static").iterdir()
    if path.suffix in (".css", ".js", ".svg")
}
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_OWN_PAGE = re.compile(r"/(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)?", re.ASCII)

router = APIRouter()


@router.get("/static/{name}")
async def static(name: Annotated[str, InPath(max_length=100)]) -> Response:
    """A file by its exact name; no path is ever looked up."""
    if name not in STATIC:
        raise WebError("there is no such file", status=404, code="W005")
    headers = {"cache-control": "public, max-age=3600"}
    return Response(STATIC[name], media_type=_TYPES[Path(name).suffix], headers=headers)


def onward(path: str) -> str:
    """Where to go after the login: a page of ours, whatever a link asked for."""
    return path if _OWN_PAGE.fullmatch(path) else "/"


@router.get("/login")
async def login_page(request: Request) -> Response:
    """The form. A strict cookie is not sent along a link from elsewhere, so such a visit is tried again from here."""
    wanted = onward(request.query_params.get("next", ""))
    came_by_link = request.headers.get("sec-fetch-site") == "cross-site"
    return page(request, "login.html", {"refused": "", "next": wanted, "again": came_by_link})


@router.post("/login")
async def login(request: Request, services: Given) -> Response:
    """Trade the token printed at start (good once), or the API token, for a session."""
    if not is_loopback(request):
        hint = "open an SSH tunnel to this machine"
        raise WebError("token login works on this machine only", status=403, code="W002", hint=hint)
    fields = await fields_of(request)
    token, wanted = fields.get("token", "").strip(), onward(fields.get("next", ""))
    if same(token, services.login_token):
        services.login_token = ""
    elif not same(token, services.api_token):
        refused = "That token is not valid, or was used before."
        return page(request, "login.html", {"refused": refused, "next": wanted, "again": False}, status=401)
    return _signed_in(services, f"/who?next={wanted}", new_session(proven=just_proven()))


def _signed_in(services: Services, where: str, session: Session) -> Response:
    response = RedirectResponse(where, 303)
    value = write_session(session, services.keys.sessions)
    response.set_cookie(
        COOKIE, value, max_age=LIFE_SECONDS, httponly=True, samesite="strict", secure=is_secure(services)
    )
    return response


@router.get("/who")
async def who_page(request: Request, services: Given) -> Response:
    people = services.policy.current.routes.people
    wanted = onward(request.query_params.get("next", ""))
    return page(request, "who.html", {"people": principals(people), "next": wanted})


@router.post("/who")
async def who(request: Request, services: Given, caller: By, fields: Fields) -> Response:
    """Say who one is; in token mode the token's holder may be anybody of the directory, and the ledger says so."""
    principal = fields.get("principal", "")
    if not known(services.policy.current.routes.people, principal):
        raise WebError("nobody of that name is in the directory", status=422, code="W006", place="principal")
    request.app.state.ended_sessions.add(caller.session)
    proven = caller.proven if caller.principal in ("", principal) else 0  # a proof speaks for one person
    return _signed_in(services, onward(fields.get("next", "")), new_session(principal, proven=proven))


@router.get("/step-up")
async def step_up_page(request: Request, caller: By) -> Response:
    caller.person()
    return page(request, "step_up.html", {"refused": "", "next": onward(request.query_params.get("next", ""))})


@router.post("/step-up")
async def step_up(request: Request, services: Given, caller: By, fields: Fields) -> Response:
    """Sign in again: the token once more, by the person of this session, for what has high impact."""
    principal, wanted = caller.person(), onward(fields.get("next", ""))
    if not (is_loopback(request) and same(fields.get("token", "").strip(), services.api_token)):
        return page(request, "step_up.html", {"refused": "That token is not valid.", "next": wanted}, status=401)
    request.app.state.ended_sessions.add(caller.session)
    return _signed_in(services, wanted, new_session(principal, proven=just_proven()))


@router.post("/logout")
async def logout(request: Request, services: Given, caller: By, fields: Fields) -> Response:
    request.app.state.ended_sessions.add(caller.session)
    response = done(services, "/login")
    response.delete_cookie(COOKIE)
    return response
