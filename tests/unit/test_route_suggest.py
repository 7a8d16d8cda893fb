"""Rules that people's corrections teach: enough of them, agreed, as a patch that applies and keeps its promises."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from stanch.cli.route import app
from stanch.documents import load
from stanch.findings.fixtures import parse_finding
from stanch.keys import Keys
from stanch.learning.counting import groups_of, last_of_each, prefix_of, stale_rules, wilson
from stanch.learning.outcome import Known
from stanch.learning.patching import unified
from stanch.learning.proposing import Suggestions, Terms, suggest
from stanch.learning.writing import append_to, flow
from stanch.records import CaseRow, FindingRow, Reassignment, Records
from stanch.routing import check, lint, load_routes
from stanch.settings import load_settings
from stanch.views import FindingView

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
TERMS = Terms(NOW, timedelta(days=90))
HEAD = """\
# who owns what
version: routing/v1
directory:
  users: {user:ana: {name: Ana}, user:tom: {name: Tom}, user:eva: {name: Eva}, user:gone: {name: G, active: false}}
  teams:
    team:a: {lead: user:ana, members: [user:eva]}
    team:b: {lead: user:tom}
    team:sec: {lead: user:ana}
default: {id: fallback, owner: team:sec}
"""
RULES = """\
rules:
  - id: shop          # the shop
    match: {host: shop.example.com}
    owner: team:a
    refine:
      - id: staging   # not urgent
        when: finding.api.environment != 'prod'
        owner: team:sec

  # everything else
  - id: rest
    match: {host: "*.example.com"}
    owner: team:sec
tests:
  - name: shop
    finding: {api: {host: shop.example.com}}
    expect: {rule: shop, owner: team:a}
  - name: staging
    finding: {api: {host: shop.example.com, environment: staging}}
    expect: {rule: shop/staging}
  - name: rest
    finding: {api: {host: x.example.com}}
    expect: {rule: rest}
