"""Slack's line and people where something is missing: Temporal, the token, the group; and the ledger's bound."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_desk import click

from stanch.sandbox.slack import SlackStandin
from stanch.slack.signing import Button, Interaction, Verdict, read_command
from stanch.web import refusals
from stanch.web.app import Services, create_app
from stanch.web.slack_clicks import Taken, as_sent, take
from stanch.web.slack_commands import answer
from stanch.web.slack_people import ELSEWHERE, Account, who_is
from stanch.web.slack_socket import Socket


async def test_without_temporal_the_person_reads_that_it_was_not_recorded(desk: Any) -> None:
    services = desk()
    begun = time.monotonic()
    taken = await take(services, click(services))
    assert "not recorded" in taken.text.lower()
    assert "try again" in taken.text
    assert time.monotonic() - begun < 3


async def test_without_temporal_and_records_a_review_says_so(desk: Any) -> None:
    services = desk()
    assert "no longer asked" in (await take(services, click(services, verdict=Verdict.REVIEW))).text


async def test_only_the_group_decides_where_one_is_named(desk: Any, slack: SlackStandin) -> None:
    services = desk(deciders="S0PM")
    assert (await take(services, click(services))).text == "You are not in the group of those who may decide in Slack."
    lost = desk(deciders="S0NONE")
    assert "did not say in time" in (await take(lost, click(lost))).text


@pytest.mark.parametrize(
    ("home", "account", "code"),
    [
        ("T0HOME", Account("U01TOM", "T0HOME", "E0ORG"), ""),
        ("E0ORG", Account("U01TOM", "T0SISTER", "E0ORG"), ""),
        ("E0ORG", Account("U01TOM", "", "E0ORG"), ""),
        ("T0HOME", Account("U01TOM", "T0SISTER", "E0ORG"), "I426"),
        ("E0ELSE", Account("U01TOM", "T0HOME", "E0ORG"), "I426"),
        ("E0ORG", Account("U01MARIA", "T0HOME", "E0ORG"), "I427"),
    ],
)
async def test_who_is_at_home_in_an_enterprise_grid(desk: Any, home: str, account: Account, code: str) -> None:
    assert (await who_is(desk(team_id=home), account)).code == code


async def test_a_button_that_is_none_of_ours_is_noted_once_a_day(desk: Any) -> None:
    services = desk()
    forged = Interaction(**{**vars(click(services)), "value": "s1.1.e30.forged"})
    for _ in range(5):
        assert (await take(services, forged)).text.startswith("This button is not one of ours")
    assert [(item.event, item.data["code"]) for item in services.records.timeline("control")] == [
        ("approval.click_refused", "I421")
    ]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"api_app_id": "A0OTHER"}, "I431"),
        ({"team_id": "T0ELSE", "enterprise_id": ""}, "I426"),
        ({"channel": "C0COPIED"}, "I432"),
    ],
)
async def test_a_click_from_elsewhere_is_refused_and_recorded_with_its_reason(
    desk: Any, changed: dict[str, str], code: str
) -> None:
    services = desk(app_id="A0")
    posted(services, "D01MARIA")
    taken = await take(services, Interaction(**{**vars(click(services)), **changed}))
    (line,) = services.records.timeline("case-1")
    assert (line.event, line.data["code"], line.data["verdict"]) == ("approval.click_refused", code, "approve")
    assert line.data["reason"] == taken.text


def posted(services: Services, channel: str) -> None:
    at = datetime.now(UTC)
    services.records.put_chat_message("case-1", f"for {channel}", "a", posted=(channel, "1.1"), at=at)


async def test_a_card_may_be_pressed_wherever_it_was_posted(desk: Any) -> None:
    services = desk(app_id="A0")
    asked = [await take(services, click(services))]  # records have no place of it
    posted(services, "U01MARIA")  # no conversation
    asked.append(await take(services, click(services)))
    posted(services, "C0SHOP")
    posted(services, "D01MARIA")
    asked.append(await take(services, click(services)))
    assert ["not recorded" in taken.text.lower() for taken in asked] == [True] * 3  # on to Temporal, which is away


async def test_a_command_and_the_home_of_another_app_are_refused(desk: Any) -> None:
    services = desk(app_id="A0")
    account = Account("U01MARIA", "T0HOME", app_id="A0OTHER")
    assert (await who_is(services, account)).code == "I431"
    fields = {"user_id": "U01MARIA", "team_id": "T0HOME", "command": "/stanch", "trigger_id": "1.1", "text": "list"}
    assert "another app" in str(await answer(services, read_command(fields | {"api_app_id": "A0OTHER"})))
    assert "another app" in str(await answer(services, read_command(fields)))


async def test_a_crowd_of_outsiders_fills_no_ledger(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    services = desk()
    monkeypatch.setattr(refusals, "MOST", 5)
    for number in range(12):
        account = Account(f"U{number:04}", "T0ELSE")
        end = datetime.now(UTC)
        button = Button(approval_id="a", verdict=Verdict.DENY, case_id="case-1", expires_at=end)
        await refusals.note_refusal(services, account, ELSEWHERE, button=button)
    assert len(services.records.timeline("case-1")) == 5
    assert services.records.verify().ok


async def test_who_is_turned_away_is_told_in_time_however_slow_records_are(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = desk()
    goes_on = threading.Event()
    monkeypatch.setattr(refusals, "_write", lambda *_: goes_on.wait(60))
    forged = Interaction(**{**vars(click(services)), "value": "s1.1.e30.forged"})
    assert (await take(services, forged)).text.startswith("This button is not one of ours")
    assert refusals._work, "it was answered before the line was written"
    goes_on.set()
    await asyncio.wait(refusals._work)


async def test_links_and_others_buttons_are_none_of_ours(desk: Any) -> None:
    services = desk()
    for action in ("other.approve", "stanch.open", "stanch.open.own.1"):
        assert await take(services, Interaction(**{**vars(click(services)), "action_id": action})) == Taken()


def test_an_answer_that_is_called_like_a_button_of_ours_stays_an_answer(desk: Any) -> None:
    """Below the label of another button it would be given by whoever only wants to look."""
    deed, end = click(desk()), datetime.now(UTC)
    for name in ("review", "review_later", "approve"):
        button = Button(approval_id="a", verdict=Verdict.OPTION, case_id="case-1", expires_at=end, option=name)
        pressed = [f"stanch.{name}", f"stanch.option.{name}"]
        found = [as_sent(Interaction(**{**vars(deed), "action_id": action}), button) for action in pressed]
        assert found == [False, True]


async def test_a_line_that_slack_refuses_makes_this_process_not_ready(desk: Any) -> None:
    app = create_app(desk(app_token="xapp-wrong"))
    async with app.router.lifespan_context(app):
        for _ in range(200):
            found = app.state.slack.check()
            if not found["slack"]["ok"]:
                break
            await asyncio.sleep(0.02)
        assert not found["slack"]["ok"]
        assert json.dumps(found).count("xapp") == 0


async def test_what_fails_with_nobody_waiting_is_logged_without_its_text(
    desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("a vendor's words")

    socket = Socket(desk())
    socket._later(fail())
    await socket.close()
    assert "RuntimeError" in caplog.text
    assert "vendor" not in caplog.text
