"""An interaction is read strictly: one deed of one person, or a 400."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import IntakeError
from stanch.slack.signing import parse_interaction

CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U01MARIA", "username": "maria", "team_id": "T0HOME"},
    "api_app_id": "A0STANCH",
    "token": "deprecated",
    "container": {"type": "message", "message_ts": "1548261231.000200", "channel_id": "C0PAY", "is_ephemeral": False},
    "trigger_id": "12466734323.1395872398.0a1b",
    "team": {"id": "T0HOME", "domain": "shop"},
    "enterprise": {"id": "E0ORG", "name": "Org"},
    "channel": {"id": "C0PAY", "name": "pay"},
    "message": {"type": "message", "text": "x"},
    "actions": [
        {
            "type": "button",
            "action_id": "stanch.approve",
            "block_id": "b",
            "value": "tok",
            "action_ts": "1548426417.840180",
        }
    ],
}
DIALOG: dict[str, Any] = {
    **{name: CLICK[name] for name in ("user", "api_app_id", "trigger_id", "team", "enterprise")},
    "type": "view_submission",
    "view": {
        "callback_id": "stanch.reason",
        "private_metadata": "tok",
        "state": {"values": {"b1": {"reason": {"type": "plain_text_input", "value": "noisy partner"}}}},
    },
}


def form(payload: object) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def place_of(body: bytes) -> str:
    with pytest.raises(IntakeError) as caught:
        parse_interaction(body)
    assert caught.value.status == 400
    return caught.value.place


def changed(payload: dict[str, Any], path: str, value: object) -> bytes:
    copied = copy.deepcopy(payload)
    *parents, last = path.split(".")
    target: Any = copied
    for name in parents:
        target = target[int(name)] if name.isdigit() else target[name]
    target[last] = value
    return form(copied)


def test_a_click_is_read() -> None:
    read = parse_interaction(form(CLICK))
    assert (read.kind, read.user_id, read.team_id, read.user_team_id) == (
        "block_actions",
        "U01MARIA",
        "T0HOME",
        "T0HOME",
    )
    assert (read.action_id, read.value, read.channel, read.message_ts) == (
        "stanch.approve",
        "tok",
        "C0PAY",
        "1548261231.000200",
    )
    assert (read.enterprise_id, read.api_app_id, read.action_ts) == ("E0ORG", "A0STANCH", "1548426417.840180")


def test_a_dialog_is_read_with_its_answers() -> None:
    read = parse_interaction(form(DIALOG))
    assert (read.kind, read.action_id, read.value) == ("view_submission", "stanch.reason", "tok")
    assert read.inputs == (("reason", "noisy partner"),)


def test_a_click_without_enterprise_or_team_is_read() -> None:
    assert parse_interaction(changed(CLICK, "enterprise", None)).enterprise_id == ""
    assert parse_interaction(changed(CLICK, "team", None)).team_id == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "message_action"),
        ("type", ["block_actions"]),
        ("user.id", "maria"),
        ("user.id", "U01MARIA\n"),
        ("user.id", 7),
        ("user", None),
        ("team.id", ""),
        ("enterprise.id", "X"),
        ("api_app_id", "B0"),
        ("channel.id", "../C0"),
        ("container.type", "view"),
        ("container.message_ts", "now"),
        ("container.channel_id", "C0OTHER"),
        ("trigger_id", "<x>"),
        ("actions", []),
        ("actions", CLICK["actions"] * 2),
        ("actions", {}),
        ("actions.0.type", "users_select"),
        ("actions.0.value", "x" * 3001),
        ("actions.0.value", {"a": 1}),
        ("actions.0.action_id", "a b"),
        ("actions.0.action_ts", "١.١"),
    ],
)
def test_anything_odd_is_refused(path: str, value: object) -> None:
    place_of(changed(CLICK, path, value))


@pytest.mark.parametrize("name", [name for name in CLICK if name not in ("token", "enterprise", "message")])
def test_every_part_that_is_read_must_be_there(name: str) -> None:
    assert place_of(form({key: value for key, value in CLICK.items() if key != name}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload",
        b"payload=",
        b"payload=%FF",
        b"\xff",
        b"payload={}&payload={}",
        form(CLICK) + b"&payload=%7B%7D",
        b"other=%7B%7D",
        form([CLICK]),
        form("block_actions"),
        b"payload=" + b"[" * 100_000,
        urlencode({"payload": json.dumps(CLICK)[:-1] + ',"type":"block_actions"}'}).encode(),
        urlencode({"payload": '{"user":{"id":"\\ud800"}}'}).encode(),
    ],
)
def test_a_body_that_is_not_one_payload_is_refused(body: bytes) -> None:
    place_of(body)


def test_a_huge_body_is_refused_unread() -> None:
    with pytest.raises(IntakeError) as caught:
        parse_interaction(b"payload=" + b"x" * 300_000)
    assert caught.value.status == 413


@given(st.binary() | st.recursive(st.none() | st.text(), lambda part: st.dictionaries(st.text(), part)).map(form))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    place_of(body)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(IntakeError) as caught:
        parse_interaction(changed(CLICK, "actions.0.action_ts", "canary-7f3a"))
    assert "canary" not in f"{caught.value} {caught.value.place} {caught.value.__cause__}"


IN_VIEW: dict[str, Any] = {
    **{name: CLICK[name] for name in ("user", "api_app_id", "trigger_id", "team", "enterprise", "actions")},
    "type": "block_actions",
    "container": {"type": "view", "view_id": "V0ABC"},
    "view": {"id": "V0ABC", "type": "modal", "hash": "1.a", "callback_id": "stanch.review", "private_metadata": "tok"},
}


def test_a_button_of_a_dialog_names_the_dialog() -> None:
    found = parse_interaction(form(IN_VIEW))
    assert (found.kind, found.view_id, found.view_hash, found.metadata) == ("block_actions", "V0ABC", "1.a", "tok")
    assert (found.channel, found.message_ts) == ("", "")


def test_a_button_of_another_dialog_is_refused() -> None:
    assert place_of(changed(IN_VIEW, "view.id", "V0OTHER")) == "container.view_id"


def test_a_choice_and_words_are_both_read() -> None:
    values = {
        "a": {"verdict": {"type": "radio_buttons", "selected_option": {"text": {}, "value": "deny"}}},
        "b": {"reason": {"type": "plain_text_input", "value": None}},
        "c": {"other": {"type": "radio_buttons", "selected_option": None}},
    }
    found = parse_interaction(changed(DIALOG, "view.state.values", values))
    assert dict(found.inputs) == {"verdict": "deny", "reason": "", "other": ""}


@pytest.mark.parametrize("kind", ["multi_static_select", "file_input", "", None, 3])
def test_inputs_that_no_dialog_of_ours_has_are_refused(kind: object) -> None:
    values = {"a": {"verdict": {"type": kind, "value": "x"}}}
    assert place_of(changed(DIALOG, "view.state.values", values)).startswith("view.state")
