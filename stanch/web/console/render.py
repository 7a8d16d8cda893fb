"""Templates, the words that filters give, and answers that are pages; every value is escaped by the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stanch.approvals.facts import NameOf, request_facts
from stanch.approvals.grouping import differences
from stanch.errors import StanchError
from stanch.routing import People
from stanch.seats import Open, may_vote
from stanch.sinks.text import clean, one_line, shorten
from stanch.web.auth import Caller, is_api
from stanch.web.console.story import plain_duration
from stanch.web.people import shown_name
from stanch.web.problems import status_of
from stanch.web.services import Services, now
from stanch.web.sessions import csrf_token, read_notice

NOTICE = "stanch_notice"
MAX_VALUE = 1000
_TEMPLATES = Path(__file__).parent.parent / "templates"


def _when(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""


def _span(seconds: int) -> str:
    """The two largest units: `1 h 59 min`."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        if count or (parts and unit != "s"):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _left(moment: datetime) -> str:
    """How long until a moment, in words, or how long ago it was."""
    seconds = int((moment - now()).total_seconds())
    return f"{_span(seconds)} left" if seconds > 0 else f"{_span(-seconds)} ago"


def _ago(moment: datetime) -> str:
    seconds = int((now() - moment).total_seconds())
    return f"{_span(seconds)} ago" if seconds >= 0 else f"in {_span(-seconds)}"


def _value(value: object) -> str:
    """Anything in one text; hidden characters are made visible."""
    if value is None or value == "":
        return "–"
    if isinstance(value, str):
        return shorten(clean(value), MAX_VALUE)
    if isinstance(value, Mapping | list | tuple):
        return shorten(clean(json.dumps(value, ensure_ascii=False, default=str)), MAX_VALUE)
    return one_line(str(value), limit=MAX_VALUE)


def _whole(value: object) -> str:
    """Like `_value` but never cut: people consent to all of it."""
    text = plain_duration(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return clean(text) or "–"


def _link(url: str) -> str:
    """The address where it is one that a browser may follow, else ""."""
    return url if urlsplit(url).scheme in ("http", "https") else ""


def _words(name: str) -> str:
    return clean(name).replace("_", " ")


def _differences(items: Sequence[Open], name_of: NameOf) -> list[tuple[tuple[str, str], ...]]:
    return differences([item.request for item in items], name_of)


_engine = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS: dict[str, Callable[..., Any]] = {
    "when": _when,
    "left": _left,
    "ago": _ago,
    "value": _value,
    "whole": _whole,
    "link": _link,
    "words": _words,
    "clean": clean,
    "facts": request_facts,
    "differences": _differences,
}
_engine.filters.update(_FILTERS)


def page(request: Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> Response:
    """A page or fragment for the caller of this request."""
    services: Services = request.app.state.services
    caller: Caller = getattr(request.state, "caller", Caller())
    notice = read_notice(request.cookies.get(NOTICE, ""), services.keys.sessions)
    people = services.policy.current.routes.people
    shared: dict[str, Any] = {
        "viewer": caller,
        "me": shown_name(people, caller.principal) if caller.principal else "",
        "csrf": csrf_token(caller.session, services.keys.sessions) if caller.session else "",
        "notice": notice,
        "policy_warnings": services.policy_warnings if caller.session else (),
        "now": now(),
        "name_of": _name_of(people),
        "may_decide": _may_decide(people, caller.principal),
        "here": request.url.path,
    }
    response = HTMLResponse(_engine.get_template(template).render(shared | dict(context)), status)
    if notice and not is_fragment(request):
        response.delete_cookie(NOTICE)
    return response


def _name_of(people: People) -> Callable[[str], str]:
    return lambda name: clean(shown_name(people, name))


def _may_decide(people: People, principal: str) -> Callable[[Open], bool]:
    return lambda item: bool(principal) and may_vote(people, item, principal, now())


def is_fragment(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_page(request: Request) -> bool:
    return not is_api(request.url.path) and request.url.path != "/healthz"


def error_page(request: Request, error: StanchError) -> Response:
    """An expected error for people; without a login the way is to the login."""
    status = status_of(error)
    if status == 401:
        if is_fragment(request):
            return Response(status_code=401, headers={"hx-redirect": "/login"})
        return RedirectResponse(f"/login?next={quote(request.url.path)}" if request.method == "GET" else "/login", 303)
    context = {"title": HTTPStatus(status).phrase, "message": error.message, "hint": error.hint, "code": error.code}
    return page(request, "error.html", context, status=status)
