"""Socket Mode in the web process: what comes over the line goes to the same handlers as over HTTP, and is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from stanch.chat_surface import Acknowledge, ChatSurface, Heard, Line, LineState
from stanch.errors import StanchError
from stanch.shapes import is_dict
from stanch.slack.signing import read_command, read_interaction
from stanch.web.services import Services
from stanch.web.slack_clicks import ACK_SECONDS, take
from stanch.web.slack_commands import answer
from stanch.web.slack_events import hear_event
from stanch.web.slack_late import follow, meanwhile
from stanch.web.slack_reply import tell

AT_ONCE = 64
TOO_MANY = "this app has more lines at Slack than `connections` says: another process may be taking clicks"

_log = logging.getLogger(__name__)


class Socket:
    """The line of this process, where one is configured."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._line: Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def open(self) -> None:
        """Open the line and go on; what is wrong with it is in `check`."""
        if not self._services.chat_section[1].get("app_token"):
            return
        self._loop = asyncio.get_running_loop()
        port = await asyncio.to_thread(self._services.registry.chat)
        if isinstance(port, ChatSurface):
            self._line = await asyncio.to_thread(port.listen, self._heard)

    async def close(self) -> None:
        """Hang up, then finish what was heard."""
        if self._line is not None:
            await asyncio.to_thread(self._line.close)
        if self._work:
            await asyncio.wait(self._work, timeout=ACK_SECONDS)

    def state(self) -> LineState | None:
        """How the line is; None where none is configured."""
        return self._line.state() if self._line is not None else None

    @property
    def expected(self) -> int:
        """How many lines this deployment has, as its settings say."""
        return int(self._services.chat_section[1].get("connections", 1))

    def check(self) -> dict[str, Any]:
        """The line as /readyz shows it; only what will not mend itself makes this process not ready."""
        state = self.state()
        if state is None:
            return {}
        found: dict[str, Any] = {
            "ok": not state.problem,
            "connected": state.connected,
            "connections": state.connections,
        }
        warning = TOO_MANY if state.connections > self.expected else ""
        hints = (state.problem, state.hint, warning)
        return {"slack": found | ({"hint": "; ".join(filter(None, hints))} if any(hints) else {})}

    def _heard(self, heard: Heard, acknowledge: Acknowledge) -> None:
        """From a thread of the line: hand over to the loop and return."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return  # not acknowledged, so that Slack sends it to another process
        loop.call_soon_threadsafe(self._begin, heard, acknowledge)

    def _begin(self, heard: Heard, acknowledge: Acknowledge) -> None:
        self._later(self._handle(heard, acknowledge))

    async def _handle(self, heard: Heard, acknowledge: Acknowledge) -> None:
        """Answer in time: what takes longer goes on, and a dialog shows the result then."""
        work = asyncio.ensure_future(self._answer(heard))
        done, _ = await asyncio.wait({work}, timeout=ACK_SECONDS)
        kind = heard.payload.get("type")
        await asyncio.to_thread(acknowledge, work.result() if done else meanwhile(kind))
        answer = await work
        if not done and kind == "view_submission":
            await follow(self._services, _view_id(heard.payload), answer)

    async def _answer(self, heard: Heard) -> Mapping[str, Any]:
        try:
            async with self._room:
                return await self._dispatched(heard)
        except StanchError as error:
            _log.warning("slack: %s %s", error.code, error.message)
        except Exception as error:  # one bad envelope must not take the line down, nor put its text in our log
            _log.error("slack: unexpected %s", type(error).__name__)
        return {}

    async def _dispatched(self, heard: Heard) -> Mapping[str, Any]:
        services = self._services
        if heard.kind == "slash_commands":
            return await answer(services, read_command(heard.payload))
        if heard.kind == "events_api":
            self._later(hear_event(services, heard.payload))
        elif heard.kind == "interactive":
            deed = read_interaction(heard.payload)
            taken = await take(services, deed)
            if taken.text:
                self._later(tell(services, deed, taken.text))
            return taken.answer
        return {}

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    """What nobody waits for fails with a word of ours: asyncio would log the text of the error, maybe a vendor's."""
    try:
        await work
    except Exception as error:
        _log.error("slack: unexpected %s", type(error).__name__)


def _view_id(payload: Mapping[str, Any]) -> str:
    view = payload.get("view")
    return str(view.get("id", "")) if is_dict(view) else ""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """The line is up while the application is; what was answered is remembered before it ends."""
    socket: Socket = app.state.slack
    try:
        await socket.open()
    except StanchError as error:
        _log.error("slack: %s %s", error.code, error.message)
    try:
        yield
    finally:
        await app.state.reception.settled()
        await socket.close()
