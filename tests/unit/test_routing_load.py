"""Mistakes in ownership files: each with its code and its line, all at once."""

from __future__ import annotations

import time

import pytest

from stanch.errors import ConfigError, Problem
from stanch.routing import load_routes

HEAD = """version: routing/v1
directory:
  users: {user:ana: {name: Ana}, user:old: {name: Old, active: false}}
  teams:
    team:one: {lead: user:ana, members: [user:ana]}
    team:two: {lead: user:ana}
  schedules:
    schedule:s: {rotation: {start: 2026-01-05T09:00:00Z, every: 7d, members: [user:ana]}}
default: {id: fallback, owner: team:one}
"""
LINES = HEAD.count("\n")


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load_routes(text, "r.yaml")
    return caught.value.problems


def found(body: str) -> list[tuple[str, int]]:
    """Codes with lines counted from the start of the body."""
    return [(problem.code, problem.line - LINES) for problem in problems(HEAD + body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("rulez: []\n", [("R001", 1)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: team:on}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: schedule:s}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: team:one, cc: [user:nobody, owner.lead]}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: team:one, sla: gold}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: team:one, calendar: office}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: team:one, wins_over: [b]}\n", [("R001", 2)]),
        ("rules:\n- {id: fallback, match: {host: a.b}, owner: team:one}\n", [("R001", 2)]),
        ("rules:\n- {id: a, match: {host: a.b}, owner: user:old}\n", [("R006", 2)]),
        ("rules:\n- {id: a, match: {host: A.b}, owner: team:one}\n", [("R005", 2)]),
        ("rules:\n- {id: a, match: {path: /a/}, owner: team:one}\n", [("R005", 2)]),
        ("rules:\n- {id: a, match: {}, owner: team:one}\n", [("R005", 2)]),
        ("rules:\n- {id: a, owner: team:one}\n", [("R000", 2)]),
        (
            "rules:\n- {id: a, match: {host: a.b}, owner: team:one}\n- {id: b, match: {host: a.b}, owner: team:one}\n",
            [("R101", 3)],
        ),
        (
            "rules:\n- {id: a, match: {path: '/a/{x}'}, owner: team:one}\n"
            "- {id: b, match: {path: '/a/{y}'}, owner: team:two}\n",
            [("R101", 3)],
        ),
        (
            "rules:\n- {id: a, match: {path: '/a/{x}'}, owner: team:one}\n"
            "- {id: b, match: {path: '/{x}/b'}, owner: team:two}\n",
            [("R103", 3)],
        ),
        (
            "rules:\n- {id: a, match: {path: /a, methods: [GET, PUT]}, owner: team:one}\n"
            "- {id: b, match: {path: /a, methods: [PUT, POST]}, owner: team:two}\n",
            [("R103", 3)],
        ),
        (
            "rules:\n- {id: a, match: {path: /a}, owner: team:one}\n"
            "- {id: b, match: {path: /**}, owner: team:two, wins_over: [a]}\n",
            [("R102", 2)],
        ),
        (
            "rules:\n- {id: a, match: {host: a.b}, owner: team:one, wins_over: [b]}\n"
            "- {id: b, match: {host: '*.b'}, owner: team:two, wins_over: [a]}\n",
            [("R106", 2), ("R106", 3)],
        ),
        (
            "rules:\n- id: a\n  match: {host: a.b}\n  owner: team:one\n  refine:\n"
            "  - {id: x, when: finding.count > 1}\n"
            "  - {id: y, when: finding.count > 1 && finding.is_test}\n",
            [("R105", 7)],
        ),
        ("overlays:\n- {id: a, when: finding.sevrity == 'high'}\n", [("R002", 2)]),
        ("overlays:\n- {id: a, when: finding.title}\n", [("R002", 2)]),
        ("overlays:\n- id: a\n  when: finding.severity == 'hgih'\n", [("R003", 3)]),
        ("overlays:\n- id: a\n  when: finding.severity in ['high', 'hgih']\n", [("R003", 3)]),
        ("silences: []\noverlays:\n- id: a\n  when: \"'hgih' == finding.severity\"\n", [("R003", 4)]),
        (
            "rules:\n- {id: a, match: {path: '/x'}, owner: team:one}\n"
            "- {id: b, match: {path: '/x/{y}'}, owner: team:one}\n"
            "- {id: c, match: {path: '/x/{y}/{z}/**'}, owner: team:two}\n"
            "- {id: d, match: {path: /x/**}, owner: team:two}\n",
            [("R102", 5)],
        ),
        (
            "rules:\n- {id: a, match: {host: '{x}.b', methods: [GET, POST]}, owner: team:one}\n"
            "- {id: b, match: {host: '*.{x}.b'}, owner: team:one}\n"
            "- {id: c, match: {host: '*.b', methods: [GET]}, owner: team:two}\n",
            [("R102", 4)],
        ),
        (
            "rules:\n- id: a\n  match: {host: a.b}\n  owner: team:one\n  refine:\n"
            "  - {id: x, when: \"finding.severity in ['low', 'info']\"}\n"
            "  - {id: y, when: finding.severity == 'low'}\n"
            "  - {id: z, when: finding.severity == 'medium'}\n"
            "  - {id: v, when: \"finding.severity in ['medium', 'info'] && finding.count > 1\"}\n"
            "  - {id: w, when: finding.count > 2 && finding.kind == 'attack' && finding.kind == 'exposure'}\n",
            [("R105", 7), ("R105", 9), ("R105", 10)],
        ),
        (
            "rules:\n- id: a\n  match: {host: a.b}\n  owner: team:one\n  refine:\n"
            "  - {id: x, when: finding.is_test}\n  - {id: y, when: \"!finding.is_test\"}\n  - {id: z, when: 'true'}\n",
            [("R105", 8)],
        ),
        ("overlays:\n- {id: a, when: 'true', owner: team:one}\n", [("R303", 2)]),
        ("overlays:\n- {id: a, when: 'true', ceiling: {severity: low}}\n", [("R303", 2)]),
        ("calendars: {c: {timezone: Europe/Lisbon}}\n", [("R203", 1)]),
        (
            "calendars:\n  c:\n    timezone: UTC+1\n    open: [{days: [mon], from: '09:00', to: '17:00'}]\n",
            [("R204", 3)],
        ),
        ("sla: {s: {high: {fix: 7}}}\n", [("R000", 1)]),
        (
            "silences:\n- {id: s, from: 2026-02-01T00:00:00Z, until: 2026-04-01T00:00:00Z, reason: r, by: user:ana}\n",
            [("R301", 2)],
        ),
        (
            "silences:\n- {id: s, from: 2026-02-01T00:00:00Z, until: 2026-02-08T00:00:00Z, reason: '', by: user:ana}\n",
            [("R301", 2)],
        ),
        ("tests:\n- {name: t, finding: {severity: hgih}, expect: {rule: fallback}}\n", [("R000", 2)]),
        ("silences: []\nescalations: {e: [{after: 5x%, notify: [owner]}]}\n", [("R000", 2)]),
        ("grouping:\n- {id: g, by: [owner, api.host, api.hots]}\n", [("R001", 2)]),
        ("tests:\n- {name: t, finding: {api: {hots: a}}, expect: {rule: fallback}}\n", [("R001", 2)]),
    ],
)
def test_mistakes_have_a_code_and_a_line(body: str, expected: list[tuple[str, int]]) -> None:
    assert found(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        # One address is left to the wide rule in each of these.
        "rules:\n- {id: a, match: {path: '/x/{y}'}, owner: team:one}\n"
        "- {id: d, match: {path: /x/**}, owner: team:two}\n",
        "rules:\n- {id: a, match: {host: '{x}.b'}, owner: team:one}\n"
        "- {id: c, match: {host: '*.b'}, owner: team:two}\n",
        "rules:\n- {id: a, match: {path: /x, methods: [GET, PUT]}, owner: team:one}\n"
        "- {id: c, match: {path: /x}, owner: team:two}\n",
        "rules:\n- {id: a, match: {path: '/x/*'}, owner: team:one}\n"
        "- {id: c, match: {path: '/x/{y}'}, owner: team:two}\n",
        "rules:\n- id: a\n  match: {host: a.b}\n  owner: team:one\n  refine:\n"
        "  - {id: x, when: \"finding.severity in ['low', 'info']\"}\n"
        "  - {id: y, when: finding.severity == 'medium' || finding.severity == 'low'}\n"
        "  - {id: z, when: \"finding.count > 1 ? finding.severity == 'low' : finding.is_test\"}\n"
        "  - {id: w, when: finding.count > 1}\n",
    ],
)
def test_what_looks_covered_and_is_not(body: str) -> None:
    load_routes(HEAD + body)


