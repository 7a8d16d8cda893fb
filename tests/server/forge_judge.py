"""Judges a battle over approvals from ledgers alone: the forger's, Slack's, the vendor's and ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Line = Mapping[str, Any]
GENUINE = "genuine"


@dataclass(frozen=True)
class Ledgers:
    """What was written down, by whom.

    Args:
        forger: its clicks: `case`, `who` (principal), `verdict`, and `kind`, which is `genuine` for what a person who
            may decide meant, as they had it before them.
        slack: `slack.pressed` with `user` and `status`, `slack.responded` with `to` and `message`.
        vendor: `put` and `removed` with `case`, `lease` and `path`.
        ours: lines of cases with `case`, `event` and `data`.
        asked: the path that the people of a case were asked about.
    """

    forger: Sequence[Line]
    slack: Sequence[Line]
    vendor: Sequence[Line]
    ours: Sequence[Line]
    asked: Mapping[str, str] = field(default_factory=dict[str, str])


def findings(ledgers: Ledgers) -> list[str]:
    """Everything that must not be; empty where all went as it should."""
    rules = (_unapproved, _lost, _doubled, _uncounted, _unexplained)
    return [found for rule in rules for found in rule(ledgers)]


def _meant(ledgers: Ledgers, case: str) -> list[Line]:
    return [click for click in ledgers.forger if click["case"] == case and click["kind"] == GENUINE]


def _accepted(ledgers: Ledgers, case: str) -> list[Line]:
    lines = (line for line in ledgers.ours if line["case"] == case and line["event"] == "approval.vote")
    return [line["data"] for line in lines if line["data"]["accepted"]]


def _puts(ledgers: Ledgers, case: str) -> list[Line]:
    return [entry for entry in ledgers.vendor if entry["event"] == "put" and entry["case"] == case]


def _unapproved(ledgers: Ledgers) -> Iterator[str]:
    """A change without a person who meant it, against a no, or other than what was asked."""
    for entry in ledgers.vendor:
        case = entry["case"]
        votes = _accepted(ledgers, case)
        if entry["event"] != "put":
            continue
        if not any(click["verdict"] == "approve" for click in _meant(ledgers, case)):
            yield f"{case}: changed, and nobody meant it"
        if not votes or any(vote["verdict"] != "approve" for vote in votes):
            yield f"{case}: changed without consent in the ledger"
        if entry["path"] != ledgers.asked.get(case):
            yield f"{case}: {entry['path']} was changed, {ledgers.asked.get(case)} was asked"


def _lost(ledgers: Ledgers) -> Iterator[str]:
    """What a person meant has come to nothing."""
    for case in ledgers.asked:
        meant, votes = _meant(ledgers, case), _accepted(ledgers, case)
        if meant and not votes:
            yield f"{case}: decided, and no vote was counted"
        if votes and votes[0]["verdict"] == "approve" and not _puts(ledgers, case):
            yield f"{case}: approved, and nothing was done"


def _doubled(ledgers: Ledgers) -> Iterator[str]:
    for case in ledgers.asked:
        if len({entry["lease"] for entry in _puts(ledgers, case)}) > 1:
            yield f"{case}: changed twice"


def _uncounted(ledgers: Ledgers) -> Iterator[str]:
    """Votes that nobody cast, a person's second one, and more than one that decides."""
    for case in ledgers.asked:
        votes = _accepted(ledgers, case)
        said = {(click["who"], click["verdict"]) for click in _meant(ledgers, case)}
        if any((vote["principal"], vote["verdict"]) not in said for vote in votes):
            yield f"{case}: a vote that nobody meant"
        if len(votes) > 1:
            yield f"{case}: decided more than once"


def _unexplained(ledgers: Ledgers) -> Iterator[str]:
    """Whoever presses is told what became of it, or Slack that it was not Slack."""
    pressed = Counter(
        line["user"] for line in ledgers.slack if line["event"] == "slack.pressed" and line["status"] == 200
    )
    told = Counter(
        line["to"] for line in ledgers.slack if line["event"] == "slack.responded" and line["message"].get("text")
    )
    for user, times in pressed.items():
        if told[user] < times:
            yield f"{user}: pressed {times} times and was told {told[user]} times"
    odd = [line for line in ledgers.slack if line["event"] == "slack.pressed" and line["status"] not in (200, 401)]
    yield from (f"{line['user']}: answered with {line['status']}" for line in odd)
