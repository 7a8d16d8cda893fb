"""A stand-in for Slack: Web API, signed interactions, Socket Mode, and a page with working buttons."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from stanch.sandbox._server import Fault, Standin
from stanch.sandbox._slack import page as _slack_page
from stanch.sandbox._slack.api import WebApi
from stanch.sandbox._slack.delivery import NO_ANSWER, Delivery, Forgery
from stanch.sandbox._slack.errors import SlackError
from stanch.sandbox._slack.link import Link
from stanch.sandbox._slack.people import People, has_button
from stanch.sandbox._slack.workspace import App, Channel, Person, Shown, Workspace
from stanch.shapes import is_dict

__all__ = ["NO_ANSWER", "SANDBOX_APP", "App", "Channel", "Forgery", "Person", "SlackStandin"]

SANDBOX_APP = App(token="xoxb-sandbox", signing_secret="sandbox-signing-secret", team_id="T0SANDBOX")  # noqa: S106
RESPONSES = 5
RESPONSE_SECONDS = 1800.0
LOCAL_HOSTS = ("127.0.0.1", "localhost")


class SlackStandin(Standin):
    """A workspace on 127.0.0.1; `url + "/api/"` is the base URL for clients, `/` the page for people.

    The ledger has what was shown (`slack.posted`, `.updated`, `.ephemeral`, `.responded`, `.view_opened` and others),
    what people did (`.pressed`, `.submitted`, `.command`) and, of Socket Mode, `.connected`, `.acked` with its time,
    `.hung_up`. Faults are scripted by method name, such as `chat.postMessage`; those of lines are methods of `link`.
    """

    name = "slack"

    def __init__(
        self,
        *,
        app: App = SANDBOX_APP,
        people: Iterable[Person] = (),
        channels: Iterable[Channel] = (),
        request_url: str = "",
        ledger: Path | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self.workspace = Workspace(
            app=app, people={one.id: one for one in people}, channels={one.id: one for one in channels}
        )
        self.link = Link(self.ledger)
        self._api = WebApi(self.workspace, self.ledger, self.link)
        self._delivery = Delivery(self.workspace, self.link)
        self._delivery.request_url = request_url
        self.people = People(self.workspace, self.ledger, self._delivery, self._api.views)
        self._errors: list[tuple[str, str]] = []
        self.app = self._routes()

    def start(self) -> None:
        """Serve; from now on addresses can be given out."""
        super().start()
        self.people.base = self._api.views.base = self.url

    @property
    def request_url(self) -> str:
        """Where interactions go while the app has no line."""
        return self._delivery.request_url

    @request_url.setter
    def request_url(self, url: str) -> None:
        self._delivery.request_url = url

    def dialog(self, person_id: str) -> Shown:
        """The newest dialog that this person sees."""
        return [one for one in self.workspace.views.values() if one.user == person_id and not one.closed][-1]

    def press(self, person_id: str, button: str, *, channel: str, ts: str = "", forgery: Forgery | None = None) -> int:
        """Press a button as a person.

        Args:
            person_id: who presses.
            button: its action id or its label.
            channel: where the message is; a person's id means their direct messages.
            ts: the message; without it, the newest one there that has the button.
            forgery: make the request less than genuine.

        Returns:
            The HTTP status of the app, or 0 where it did not answer in time.
        """
        place = self._place(channel)
        ts = ts or self.newest(channel, button=button)["ts"]
        return self.people.press(person_id, button=button, channel=place, ts=ts, forgery=forgery)

    def newest(self, channel: str, *, button: str = "") -> dict[str, Any]:
        """The newest message of a channel (or of a person's direct messages), with that button where one is named."""
        for message in self.workspace.history(self._place(channel))[::-1]:
            if not button or has_button(message, button):
                return message
        raise LookupError("no such message")

    def fail_next(self, method: str, error: str) -> None:
        """Answer the next call of the method with `ok: false` and this error code."""
        self._errors.append((method, error))

    def _place(self, channel: str) -> str:
        return self.workspace.direct_message(channel).id if channel in self.workspace.people else channel

    def _routes(self) -> _WithWire:
        return _WithWire(
            Starlette(
                routes=[
                    Route("/api/{method}", _Method(self), methods=["POST"]),
                    Route("/", self._page),
                    Route("/style.css", self._style),
                    Route("/press", self._press, methods=["POST"]),
                    Route("/respond/{name}", self._respond, methods=["POST"]),
                    WebSocketRoute("/link/", self.link.serve),
                ]
            )
        )

    def answer(self, method: str, *, token: str, params: Mapping[str, Any]) -> Response:
        """Carry a call out and answer it as Slack does."""
        for index, (name, error) in enumerate(self._errors):
            if name == method:
                del self._errors[index]
                return JSONResponse({"ok": False, "error": error})
        try:
            answer = self._api.call(method, token=token, params=params)
        except SlackError as error:
            return JSONResponse(error.answer, 429, headers={"Retry-After": str(error.retry_after)})
        return JSONResponse(answer, headers={"x-oauth-scopes": ",".join(self.workspace.scopes)})

    async def _page(self, request: Request) -> Response:
        if not _local(request):
            return Response(status_code=403)
        shown = _slack_page.page(self.workspace, actor=request.query_params.get("as", ""))
        return HTMLResponse(shown, headers=_slack_page.HEADERS)

    async def _style(self, _request: Request) -> Response:
        return Response(_slack_page.STYLE, media_type="text/css", headers=_slack_page.HEADERS)

    async def _respond(self, request: Request) -> Response:
        """An answer to what a person did: five times, within half an hour."""
        name = request.path_params["name"]
        with self.workspace.lock:
            known = self.workspace.responses.get(name)
            if known is None or known.uses >= RESPONSES or time.monotonic() - known.made > RESPONSE_SECONDS:
                return Response("expired_url", status_code=404)
            known.uses += 1
        self.ledger.append("slack.responded", {"to": known.user, "message": await request.json()})
        return Response("ok")

    async def _press(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        # Another site open in the same browser could post here too.
        if not _local(request) or request.headers.get("origin") != f"http://{request.headers.get('host')}":
            return Response(status_code=403)
        try:
            await run_in_threadpool(
                self.people.press, form["as"], button=form["button"], channel=form["channel"], ts=form["ts"]
            )
        except LookupError:
            return Response("no such button", status_code=404, headers=_slack_page.HEADERS)
        return RedirectResponse(f"/?as={quote(form['as'])}", status_code=303)


class _WithWire:
    """Keeps the server's own receive and send within reach of the routes; middleware wraps them."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner({**scope, "stanch.wire": (receive, send)}, receive, send)


class _Method:
    """One Web API call as a raw ASGI application, so that a fault may cut the connection."""

    def __init__(self, slack: SlackStandin) -> None:
        self.slack = slack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        method = request.path_params["method"]
        token, params = _call(request, await request.body())
        fault = self.slack.faults.take(method)
        if fault is None or fault.mode in ("drop_after", "delay"):
            response = await run_in_threadpool(self.slack.answer, method, token=token, params=params)
        else:
            response = _faulty(fault)
        if fault is not None and fault.mode in ("hang", "delay", "lag"):
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.mode in ("drop_before", "drop_after", "hang"):
            await _cut(scope)
            return
        await response(scope, receive, send)


def _call(request: Request, body: bytes) -> tuple[str, dict[str, Any]]:
    """Token and parameters of a call; Slack takes JSON and forms, and the token in either place."""
    is_json = "json" in request.headers.get("content-type", "")
    params = _object(body) if is_json else dict(parse_qsl(body.decode()))
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else str(params.get("token", "")), params


def _object(body: bytes) -> dict[str, Any]:
    try:
        loaded = json.loads(body)
    except ValueError:
        return {}  # the SDK declares JSON and sends nothing where a method has no arguments
    return loaded if is_dict(loaded) else {}


def _faulty(fault: Fault) -> Response:
    if fault.mode == "html":
        return HTMLResponse("<html><body>Sign in to continue</body></html>")
    if fault.mode == "error_200":
        return JSONResponse({"ok": False, "error": "fatal_error"})
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    error = "ratelimited" if fault.status == 429 else "internal_error"
    return JSONResponse({"ok": False, "error": error}, status_code=fault.status, headers=headers)


async def _cut(scope: Scope) -> None:
    """Close the connection without an answer; uvicorn's cycle owns the transport, and ASGI has no word for this."""
    receive, send = scope["stanch.wire"]
    send.__self__.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _local(request: Request) -> bool:
    """True for our own address: a foreign name that resolves to this machine is refused."""
    return urlsplit(f"//{request.headers.get('host', '')}").hostname in LOCAL_HOSTS
