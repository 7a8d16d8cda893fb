"""Dialogs, groups, Enterprise Grid and the doctor's look at them, with the real library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from activities._slack import surface as _slack_surface
from activities.slack import CONNECTOR, Slack
from stanch.errors import AuthBlocked, ConfigError, Rejected, RetrySafe
from stanch.sandbox._slack.workspace import App
from stanch.sandbox.slack import Channel, Person, SlackStandin

APP = App(token="xoxb-1", signing_secret="s", team_id="T0HOME", app_token="xapp-1", enterprise_id="E0ORG")
GRID = Person("W01GRID", "Grid", team_id="T0SISTER", enterprise_id="E0ORG", teams=("T0SISTER", "T0HOME"))


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    people = [Person("U01MARIA", "Maria"), GRID, Person("U01STRANGE", "S", is_stranger=True)]
    with SlackStandin(app=APP, people=people, channels=[Channel("C0SHOP", "shop")]) as made:
        made.workspace.groups["S0PM"] = ("U01MARIA",)
        yield made


def connect(slack: SlackStandin, **more: Any) -> Slack:
    section = {"token": APP.token, "team_id": APP.team_id, "base_url": slack.url + "/api/", "signing_secrets": ["s"]}
    made: Slack = CONNECTOR.build("slack", section | more)
    return made


def view(**more: Any) -> dict[str, Any]:
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": "x"}}]
    return {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": blocks, **more}


def test_a_trigger_opens_one_dialog_within_three_seconds(slack: SlackStandin) -> None:
    chat, trigger = connect(slack), slack.workspace.trigger("U01MARIA")
    chat.open_view(trigger, view())
    with pytest.raises(Rejected):
        chat.open_view(trigger, view())
    late = slack.workspace.trigger("U01MARIA")
    slack.workspace.triggers[late] = (slack.workspace.triggers[late][0] - 3.1, "U01MARIA")
    with pytest.raises(Rejected, match="expired_trigger_id"):
        chat.open_view(late, view())
    assert slack.ledger.count("slack.view_opened") == 1


def test_a_dialog_that_has_changed_since_is_left_alone(slack: SlackStandin) -> None:
    chat = connect(slack)
    chat.open_view(slack.workspace.trigger("U01MARIA"), view())
    shown = slack.dialog("U01MARIA")
    first = shown.hash
    chat.change_view(shown.id, view(callback_id="second"), seen=first)
    with pytest.raises(Rejected):
        chat.change_view(shown.id, view(callback_id="third"), seen=first)
    assert shown.view["callback_id"] == "second"


def test_members_are_remembered_for_five_minutes_and_never_guessed(
    slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = connect(slack)
    moment = [1000.0]
    monkeypatch.setattr(_slack_surface.time, "monotonic", lambda: moment[0])
    assert chat.members("S0PM") == {"U01MARIA"}
    slack.workspace.groups["S0PM"] = ()
    moment[0] += 299
    assert chat.members("S0PM") == {"U01MARIA"}
    moment[0] += 2
    slack.fail_next("usergroups.users.list", "internal_error")
    with pytest.raises(RetrySafe):
        chat.members("S0PM")
    assert chat.members("S0PM") == frozenset()
    slack.workspace.scopes = ("users:read",)
    with pytest.raises(AuthBlocked):
        chat.members("S0OTHER")


def test_an_account_of_the_organisation_is_at_home_in_its_workspaces(slack: SlackStandin) -> None:
    found = connect(slack).user("W01GRID")
    assert (found.team, set(found.teams)) == ("T0SISTER", {"E0ORG", "T0SISTER", "T0HOME"})
    assert connect(slack).user("U01STRANGE").is_guest


def test_more_than_a_message_a_second_is_tried_again_when_slack_says(slack: SlackStandin) -> None:
    from stanch.ports import Message

    slack.workspace.pace = 30.0  # longer than two posts take on any machine
    chat = connect(slack)
    chat.post(Message(key="1", channel="C0SHOP", title="one", text=""))
    with pytest.raises(RetrySafe) as caught:
        chat.post(Message(key="2", channel="C0SHOP", title="two", text=""))
    assert 15 < (caught.value.retry_after or 0) <= 30, "what is left of it"
    assert slack.ledger.count("slack.posted") == 1


def test_one_way_in_is_needed(slack: SlackStandin) -> None:
    with pytest.raises(ConfigError):
        connect(slack, signing_secrets=[])
    connect(slack, signing_secrets=[], app_token="xapp-1")


def test_doctor_looks_at_the_line_and_the_group(slack: SlackStandin) -> None:
    checks = connect(slack, app_token="xapp-1", deciders="S0PM").doctor()
    assert [check for check in checks if not check.ok] == []
    assert {"slack socket mode", "slack deciders"} <= {check.name for check in checks}
    assert slack.link.open == 0, "a line of the doctor's would take clicks"
    wrong = connect(slack, app_token="xapp-2", deciders="S0NONE").doctor()
    failed = {check.name: check for check in wrong if not check.ok}
    assert set(failed) == {"slack socket mode", "slack deciders"}
    assert all(check.fix for check in failed.values())
