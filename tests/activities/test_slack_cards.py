"""A card keeps every limit, says everything or cannot be approved, and its texts stay texts.

Judges: the stand-in's rules, slack_sdk's own models, and a parser of `<...>` tokens.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from activities._slack.cards import Card, card
from stanch.errors import Rejected
from stanch.ports import Message
from stanch.sandbox._slack.blocks import elements, mistakes

APPROVE = ("Approve", "stanch.approve", "token-a", "primary")
DENY = ("Deny", "stanch.deny", "token-d", "danger")
REVIEW = ("Review", "stanch.review", "token-r", "")
HOSTILE = [
    "<!channel>",
    "<@U123|admin>",
    "<https://evil.example|Approve here>",
    "&lt;!here&gt;",
    "\u202egnp.exe",
    "\x1b]8;;http://evil.example\x07ok\x1b]8;;\x07",
    "*bold* _it_ `code` ```block```",
    "@here #general :rocket:",
    "\ud800 lone",
    "x\r\nTarget:\r\napi.example.org",
    "{{7*7}} ${{ secrets }} %s",
]
TEXTS = st.text(max_size=400) | st.sampled_from(HOSTILE) | st.integers(0, 9000).map(lambda size: "&" * size)
BUTTONS = st.lists(st.sampled_from([APPROVE, DENY, REVIEW]), unique=True).map(tuple)


def message(
    title: str = "Block /orders",
    text: str = "",
    *,
    fields: tuple[tuple[str, str], ...] = (),
    buttons: tuple[tuple[str, str, str, str], ...] = (APPROVE, DENY, REVIEW),
    context: tuple[str, ...] = (),
) -> Message:
    return Message(key="ab12", channel="C0PAY", title=title, text=text, fields=fields, buttons=buttons, context=context)


def texts(shown: Card) -> list[dict[str, Any]]:
    """Every text object of the card."""
    found: list[dict[str, Any]] = []
    for block in shown.blocks:
        found += [
            part.get("text", part) if part.get("type") == "button" else part for part in block.get("elements", [])
        ]
        found += block.get("fields", [])
        found += [block["text"]] if "text" in block else []
    return found


def words(shown: Card) -> str:
    return "\n".join(part["text"] for part in texts(shown))


def action_ids(shown: Card) -> list[str]:
    return [element["action_id"] for element in elements(shown.blocks)]


@settings(max_examples=150)
@given(
    title=TEXTS,
    text=TEXTS,
    fields=st.lists(st.tuples(TEXTS, TEXTS), max_size=60).map(tuple),
    buttons=BUTTONS,
    context=st.lists(TEXTS, max_size=15).map(tuple),
)
def test_no_text_breaks_a_limit_or_becomes_markup(
    title: str,
    text: str,
    fields: tuple[tuple[str, str], ...],
    buttons: tuple[tuple[str, str, str, str], ...],
    context: tuple[str, ...],
) -> None:
    try:
        shown = card(message(title, text, fields=fields, buttons=buttons, context=context))
    except Rejected:
        assert not title.strip()
        return
    assert mistakes(shown.blocks) == []
    for block in Block.parse_all(shown.blocks):
        block.to_dict()
    assert len(shown.blocks) <= 50
    assert {part["type"] for part in texts(shown)} <= {"plain_text"}
    assert not re.search(r"<[^>]*>|[<>]", shown.text)
    assert 0 < len(shown.text) <= 1000


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_inert_wherever_it_stands(payload: str) -> None:
    shown = card(message(payload, payload, fields=((payload, payload),), context=(payload,)))
    assert {part["type"] for part in texts(shown)} == {"plain_text"}
    assert "<" not in shown.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", words(shown) + shown.text)


def test_all_fields_are_shown_in_order_and_whole() -> None:
    fields = tuple((f"label{number}", f"value-{number}-" + "x" * (number * 97)) for number in range(40))
    shown = card(message(fields=fields[:12]))
    assert not shown.cut
    assert re.findall(r"value-(\d+)-", words(shown)) == [str(number) for number in range(12)]


def test_a_value_too_long_for_a_field_goes_on_in_its_own_blocks() -> None:
    value = "".join(chr(97 + index % 26) for index in range(7500))
    shown = card(message(fields=(("Pattern", value), ("Host", "api.example.org"))))
    joined = "".join(part["text"] for part in texts(shown))
    assert f"Pattern:\n{value}" in joined
    assert not shown.cut
    assert action_ids(shown) == ["stanch.approve", "stanch.deny", "stanch.review"]


@pytest.mark.parametrize(
    "long",
    [
        message(text="x" * 20_000),
        message(fields=tuple((f"n{number}", "x" * 1900) for number in range(40))),
        message(fields=(("Pattern", "x" * 60_000),)),
        message(context=tuple(f"line {number}" for number in range(11))),
    ],
)
def test_what_is_not_shown_in_full_cannot_be_approved(long: Message) -> None:
    shown = card(long)
    assert shown.cut
    assert action_ids(shown) == ["stanch.deny", "stanch.review"]
    assert "cannot be approved here" in words(shown)


def test_an_unknown_button_does_not_survive_a_cut() -> None:
    buttons = (("Yes", "stanch.option.1", "t", ""), ("Denyall", "denyall", "t", ""), ("No", "deny", "t", ""))
    assert action_ids(card(message(text="x" * 20_000, buttons=buttons))) == ["deny"]


def test_a_long_title_is_shown_whole_below_the_header() -> None:
    title = "host " + "y" * 400
    shown = card(message(title))
    assert title in words(shown)
    assert not shown.cut


def test_a_value_cannot_pose_as_another_field() -> None:
    shown = card(message(fields=(("Path", "/a\nTarget:\nall hosts"),)))
    assert "Target:" not in [line for part in texts(shown) for line in part["text"].split("\n")]


@pytest.mark.parametrize(
    "button",
    [
        ("Approve", "", "t", ""),
        ("Approve", "has space", "t", ""),
        ("Approve", "a" * 256, "t", ""),
        ("Approve", "a", "t" * 2001, ""),
    ],
)
def test_a_button_that_slack_would_refuse_is_refused_before_sending(button: tuple[str, str, str, str]) -> None:
    with pytest.raises(Rejected):
        card(message(buttons=(button,)))


def test_two_buttons_never_share_an_action_id() -> None:
    with pytest.raises(Rejected):
        card(message(buttons=(APPROVE, ("Again", APPROVE[1], "t", ""))))


def test_an_unknown_style_is_left_out() -> None:
    (button,) = elements(card(message(buttons=(("Go", "go", "t", "blinking"),))).blocks)
    assert "style" not in button


def test_a_message_without_words_is_refused() -> None:
    with pytest.raises(Rejected):
        card(message("", "", buttons=()))
