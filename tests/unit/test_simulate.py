"""Simulation is the production core with invented answers: shipped tests pass, and wrong expectations fail."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.findings import parse_view
from stanch.plan import Mode, Plan
from stanch.playbooks import Playbook, compile_plan, load_playbook
from stanch.playbooks.examples import Example, Moment
from stanch.simulate import Report, Setting, run_example, simulate
from stanch.views import RouteView

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "playbooks"
BOOKS = {path.stem: load_playbook(path.read_text(), path.name) for path in sorted(FOLDER.glob("*.yaml"))}
_EXAMPLES = sorted((ROOT / "tests/data/playbooks").glob("*.yaml"))
EXAMPLES = {path.stem: load_playbook(path.read_text()) for path in _EXAMPLES}
# Its address block ends by itself after 1h, so that at 4h nothing is left to lift.
ENDED_EARLIER = "nobody reviews, so the address block is lifted"


def cases(books: dict[str, Playbook]) -> list[Any]:
    return [
        pytest.param(book, test, id=f"{name}: {test.name}")
        for name, book in books.items()
        for test in book.tests
        if not (books is EXAMPLES and test.name == ENDED_EARLIER)
    ]


def run(name: str, fixture: str, *timeline: dict[str, Any], **setting: Any) -> Report:
    about = parse_view(json.loads((FOLDER / f"fixtures/{fixture}.json").read_text()))
    moments = [Moment.model_validate(moment) for moment in timeline]
    return simulate(plan(name), about, setting=Setting(timeline=moments, **setting))


def plan(name: str) -> Plan:
    return compile_plan(BOOKS[name], source=name)


@pytest.mark.parametrize(("book", "test"), [*cases(BOOKS), *cases(EXAMPLES)])
def test_the_tests_in_the_files_pass(book: Playbook, test: Example) -> None:
    assert run_example(book, test, folder=FOLDER).mismatches == ()


def test_a_block_that_ended_by_itself_is_not_lifted_again() -> None:
    book = EXAMPLES["attacker"]
    test = next(test for test in book.tests if test.name == ENDED_EARLIER)
    report = run_example(book, test, folder=FOLDER).report
    assert report is not None
    assert report.open_changes == ()
    assert "block.lift" not in report.told


@pytest.mark.parametrize(
    ("expect", "word"),
    [
        ({"status": "failed"}, "status is done, not failed"),
        ({"effects": ["ticket.create"]}, "effects are"),
        ({"never": ["policy.enforce"]}, "never should"),
        ({"ticket": "open"}, "ticket is closed"),
        ({"open_changes": 0}, "2 changes stand (attach, enforce)"),
        ({"waiting_on": "soak"}, "waits on nothing"),
        ({"counted": {"reassigned_to": "team:x"}}, "counted reassigned_to is None"),
        ({"outputs": {"enforced": False}}, "output enforced is True"),
        ({"refused": 1}, "0 votes were refused"),
    ],
)
def test_a_wrong_expectation_fails_and_says_what_was_found(expect: dict[str, Any], word: str) -> None:
    book = BOOKS["attach_owasp_policy"]
    told = {"name": "wrong", "finding": "fixtures/no_policy.json", "mocks": book.tests[0].mocks, "expect": expect}
    result = run_example(book, Example.model_validate(told), folder=FOLDER)
    assert len(result.mismatches) == 1
    assert word in result.mismatches[0]


@pytest.mark.parametrize("check", [{"state": "approved"}, {"state": "rejected", "because": "vote"}])
def test_a_wrong_look_at_a_step_fails(check: dict[str, str]) -> None:
    report = run("data_exposure_block", "data_exposure", {"at": "5h", "check": {"step": "ok_to_block", **check}})
    assert len(report.checks) == 1


def test_a_missing_fixture_is_named() -> None:
    told = {"name": "lost", "finding": "fixtures/none.json", "expect": {}}
    result = run_example(BOOKS["attach_owasp_policy"], Example.model_validate(told), folder=FOLDER)
    assert result.mismatches == ("there is no fixture fixtures/none.json",)


def test_two_runs_are_the_same() -> None:
    timeline = {"at": "10m", "choose": "review", "option": "keep", "by": "user:tom"}
    first, second = (run("contain_attacker", "attack_token", timeline) for _ in range(2))
    assert first == second
    assert json.dumps(first.as_json()) == json.dumps(second.as_json())


def test_an_action_that_takes_time_delays_only_what_needs_it() -> None:
    report = run("data_exposure_block", "data_exposure", mocks={"ticket.create": {"takes": "3h"}})
    at = {effect.step: effect.at for effect in report.effects}
    assert at["ticket"] == at["tell_pm"] == timedelta(hours=3)
    assert at["preview"] == timedelta(0)


def test_past_its_limits_an_automatic_run_asks_first() -> None:
    report = run("attach_owasp_policy", "no_policy", mode=Mode.SEMI)
    assert report.waiting_on == ("attach:gate",)
    assert "policy.attach" not in report.told
    agreed = {"at": "5m", "approve": "attach:gate", "by": "user:lead"}
    assert "policy.attach" in run("attach_owasp_policy", "no_policy", agreed, mode=Mode.SEMI).told


def test_with_changes_switched_off_nothing_changes() -> None:
    report = run("attach_owasp_policy", "no_policy", mode=Mode.MANUAL)
    assert {effect.effect for effect in report.effects} <= {"read", "record", "notify"}


def test_consent_is_for_exactly_what_was_shown() -> None:
    timeline = (
        {"at": "20m", "approve": "ok_to_block", "by": "user:maria"},
        {"at": "25m", "approve": "ok_to_block", "by": "user:tom"},
    )
    report = run("data_exposure_block", "data_exposure", *timeline)
    block = next(effect for effect in report.effects if effect.action == "block.scope")
    assert block.at == timedelta(minutes=25)
    assert block.params["path"] == "/api/users/{id}"
    assert block.params["method"] == "GET"
    assert report.approvals[0].by == ("user:maria", "user:tom")
    assert "for 1d?" in report.approvals[0].question


def test_a_vote_that_does_not_count_is_told() -> None:
    double = {"approve": "ok_to_block", "by": "user:maria"}
    report = run("data_exposure_block", "data_exposure", {"at": "1m", **double}, {"at": "2m", **double})
    assert [(vote.by, vote.code) for vote in report.refused] == [("user:maria", "A008")]
    early = run(
        "contain_attacker", "attack_shared_ip", {"at": "1m", "choose": "review", "option": "keep", "by": "user:x"}
    )
    assert [vote.code for vote in early.refused] == ["A001"]


def test_reminders_are_effects_but_not_told() -> None:
    report = run("config_issue_ticket", "config_issue", {"at": "7d", "check": {"step": "fixed", "state": "running"}})
    reminders = [effect for effect in report.effects if effect.purpose == "reminder"]
    assert [effect.at.days for effect in reminders] == [3, 6]
    assert report.told == ("ticket.create", "chat.message", "chat.update")


def test_renewed_consent_takes_the_block_again() -> None:
    yes = [{"at": at, "approve": "ok_to_block", "by": by} for at, by in (("1m", "user:maria"), ("2m", "user:tom"))]
    again = [{"at": at, "approve": "block:renew", "by": by} for at, by in (("17h", "user:maria"), ("18h", "user:tom"))]
    report = run("data_exposure_block", "data_exposure", *yes, *again, {"at": "26h", "event": "ticket.resolved"})
    assert [effect.purpose for effect in report.effects if effect.action == "block.scope"] == ["do", "renewed"]
    assert [change.step for change in report.open_changes] == ["block"]


@pytest.mark.parametrize(("block_for", "asked_at"), [("24h", 16 * 60), ("2h", 90)])
def test_a_block_is_asked_about_again_before_it_ends_and_not_at_once(block_for: str, asked_at: int) -> None:
    about = parse_view(json.loads((FOLDER / "fixtures/data_exposure.json").read_text()))
    made = compile_plan(BOOKS["data_exposure_block"], inputs={"block_for": block_for})
    yes = [Moment.model_validate({"at": "0s", "approve": "ok_to_block", "by": by}) for by in ("user:maria", "user:tom")]
    late = Moment.model_validate({"at": "23h", "check": {"step": "block", "state": "ok"}})
    report = simulate(made, about, setting=Setting(timeline=[*yes, late]))
    asks = [line.at for line in report.timeline if line.step == "block:renew" and line.what.startswith("asks")]
    assert asks == [timedelta(minutes=asked_at)]


PEOPLE = {"team:appsec": ("user:tom", "user:ines"), "user:maria": ("user:maria",), "user:lead": ("user:lead",)}
BUSINESS, SECURITY = {"user:maria", "user:lead"}, {"user:tom", "user:ines"}
votes = st.tuples(
    st.integers(0, 300), st.sampled_from(["approve", "reject"]), st.sampled_from([*BUSINESS, *SECURITY, "user:eve"])
)


@given(st.lists(votes, max_size=6))
@settings(max_examples=60, deadline=None)
def test_whoever_votes_whenever_nothing_is_blocked_without_business_and_security(
    said: list[tuple[int, str, str]],
) -> None:
    about = parse_view(json.loads((FOLDER / "fixtures/data_exposure.json").read_text()))
    route = RouteView.model_validate({"assignee": "user:maria", "owner": {"id": "team:x", "lead": "user:lead"}})
    timeline = [
        Moment.model_validate({"at": f"{minute}m", verdict: "ok_to_block", "by": who, "reason": "because"})
        for minute, verdict, who in sorted(said)
    ]
    setting = Setting(timeline=timeline, people=PEOPLE)
    report = simulate(plan("data_exposure_block"), about, route, setting=setting)
    first = {who: verdict for minute, verdict, who in sorted(said, reverse=True) if minute < 240 and who != "user:eve"}
    yes = {who for who, verdict in first.items() if verdict == "approve"}
    agreed = bool(yes & BUSINESS and yes & SECURITY)
    if "block.scope" in report.told:
        assert agreed
        assert set(report.approvals[0].by) <= yes
    elif "reject" not in first.values():
        assert not agreed


def test_a_failing_undo_is_never_hidden() -> None:
    mocks = {"probe.expect_healthy": {"fail": "5xx"}, "policy.detach": {"fail": "access denied"}}
    report = run("attach_owasp_policy", "no_policy", mocks=mocks)
    assert report.status == "failed"
    assert [change.state for change in report.open_changes] == ["stuck"]
    assert any("could not be taken back" in problem for problem in report.problems)


def test_answers_may_differ_from_call_to_call() -> None:
    mocks = {"probe.expect_healthy": [{}, {"fail": "5xx"}], "policy.observe": {"would_block_ratio": 0.0}}
    told = run("attach_owasp_policy", "no_policy", mocks=mocks).told
    assert told[-4:] == ("policy.relax", "policy.detach", "chat.message", "ticket.comment")


def test_hostile_finding_text_stays_text() -> None:
    about = parse_view(
        {
            "title": "${{ 1 + 1 }} \x1b[31m",
            "category": "API8:2023",
            "severity": "low",
            "api": {"host": "mobile.example.com", "path": "/x"},
        }
    )
    report = simulate(plan("config_issue_ticket"), about)
    assert report.effects[0].params["summary"].startswith("[low] ${{ 1 + 1 }}")
