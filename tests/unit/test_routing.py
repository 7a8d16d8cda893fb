"""Decisions: refine, overlays, ceiling and floor, people, deadlines, and the reasons given."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stanch.documents import load
from stanch.routing import RouteTable, check, lint, load_routes
from stanch.views import FindingView

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)  # a Wednesday; Lisbon is on UTC
SHIPPED = ROOT / "policy/routes.yaml"
EXAMPLE = ROOT / "tests/data/routing/routing.yaml"

BASE = """
version: routing/v1
directory:
  users:
    user:ana: {name: Ana, slack: U1, jira: ana}
    user:bob: {name: Bob, slack: U2}
    user:eva: {name: Eva, active: false, slack: U3}
  teams:
    team:one: {lead: user:ana, members: [user:bob, user:ana], slack: C1, ticket: {system: jira, project: ONE}}
    team:two: {lead: user:bob, ticket: {system: servicenow, group: Two}}
  schedules:
    schedule:night:
      timezone: Europe/Berlin
      rotation: {start: 2026-03-02T09:00:00+01:00, every: 7d, members: [user:ana, user:bob]}
      overrides: [{from: 2026-03-05T00:00:00Z, until: 2026-03-06T00:00:00Z, user: user:bob}]
calendars:
  office:
    timezone: Europe/Lisbon
    open: [{days: [mon, tue, wed, thu, fri], from: "09:00", to: "18:00"}]
    closed: ["2026-03-06"]
    freeze: [{from: 2026-03-10T00:00:00Z, until: 2026-03-11T00:00:00Z, reason: launch}]
sla:
  plain:
    high: {acknowledge: 1h, contain: 4h, fix: 2d, lane: emergency_patch}
    medium: {fix: 1d4h, clock: business, lane: next_sprint}
    info: {fix: none}
  strict:
    high: {fix: 1d, lane: next_sprint}
escalations:
  up:
    - {after: 0m, notify: [owner]}
    - {after: 50%, notify: [owner.lead, assignee]}
    - {after: 3d, notify: [schedule:night], repeat: 1h, times: 2}
default: {id: fallback, owner: team:two, sla: plain, escalation: up}
"""


def table(extra: str) -> RouteTable:
    return load_routes(BASE + extra, "r.yaml")


def finding(**words: Any) -> FindingView:
    return FindingView.model_validate({"severity": "high", "api": {"host": "a.test", "path": "/x"}, **words})


@pytest.mark.parametrize("path", [SHIPPED, EXAMPLE], ids=lambda path: path.name)
def test_shipped_files_load_pass_their_own_tests_and_have_no_warnings(path: Path) -> None:
    loaded = load_routes(path.read_text(), path.name)
    results = check(loaded)
    assert results
    assert [(result.name, result.differences) for result in results if not result.ok] == []
    assert [each for each in lint(loaded, results) if each.severity != "info"] == []


def test_a_test_in_the_file_can_fail_and_says_how() -> None:
    loaded = table("tests:\n- {name: t, finding: {severity: low}, expect: {owner: team:one, cc: [user:ana]}}\n")
    (result,) = check(loaded)
    assert result.differences == (("owner", "team:one", "team:two"), ("cc", "user:ana", "nobody"))


def test_the_order_of_rules_has_no_meaning() -> None:
    data = load(EXAMPLE.read_text()).data
    findings = [FindingView.model_validate(test["finding"]) for test in data["tests"]]
    answers = set[str]()
    for order in itertools.permutations(data["rules"]):
        loaded = load_routes(json.dumps({**data, "rules": list(order)}))
        answers.add(str([loaded.route(each, NOW).view for each in findings]))
    assert len(answers) == 1


RULE = """
rules:
- id: all
  match: {host: a.test}
  owner: team:one
  assignee: user:bob
  cc: [user:bob]
  ceiling: {severity: medium}
  refine:
  - id: first
    when: finding.count > 5
    owner: team:two
    cc: [user:ana]
    refine:
    - {id: deep, when: finding.count > 10, cc: {only: [user:ana]}, notify: [owner.lead]}
  - {id: second, when: finding.count > 1, assignee: user:ana}
