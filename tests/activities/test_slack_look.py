"""A card reads the same as sent and as Slack brings it back, and otherwise once anybody has edited it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities._slack.cards import card
from stanch.ports import Message
from stanch.sinks.slack_look import LENGTH, look_of

BUTTONS = (("Approve", "stanch.approve", "token-1", "primary"), ("Review", "stanch.review", "token-2", ""))


def blocks(**more: Any) -> list[dict[str, Any]]:
    given = {"title": "Decision needed", "text": "Block GET /orders?", "fields": (("Action", "block.scope"),)}
    message = Message(key="k", channel="C0SHOP", buttons=BUTTONS, context=("Case 7",), **(given | more))
    return card(message).blocks


def brought_back(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As Slack writes it: ids of its own, entities, other defaults."""
    for number, block in enumerate(shown):
        block["block_id"] = f"b{number}"
        for part in (block.get("text"), *block.get("fields", ()), *block.get("elements", ())):
            if part and part.get("type") == "plain_text":
                part["text"] = part["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                part["emoji"] = True
    return shown


def worded(path: str) -> Callable[[list[Any]], None]:
    def change(shown: list[Any]) -> None:
        target: Any = shown
        *parents, last = path.split(".")
        for name in parents:
            target = target[int(name)] if name.isdigit() else target[name]
        target[last] = "Restart the printer"

    return change


EDITS: dict[str, Callable[[list[Any]], Any]] = {
    "the title": worded("0.text.text"),
    "the question": worded("1.text.text"),
    "a fact": worded("2.fields.0.text"),
    "a label": worded("3.elements.0.text.text"),
    "what a button does": worded("3.elements.0.action_id"),
    "where a button leads": worded("3.elements.0.url"),
    "what a button asks": lambda shown: shown[3]["elements"][0].update(confirm={"title": {"type": "plain_text"}}),
    "what a button says aloud": lambda shown: shown[3]["elements"][0].update(accessibility_label="Deny"),
    "small print": worded("4.elements.0.text"),
    "a block more": lambda shown: shown.insert(1, {"type": "section", "text": {"type": "plain_text", "text": "Fine"}}),
    "a block less": lambda shown: shown.pop(2),
    "another order": lambda shown: shown.insert(0, shown.pop(2)),
    "a picture": lambda shown: shown.append({"type": "image", "image_url": "https://evil.example/p", "alt_text": ""}),
    "a picture beside": lambda shown: shown[1].update(accessory={"type": "image"}),
    "markup": lambda shown: shown[1]["text"].update(type="mrkdwn"),
    "a block of another kind": lambda shown: shown.append({"type": "rich_text", "elements": []}),
    "no block": lambda shown: shown.append("text"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_that_can_be_read_shows(edit: str) -> None:
    before, edited = look_of(blocks()), copy.deepcopy(blocks())
    EDITS[edit](edited)
    assert look_of(edited) != before
    assert look_of(blocks(), [{"text": "Approved by the chief"}]) != before


def test_what_only_the_token_says_does_not() -> None:
    signed = blocks()
    signed[3]["elements"][0]["value"] = "another"
    assert look_of(signed) == look_of(blocks())
    assert len(look_of(signed)) == LENGTH


@given(st.text(), st.text(min_size=1), st.lists(st.tuples(st.text(), st.text()), max_size=12).map(tuple))
def test_whatever_a_card_says_reads_the_same_when_slack_brings_it_back(
    title: str, text: str, fields: tuple[tuple[str, str], ...]
) -> None:
    sent = blocks(title=title + "t", text=text, fields=fields)
    assert look_of(brought_back(copy.deepcopy(sent))) == look_of(sent)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["type", "text", "elements", "fields", "accessory"]),
                inner | st.sampled_from(["section", "button"]),
            )
        ),
    )
)
def test_nothing_that_slack_could_send_breaks_it(junk: Any) -> None:
    assert len(look_of([junk, {"type": "section", "text": {"type": "plain_text", "text": "\ud800"}}])) == LENGTH
