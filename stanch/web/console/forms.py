"""Forms of the console: proven to come from our own page, answered by a redirect that carries one line of news."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from stanch.web.auth import By, same
from stanch.web.console.render import NOTICE
from stanch.web.problems import WebError
from stanch.web.services import Given, Services
from stanch.web.sessions import csrf_token, write_notice

MAX_FIELD = 4000


async def fields_of(request: Request) -> dict[str, str]:
    """The text fields of a form, each at most once."""
    form = await request.form(max_files=0, max_fields=50)
    return {name: value[:MAX_FIELD] for name, value in form.items() if isinstance(value, str)}


async def checked(request: Request, services: Given, caller: By) -> dict[str, str]:
    """The fields of a form that this session's own page has sent.

    Raises:
        WebError: W003, 403.
    """
    fields = await fields_of(request)
    if not same(fields.pop("csrf", ""), csrf_token(caller.session, services.keys.sessions)):
        raise WebError("this form is not from your session", status=403, code="W003", hint="load the page again")
    return fields


Fields = Annotated[dict[str, str], Depends(checked)]


def done(services: Services, where: str, news: str = "", *, bad: bool = False) -> Response:
    """Back to a page, which shows the news once."""
    response = RedirectResponse(where, 303)
    if news:
        text = write_notice(news, services.keys.sessions, bad=bad)
        response.set_cookie(NOTICE, text, max_age=60, httponly=True, samesite="strict", secure=is_secure(services))
    return response


def is_secure(services: Services) -> bool:
    return urlsplit(services.settings.public_url).scheme == "https"