"""
TEXT = HEAD + RULES


def moved(number: int, to: str = "team:b", **more: Any) -> Reassignment:
    words = {"rule": "shop", "category": "API8:2023", "host": "shop.example.com", "path": f"/v1/config/{number}"}
    given = {"from_owner": "team:a", **words, **more}
    case, at = given.pop("case", f"case-{number}"), given.pop("at", NOW - timedelta(days=1))
    return Reassignment(f"{case}:{at}:{to}", case, at, "user:ana", to_owner=to, **given)


def case_of(row: Reassignment, **more: Any) -> Known:
    api = {"host": row.host, "path": row.path, "method": "GET"} | more.pop("api", {})
    finding = FindingView.model_validate({"category": row.category, "api": api, **more})
    return Known(row.case_id, finding, row.at, row.to_owner)


def learned(rows: list[Reassignment], text: str = TEXT, *, others: tuple[Known, ...] = ()) -> Suggestions:
    last = last_of_each(rows)
    cases = [case_of(row) for row in last.values()]
    return suggest(text, load_routes(text), groups_of(last), [*cases, *others], TERMS)


# -- counting


@pytest.mark.parametrize(
    ("agreed", "count", "lower"), [(8, 8, 0.676), (5, 5, 0.566), (21, 22, 0.782), (0, 9, 0.0), (0, 0, 0.0)]
)
def test_wilson(agreed: int, count: int, lower: float) -> None:
    assert wilson(agreed, count) == pytest.approx(lower, abs=0.0005)


@given(st.integers(1, 500), st.data())
def test_wilson_is_a_cautious_share(count: int, data: st.DataObject) -> None:
    agreed = data.draw(st.integers(0, count))
    assert 0 <= wilson(agreed, count) <= agreed / count + 1e-9
    assert wilson(agreed, count) <= wilson(agreed + 1, count + 1) + 1e-9


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/a/b/c", "/a/b"),
        ("/a", "/a"),
        ("", ""),
        ("/", ""),
        ("//a///b//c?d=/e", "/a/b"),
        ("/users/{id}/x", "/users/{id}"),
    ],
)
def test_prefix(path: str, prefix: str) -> None:
    assert prefix_of(path) == prefix


def test_a_case_counts_once_with_where_it_ended() -> None:
    day = timedelta(days=1)
    rows = [moved(1, "team:b", at=NOW - 3 * day), moved(1, "team:sec", at=NOW - day, from_owner="team:b")]
    rows += [moved(2, "team:b", at=NOW - 3 * day), moved(2, "team:a", at=NOW - day, from_owner="team:b")]
    last = last_of_each(reversed(rows))
    assert {case: row.to_owner for case, row in last.items()} == {"case-1": "team:sec"}


def test_rules_that_are_corrected_too_often_are_stale() -> None:
    last = last_of_each([moved(number) for number in range(4)] + [moved(9, rule="rest")])
    found = stale_rules(last, {"shop": 9, "shop/staging": 4, "rest": 4})
    assert [(each.rule, each.moved, each.cases) for each in found] == [("shop", 4, 13)]
    assert stale_rules(last, {"shop": 14, "rest": 10}) == []


# -- proposing


def test_eight_of_eight_become_a_branch_with_tests() -> None:
    made = learned([moved(number) for number in range(8)])
    (proposal,) = made.proposals
    branch = proposal.addition.branch
    assert branch == {
        "id": "learned-api8-v1-config",
        "when": branch["when"],
        "owner": "team:b",
        "cc": ["team:a"],
        "learned": {"from": "8 reassignments", "agreed": 8, "window": "90d", "on": "2026-03-02"},
    }
    assert made.table.file.rules[0].refine[1].id == branch["id"]
    assert all(result.ok for result in check(made.table))
    assert lint(made.table, check(made.table)) == []
    assert (proposal.counterfactual.of, proposal.counterfactual.changed, proposal.counterfactual.agree) == (8, 8, 8)
    assert "# not urgent" in made.text
    assert made.text.replace(made.text, TEXT) == TEXT
    assert [line for line in TEXT.splitlines() if line not in made.text.splitlines()] == []


def test_seven_or_five_of_five_or_a_tie_are_not_enough() -> None:
    for rows in (
        [moved(number) for number in range(7)],
        [moved(number) for number in range(5)],
        [moved(number, "team:b" if number % 2 else "team:sec") for number in range(20)],
        [moved(number, "team:b" if number < 9 else "team:sec") for number in range(12)],
    ):
        made = learned(rows)
        assert made.proposals == []
        assert "not enough" in made.refused[0].why
        assert made.text == TEXT


def test_most_of_them_suffice() -> None:
    (proposal,) = learned([moved(number, "team:b" if number < 13 else "team:sec") for number in range(14)]).proposals
    assert (proposal.target, proposal.agreed) == ("team:b", 13)
    assert (proposal.counterfactual.changed, proposal.counterfactual.agree) == (14, 13)


def test_the_counterfactual_looks_at_the_rules_last_cases_alone() -> None:
    rows = [moved(number) for number in range(8)]
    others = tuple(case_of(moved(100 + number, path="/other", category="API1:2023")) for number in range(300))
    kept = tuple(Known(each.case_id, each.finding, each.at) for each in others)
    same = Known("case-same", case_of(moved(1)).finding, NOW)
    (proposal,) = learned(rows, others=(same, *kept)).proposals
    assert proposal.counterfactual.of == 200
    assert (proposal.counterfactual.changed, proposal.counterfactual.agree) == (9, 8)


def test_what_a_branch_answered_is_refined_inside_that_branch() -> None:
    rows = [moved(number, rule="shop/staging", from_owner="team:sec") for number in range(8)]
    last = last_of_each(rows)
    cases = [case_of(row, api={"environment": "staging"}) for row in last.values()]
    made = suggest(TEXT, load_routes(TEXT), groups_of(last), cases, TERMS)
    (proposal,) = made.proposals
    assert proposal.addition.place == ("rules", 0, "refine", 0)
    outside = cases[0].finding.model_copy(
        update={"api": cases[0].finding.api.model_copy(update={"environment": "prod"})}
    )
    assert made.table.route(outside, NOW).rule == "shop"
    assert made.table.route(cases[0].finding, NOW).rule == "shop/staging/learned-api8-v1-config"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("user:tom", {"owner": "team:b", "assignee": "user:tom", "cc": ["team:a"]}),
        ("user:eva", {"assignee": "user:eva", "cc": ["user:ana"]}),
    ],
)
def test_a_person_brings_their_team_or_is_assigned(to: str, words: dict[str, Any]) -> None:
    (proposal,) = learned([moved(number, to) for number in range(8)]).proposals
    branch = proposal.addition.branch
    assert {name: branch[name] for name in ("owner", "assignee", "cc") if name in branch} == words


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([moved(n, "team:nowhere") for n in range(8)], "nobody in the directory"),
        ([moved(n, "user:gone") for n in range(8)], "not active"),
        ([moved(n, rule="fallback", host="www.example.org") for n in range(8)], "only the default"),
        ([moved(n, rule="old") for n in range(8)], "answer these otherwise"),
        ([moved(n, category="x" * 300) for n in range(8)], "too long"),
    ],
)
def test_what_cannot_be_proposed_is_said(rows: list[Reassignment], why: str) -> None:
    made = learned(rows)
    assert made.proposals == []
    assert why in made.refused[0].why


def test_what_was_learned_once_is_not_proposed_again() -> None:
    rows = [moved(number) for number in range(8)]
    first = learned(rows)
    again = learned(rows, first.text)
    assert again.proposals == []
    assert "answer these otherwise" in again.refused[0].why


def test_a_test_of_the_file_that_says_otherwise_wins() -> None:
    more = """\
  - name: config stays
    finding: {category: "API8:2023", api: {host: shop.example.com, path: /v1/config/7}}
    expect: {owner: team:a}