"""


@pytest.mark.parametrize(
    ("count", "rule", "owner", "assignee", "cc"),
    [
        (1, "all", "team:one", "user:bob", ("user:bob",)),
        (2, "all/second", "team:one", "user:ana", ("user:bob",)),
        (6, "all/first", "team:two", "user:bob", ("user:bob", "user:ana")),
        (11, "all/first/deep", "team:two", "user:bob", ("user:ana",)),
    ],
)
def test_refine(count: int, rule: str, owner: str, assignee: str, cc: tuple[str, ...]) -> None:
    view = table(RULE).route(finding(count=count), NOW).view
    assert (view.rule, view.owner.id, view.assignee, view.cc) == (rule, owner, assignee, cc)
    assert view.severity == "medium"


def test_a_new_owner_brings_their_own_tracker_and_lead() -> None:
    view = table(RULE).route(finding(count=11), NOW).view
    assert (view.ticket.system, view.ticket.group, view.owner.lead) == ("servicenow", "Two", "user:bob")
    assert view.notify == ("user:bob",)
    view = table(RULE).route(finding(), NOW).view
    assert (view.ticket.system, view.ticket.project, view.owner.slack) == ("jira", "ONE", "C1")
    assert view.owner.members == ("user:ana", "user:bob")


OVERLAYS = """
overlays:
- {id: a, when: finding.count > 0, cc: [user:ana], floor: {severity: high}, tags: [x], sla: strict}
- id: b
  when: finding.count > 0
  cc: [user:bob]
  floor: {severity: low}
  tags: [w]
  legal_clock: {id: l1, duration: 72h}