def test_an_overlap_is_shown_with_an_example_and_settled_by_wins_over() -> None:
    rules = "rules:\n- {{id: a, match: {{host: '*.b', path: '/v/{{x}}'}}, owner: team:one}}\n"
    rules += "- {{id: b, match: {{host: '*.b', path: '/{{x}}/pay'}}, owner: {owner}{wins}}}\n"
    (problem,) = problems(HEAD + rules.format(owner="team:two", wins=""))
    assert "x.b/v/pay" in problem.message
    assert "wins_over" in problem.hint
    load_routes(HEAD + rules.format(owner="team:two", wins=", wins_over: [a]"))
    load_routes(HEAD + rules.format(owner="team:one", wins=""))


def test_all_mistakes_of_a_file_at_once_in_order() -> None:
    body = (
        "rules:\n- id: a\n  match: {host: a.b}\n  owner: team:on\n  refine:\n  - id: x\n    when: finding.foo\n"
        "overlays:\n- {id: o, when: 'true', cc: [user:an]}\n"
    )
    listed = problems(HEAD + body)
    assert [(problem.code, problem.line - LINES, problem.column) for problem in listed] == [
        ("R001", 4, 10),
        ("R002", 7, 19),
        ("R001", 9, 30),
    ]
    assert listed[0].hint == "did you mean 'team:one'?"


def test_a_rotation_must_turn() -> None:
    (problem,) = problems(HEAD.replace("every: 7d", "every: 0m"))
    assert problem.code == "R000"


def test_form_mistakes_are_reported_with_our_code() -> None:
    assert [problem.code for problem in problems("version: routing/v1\nversion: x\n")] == ["R000"]
    assert {problem.code for problem in problems("version: routing/v2\n")} == {"R000"}


def test_large_files_load_in_reasonable_time() -> None:
    rules = "".join(
        f"- {{id: r{n}, match: {{host: h{n % 40}.b, path: '/s{n % 7}/{{v}}/p{n}/**'}}, owner: team:one}}\n"
        for n in range(1_000)
    )
    start = time.thread_time()
    load_routes(HEAD + "rules:\n" + rules)
    assert time.thread_time() - start < 10
