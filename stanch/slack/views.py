"""Dialogs and home of the Slack app, as views; every text is plain, and every limit of Slack is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stanch.approvals import ApprovalRequest, Vote
from stanch.approvals.facts import NameOf, request_facts
from stanch.approvals.model import DENY
from stanch.sinks import slack_blocks as kit
from stanch.sinks.slack_blocks import Block
from stanch.sinks.text import one_line

View = dict[str, Any]

REVIEW = "stanch.review"  # action of the button, and name of the dialog
PAGE = "stanch.page."
VERDICT = "verdict"
REASON = "reason"
REASON_LIMIT = 2000
PAGE_BLOCKS = 40
PAGE_TEXT = 9000  # Slack refuses views that are too large together and does not say how large that is
ASKED = 15
OWN = 15
ALONE = "High impact, and nobody else may decide: to consent, sign in again at the console."


@dataclass(frozen=True)
class Item:
    """One line of a home: what it says, its button's token, and where the console shows it."""

    text: str
    token: str = ""
    url: str = ""


def request_pages(request: ApprovalRequest, votes: Sequence[Vote], name_of: NameOf) -> list[list[Block]]:
    """Everything that is asked, whole, in pages that each fit a dialog."""
    facts = (*request_facts(request, name_of), *_so_far(request, votes, name_of))
    blocks = [*kit.sections(request.question), *kit.facts(facts)]
    pages: list[list[Block]] = [[]]
    room = PAGE_TEXT
    for block in blocks:
        room -= kit.size(block)
        if pages[-1] and (room < 0 or len(pages[-1]) == PAGE_BLOCKS):
            pages.append([])
            room = PAGE_TEXT - kit.size(block)
        pages[-1].append(block)
    return pages


def _so_far(request: ApprovalRequest, votes: Sequence[Vote], name_of: NameOf) -> list[tuple[str, str]]:
    voted = "; ".join(f"{name_of(vote.principal)}: {vote.verdict}" for vote in votes) or "nobody"
    return [("So far", voted), ("Request", request.digest)]


def review(request: ApprovalRequest, page: list[Block], *, number: int, of: int, metadata: str, url: str) -> View:
    """One page of the dialog. Only the last takes an answer: nobody gets there without having had the others.

    The address is where to go on at the console: of what one person alone decides, where they sign in again.
    """
    offered = _offered(request) if number == of else []
    blocks = [*page, *_turning(number, of), *_onward(request, url), *(_answers(request, offered) if offered else ())]
    title = "Review" if of == 1 else f"Review, {number} of {of}"
    view = _modal(title, blocks)
    view |= {"callback_id": REVIEW, "private_metadata": metadata}
    return view | ({"submit": kit.plain_text("Send")} if offered else {})


def told(title: str, text: str) -> View:
    """A dialog that only says something."""
    return _modal(title, [*kit.sections(text)])


def home(asked: Sequence[Item], own: Sequence[Item], *, more: tuple[int, int] = (0, 0), note: str = "") -> View:
    """What waits for a person, and the cases that they have."""
    blocks = [*kit.header("Waiting for you"), *kit.sections(note)]
    blocks += _listed(asked[:ASKED], empty="Nothing waits for your decision.", more=more[0])
    blocks += [*kit.header("Your cases"), *_listed(own[:OWN], empty="No open case is yours.", more=more[1])]
    return {"type": "home", "blocks": blocks}


def _listed(items: Sequence[Item], *, empty: str, more: int) -> list[Block]:
    blocks = [block for index, item in enumerate(items) for block in _item(item, index)]
    blocks += [] if items else kit.sections(empty)
    return blocks + (kit.context([f"and {more} more in the console"]) if more > 0 else [])


def _item(item: Item, index: int) -> Iterator[Block]:
    yield from kit.sections(one_line(item.text, limit=1000))
    buttons: list[Block] = []
    if item.token:
        buttons.append(kit.button("Review", f"{REVIEW}.{index}", value=item.token))
    if item.url:
        kind = "asked" if item.token else "own"
        buttons.append(kit.button("Open the case", f"stanch.open.{kind}.{index}", url=item.url))
    if buttons:
        yield kit.actions(*buttons)


def _modal(title: str, blocks: list[Block]) -> View:
    return {"type": "modal", "title": kit.plain_text(title), "close": kit.plain_text("Close"), "blocks": blocks}


def _turning(number: int, of: int) -> list[Block]:
    buttons = [kit.button("Back", f"{PAGE}{number - 1}")] if number > 1 else []
    buttons += [kit.button("Next page", f"{PAGE}{number + 1}", style="primary")] if number < of else []
    return [kit.actions(*buttons)] if buttons else []


def _onward(request: ApprovalRequest, url: str) -> list[Block]:
    if not request.alone:
        return [kit.actions(kit.button("Open in the console", "stanch.open", url=url))] if url else []
    button = kit.button("Sign in again to decide", "stanch.open", url=url, style="primary")
    return [*kit.sections(ALONE), *([kit.actions(button)] if url else [])]


def _offered(request: ApprovalRequest) -> list[str]:
    """The answers that would count here; what one person alone decides is consented to at the console."""
    return [verdict for verdict in request.verdicts if verdict == DENY or not request.alone]


def _answers(request: ApprovalRequest, verdicts: Sequence[str]) -> list[Block]:
    offered = [_option(verdict) for verdict in verdicts]
    needed = f"Needed for: {', '.join(_words(request.reason_for))}" if request.reason_for else "Goes into the record"
    reason = {"type": "plain_text_input", "action_id": REASON, "multiline": True, "max_length": REASON_LIMIT}
    return [
        {
            "type": "input",
            "block_id": VERDICT,
            "label": kit.plain_text("Decision"),
            "element": {"type": "radio_buttons", "action_id": VERDICT, "options": offered},
        },
        {
            "type": "input",
            "block_id": REASON,
            "optional": True,
            "label": kit.plain_text("Reason"),
            "hint": kit.plain_text(needed),
            "element": reason,
        },
    ]


def _option(verdict: str) -> dict[str, Any]:
    words = next(iter(_words([verdict])))
    return {"text": kit.plain_text(one_line(words, limit=kit.BUTTON_TEXT)), "value": verdict}


def _words(verdicts: Iterable[str]) -> list[str]:
    return [verdict.replace("_", " ").capitalize() for verdict in verdicts]
