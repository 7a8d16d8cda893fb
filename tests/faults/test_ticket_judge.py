"""The judge finds every kind of harm in a ledger that was doctored to show it, and none in one that shows none."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import ticket_judge
from tests.faults.ticket_judge import KINDS, Evidence, judge

Books = dict[str, Any]


def books() -> Books:
    """Two findings, one in each tracker, each taken to its proven end."""
    jira = [
        {"event": "jira.issue_created", "key": "PAY-1", "by": "stanch-bot", "summary": "Debug answers are on a1"},
        {"event": "jira.assigned", "key": "PAY-1", "by": "maria.k", "to": "tom.b"},
        {"event": "jira.comment", "key": "PAY-1", "by": "tom.b"},
        {"event": "jira.transition", "key": "PAY-1", "by": "tom.b", "to": "done"},
        {"event": "jira.transition", "key": "PAY-1", "by": "stanch-bot", "to": "indeterminate"},
        {"event": "jira.comment", "key": "PAY-1", "by": "stanch-bot", "text": f"Still there.\n\n[stanch {'a' * 16}]"},
        {"event": "jira.transition", "key": "PAY-1", "by": "tom.b", "to": "done"},
        {"event": "jira.comment", "key": "PAY-1", "by": "stanch-bot", "text": f"Closed.\n\n[stanch {'b' * 16}]"},
        {"event": "jira.request", "operation": "search", "fault": "html"},
    ]
    now = [
        {"event": "servicenow.created", "key": "INC0010001", "by": "stanch", "summary": "Debug answers are on a2"},
        {"event": "servicenow.updated", "key": "INC0010001", "by": "tom.b", "changed": ["state"], "state": "6"},
        {"event": "servicenow.note", "key": "INC0010001", "by": "stanch", "text": f"Closed.\n\n[stanch {'c' * 16}]"},
    ]
    slack = [{"event": "slack.posted", "text": f"case-{n}"} for n in (1, 2)]
    entries = {"jira": jira, "servicenow": now, "slack": slack}
    for ledger in entries.values():
        for n, entry in enumerate(ledger, 1):
            entry["n"] = n
    return {
        "accepted": {"a1": "case-1", "a2": "case-2"},
        "ledgers": entries,
        "tickets": [
            ticket("jira", "PAY-1", "a1", assignee="tom.b"),
            ticket("servicenow", "INC0010001", "a2", assignee="maria.k"),
        ],
        "cases": {
            "case-1": case("PAY-1", "user:tom", ["ticket.resolved", "ticket.reassigned", "ticket.resolved"]),
            "case-2": case("INC0010001", "user:maria", ["ticket.resolved"]),
        },
        "quiet": {"jira": len(jira), "servicenow": len(now)},
    }


def ticket(system: str, key: str, uid: str, *, assignee: str = "", done: bool = True) -> Books:
    summary = f"Debug answers are on {uid}"
    return {"system": system, "key": key, "summary": summary, "done": done, "assignee": assignee}


def case(key: str, assignee: str, events: list[str], state: str = "verifying") -> Books:
    summary = {"state": state, "ticket_key": key, "ticket_state": "done", "assignee": assignee, "problems": []}
    return {"live": {"summary": summary}, "case": None, "timeline": [{"event": event} for event in events]}


def summary_of(kept: Books, case_id: str) -> Books:
    found: Books = kept["cases"][case_id]["live"]["summary"]
    return found


def enter(kept: Books, system: str, **entry: Any) -> None:
    ledger = kept["ledgers"][system]
    ledger.append({"n": len(ledger) + 1, **entry})


def second(kept: Books, *, done: bool, link: str = "") -> None:
    """Another ticket for the first finding."""
    kept["tickets"].append(ticket("jira", "PAY-2", "a1", done=done))
    enter(kept, "jira", event="jira.issue_created", key="PAY-2", by="stanch-bot", summary="Debug answers are on a1")
    kept["quiet"]["jira"] += 2
    enter(kept, "jira", event="jira.comment", key="PAY-2", by="stanch-bot", text=link)


def vanished(kept: Books) -> None:
    del kept["tickets"][0]


def never_heard_of(kept: Books) -> None:
    summary_of(kept, "case-1")["ticket_key"] = ""


def another_key(kept: Books) -> None:
    summary_of(kept, "case-2")["ticket_key"] = "PAY-1"


def case_gone(kept: Books) -> None:
    del kept["cases"]["case-2"]


def doubled(kept: Books) -> None:
    second(kept, done=False)


def doubled_and_only_closed(kept: Books) -> None:
    second(kept, done=True, link="Closed as a duplicate.")


def moved_without_cause(kept: Books) -> None:
    kept["ledgers"]["jira"][3]["by"] = "stanch-bot"


def closed_twice(kept: Books) -> None:
    for n in (3, 6):
        kept["ledgers"]["jira"][n]["by"] = "stanch-bot"


def talks_to_itself(kept: Books) -> None:
    kept["quiet"]["servicenow"] -= 1


def heard_itself_resolve(kept: Books) -> None:
    kept["cases"]["case-2"]["timeline"].append({"event": "ticket.resolved"})


def heard_itself_reassign(kept: Books) -> None:
    kept["cases"]["case-2"]["timeline"].append({"event": "ticket.reassigned"})


def case_open_ticket_done(kept: Books) -> None:
    summary_of(kept, "case-1")["state"] = "waiting"


def case_over_ticket_open(kept: Books) -> None:
    kept["tickets"][1]["done"] = False


def old_view_of_the_ticket(kept: Books) -> None:
    summary_of(kept, "case-2")["ticket_state"] = "in_progress"


def another_holder(kept: Books) -> None:
    kept["tickets"][0]["assignee"] = "maria.k"


def repeated_note(kept: Books) -> None:
    kept["ledgers"]["jira"][7]["text"] = kept["ledgers"]["jira"][5]["text"]


def nobody_told(kept: Books) -> None:
    del kept["ledgers"]["slack"][1]


def only_a_namesake_told(kept: Books) -> None:
    kept["ledgers"]["slack"][0]["text"] = "Debug answers are on a12, case-12"


def stuck(kept: Books) -> None:
    summary_of(kept, "case-1")["state"] = "needs_person"


DOCTORED: list[tuple[str, Callable[[Books], None]]] = [
    ("lost tickets", vanished),
    ("lost tickets", never_heard_of),
    ("lost tickets", another_key),
    ("lost tickets", case_gone),
    ("doubled tickets", doubled),
    ("doubled tickets", doubled_and_only_closed),
    ("echoes", moved_without_cause),
    ("echoes", closed_twice),
    ("echoes", talks_to_itself),
    ("echoes", heard_itself_resolve),
    ("echoes", heard_itself_reassign),
    ("disagreements", case_open_ticket_done),
    ("disagreements", case_over_ticket_open),
    ("disagreements", old_view_of_the_ticket),
    ("disagreements", another_holder),
    ("doubled notes", repeated_note),
    ("lost messages", nobody_told),
    ("lost messages", only_a_namesake_told),
    ("stuck cases", stuck),
]


def test_clean_books_are_clean() -> None:
    verdict = judge(Evidence(**books()))
    assert verdict.clean, verdict.harm
    assert verdict.counted == {"findings accepted": 2, "tickets": 2, "notes": 3, "messages": 2}


@pytest.mark.parametrize(("kind", "doctor"), DOCTORED, ids=[doctor.__name__ for _, doctor in DOCTORED])
def test_harm_is_found(kind: str, doctor: Callable[[Books], None]) -> None:
    kept = copy.deepcopy(books())
    doctor(kept)
    verdict = judge(Evidence(**kept))
    assert verdict.harm[kind], "the judge saw nothing"


def test_each_kind_of_harm_is_shown_to_the_judge() -> None:
    assert {kind for kind, _ in DOCTORED} == set(KINDS)


def test_a_double_that_was_linked_and_closed_is_counted_and_no_harm() -> None:
    kept = books()
    second(kept, done=True, link="Another ticket of this finding; PAY-1 goes on.")
    verdict = judge(Evidence(**kept))
    assert verdict.clean, verdict.harm
    assert verdict.counted["doubles found, linked and closed"] == 1


def test_a_case_whose_workflow_has_ended_is_judged_by_its_record() -> None:
    kept = books()
    ended = kept["cases"]["case-1"]
    ended["case"], ended["live"] = ended["live"]["summary"], None
    assert judge(Evidence(**kept)).clean
    ended["case"]["state"] = "waiting"
    assert judge(Evidence(**kept)).harm["disagreements"]


def test_the_judge_knows_nothing_of_the_product() -> None:
    tree = ast.parse(Path(ticket_judge.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name if isinstance(node, ast.Import) else node.module for node in imports for alias in node.names}
    assert {str(name).partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