"""
    made = learned([moved(number) for number in range(8)], TEXT + more)
    assert made.proposals == []
    assert "the test 'config stays' would fail: owner would be team:b, not team:a" in made.refused[0].why


def test_several_proposals_hold_together() -> None:
    rows = [moved(number) for number in range(8)]
    rows += [moved(number, category="API1:2023", path="/v2/users/{id}", case=f"o-{number}") for number in range(9)]
    made = learned(rows)
    assert [each.group.prefix for each in made.proposals] == ["/v2/users", "/v1/config"]
    assert all(result.ok for result in check(made.table))


def test_a_variable_in_the_prefix_is_looked_for_in_the_template() -> None:
    rows = [moved(number, path="/users/{id}/x") for number in range(8)]
    last = last_of_each(rows)
    cases = [
        case_of(row, api={"path": f"/users/{number}/x", "path_template": "/users/{id}/x"})
        for number, row in enumerate(last.values())
    ]
    (proposal,) = suggest(TEXT, load_routes(TEXT), groups_of(last), cases, TERMS).proposals
    assert "finding.api.path_template.startsWith('/users/{id}/')" in proposal.addition.branch["when"]
    assert len(proposal.addition.tests) == 3


HOSTILE = [
    "a' || true || '",
    'x", owner: team:sec, when: "true',
    "x\n  - id: evil\n    match: {host: '*'}\n    owner: team:b",
    "${{ finding.id }}",
    "{{ 7*7 }} {% raw %}",
    "*anchor &x !!python/object",
    "# comment",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202egnp.exe",
    "\\u0027 || true",
    "\x00\x1b[31m",
    "\ud800",
    "'; DROP",
    "--- a/x\n+++ b/x",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("where", ["path", "category"])
def test_hostile_text_stays_data(text: str, where: str) -> None:
    words = {"path": f"/{text}/x"} if where == "path" else {"category": text}
    made = learned([moved(number, **words) for number in range(8)])
    file = made.table.file
    assert [rule.id for rule in file.rules] == ["shop", "rest"]
    assert [branch.id for branch in file.rules[1].refine] == []
    for result in (made.table.route(FindingView.model_validate({"api": {"host": "shop.example.com"}}), NOW),):
        assert result.rule == "shop"
    assert all(char == "\n" or " " <= char <= "~" for char in made.text)
    if made.proposals:
        assert all(result.ok for result in check(made.table))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_stays_data(path: str, category: str) -> None:
    made = learned([moved(number, path=f"/{path}", category=category) for number in range(8)])
    branches = made.table.file.rules[0].refine
    assert len(branches) == 1 + len(made.proposals)
    assert made.table.route(
        FindingView.model_validate({"category": "other!", "api": {"host": "shop.example.com"}}), NOW
    ).rule == ("shop")


# -- writing


ITEM = {"id": "new", "when": "x == 'y: #' && {", "cc": ["team:a"], "learned": {"from": "8", "agreed": 8}}
LAYOUTS = {
    "list": (
        "rules:\n  - id: x  # c\n    refine:\n      - id: b\n        w: |\n"
        "          foo\n\n        # t\n  # y\n  - id: y\n"
    ),
    "none": "rules:\n  - id: x\n    match: {h: 1,\n      b: 2}  # c\n\n  - id: y",
    "flow list": "rules:\n  - {id: x, refine: [ {id: b} , ] }\n",
    "empty list": "rules:\n  - id: x\n    refine: []\n",
    "flow rule": "rules: [{id: x}, {id: y}]\n",
    "bracket below": "rules:\n  - {id: x, refine: [\n     {id: b}  # c, d\n   ]}\n",
    "comma below": "rules:\n  - {id: x, refine: [\n     {id: b},  # c\n   ]}\n",
    "all flow": "{rules: [{id: x}], tests: []}\n",
    "windows": "rules:\r\n  - id: x\r\n    a: b\r\n  - id: y\r\n",
    "windows, no end": "rules:\r\n  - id: x\r\n    a: b",
    "null": "rules:\n  - id: x\n    a:\n  - id: y\n",
    "two lines": 'rules:\n  - id: x\n    a: "b\n      c"\n  - id: y\n',
    "no indent": "rules:\n- id: x\n  refine:\n  - id: b\n    when: 'x'\n- id: y\ntests:\n- name: q\n# end",
    "wide": "rules:\n    -   id: x\n        refine:\n            -   id: b\n",
    "unicode": 'rules:\n  - {id: x, a: "\u00fc\U0001f600", refine: []}\n',
    "folded": "rules:\n  - id: x\n    a: >-\n      b\n      c\n\n\n  - id: y\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_a_list_grows_in_any_layout_and_nothing_else_changes(text: str) -> None:
    wanted = load(text).data
    wanted["rules"][0].setdefault("refine", [])
    wanted["rules"][0]["refine"].append(ITEM)
    wanted["tests"] = [*(wanted.get("tests") or []), ITEM]
    made = append_to(append_to(text, ("rules", 0), "refine", ITEM), (), "tests", ITEM)
    assert load(made).data == wanted
    assert [line for line in text.splitlines() if "#" in line and line.partition("#")[2] not in made] == []


@given(
    st.recursive(
        st.text() | st.integers(-(2**60), 2**60) | st.booleans(), lambda each: st.lists(each, max_size=3), max_leaves=6
    )
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert load(f"x: {flow(value)}").data == {"x": value}


@pytest.mark.parametrize("old", ["a\nb\nc\n", "a\nb\nc", "a\r\nb\r\n", "", "a\x0bb\u2028c\nd\n"])
@pytest.mark.parametrize("new", ["x\na\nb\nc\n", "a\nb\nc\nd", "a\nb\r\nd", "a\x0bb\u2028c\ne\n"])
def test_git_applies_what_is_printed(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "my routes.yaml").write_bytes(old.encode())
    patch = unified(old, new, name="my routes.yaml")
    git(tmp_path, "apply", "--unsafe-paths", "-", stdin=patch.encode())
    assert (tmp_path / "my routes.yaml").read_bytes() == new.encode()


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> None:
    subprocess.run(["git", *arguments], cwd=folder, input=stdin, check=True, capture_output=True)


# -- the command


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STANCH_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/routes.yaml").write_text(TEXT, "utf-8")
    git(tmp_path, "init", "-q")
    return tmp_path


def fill(number: int, to: str = "team:b") -> None:
    settings = load_settings()
    records = Records(settings.url_of_records, Keys(settings).ledger)
    now = datetime.now(UTC)
    for each in range(number):
        row = moved(each, to, at=now - timedelta(days=1))
        records.put_case(CaseRow(row.case_id, 1, now - timedelta(days=2), now, rule="shop"))
        records.add_reassignment(row)
        body = {"title": "t", "category": row.category, "severity": "high", "api": {"host": row.host, "path": row.path}}
        finding = parse_finding(body).model_dump(mode="json")
        records.add_finding(FindingRow(row.case_id, "f", "own", now - timedelta(days=2), finding))
    records.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["suggest", *arguments], catch_exceptions=False)


def test_the_patch_applies_and_the_patched_file_is_better(deployment: Path) -> None:
    fill(8)
    result = run()
    assert result.exit_code == 0
    assert "8 of 8 ended at team:b (surely 68%)" in result.stderr
    assert "would have changed 8 of the last 8, 8 agree with where they ended" in result.stderr
    assert "rule shop is stale: 8 of 8 cases" in result.stderr
    git(deployment, "apply", "-", stdin=result.stdout_bytes)
    patched = (deployment / "policy/routes.yaml").read_text("utf-8")
    table = load_routes(patched)
    assert all(test.ok for test in check(table))
    assert len(table.file.tests) == 6
    assert table.file.tests[-1].finding["severity"] == "high"
    assert CliRunner().invoke(app, ["check", "policy/routes.yaml"]).exit_code == 0
    assert run().exit_code == 1


def test_nothing_is_changed_and_json_has_everything(deployment: Path) -> None:
    fill(9)
    before = (deployment / "policy/routes.yaml").read_bytes()
    found = json.loads(run("--json").stdout)
    assert (deployment / "policy/routes.yaml").read_bytes() == before
    (proposal,) = found["proposals"]
    assert (proposal["count"], proposal["agreed"], proposal["target"]) == (9, 9, "team:b")
    assert proposal["counterfactual"] == {"of": 9, "changed": 9, "agree": 9}
    assert found["patch"].startswith("--- a/policy/routes.yaml\n")


def test_without_lessons_there_is_no_patch(deployment: Path) -> None:
    fill(5)
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "5 of 5 ended at team:b: not enough" in result.stderr
    assert "nothing to propose" in result.stderr


def test_what_is_older_does_not_count(deployment: Path) -> None:
    fill(8)
    assert run("--days", "1").exit_code == 1
