"""What a report means for a case, in whatever order reports come; how people end cases, and who may."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.cases import CaseState, CaseStatus
from stanch.contract import CaseCommand, FindingReport, PutAway, TicketChange
from stanch.endings import may_attest, put_away, put_away_by_ticket, taken_back
from stanch.life import Means, first_report, next_report
from stanch.raising import raised
from stanch.views import ActorView, FindingView, RouteView

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
_NAMES = itertools.count()


def report(status: str = "open", at: int | None = None, *, source: str = "own", **said: Any) -> FindingReport:
    assurance = said.pop("assurance", "A")
    seen = None if at is None else NOW + at * HOUR
    finding = FindingView(id="f", last_seen=seen, **{"severity": "high", "title": "t", **said})
    given_ = {"delivery_id": f"d{next(_NAMES)}", "source": source, "finding": finding, "status": status}
    return FindingReport.model_validate({**given_, "assurance": assurance})


def case(**said: Any) -> CaseState:
    state = CaseState(case_id="case-1", status=CaseStatus.WAITING)
    first_report(state, report(at=0, **said), NOW)
    return state


def means(state: CaseState, *reports: FindingReport, ending: bool = False) -> list[Means]:
    """What each says, the facts of the run following as the core would have them."""
    found: list[Means] = []
    for each in reports:
        meant, _ = next_report(state, each, NOW, ending=ending, is_new=lambda _: True)
        if meant is Means.CLEAN:
            state.core.facts["finding"] = "clean"
        elif meant is Means.REPORTED:
            state.core.facts["finding"] = "open"
        found.append(meant)
    return found


@given(
    st.lists(st.tuples(st.sampled_from(["open", "resolved"]), st.integers(1, 50)), unique_by=lambda x: x[1]), st.data()
)
def test_the_order_of_arrival_does_not_matter(said: list[tuple[str, int]], data: st.DataObject) -> None:
    """Whatever overtakes what, in the end the case believes the newest word."""
    state = case()
    means(state, *(report(status, at) for status, at in data.draw(st.permutations(said))))
    newest = max(said, key=lambda item: item[1], default=("open", 0))[0]
    assert (state.core.facts.get("finding") == "clean") is (newest == "resolved")


def test_sources_without_a_time_count_as_they_come() -> None:
    assert means(case(), report("resolved"), report(), report("resolved")) == [Means.CLEAN, Means.REPORTED, Means.CLEAN]


def test_clocks_of_two_sources_are_not_compared() -> None:
    assert means(case(), report(at=9), report("resolved", 5, source="other")) == [Means.COUNT, Means.CLEAN]


def test_runs_that_began_before_behave_as_they_did() -> None:
    state = case()
    late = report("resolved", -5)
    assert next_report(state, late, NOW, ending=False, is_new=lambda _: False)[0] is Means.CLEAN


@pytest.mark.parametrize("status", ["open", "resolved"])
def test_a_test_is_a_test_whatever_it_says(status: str) -> None:
    state = case()
    assert means(state, report(status, 5, is_test=True, severity="critical")) == [Means.TEST]
    assert state.finding is not None
    assert state.finding.severity == "high"


def test_what_is_put_away_opens_nothing_until_its_day() -> None:
    state = case()
    state.put_away = PutAway(kind="risk_accepted", until=NOW + HOUR, reason="r", by="user:ana", at=NOW)
    assert means(state, report(at=3), ending=True) == [Means.PUT_AWAY]
    state.put_away = state.put_away.model_copy(update={"until": NOW})
    assert means(state, report(at=4), ending=True) == [Means.REOPEN]


def test_an_attack_on_an_accepted_risk_is_not_put_away_with_it() -> None:
    """A tool may call both by one id."""
    state = case()
    state.put_away = PutAway(kind="risk_accepted", until=NOW + HOUR, reason="r", by="user:ana", at=NOW)
    assert means(state, report(at=3, kind="attack"), ending=True) == [Means.REOPEN]


def test_another_path_of_the_same_operation_is_no_correction() -> None:
    state = case(api={"host": "h", "path": "/users/7", "path_template": "/users/{p}"})
    means(state, report(at=1, api={"host": "h", "path": "/users/8", "path_template": "/users/{p}"}))
    assert "finding.changed" not in [note.event for note in state.notes]


def test_runs_that_began_before_are_not_corrected() -> None:
    state = case()
    next_report(state, report(at=1, severity="critical", title="x"), NOW, ending=False, is_new=lambda _: False)
    assert state.finding is not None
    assert (state.finding.severity, state.finding.title, state.finding.count) == ("high", "t", 2)


def test_an_update_leaves_out_nothing_that_was_said_before() -> None:
    state = case(description="long", labels=("a",))
    means(state, report(at=1))
    assert state.finding is not None
    assert (state.finding.description, state.finding.labels) == ("long", ("a",))


def test_an_older_report_corrects_nothing() -> None:
    state = case()
    means(state, report(at=9, severity="critical"), report(at=5, title="old", severity="critical"))
    assert state.finding is not None
    assert (state.finding.title, state.finding.severity) == ("t", "critical")
    assert state.finding.last_seen == NOW + 9 * HOUR


def test_new_actors_are_told_and_not_taken_over() -> None:
    state = case(actor=ActorView(user_id="eve"))
    means(state, report(at=1, actor=ActorView(user_id="mallory")))
    assert state.finding is not None
    assert state.finding.actor.user_id == "eve"
    (line,) = [note for note in state.notes if note.event == "finding.changed"]
    assert line.data["what"]["actor"] == {"from": "user_id=eve", "to": "user_id=mallory"}


@given(st.text(max_size=3000))
def test_what_is_told_is_bounded(text: str) -> None:
    state = case()
    means(state, report(at=1, title=text, description=text))
    for note in state.notes:
        for change in note.data.get("what", {}).values():
            assert len(change["from"]) <= 200 >= len(change["to"])


ROUTE = RouteView(severity="high", lane="next_sprint", due=NOW + 9 * HOUR)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"severity": "critical", "lane": "fast", "due": NOW + HOUR}, ("critical", "fast", NOW + HOUR)),
        ({"severity": "critical", "lane": "fast", "due": NOW + 20 * HOUR}, ("critical", "fast", ROUTE.due)),
        ({"severity": "high", "due": NOW + HOUR}, ("high", "next_sprint", NOW + HOUR)),
        ({"severity": "low", "lane": "backlog", "due": None}, None),
        ({}, None),
    ],
)
def test_only_what_is_stricter_is_taken_over(more: dict[str, Any], wanted: tuple[Any, ...] | None) -> None:
    found = raised(ROUTE, ROUTE.model_copy(update=more))
    assert (None if found is None else (found.severity, found.lane, found.due)) == wanted


def test_owners_of_a_running_case_stay() -> None:
    other = RouteView(severity="critical", assignee="user:tom", rule="other")
    found = raised(ROUTE, other)
    assert found is not None
    assert (found.assignee, found.rule) == (ROUTE.assignee, ROUTE.rule)


# -- endings


def close(resolution: str, until: datetime | None = None) -> CaseCommand:
    return CaseCommand(kind="close", by="user:ana", text="why", command_id="c", resolution=resolution, until=until)


@pytest.mark.parametrize("kind", ["false_positive", "risk_accepted", "duplicate"])
def test_it_is_ninety_days_unless_said_and_never_more_than_a_year(kind: str) -> None:
    days = [
        (put_away(close(kind, until), FindingView(), NOW), wanted)
        for until, wanted in ((None, 90), (NOW + timedelta(days=5), 5), (NOW + timedelta(days=5000), 365))
    ]
    for away, wanted in days:
        assert away is not None
        assert (away.kind, away.by, away.reason, away.until) == (kind, "user:ana", "why", NOW + timedelta(days=wanted))


@pytest.mark.parametrize("resolution", ["", "fixed", "other", "wont_fix"])
def test_other_endings_put_nothing_away(resolution: str) -> None:
    assert put_away(close(resolution), FindingView(), NOW) is None
    change = TicketChange(event_id="e", key="K-1", state="done", resolution=resolution)
    assert put_away_by_ticket(change, FindingView(), NOW) is None


def test_nobodys_ticket_change_names_the_ticket() -> None:
    change = TicketChange(event_id="e", key="K-1", state="done", resolution="false_positive")
    away = put_away_by_ticket(change, FindingView(), NOW)
    assert away is not None
    assert away.by == "ticket K-1"


def test_the_risk_of_an_attack_is_nobodys_to_accept() -> None:
    attack = FindingView(kind="attack")
    assert put_away(close("risk_accepted"), attack, NOW) is None
    assert put_away(close("false_positive"), attack, NOW) is not None


def test_taking_it_back_is_a_later_word() -> None:
    away = put_away(close("duplicate"), FindingView(), NOW)
    ended = taken_back(away, by="user:tom", now=NOW + HOUR)
    assert ended is not None
    assert (ended.until, ended.at, ended.by) == (NOW + HOUR, NOW + HOUR, "user:tom")
    assert taken_back(None, by="user:tom", now=NOW) is None


@pytest.mark.parametrize(
    ("by", "may"), [("user:tom", True), ("user:ana", False), ("own", False), ("", False), ("token:admin", False)]
)
def test_who_may_attest(by: str, may: bool) -> None:
    state = CaseState(case_id="c", requested_by="user:ana", source="own")
    assert may_attest(state, by) is may
