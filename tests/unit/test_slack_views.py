"""A dialog shows all that is asked, in pages that Slack takes, whatever a finding has put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stanch.approvals import ApprovalRequest, Need
from stanch.playbooks.model import ApproveWords
from stanch.sandbox._slack.blocks import home_mistakes, view_mistakes
from stanch.sinks.text import clean
from stanch.slack.views import ASKED, Item, home, request_pages, review, told

AT = datetime(2026, 3, 1, tzinfo=UTC)
words = st.text(min_size=1, max_size=60)


def request(**more: Any) -> ApprovalRequest:
    given = {
        "approval_id": "a",
        "case_id": "case-1",
        "episode": "e",
        "step": "ok",
        "question": "Block it?",
        "needs": (Need(from_=("user:maria",)),),
        "created_at": AT,
        "expires_at": AT + timedelta(hours=1),
    }
    return ApprovalRequest(**(given | more))


def pages(asked: ApprovalRequest) -> list[dict[str, Any]]:
    found = request_pages(asked, (), lambda name: name)
    return [
        review(asked, page, number=number, of=len(found), metadata="m" * 3000, url="https://x.example/cases/1")
        for number, page in enumerate(found, 1)
    ]


def said(views: list[dict[str, Any]]) -> str:
    """All plain text of the views, in order."""
    parts = [
        block.get("fields") or [block["text"]]
        for view in views
        for block in view["blocks"]
        if "section" in block["type"]
    ]
    return "".join(part["text"] for row in parts for part in row)


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=9000), st.dictionaries(words, st.text(max_size=5000), max_size=30))
def test_every_parameter_is_on_some_page_whole(question: str, params: dict[str, str]) -> None:
    asked = request(question=question, params=params)
    views = pages(asked)
    assert [mistake for view in views for mistake in view_mistakes(view)] == []
    text = said(views)
    for value in params.values():
        assert clean(value).replace("\n", " ↵ ") in text
    assert asked.digest in text


def test_only_the_last_page_takes_an_answer() -> None:
    views = pages(request(shown=tuple((f"Fact {number}", "x" * 1500) for number in range(30))))
    assert len(views) > 3
    assert [("submit" in view, any(b["type"] == "input" for b in view["blocks"])) for view in views] == [
        *[(False, False)] * (len(views) - 1),
        (True, True),
    ]


def test_what_is_offered_is_what_the_request_offers() -> None:
    last = pages(request(options=("lift", "keep_for_a_day"), reason_for=("lift",)))[-1]
    element = next(block["element"] for block in last["blocks"] if block.get("block_id") == "verdict")
    assert [option["value"] for option in element["options"]] == ["lift", "keep_for_a_day"]
    assert "Needed for: Lift" in str(last)


def test_what_one_person_alone_decides_offers_no_answer_that_would_be_refused() -> None:
    fit = pages(request(high_impact=True))[-1]
    element = next(block["element"] for block in fit["blocks"] if block.get("block_id") == "verdict")
    assert [option["value"] for option in element["options"]] == ["deny"]
    assert view_mistakes(fit) == []
    links = [part for block in fit["blocks"] for part in block.get("elements", []) if "url" in part]
    assert [link["text"]["text"] for link in links] == ["Sign in again to decide"]
    chosen = pages(request(high_impact=True, options=("wide", "narrow")))[-1]
    assert ("submit" in chosen, any(block["type"] == "input" for block in chosen["blocks"])) == (False, False)
    two = (Need(from_=("user:maria", "user:ana")),)
    element = next(b["element"] for b in pages(request(high_impact=True, needs=two))[-1]["blocks"] if "element" in b)
    assert [option["value"] for option in element["options"]] == ["approve", "deny"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=2000), max_size=ASKED + 5), st.text(max_size=4000))
def test_a_home_is_one_that_slack_takes(lines: list[str], note: str) -> None:
    url = "https://x.example/" + "a" * 100
    asked, own = [Item(line, token="t" * 2000, url=url) for line in lines], [Item(line, url=url) for line in lines]
    assert home_mistakes(home(asked, own, more=(3, 0), note=note)) == []


def test_words_alone_make_a_dialog() -> None:
    assert view_mistakes(told("Review", "gone <!channel>")) == []


def offering(*options: str) -> ApproveWords:
    given = {"ask": "Which?", "need": [{"from": ["user:maria"]}], "expires": "4h", "options": options}
    return ApproveWords.model_validate(given)


def test_what_a_playbook_may_offer_fits_the_dialog() -> None:
    words = offering(*(f"{number}{'x' * 74}" for number in range(10)))
    assert [mistake for view in pages(request(options=words.options)) for mistake in view_mistakes(view)] == []


@pytest.mark.parametrize("options", [("x" * 76,), ("",), ("keep\nfor ever",), tuple(map(str, range(11)))])
def test_a_playbook_offers_nothing_that_the_dialog_cannot_show(options: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        offering(*options)
