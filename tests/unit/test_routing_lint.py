"""What is allowed but doubtful in ownership files: each with its code and line; quiet where all is well."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stanch.routing import check, lint, load_routes

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = """version: routing/v1
directory:
  users: {user:ana: {name: Ana}, user:bob: {name: Bob}}
  teams:
    team:one: {lead: user:ana, members: [user:bob]}
    team:two: {lead: user:bob}
  schedules:
    schedule:s: {rotation: {start: 2026-01-05T09:00:00Z, every: 7d, members: [user:ana]}}
default: {id: fallback, owner: team:one}
"""
LINES = HEAD.count("\n")


def said(body: str, *, head: str = HEAD) -> list[tuple[str, int, int]]:
    """Code, line from the start of the body, and column of each remark."""
    table = load_routes(head + body, "r.yaml")
    problems = lint(table, check(table), now=NOW)
    assert all(problem.file == "r.yaml" and problem.message and problem.hint for problem in problems)
    assert all(problem.severity in ("warning", "info") for problem in problems)
    return [(problem.code, problem.line - LINES, problem.column) for problem in problems]


TEST = "tests:\n- {name: t, finding: {api: {host: a.test}}, expect: {rule: a}}\n"
A = "rules:\n- {id: a, match: {host: a.test}, owner: team:two}\n"


@pytest.mark.parametrize(
    ("bad", "expected", "good"),
    [
        pytest.param(
            "rules:\n- {id: a, match: {host: '*.co.uk'}, owner: team:two}\n" + TEST.replace("a.test", "a.co.uk"),
            [("R004", 2, 18)],
            "rules:\n- {id: a, match: {host: '*.shop.co.uk'}, owner: team:two}\n"
            + TEST.replace("a.test", "a.shop.co.uk"),
            id="wildcard over a public suffix",
        ),
        pytest.param(
            "rules:\n- {id: a, match: {host: '{x}.github.io'}, owner: team:two}\n"
            + TEST.replace("a.test", "a.github.io"),
            [("R004", 2, 18)],
            "rules:\n- {id: a, match: {host: shop.github.io}, owner: team:two}\n"
            + TEST.replace("a.test", "shop.github.io"),
            id="variable over a private public suffix",
        ),
        pytest.param(
            "rules:\n"
            "- {id: a, match: {host: a.test.org}, owner: team:two}\n"
            "- {id: b, match: {host: '*.test.org', path: /pay/**}, owner: team:one}\n"
            "tests:\n- {name: t, finding: {api: {host: a.test.org}}, expect: {rule: a}}\n"
            "- {name: u, finding: {api: {host: b.test.org, path: /pay}}, expect: {rule: b}}\n",
            [("R104", 3, 18)],
            "rules:\n"
            "- {id: a, match: {host: a.test.org}, owner: team:two, wins_over: [b]}\n"
            "- {id: b, match: {host: '*.test.org', path: /pay/**}, owner: team:one}\n"
            "tests:\n- {name: t, finding: {api: {host: a.test.org}}, expect: {rule: a}}\n"
            "- {name: u, finding: {api: {host: b.test.org, path: /pay}}, expect: {rule: b}}\n",
            id="the host decides before the path",
        ),
        pytest.param(
            "rules:\n"
            "- {id: a, match: {host: a.test}, owner: team:two, wins_over: [b]}\n"
            "- {id: b, match: {host: b.test}, owner: team:one}\n"
            "tests:\n- {name: t, finding: {api: {host: a.test}}, expect: {rule: a}}\n"
            "- {name: u, finding: {api: {host: b.test}}, expect: {rule: b}}\n",
            [("R106", 2, 63)],
            "",
            id="wins_over of rules that never meet",
        ),
        pytest.param(
            "rules:\n"
            "- {id: a, match: {host: a.test, path: /x}, owner: team:two, wins_over: [b]}\n"
            "- {id: b, match: {host: a.test}, owner: team:one}\n"
            "tests:\n- {name: t, finding: {api: {host: a.test, path: /x}}, expect: {rule: a}}\n"
            "- {name: u, finding: {api: {host: a.test}}, expect: {rule: b}}\n",
            [("R106", 2, 73)],
            "rules:\n"
            "- {id: a, match: {host: a.test, path: '/{y}/x'}, owner: team:two, wins_over: [b]}\n"
            "- {id: b, match: {host: a.test, path: '/x/{y}'}, owner: team:one}\n"
            "tests:\n- {name: t, finding: {api: {host: a.test, path: /x/x}}, expect: {rule: a}}\n"
            "- {name: u, finding: {api: {host: a.test, path: /x/y}}, expect: {rule: b}}\n",
            id="wins_over of the more specific rule",
        ),
        pytest.param(A, [("R107", 2, 8)], A + TEST, id="rule without a test"),
        pytest.param(
            A.replace("owner: team:two}", "owner: team:two, refine: [{id: x, when: finding.is_test}]}") + TEST,
            [("R107", 2, 65)],
            A.replace("owner: team:two}", "owner: team:two, refine: [{id: x, when: finding.is_test}]}")
            + TEST
            + "- {name: u, finding: {is_test: true, api: {host: a.test}}, expect: {rule: a/x}}\n",
            id="branch without a test",
        ),
        pytest.param(
            A + TEST + "- {name: u, finding: {api: {host: a.test, path: /u}}, expect: {}}\n",
            [("R108", 5, 63)],
            A + TEST + "- {name: u, finding: {api: {host: a.test, path: /u}}, expect: {owner: team:two}}\n",
            id="test that expects nothing",
        ),
        pytest.param(
            A + TEST + "- {name: u, finding: {api: {host: a.test}}, expect: {rule: a}}\n",
            [("R108", 5, 3)],
            A + TEST + "- {name: u, finding: {api: {host: a.test}}, expect: {rule: a, lane: backlog}}\n",
            id="the same test twice",
        ),
        pytest.param(
            A + TEST + "- {name: u, finding: {severity: low, api: {host: a.test}}, expect: {severity: low}}\n",
            [("R108", 5, 68)],
            A.replace("owner: team:two}", "owner: team:two, ceiling: {severity: info}}")
            + TEST
            + "- {name: u, finding: {severity: low, api: {host: a.test}}, expect: {severity: info}}\n",
            id="test that passes without any rule",
        ),
        pytest.param(
            "sla: {s: {high: {fix: 1d}}}\n",
            [("R201", 1, 7)],
            "sla: {s: {high: {fix: 1d}, info: {fix: none}, low: {fix: 9d}, medium: {fix: 3d}, critical: {fix: 1h}}}\n",
            id="sla without a severity",
        ),
        pytest.param(
            "escalations: {e: [{after: 1h, notify: [owner]}]}\n",
            [("R202", 1, 19)],
            "escalations: {e: [{after: 1h, notify: [owner]}, {after: 2h, notify: [schedule:s]}]}\n",
            id="escalation that ends at nobody in particular",
        ),
        pytest.param(
            "silences:\n- {id: s, from: 2026-02-01T00:00:00Z, until: 2026-02-08T00:00:00Z, reason: r, by: user:ana}\n",
            [("R301", 2, 46)],
            "silences:\n- {id: s, from: 2026-05-30T00:00:00Z, until: 2026-06-08T00:00:00Z, reason: r, by: user:ana}\n",
            id="silence that is over",
        ),
        pytest.param(
            "inhibit:\n"
            "- id: i\n"
            "  source: {when: \"finding.category == 'X' && finding.severity == 'low'\"}\n"
            "  target: {when: \"finding.severity in ['low', 'medium']\"}\n"
            "  equal: [api.host]\n",
            [("R302", 4, 11)],
            "inhibit:\n"
            "- id: i\n"
            "  source: {when: \"finding.category == 'X'\"}\n"
            "  target: {when: \"finding.severity in ['low', 'medium']\"}\n"
            "  equal: [api.host]\n",
            id="inhibition that inhibits its own sources",
        ),
    ],
)
def test_each_doubt_has_a_code_and_a_place(bad: str, expected: list[tuple[str, int, int]], good: str) -> None:
    assert said(bad) == expected
    assert said(good) == []


def test_gaps_in_a_rota() -> None:
    week = "days: [mon, tue, wed, thu, fri, sat, sun]"
    turns = "start: 2026-01-05T00:00:00Z, every: 7d, members: [user:ana]"
    day = f"{{{turns}, hours: [{{{week}, from: '08:00', to: '20:00'}}]}}"
    night = day.replace("'08:00', to: '20:00'", "'20:00', to: '00:00'")
    early = day.replace("'08:00', to: '20:00'", "'00:00', to: '08:00'")
    old = "schedule:s: {rotation: {start: 2026-01-05T09:00:00Z, every: 7d, members: [user:ana]}}"
    open_ended = HEAD.replace(old, f"schedule:s: {{timezone: Europe/Berlin, rotations: [{day}, {night}]}}")
    assert said("", head=open_ended) == [("R205", 8 - LINES, 5)]
    whole = HEAD.replace(old, f"schedule:s: {{timezone: Europe/Berlin, rotations: [{day}, {night}, {early}]}}")
    assert said("", head=whole) == []
    # In another zone the same hours leave a gap only when that zone changes its clocks on another day.
    abroad = night.replace("members: [user:ana]", "members: [user:ana], timezone: America/New_York")
    moved = abroad.replace("'20:00', to: '00:00'", "'13:00', to: '18:00'")
    two = HEAD.replace(old, f"schedule:s: {{timezone: Europe/Berlin, rotations: [{day}, {moved}, {early}]}}")
    assert said("", head=two) == [("R205", 8 - LINES, 5)]


def test_a_rota_of_people_who_have_left_and_users_without_a_team() -> None:
    stranger = HEAD.replace("user:bob: {name: Bob}}", "user:bob: {name: Bob}, user:eva: {name: Eva}}")
    assert said("", head=stranger) == [("R006", 3 - LINES, 57)]
    gone = stranger.replace("{name: Eva}", "{name: Eva, active: false}")
    assert said("", head=gone) == []


def test_advice_of_thousands_of_rules_stays_readable_and_linear() -> None:
    wide = "".join(f"- {{id: w{n}, match: {{host: '*.test.org', path: /p{n}}}, owner: team:one}}\n" for n in range(600))
    exact = "".join(f"- {{id: e{n}, match: {{host: h{n}.test.org}}, owner: team:two}}\n" for n in range(600))
    codes = [code for code, _, _ in said("rules:\n" + wide + exact)]
    assert codes.count("R104") == 200
    assert codes.count("R107") == 1200
