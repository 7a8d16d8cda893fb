"""The judge of the storm: counts harm from what trackers and chat wrote down, what trackers show, and the API of cases.

It imports nothing of the product. Its own test feeds it a ledger for every kind of harm.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OURSELVES = frozenset({"stanch-bot", "stanch"})
OVER = ("verifying", "closed")
KINDS = (
    "lost tickets",
    "doubled tickets",
    "echoes",
    "disagreements",
    "doubled notes",
    "lost messages",
    "stuck cases",
)
_MARK = re.compile(r"\[stanch ([0-9a-f]{16,64})\]")
_SERVICENOW_DONE = ("6", "7", "8")

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """A ticket went to done, or away from it."""

    n: int
    by: str
    done: bool


@dataclass(frozen=True)
class Note:
    by: str
    text: str


@dataclass
class Seen:
    """What one tracker wrote down about one ticket."""

    moves: list[Move] = field(default_factory=list[Move])
    notes: list[Note] = field(default_factory=list[Note])
    handovers: int = 0
    late: int = 0  # changes of ours after everything should have been quiet


@dataclass(frozen=True)
class Evidence:
    """Everything the judge looks at.

    Args:
        accepted: finding to case, as Stanch promised with its 202.
        ledgers: entries by stand-in: jira, servicenow, slack.
        tickets: as the trackers' own API shows them: system, key, summary (ends with the finding), done, assignee.
        cases: by id, what `GET /v1/cases/{id}` says, and `timeline` with its entries.
        quiet: by stand-in, the number of its last entry when everything had come to rest.
    """

    accepted: Mapping[str, str]
    ledgers: Mapping[str, Sequence[Entry]]
    tickets: Sequence[Mapping[str, Any]]
    cases: Mapping[str, Mapping[str, Any]]
    quiet: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass
class Verdict:
    """Harm by kind, each with the place; and what was detected, linked and closed, which is counted apart."""

    harm: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    counted: Counter[str] = field(default_factory=Counter[str])

    @property
    def clean(self) -> bool:
        return not any(self.harm.values())

    def lines(self) -> list[str]:
        counted = [f"{number:6} {what}" for what, number in sorted(self.counted.items())]
        return [*(f"{len(found):6} {kind}" for kind, found in self.harm.items()), *counted]


def judge(evidence: Evidence) -> Verdict:
    """Count."""
    verdict = Verdict()
    seen = {name: _seen(name, evidence) for name in ("jira", "servicenow")}
    verdict.counted["findings accepted"] = len(evidence.accepted)
    verdict.counted["tickets"] = len(evidence.tickets)
    for uid, case_id in evidence.accepted.items():
        found = [ticket for ticket in evidence.tickets if str(ticket["summary"]).split()[-1:] == [uid]]
        case = evidence.cases.get(case_id) or {}
        kept = _kept(verdict, uid, found, _summary(case), seen)
        if kept is not None:
            _agree(verdict, uid, kept, case)
            _echo(verdict, uid, seen[kept["system"]][kept["key"]], case)
        _told(verdict, uid, case_id, evidence.ledgers.get("slack", ()))
    for ticket in evidence.tickets:
        _notes(verdict, ticket, seen[ticket["system"]][ticket["key"]])
    return verdict


def _summary(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """The case as its workflow sees it; as it was recorded, where that has ended."""
    live = case.get("live") or {}
    return live.get("summary") or case.get("case") or {}


def _kept(
    verdict: Verdict,
    uid: str,
    found: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    seen: Mapping[str, Mapping[str, Seen]],
) -> Mapping[str, Any] | None:
    """The ticket the case holds on to; whatever else carries the finding is one too many."""
    kept = next((ticket for ticket in found if ticket["key"] == summary.get("ticket_key")), None)
    if kept is None:
        verdict.harm["lost tickets"].append(f"{uid}: the case holds {summary.get('ticket_key')!r} of {len(found)}")
        return None
    for extra in found:
        if extra is kept:
            continue
        notes = seen[extra["system"]][extra["key"]].notes
        if extra["done"] and any(note.by in OURSELVES and kept["key"] in note.text for note in notes):
            verdict.counted["doubles found, linked and closed"] += 1
        else:
            verdict.harm["doubled tickets"].append(f"{uid}: {kept['key']} and {extra['key']}")
    return kept


def _agree(verdict: Verdict, uid: str, ticket: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    """Case and ticket say the same: whether it is over, and who has it."""
    summary = _summary(case)
    wrong: list[str] = []
    if summary.get("state") == "needs_person":
        verdict.harm["stuck cases"].append(f"{uid}: {summary.get('problems')}")
    if (summary.get("state") in OVER) is not bool(ticket["done"]):
        wrong.append(f"the case is {summary.get('state')}, the ticket {'done' if ticket['done'] else 'open'}")
    if (summary.get("ticket_state") == "done") is not bool(ticket["done"]):
        wrong.append(f"the case takes the ticket for {summary.get('ticket_state')}")
    holder = str(summary.get("assignee", "")).removeprefix("user:")
    if ticket["assignee"] and holder != str(ticket["assignee"]).partition(".")[0]:
        wrong.append(f"{holder} has the case, {ticket['assignee']} the ticket")
    if wrong:
        verdict.harm["disagreements"].append(f"{uid} {ticket['key']}: {'; '.join(wrong)}")


def _echo(verdict: Verdict, uid: str, seen: Seen, case: Mapping[str, Any]) -> None:
    """We answer what people do; we never answer ourselves."""
    credit, closed = 0, 0
    for move in seen.moves:
        if move.by not in OURSELVES:
            credit += move.done
        elif move.done:
            closed += 1
        else:
            credit -= 1
    if credit < 0 or closed > 1:
        verdict.harm["echoes"].append(f"{uid}: moved without a cause {seen.moves}")
    if seen.late:
        verdict.harm["echoes"].append(f"{uid}: {seen.late} changes of ours after all was quiet")
    events = Counter(str(entry.get("event")) for entry in case.get("timeline", ()))
    done = sum(move.done for move in seen.moves if move.by not in OURSELVES)
    if events["ticket.resolved"] > done or events["ticket.reassigned"] > seen.handovers:
        verdict.harm["echoes"].append(f"{uid}: the case heard of more than people did {dict(events)}")


def _notes(verdict: Verdict, ticket: Mapping[str, Any], seen: Seen) -> None:
    marks = Counter(mark for note in seen.notes if note.by in OURSELVES for mark in _MARK.findall(note.text))
    verdict.counted["notes"] += marks.total()
    for mark, times in marks.items():
        if times > 1:
            verdict.harm["doubled notes"].append(f"{ticket['key']}: {times} times {mark}")


def _told(verdict: Verdict, uid: str, case_id: str, slack: Iterable[Entry]) -> None:
    about = re.compile(rf"\b({re.escape(uid)}|{re.escape(case_id)})\b")
    posted = (json.dumps(entry) for entry in slack if entry["event"] == "slack.posted")
    own = [entry for entry in posted if about.search(entry)]
    if not own:
        verdict.harm["lost messages"].append(uid)
    verdict.counted["messages"] += len(own)


# -- what the trackers wrote down --------------------------------------------------------------------------------------


def _seen(name: str, evidence: Evidence) -> dict[str, Seen]:
    found: dict[str, Seen] = defaultdict(Seen)
    quiet = evidence.quiet.get(name)
    for entry in evidence.ledgers.get(name, ()):
        if "key" not in entry or "by" not in entry:
            continue
        seen = found[entry["key"]]
        _enter(name, entry, seen)
        if quiet is not None and entry["n"] > quiet and entry["by"] in OURSELVES:
            seen.late += 1
    return found


def _enter(name: str, entry: Entry, seen: Seen) -> None:
    event, by = entry["event"], str(entry["by"])
    if event == f"{name}.comment" or event == f"{name}.note":
        seen.notes.append(Note(by, str(entry.get("text", ""))))
    elif event == "jira.transition":
        _move(seen, entry, done=entry["to"] == "done")
    elif event == "jira.assigned":
        seen.handovers += by not in OURSELVES
    elif event == "servicenow.updated":
        changed = entry["changed"]
        seen.handovers += by not in OURSELVES and bool({"assigned_to", "assignment_group"} & set(changed))
        if "state" in changed:
            _move(seen, entry, done=entry["state"] in _SERVICENOW_DONE)


def _move(seen: Seen, entry: Entry, *, done: bool) -> None:
    was = seen.moves[-1].done if seen.moves else False
    if was is not done:
        seen.moves.append(Move(int(entry["n"]), str(entry["by"]), done))