- {id: c, when: finding.count > 0, notify: [user:bob], legal_clock: {id: l0, duration: 24h}}
- {id: d, when: "finding.actor.ip.startsWith('192.')", cc: [user:bob]}
"""


def test_overlays_add_and_tighten_after_the_ceiling() -> None:
    decision = table(RULE + OVERLAYS).route(finding(), NOW)
    view = decision.view
    assert view.severity == "high"
    assert set(view.cc) == {"user:ana", "user:bob"}
    assert view.tags == ("route:unevaluated", "w", "x")
    assert view.legal_clock == "l0, l1"
    assert view.due == NOW + timedelta(days=1)
    assert view.lane == "emergency_patch"
    assert decision.deadlines.contain == NOW + timedelta(hours=4)
    assert any("overlay d: counts as false" in note for note in decision.trace.notes)


@given(st.permutations(yaml.safe_load(OVERLAYS)["overlays"]))
def test_the_order_of_overlays_has_no_meaning(overlays: list[dict[str, Any]]) -> None:
    view = table(RULE + yaml.safe_dump({"overlays": overlays})).route(finding(), NOW).view
    expected = table(RULE + OVERLAYS).route(finding(), NOW).view
    assert view.model_copy(update={"cc": sorted(view.cc)}) == expected.model_copy(update={"cc": sorted(expected.cc)})


def test_someone_always_owns_it() -> None:
    for words in ({}, {"api": {"host": "", "path": ""}}, {"api": {"host": "\u0000", "path": "\ud800"}}):
        view = table("").route(FindingView.model_validate(words), NOW).view
        assert (view.owner.id, view.assignee, view.rule) == ("team:two", "user:bob", "fallback")


def test_whoever_left_is_passed_over() -> None:
    text = BASE.replace("{name: Bob,", "{name: Bob, active: false,")
    loaded = load_routes(
        text.replace("lead: user:bob", "lead: user:ana")
        .replace("user: user:bob", "user: user:ana")
        .replace("members: [user:ana, user:bob]", "members: [user:ana]")
        .replace("members: [user:bob, user:ana]", "members: [user:ana]")
    )
    assert loaded.people.resolve("user:bob", NOW) == ()
    assert loaded.people.contact("user:bob", "slack") == "U2"
    assert loaded.people.who("slack", "U2") == ""


def test_deadlines_by_clock() -> None:
    loaded = table("rules: [{id: r, match: {host: a.test}, owner: team:one, calendar: office}]\n")
    assert loaded.route(finding(), NOW).view.due == NOW + timedelta(days=2)
    medium = loaded.route(finding(severity="medium"), NOW).view
    assert medium.due == datetime(2026, 3, 5, 14, tzinfo=UTC)  # one working day and four open hours
    assert medium.time_left == timedelta(days=1, hours=4)
    late = loaded.route(finding(severity="medium"), datetime(2026, 3, 5, 16, tzinfo=UTC)).view
    assert late.due == datetime(2026, 3, 10, 11, tzinfo=UTC)  # Friday is closed: Monday, then two hours over
    info = loaded.route(finding(severity="info"), NOW).view
    assert (info.due, info.time_left) == (None, timedelta(days=90))
    assert loaded.route(finding(severity="low"), NOW).view.due is None


def test_change_freeze_comes_from_the_rules_calendar() -> None:
    loaded = table("rules: [{id: r, match: {host: a.test}, owner: team:one, calendar: office}]\n")
    frozen = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert loaded.route(finding(), frozen).view.change_freeze
    assert not loaded.route(finding(), NOW).view.change_freeze
    assert not table("").route(finding(), frozen).view.change_freeze


def test_escalation_in_seconds() -> None:
    view = table("").route(finding(), NOW).view
    day = 86_400.0
    assert view.escalation == (
        (0.0, ("team:two",)),
        (day, ("user:bob",)),
        (3 * day, ("schedule:night",)),
        (3 * day + 3600, ("schedule:night",)),
    )
    without = table("").route(finding(severity="info"), NOW).view
    assert [seconds for seconds, _ in without.escalation] == [0.0, 3 * day, 3 * day + 3600]


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-03-02T07:59:00+00:00", ()),
        ("2026-03-02T08:00:00+00:00", ("user:ana",)),
        ("2026-03-05T12:00:00+00:00", ("user:bob",)),
        ("2026-03-06T12:00:00+00:00", ("user:ana",)),
        ("2026-03-09T08:00:00+00:00", ("user:bob",)),
        ("2026-03-30T06:59:00+00:00", ("user:bob",)),  # summer time: nine o'clock is an hour earlier in UTC
        ("2026-03-30T07:00:00+00:00", ("user:ana",)),
    ],
)
def test_who_is_on_call(when: str, who: tuple[str, ...]) -> None:
    assert table("").people.resolve("schedule:night", datetime.fromisoformat(when)) == who


def test_people() -> None:
    people = table("").people
    assert people.resolve("team:one", NOW) == ("user:ana", "user:bob")
    assert people.resolve("user:eva", NOW) == people.resolve("team:none", NOW) == people.resolve("", NOW) == ()
    assert people.contact("user:ana", "jira") == "ana"
    assert people.contact("team:one", "slack") == "C1"
    assert people.contact("team:one", "jira") == "ONE"
    assert people.contact("team:two", "servicenow") == "Two"
    assert (
        people.contact("team:two", "jira") == people.contact("user:bob", "jira") == people.contact("x", "slack") == ""
    )
    assert people.contact("schedule:night", "slack", NOW) == "U1"
    assert people.contact("schedule:night", "slack") == ""
    assert people.who("slack", "U1") == "user:ana"
    assert people.who("slack", "U3") == people.who("slack", "") == people.who("slack", "U9") == ""


def test_reasons() -> None:
    loaded = load_routes(SHIPPED.read_text())
    api = {"host": "shop.example.com", "path": "/mobile/v2/payments/1", "method": "POST"}
    trace = loaded.route(finding(api=api), NOW).trace
    assert trace.matched == "*.example.com/mobile/{version}/payments/** POST,PUT"
    assert dict(trace.lost) == {
        "mobile-app": "path segment 2: {x} beats anything",
        "platform": "path segment 1: literal beats anything",
    }
    trace = loaded.route(finding(api={**api, "method": "GET"}), NOW).trace
    assert dict(trace.near) == {"mobile-payments": "methods: POST, PUT without GET"}
    assert trace.notes[0] == (
        "refine mobile-misconfig-direct: false (finding.category == 'API8:2023' is false; "
        "finding.severity in ['low', 'medium'] is false)"
    )


def test_encoding_that_changes_the_owner_is_marked() -> None:
    loaded = load_routes(SHIPPED.read_text())
    plain = loaded.route(finding(api={"host": "shop.example.com", "path": "/caf%C3%A9?x=1"}), NOW)
    assert plain.view.tags == ()
    moved = loaded.route(finding(api={"host": "shop.example.com", "path": "/x/..%2fmobile"}), NOW)
    assert moved.view.tags == ("path:encoded",)
    assert "would go to another rule" in moved.trace.notes[0]


def test_wins_over_beats_the_more_specific_place() -> None:
    rules = """
