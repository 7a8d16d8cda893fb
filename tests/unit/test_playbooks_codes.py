"""Every code of playbooks at its line and column: « stands before what is told, and is taken out first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch.cli.validate import check_files
from stanch.playbooks import check_playbook

HEAD = "version: playbook/v1\nid: book\ntitle: T\nowner: team:appsec\nmode: MODE\non: {role: called}\n"
TESTS = "tests: [{name: t, finding: {title: x}, expect: {}}]\n"
LIMITS = "limits: {runs: 3/h, changes: 3/h}\n"
BLOCK = "{id: b, do: «block.scope, with: {host: h.example.com, path: /x, ttl: 1h}MORE}"
ASK = "{id: ok, approve: {ask: x, need: [{from: ['team:a']}], binds: [b], expires: 1h}}"
VERIFY = ", verify: {do: probe.expect_blocked}"


def steps(*lines: str, mode: str = "manual", rest: str = "") -> str:
    body = "".join(f"- {line}\n" for line in lines)
    return HEAD.replace("MODE", mode) + TESTS + rest + "steps:\n" + body


def note(text: str = "y", more: str = "") -> str:
    return f'{{id: n, do: chat.message, with: {{to: x, text: "{text}"}}{more}}}'


SAY = note()
CASES = [
    ("P001", steps("{id: n, do: chat.message, timeout: «soon, with: {to: x}}")),
    ("P001", steps("id: n\n«\tdo: chat.message")),
    ("P002", steps("{id: n, «dos: chat.message, with: {to: x}}")),
    ("P003", steps("«{id: n, stop: {}, set: {a: 1}}")),
    ("P003", steps("{id: n, stop: {}, retry: «{attempts: 1}}")),
    ("P004", steps("{id: «n-1, stop: {}}")),
    ("P004", steps("{id: n, set: {a: 1}}", "{id: «n, stop: {}}")),
    ("P005", steps("{id: n, set: {a: {$: «1}}}")),
    ("P006", steps(*[f"{{id: s{number}, set: {{a: 1}}}}" for number in range(201)]).replace("steps:\n-", "steps:\n«-")),
    ("P101", steps("{id: out, stop: {}}", f"«{SAY}")),
    ("P101", steps(note(more=", when: «'false'"))),
    ("P102", steps('{id: n, set: {a: «"${{ steps.late.ok }}"}}', "{id: late, stop: {}}")),
    ("P103", steps(SAY[:-1] + ", on_failure: continue}", '{id: m, set: {a: «"${{ steps.n.outputs.ref }}"}}')),
    ("P104", steps("{id: n, do: «chat.mesage, with: {to: x}}")),
    ("P104", steps("{id: n, do: chat.message, with: {tow: «x, to: y}}")),
    ("P104", steps("{id: n, do: «chat.message, with: {text: x}}")),
    ("P105", steps("{id: n, do: chat.message, with: {to: «7}}")),
    ("P108", steps("{id: n, revert: «nothing}")),
    ("P109", steps(SAY, rest="inputs: {a: {type: int, default: «x}}\n")),
    ("P110", steps("{id: n, wait: {for: [{event: «ticket.eaten}]}}")),
    ("P111", steps("{id: n, do: chat.message, with: {to: x, template: «nosuch}}")),
    ("P112", steps(SAY).replace("expect: {}", "expect: {}, timeline: [«{at: 1m, approve: zz, by: user:a}]")),
    ("P201", steps(BLOCK.replace("MORE", ""))),
    ("P202", steps(BLOCK.replace("MORE", ""), mode="semi")),
    ("P203", steps(BLOCK.replace("MORE", VERIFY), mode="auto", rest=LIMITS)),
    ("P204", steps(f"{{id: r, do: «token.revoke, with: {{token_id: x}}{VERIFY}}}", mode="auto", rest=LIMITS)),
    ("P205", steps(BLOCK.replace("MORE", ", undo: auto"), mode="auto", rest=LIMITS)),
    ("P205", steps(BLOCK.replace("«", "").replace("MORE", f", undo: auto{VERIFY}"), mode="«auto")),
    ("P206", steps(ASK.replace("expires: 1h", "expires: 1h, on_timeout: «approve"), mode="semi")),
    ("P207", steps(ASK.replace("'team:a'", "«'team a'"), mode="semi")),
    ("P207", steps(ASK.replace("{from: ['team:a']}", "«{from: ['user:a', 'user:b'], count: 3}"), mode="semi")),
    ("P207", steps(ASK.replace("expires: 1h", "expires: 1h, reason: [«maybe]"), mode="semi")),
    ("P208", steps(BLOCK.replace("«", "").replace("ttl: 1h", "ttl: «9d").replace("MORE", ""), mode="semi")),
    (
        "P209",
        steps(
            ASK.replace("[b]", "[«b]"),
            BLOCK.replace("«", "").replace("MORE", ", foreach: {in: [1]}, when: steps.ok.approved"),
            mode="semi",
        ),
    ),
    ("P301", steps(note(more=", when: finding.count «= 1"))),
    ("P301", steps(note("«{{ finding.title }}"))),
    ("P301", steps(note("a ${{« finding.title"))),
    ("P302", steps(note(more=", when: «finding.title"))),
    ("P303", steps(note(more=", when: finding.count > 1 && finding.«titel == 'x'"))),
    ("P304", steps(note(more=", when: finding.severity == «'hgih'"))),
    ("P305", steps(note("x ${{ finding.actor.ip }}").replace('text: "', 'text: «"'))),
    ("P306", steps(note(more=", when: finding.confidence «> 1"))),
    ("P307", steps(note(more=f", when: «{' && '.join(['finding.count > 1'] * 200)}"))),
    ("P401", steps(SAY).replace(TESTS, "").replace("id: book", "id: «book")),
    ("P402", steps("{id: «ok, approve: {ask: x, need: [{from: ['team:a']}], expires: 1h}}")),
]


@pytest.mark.parametrize(("code", "text"), CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)])
def test_it_is_told_at_its_line_and_column(code: str, text: str) -> None:
    before = text[: text.index("«")]
    place = (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    problems = check_playbook(text.replace("«", "")).problems
    assert (code, *place) in {(each.code, each.line, each.column) for each in problems}, problems


APART = {"P106", "P107", "P210", "P211", "P212", "P403", "P007", "P501", "P502", "P503"}


def test_every_code_of_playbooks_has_a_case_somewhere() -> None:
    """P106 and P107 are about several files, P210 to P212 about what a deployment has, P403 about a fixture, P007 and
    P5xx about fmt and CACAO; they have tests of their own."""
    page = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
    told = set(re.findall(r"^\| `(P\d{3})`", page, re.M))
    assert told == {code for code, _ in CASES} | APART


def test_a_fixture_that_is_no_finding_is_told_at_its_place(tmp_path: Path) -> None:
    file = tmp_path / "book.yaml"
    file.write_text(steps(SAY).replace("finding: {title: x}", "finding: nowhere.json"))
    found = check_files([file])
    assert [(each.code, each.line, each.column) for each in found] == [("P403", 7, 28)]


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    text = steps(
        "{id: a-b, stop: {}}",
        "{id: n, do: chat.mesage}",
        note(more=", when: finding.titel == 'x'").replace("n,", "m,", 1),
    )
    assert [each.code for each in check_playbook(text).problems] == ["P004", "P101", "P104", "P101", "P303"]
