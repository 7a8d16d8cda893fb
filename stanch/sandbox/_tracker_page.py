"""The pages on which a person sees a stand-in's tickets and resolves, reopens, reassigns or comments by a button."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from stanch.sandbox._control import from_here

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LONGEST_FORM = 64 * 1024

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #172b4d; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; }
tr + tr { border-top: 1px solid #dfe1e6; } td, h1, pre { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; font: inherit; border: 1px solid #dfe1e6; border-radius: 6px; padding: .5rem .75rem; }
form { margin: .5rem 0; } fieldset { border: 1px solid #dfe1e6; border-radius: 6px; margin: .75rem 0; }
button, select, input { font: inherit; padding: .3rem .7rem; border-radius: 6px; border: 1px solid #6b778c; }
button { background: #fff; } button:focus-visible, a:focus-visible { outline: 3px solid #0052cc; }
"""

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/style.css"></head><body>"""

_LIST = (
    _HEAD
    + """<h1>{{ title }}</h1>
{% if tickets %}<table><thead><tr><th scope="col">Ticket</th><th scope="col">Summary</th><th scope="col">State</th>
<th scope="col">Assignee</th><th scope="col">Priority</th></tr></thead><tbody>
{% for ticket in tickets %}<tr><td><a href="/ticket/{{ ticket.key|urlencode }}">{{ ticket.key }}</a></td>
<td>{{ ticket.summary }}</td><td>{{ ticket.state }}</td><td>{{ ticket.assignee or "nobody" }}</td>
<td>{{ ticket.priority }}</td></tr>{% endfor %}</tbody></table>
{% else %}<p>No tickets yet.</p>{% endif %}</body></html>
"""
)

_TICKET = (
    _HEAD
    + """<p><a href="/">All tickets</a></p><h1>{{ title }}</h1>
<p>{{ ticket.state }}{% if ticket.resolution %}, {{ ticket.resolution }}{% endif %}
· {{ ticket.assignee or "nobody" }}{% if ticket.priority %} · {{ ticket.priority }}{% endif %}</p>
{% if problem %}<p role="alert"><strong>{{ problem }}</strong></p>{% endif %}
<form method="post" action="/ticket/{{ ticket.key|urlencode }}"><fieldset><legend>Act as</legend>
<input type="hidden" name="token" value="{{ token }}">
<label>Person <select name="by">{% for person in people %}<option>{{ person }}</option>{% endfor %}</select></label>
{% if ticket.open %}<p><label>Resolution <select name="resolution">
{% for name in resolutions %}<option>{{ name }}</option>{% endfor %}</select></label>
<button name="do" value="resolve">Resolve</button></p>
{% else %}<p><button name="do" value="reopen">Reopen</button></p>{% endif %}
<p><label>Assignee <select name="to">
{% for person in people %}<option>{{ person }}</option>{% endfor %}</select></label>
<button name="do" value="reassign">Reassign</button></p>
<p><label>Comment <input name="text" maxlength="2000"></label>
<button name="do" value="comment">Comment</button></p></fieldset></form>
<h2>Description</h2><pre>{{ ticket.description }}</pre>
{% for note in ticket.notes %}<h3>{{ note.by }}</h3><pre>{{ note.text }}</pre>{% endfor %}</body></html>
"""
)

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined)
_LIST_PAGE, _TICKET_PAGE = _ENVIRONMENT.from_string(_LIST), _ENVIRONMENT.from_string(_TICKET)


@dataclass(frozen=True)
class Note:
    by: str
    text: str


@dataclass(frozen=True)
class Shown:
    """One ticket as its page shows it."""

    key: str
    summary: str
    state: str
    open: bool
    assignee: str = ""
    priority: str = ""
    resolution: str = ""
    description: str = ""
    notes: tuple[Note, ...] = ()


class Desk(Protocol):
    """What a stand-in shows on its pages, and what a person does there."""

    @property
    def title(self) -> str: ...

    @property
    def paths(self) -> tuple[str, ...]: ...

    def tickets(self) -> Sequence[Shown]: ...

    def find(self, request: Request) -> Shown | None: ...

    def people(self) -> Sequence[str]: ...

    def resolutions(self) -> Sequence[str]: ...

    def act(self, order: dict[str, Any]) -> None: ...


def pages(desk: Desk) -> list[Route]:
    """The list at `/`, each ticket at `/ticket/KEY` and at the tracker's own paths."""
    on = _Pages(desk)
    return [
        Route("/", on.list),
        Route("/style.css", on.style),
        Route("/ticket/{key}", on.ticket, methods=["GET"]),
        Route("/ticket/{key}", on.press, methods=["POST"]),
        *(Route(path, on.ticket) for path in desk.paths),
    ]


class _Pages:
    """A press counts only with this process's own token, from our own origin, on this machine's address."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._token = secrets.token_urlsafe(24)

    async def list(self, request: Request) -> Response:
        if not from_here(request):
            return Response(status_code=403)
        return _page(_LIST_PAGE.render(title=self._desk.title, tickets=self._desk.tickets()))

    async def style(self, _request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers=HEADERS)

    async def ticket(self, request: Request) -> Response:
        return self._ticket(request) if from_here(request) else Response(status_code=403)

    def _ticket(self, request: Request, *, problem: str = "") -> Response:
        found = self._desk.find(request)
        if found is None:
            return _page("<!doctype html><p>No such ticket</p>", status=404)
        return _page(
            _TICKET_PAGE.render(
                title=f"{found.key} {found.summary}",
                ticket=found,
                token=self._token,
                people=self._desk.people(),
                resolutions=self._desk.resolutions(),
                problem=problem,
            ),
            status=409 if problem else 200,
        )

    async def press(self, request: Request) -> Response:
        body = await request.body()
        form = dict(parse_qsl(body[:LONGEST_FORM].decode(errors="replace")))
        own = request.headers.get("origin") == f"http://{request.headers.get('host')}"
        if not own or not from_here(request) or not self._knows(form.get("token", "")):
            return Response(status_code=403)
        key = request.path_params["key"]
        try:
            self._desk.act({**form, "key": key})
        except (KeyError, ValueError) as error:
            return self._ticket(request, problem=str(error))
        return RedirectResponse(f"/ticket/{quote(key, safe='')}", status_code=303)

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())


def _page(text: str, *, status: int = 200) -> Response:
    return HTMLResponse(text, status_code=status, headers=HEADERS)
