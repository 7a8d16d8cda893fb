"""Playbooks that call each other: what loads, what is refused where, and that no promise is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli.playbook import app as playbook_app
from stanch.cli.validate import validate
from stanch.errors import ConfigError
from stanch.playbooks.library import PlaybookSet

RUNNER = CliRunner()
FINDING = "{title: x, api: {host: a.example.com, path: /x, method: GET}}"
TESTS = f"tests: [{{name: t, finding: {FINDING}, expect: {{}}}}]\n"
BLOCK = 'do: block.scope, with: {host: "${{ finding.api.host }}", path: /x, method: GET, ttl: 1h}, undo: auto'


def book(name: str, steps: str, *, mode: str = "manual", rest: str = "", role: str = "called") -> str:
    return (
        f"version: playbook/v1\nid: {name}\ntitle: T\nowner: team:appsec\nmode: {mode}\non: {{role: {role}}}\n"
        f"{rest}{TESTS}steps:\n{steps}\n"
    )


def problems(*texts: str) -> list[tuple[str, str, int]]:
    """File, code and line of everything that is wrong with a set."""
    try:
        found = PlaybookSet.of_texts({f"{number}.yaml": text for number, text in enumerate(texts)}).warnings
    except ConfigError as error:
        found = error.problems
    return [(problem.file, problem.code, problem.line) for problem in found if problem.code != "P402"]


NOTE = book(
    "note",
    "- {id: say, do: chat.message, with: {to: x, text: y}}",
    rest="inputs: {n: {type: int, default: 1, max: 5}}\n",
)
CALL = "- {id: call, playbook: note}"


def test_a_playbook_of_the_same_folder_may_be_called() -> None:
    assert problems(book("outer", CALL, role="primary"), NOTE) == []


def test_one_that_is_not_there_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        PlaybookSet.of_texts({"a": book("outer", CALL.replace("note", "notes")), "b": NOTE})
    problem = caught.value.problems[0]
    assert (problem.code, problem.line, problem.column, problem.hint) == ("P108", 9, 24, "did you mean 'note'?")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("{m: 1}", "P104"),
        ("{n: x}", "P105"),
        ("{n: 9}", "P105"),
        ("{n: [1]}", "P105"),
        ('{n: "${{ finding.title }}"}', "P105"),
        ('{n: "${{ finding.count + 1.5 }}"}', "P306"),
        ('{n: "${{ finding.nothing }}"}', "P303"),
        ('{n: "${{ finding.count }}"}', ""),
        ("{n: 5}", ""),
    ],
)
def test_what_it_is_given_fits_its_inputs(given: str, code: str) -> None:
    found = problems(book("outer", CALL.replace("note}", f"note, with: {given}}}")), NOTE)
    assert [(each[1], each[2]) for each in found] == ([(code, 9)] if code else [])


def test_an_optional_field_may_not_be_given_unasked() -> None:
    text = NOTE.replace("{type: int, default: 1, max: 5}", "{type: string, default: x}")
    call = CALL.replace("note}", 'note, with: {n: "${{ finding.actor.ip }}"}}')
    assert [each[1] for each in problems(book("outer", call), text)] == ["P305"]


def test_outputs_that_it_does_not_have_are_unknown_fields() -> None:
    outer = book(
        "outer", CALL + '\n- {id: say, do: chat.message, with: {to: x, text: "${{ steps.call.outputs.kye }}"}}'
    )
    inner = NOTE + "outputs: {key: 1}\n"
    assert [(each[1], each[2]) for each in problems(outer, inner)] == [("P303", 10)]


def test_a_circle_of_calls_never_ends() -> None:
    one = book("one", "- {id: call, playbook: two}")
    two = book("two", "- {id: call, playbook: one}")
    assert problems(one, two) == [("0.yaml", "P107", 9), ("1.yaml", "P107", 9)]
    assert problems(book("one", "- {id: call, playbook: one}")) == [("0.yaml", "P107", 9)]


def test_calls_go_five_deep_and_no_deeper() -> None:
    books = [book(f"b{n}", f"- {{id: call, playbook: b{n + 1}}}") for n in range(6)]
    deep = [*books, book("b6", "- {id: say, do: chat.message, with: {to: x, text: y}}")]
    assert problems(*deep[1:]) == []
    assert problems(*deep) == [("0.yaml", "P107", 9)]


def test_many_calls_of_many_are_too_many_steps_and_soon_known() -> None:
    steps = ["\n".join(f"- {{id: c{call}, playbook: b{level + 1}}}" for call in range(9)) for level in range(5)]
    books = [book(f"b{level}", text) for level, text in enumerate(steps)]
    found = problems(*books, book("b5", "- {id: say, do: chat.message, with: {to: x, text: y}}"))
    assert {code for _, code, _ in found} == {"P006"}


def test_names_that_meet_in_the_plan_are_told_apart() -> None:
    steps = CALL + "\n- {id: call__say, do: chat.message, with: {to: x, text: y}}"
    assert problems(book("outer", steps), NOTE) == [("0.yaml", "P004", 10)]


ASKED = (
    "- {id: ok, approve: {ask: Sure?, need: [{from: ['team:appsec']}], binds: [block], expires: 4h}}\n"
    f"- {{id: block, when: steps.ok.approved, {BLOCK}}}"
)
ALONE = f"- {{id: block, {BLOCK}, verify: {{do: probe.expect_blocked}}}}"
LIMITS = "limits: {runs: 3/h, changes: 3/h}\n"
TICKET = "- id: t\n  do: ticket.create\n  with: {summary: x}\n"
RELAY = "- {id: relay, playbook: inner}"


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(
    ("mode", "rest", "inner", "code"),
    [
        ("manual", "", ("semi", "", ASKED), "P201"),
        ("manual", "", ("auto", LIMITS, ALONE), "P201"),
        ("semi", "", ("semi", "", ASKED), ""),
        ("semi", "", ("auto", LIMITS, ALONE), "P202"),
        ("auto", LIMITS, ("semi", "", ASKED), ""),
        ("auto", LIMITS, ("auto", LIMITS, ALONE), ""),
        ("auto", "", ("auto", LIMITS, ALONE), "P205"),
    ],
)
def test_the_promise_of_the_mode_holds_through_calls(
    direct: bool, mode: str, rest: str, inner: tuple[str, str, str], code: str
) -> None:
    """Also where a playbook in between changes nothing itself; that one has the mode that its own call allows."""
    called = book("inner", inner[2], mode=inner[0], rest=inner[1])
    between = book("between", RELAY, mode=inner[0], rest=inner[1])
    outer = book("outer", f"- {{id: call, playbook: {'inner' if direct else 'between'}}}", mode=mode, rest=rest)
    found = problems(outer, called, between)
    assert [(file, each, line) for file, each, line in found] == ([("0.yaml", code, 9 + bool(rest))] if code else [])


@pytest.mark.parametrize(
    "place",
    [
        "- id: p\n  parallel:\n  - {id: call, playbook: inner}",
        "- id: c\n  choose:\n  - when: finding.count > 1\n    steps: [{id: call, playbook: inner}]",
        "- id: c\n  choose:\n  - otherwise: [{id: call, playbook: inner}]",
        f"{TICKET}  on_failure: {{do: [{{id: call, playbook: inner}}], then: fail}}",
        f"{TICKET}  when: finding.count > 1\n  otherwise: [{{id: call, playbook: inner}}]",
        "- id: a\n  approve: {ask: x, need: [{from: ['team:a']}], expires: 1h}\n"
        "  on_reject: [{id: call, playbook: inner}]",
        "- {id: t, do: ticket.create, with: {summary: x}}\nfinally:\n- {id: call, playbook: inner}",
    ],
)
def test_a_call_is_judged_wherever_it_stands(place: str) -> None:
    called = book("inner", ALONE, mode="auto", rest=LIMITS)
    found = problems(book("outer", place, mode="semi"), called)
    assert [code for _, code, _ in found] == ["P202"]


def test_a_called_playbook_is_never_chosen_for_a_finding() -> None:
    found = PlaybookSet.of_texts({"a": book("outer", CALL, role="primary"), "b": NOTE})
    from stanch.findings import parse_view
    from stanch.simulate.driver import default_route

    finding = parse_view({"title": "x", "api": {"host": "a.example.com"}})
    choice = found.select(finding, default_route(finding))
    assert choice.plan is not None
    assert choice.plan.playbook == "outer"
    assert choice.considered == ("outer: */** fits, when true",)


def test_a_plan_that_is_too_large_is_told_and_not_left_out_in_silence() -> None:
    text = "x" * 150_000
    inner = book("inner", f"- {{id: say, do: chat.message, with: {{to: x, text: {text}}}}}")
    outer = book("outer", "- {id: one, playbook: inner}\n- {id: two, playbook: inner}", role="primary")
    assert problems(outer, inner) == [("0.yaml", "P006", 1)]


def test_the_commands_find_what_is_called_beside_the_file(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer.yaml", tmp_path / "note.yaml"
    outer.write_text(book("outer", CALL, role="primary").replace("expect: {}", "expect: {effects: [chat.message]}"))
    inner.write_text(NOTE)
    (tmp_path / "broken.yaml").write_text("version: playbook/v1\nid: [")
    validator = typer.Typer()
    validator.command()(validate)
    for result in (RUNNER.invoke(validator, [str(outer)]), RUNNER.invoke(playbook_app, ["test", str(outer)])):
        assert result.exit_code == 0, result.output
    inner.unlink()
    result = RUNNER.invoke(validator, [str(outer)])
    assert result.exit_code == 3
    assert "P108" in result.output
