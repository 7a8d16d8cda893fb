"""Broken files through `stanch validate`: each is refused, at the line of its mistake, without a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli.validate import validate

BAD = Path(__file__).parents[1] / "data" / "bad"
ROWS = [line.split("\t") for line in (BAD / "EXPECTED.tsv").read_text().splitlines()]
MOST_PROBLEMS = 6  # one mistake may have consequences, but no wall of them

app = typer.Typer()
app.command()(validate)
runner = CliRunner()


def report(file: Path) -> tuple[int, list[dict[str, Any]], str]:
    result = runner.invoke(app, [str(file), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    problems = json.loads(result.stdout)
    return result.exit_code, [each for each in problems if each["severity"] == "error"], result.output


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[dict[str, Any]], str]]:
    """Each in a folder of its own: a playbook is read with those beside it, so many would take their square."""
    found: dict[str, tuple[int, list[dict[str, Any]], str]] = {}
    for name, _, _ in ROWS:
        alone = tmp_path_factory.mktemp("alone") / name
        alone.parent.mkdir(parents=True)
        shutil.copyfile(BAD / name, alone)
        found[name] = report(alone)
    return found


def test_the_table_names_every_file_once() -> None:
    files = {str(path.relative_to(BAD)) for path in (BAD / "mutants").rglob("*.yaml")}
    assert {name for name, _, _ in ROWS} == files
    assert len(ROWS) == len(files) >= 150


def test_each_is_refused_before_anything_runs(reports: dict[str, Any]) -> None:
    passed = [name for name, (code, errors, _) in reports.items() if code != 3 or not errors]
    assert passed == []


def test_none_has_a_traceback(reports: dict[str, Any]) -> None:
    assert [name for name, (_, _, output) in reports.items() if "Traceback" in output] == []


def test_the_mistake_is_told_by_its_code_at_its_line(reports: dict[str, Any]) -> None:
    """At least 95 of a hundred, by the agreement; what is reached is more."""
    wrong = []
    for name, code, line in ROWS:
        told = {(each["code"], str(each["line"])) for each in reports[name][1]}
        if (code, line) not in told:
            wrong.append((name, code, line, sorted(told)))
    assert len(wrong) <= len(ROWS) // 100, wrong


def test_every_problem_has_a_place_and_words(reports: dict[str, Any]) -> None:
    for _, errors, _ in reports.values():
        assert len(errors) <= MOST_PROBLEMS
        for each in errors:
            assert each["line"] > 0
            assert each["column"] > 0
            assert each["message"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("semi_flow_comma", "inside { } and [ ] quote"),
        ("semi_bang_unquoted", "a leading ! starts a YAML tag"),
        ("semi_colon_space", "a colon followed by a space"),
        ("semi_tab", "indent with spaces"),
        ("manual_not_cel", "write == instead of '='"),
        ("auto_int_double", "write 7.0 instead of 7"),
        ("manual_single_ampersand", "write && instead of a single &"),
        ("manual_and_word", "write && instead of 'and'"),
        ("auto_jinja_braces", "write ${{ }} with a dollar sign"),
        ("semi_jinja_value", '"${{ finding.title }}"'),
        ("semi_jinja_when", "leave {{ }} and ${{ }} out"),
        ("manual_unclosed_quote", "close the quote"),
        ("semi_approve_typo", "did you mean 'need'?"),
        ("manual_action_typo", "did you mean 'ticket.create'?"),
        ("manual_param_typo", "did you mean 'assignee'?"),
        ("manual_field_typo", "did you mean 'kind'?"),
        ("semi_enum_typo", "did you mean 'high'?"),
        ("semi_version_typo", "did you mean 'playbook/v1'?"),
    ],
)
def test_the_traps_of_yaml_and_cel_have_a_hint(name: str, hint: str) -> None:
    file = BAD / "mutants" / f"{name}.yaml"
    assert hint in " ".join(each["hint"] for each in report(file)[1])
