"""What hangs, fails or comes too late around a click in Slack: it holds up nobody, is told, and is written down."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from slack_desk import click

from stanch.slack.signing import Button, Interaction, Verdict, button_token, read_command
from stanch.web import slack_reply
from stanch.web.slack_clicks import take
from stanch.web.slack_commands import answer
from stanch.web.slack_people import Account, who_is


async def test_account_and_place_are_looked_up_at_once(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other they would take of the time in which the vote has to be stored."""
    services, place_asked, together = desk(), threading.Event(), list[bool]()
    user = services.registry.chat_port.user

    def slow(user_id: str) -> Any:
        together.append(place_asked.wait(0.5))
        return user(user_id)

    monkeypatch.setattr(services.registry.chat_port, "user", slow)
    monkeypatch.setattr(services.records, "chat_places", lambda *_: place_asked.set() or frozenset())
    await take(services, click(services))
    assert together == [True]


async def test_whoever_meets_a_mistake_of_ours_is_told(
    desk: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Over the line an empty answer is an acknowledgement: it would look as if the click had worked."""
    services = desk()

    def fail(_user_id: str) -> Any:
        raise KeyError("a vendor's words")

    monkeypatch.setattr(services.registry.chat_port, "user", fail)
    assert "may not be recorded" in (await take(services, click(services))).text
    assert "vendor" not in caplog.text


async def test_a_chat_system_that_hangs_holds_up_nobody_else(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions at console and API need records, whose calls wait for a thread as well."""
    services, entered, go_on = desk(), threading.Event(), threading.Event()
    monkeypatch.setattr(services.registry.chat_port, "user", lambda _user: entered.set() or go_on.wait(20))
    try:
        clicks = [asyncio.ensure_future(who_is(services, Account("U01MARIA", "T0HOME"))) for _ in range(60)]
        with ThreadPoolExecutor(1) as own:
            assert await asyncio.get_running_loop().run_in_executor(own, entered.wait, 10)
        for _ in range(10):  # until all of them have asked for their thread
            await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(services.records.timeline, "case-1"), 10)
        assert {who.code for who in await asyncio.gather(*clicks)} == {"I430"}
    finally:
        go_on.set()


async def test_an_ended_request_whose_card_is_rewritten_just_now_leaves_a_line(desk: Any) -> None:
    services = desk()
    button = Button(
        approval_id="a",
        verdict=Verdict.APPROVE,
        case_id="case-1",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        digest="0" * 64,
        look="another look",
    )
    token = button_token(button, key_id="1", secret=services.keys.buttons)
    taken = await take(services, Interaction(**{**vars(click(services)), "value": token}))
    assert "no longer asked" in taken.text
    (line,) = services.records.timeline("case-1")
    assert (line.data["code"], line.data["verdict"], line.data["reason"]) == ("A003", "approve", taken.text)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_slack_did_not_take_is_told_once_more(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    given, statuses = list[str](), iter([status, 200, 200])

    def answered(request: httpx.Request) -> httpx.Response:
        given.append(json.loads(request.content)["text"])
        return httpx.Response(next(statuses))

    client = partial(httpx.AsyncClient, transport=httpx.MockTransport(answered))
    monkeypatch.setattr(slack_reply, "httpx", SimpleNamespace(AsyncClient=client, HTTPError=httpx.HTTPError))
    await slack_reply.reply("https://hooks.slack.com/actions/T/1/x", slack_reply.said("no"))
    assert given == ["no", "no"]


async def test_whose_command_is_refused_is_in_the_ledger(desk: Any) -> None:
    services = desk()
    command = {
        "command": "/stanch",
        "text": "halt all now",
        "user_id": "U0EVE",
        "team_id": "T0ELSE",
        "trigger_id": "1.2",
    }
    for _ in range(2):
        assert "another workspace" in (await answer(services, read_command(command)))["text"]
    (line,) = services.records.timeline("control")
    assert (line.event, line.data["code"], line.actor) == ("approval.click_refused", "I426", "slack:T0ELSE:U0EVE")
    assert services.records.halts() == []
