"""Whatever the world answers and people say, a run of a shipped playbook keeps these promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.findings import parse_view
from stanch.plan import Mode
from stanch.playbooks.examples import Moment
from stanch.playbooks.library import PlaybookSet
from stanch.simulate import Report, Setting, simulate

FOLDER = Path(__file__).parents[2] / "playbooks"
BOOKS = PlaybookSet.load(FOLDER).entries
FINDINGS = [parse_view(json.loads(path.read_text())) for path in sorted((FOLDER / "fixtures").glob("*.json"))]
ACTIONS = sorted({step.action for entry in BOOKS.values() for step in entry.plan.walk().values() if step.action})
ACTIONS += ["block.lift", "probe.expect_actor_blocked", "probe.expect_blocked", "probe.expect_healthy"]
APPROVALS = sorted({name for entry in BOOKS.values() for name, step in entry.plan.walk().items() if step.approve})
CHANGES = sorted(name for entry in BOOKS.values() for name, step in entry.plan.walk().items() if step.undo)
GATES = [f"{name}:gate" for name in CHANGES]
EVENTS = ["ticket.resolved", "ticket.reopened", "ticket.reassigned", "finding.rescan_clean", "finding.reported"]
USERS = st.sampled_from(["user:ana", "user:bo"])

answers = st.sampled_from([{}, {"fail": "no"}, {"fail": "lost", "outcome": "UNCERTAIN"}, {"takes": "2h"}])
mocks = st.dictionaries(st.sampled_from(ACTIONS), answers, max_size=4)
events = st.builds(lambda event: {"event": event, "to": "user:dev"}, st.sampled_from(EVENTS))
votes = st.builds(
    lambda verdict, step, by: {verdict: step, "by": by, "reason": "so"},
    st.sampled_from(["approve", "reject"]),
    st.sampled_from([*APPROVALS, *GATES, "block:renew"]),
    USERS,
)
reviews = st.builds(
    lambda by, option: {"choose": "review", "by": by, "option": option}, USERS, st.sampled_from(["keep", "lift"])
)
timelines = st.lists(st.tuples(st.integers(0, 3000), st.one_of(events, votes, reviews)), max_size=6)


def run(
    book: str, about: int, said: list[tuple[int, dict[str, Any]]], given_mocks: dict[str, Any], mode: Mode
) -> Report:
    ordered = sorted(said, key=lambda item: item[0])
    timeline = [Moment.model_validate({"at": f"{minute}m", **words}) for minute, words in ordered]
    plan = BOOKS[book].plan
    effective = min(plan.mode, mode, key=lambda item: item.rank)
    setting = Setting(mocks=given_mocks, timeline=timeline, mode=effective)
    return simulate(plan, FINDINGS[about], setting=setting)


@given(
    st.sampled_from(sorted(BOOKS)),
    st.integers(0, len(FINDINGS) - 1),
    timelines,
    mocks,
    st.sampled_from([Mode.MANUAL, Mode.SEMI, Mode.AUTO]),
)
@settings(max_examples=150, deadline=None)
def test_no_run_gets_lost_or_breaks_its_promise(
    book: str, about: int, said: list[tuple[int, dict[str, Any]]], given_mocks: dict[str, Any], mode: Mode
) -> None:
    report = run(book, about, said, given_mocks, mode)
    changes = [
        effect for effect in report.effects if effect.effect in ("change", "irreversible") and effect.purpose == "do"
    ]
    agreed = {line.step for line in report.approvals if line.outcome == "approved"}
    effective = min(BOOKS[book].plan.mode, mode, key=lambda item: item.rank)
    # Something will wake every run that has not ended.
    assert report.status in ("done", "failed", "cancelled") or report.waiting_on
    # A run that failed leaves nothing behind, or says that it could not take it back.
    if report.status == "failed":
        assert all(change.state == "stuck" for change in report.open_changes)
    # The mode holds.
    if effective is Mode.MANUAL:
        assert changes == []
    if effective is Mode.SEMI:
        bound = BOOKS[book].plan.walk()
        assert all(agreed & {f"{change.step}:gate", *bound[change.step].bound_by} for change in changes)
    # What is held at a point has an end.
    assert all(
        change.params.get("ttl") for change in changes if change.action in ("block.scope", "block.ip", "user.suspend")
    )