rules:
- {id: exact, match: {host: a.test}, owner: team:one}
- {id: wide, match: {host: "*.test", path: /x/**}, owner: team:two, wins_over: [exact]}
"""
    decision = table(rules).route(finding(), NOW)
    assert decision.rule == "wide"
    assert decision.trace.lost == (("exact", "the winner is written to win over it"),)
    assert table(rules).route(finding(api={"host": "a.test", "path": "/y"}), NOW).rule == "exact"


def test_the_digest_follows_the_meaning_and_not_the_layout() -> None:
    first = table(RULE)
    assert first.digest == table(RULE + "\n# a comment\n").digest
    assert first.digest != table(RULE.replace("count > 5", "count > 6")).digest
    assert first.route(finding(), NOW).digest == first.digest


def test_routing_is_repeatable() -> None:
    loaded = load_routes(SHIPPED.read_text())
    one = finding(api={"host": "mobile.example.com", "path": "/login"}, data_classification=["pii"])
    assert loaded.route(one, NOW) == loaded.route(one, NOW)


def test_an_owner_of_the_inventory_goes_before_the_default_and_overlays_still_tighten() -> None:
    table = load_routes((Path(__file__).parents[2] / "policy" / "routes.yaml").read_text("utf-8"))
    api = {"host": "docs.example.org", "id": "docs", "owner": "team:mobile-product"}
    view = FindingView.model_validate({"severity": "low", "api": api, "data_classification": ["pii"]})
    decision = table.route(view, datetime(2026, 3, 2, 10, 0, tzinfo=UTC))
    assert (decision.rule, decision.view.owner.id) == ("inventory:docs", "team:mobile-product")
    assert (decision.view.severity, decision.view.cc, decision.view.legal_clock) == (
        "high",
        ("team:appsec",),
        "gdpr-33",
    )
    assert decision.view.lane == "emergency_patch", "the promises of the default"
    assert decision.view.ticket.group == "Mobile Product", "the tracker of the owner"
    assert decision.view.escalation
    stranger = view.model_copy(update={"api": view.api.model_copy(update={"owner": "team:nobody"})})
    assert table.route(stranger, datetime(2026, 3, 2, 10, 0, tzinfo=UTC)).rule == "fallback"


AWAY = """
rules:
- {id: r, match: {host: a.test}, owner: team:one, assignee: user:bob, cc: [user:bob]}
"""


def absent(text: str, **away: str) -> RouteTable:
    for name, words in away.items():
        span = f"away: [{{from: 2026-03-04T00:00:00Z, until: 2026-03-05T00:00:00Z{words}}}]"
        text = text.replace(f"user:{name}: {{", f"user:{name}: {{{span}, ")
    return load_routes(text + AWAY)


def test_whoever_is_away_is_stood_in_for() -> None:
    away = absent(BASE, bob=", instead: user:ana")
    decision = away.route(finding(), NOW)
    assert (decision.view.assignee, decision.view.cc) == ("user:ana", ("user:bob", "user:ana"))
    assert any("user:bob is away until 2026-03-05" in note for note in decision.trace.notes)
    assert away.people.resolve("user:bob", NOW) == ("user:ana", "user:bob")
    later = NOW + timedelta(days=1)
    assert away.route(finding(), later).view.assignee == "user:bob"
    assert away.people.resolve("user:bob", later) == ("user:bob",)


def test_without_a_stand_in_the_lead_takes_it_then_the_default_owner() -> None:
    assert absent(BASE, bob="").route(finding(), NOW).view.assignee == "user:ana"
    other = BASE.replace("team:two: {lead: user:bob", "team:two: {lead: user:carl").replace(
        "user:bob: {", "user:carl: {name: Carl}\n    user:bob: {"
    )
    assert absent(other, bob="", ana="").route(finding(), NOW).view.assignee == "user:carl"
    assert absent(other, bob="", ana="", carl="").route(finding(), NOW).view.assignee == "user:bob", (
        "better than nobody"
    )


def test_absence_takes_nobodys_say_and_an_on_call_person_who_is_away_hands_over() -> None:
    away = absent(BASE, ana="")
    assert away.people.resolve("team:one", NOW) == ("user:bob", "user:ana")
    assert away.people.resolve("schedule:night", NOW) == ("user:bob",)
    loop = absent(BASE, ana=", instead: user:bob", bob=", instead: user:ana")
    assert loop.people.resolve("user:ana", NOW) == ("user:ana",)


def test_out_of_hours_the_next_of_the_escalation_hears_of_it_at_once() -> None:
    loaded = table("rules: [{id: r, match: {host: a.test}, owner: team:one, calendar: office, notify: [user:bob]}]\n")
    assert loaded.route(finding(), NOW).view.notify == ("user:bob",)
    night = loaded.route(finding(), NOW + timedelta(hours=12))
    assert night.view.notify == ("user:bob", "user:ana")
    assert any("office is closed" in note for note in night.trace.notes)


def test_hosts_whose_paths_have_no_case() -> None:
    rules = "ignore_case: ['*.old.test']\nrules: [{id: r, match: {path: /Admin/Users/**}, owner: team:one}]\n"
    loaded = table(rules)
    for path in ("/admin/users/1", "/ADMIN/Users"):
        assert loaded.route(finding(api={"host": "x.old.test", "path": path}), NOW).rule == "r"
        assert loaded.route(finding(api={"host": "x.new.test", "path": path}), NOW).rule == "fallback"
    assert loaded.route(finding(api={"host": "x.new.test", "path": "/Admin/Users"}), NOW).rule == "r"
