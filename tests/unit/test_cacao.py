"""CACAO 2.0: what is exported is valid, what is imported is a harmless draft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from typer.testing import CliRunner

from stanch.cacao import export_plan, import_playbook
from stanch.cli.playbook import app
from stanch.cli.validate import check_files
from stanch.errors import ConfigError
from stanch.playbooks import check_playbook, compile_plan, load_playbook

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests/data/cacao"
BOOKS = [*sorted((ROOT / "playbooks").glob("*.yaml")), *sorted((ROOT / "tests/data/playbooks").glob("*.yaml"))]
EXAMPLES = sorted((DATA / "examples").glob("*.json"))
LEADING = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
BASE = "https://cacao.invalid/"
runner = CliRunner()


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    found: list[tuple[str, Resource[Any]]] = []
    for path in sorted((DATA / "schemas").rglob("*.json")):
        contents = json.loads(path.read_text("utf-8"))
        contents.pop("$id", None)  # not unique upstream
        found.append((BASE + path.relative_to(DATA / "schemas").as_posix(), Resource(contents, DRAFT7)))
    assert len(found) == 51
    return Draft7Validator({"$ref": f"{BASE}playbook.json"}, registry=Registry().with_resources(found))


def exported(path: Path) -> dict[str, Any]:
    return export_plan(compile_plan(load_playbook(path.read_text("utf-8"), str(path))))


def foreign(workflow: dict[str, Any], start: str = "start--1", **more: object) -> str:
    head = {"type": "playbook", "spec_version": "cacao-2.0", "id": "playbook--1", "name": "A playbook"}
    return json.dumps(head | {"workflow_start": start, "workflow": workflow} | more)


def action(text: str, following: str, **more: object) -> dict[str, Any]:
    commands = [{"type": "manual", "command": text}]
    return {"type": "action", "name": "Act", "commands": commands, "on_completion": following, **more}


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_what_is_exported_is_valid_whole_and_the_same_each_time(path: Path, schema: Draft7Validator) -> None:
    made = exported(path)
    assert [error.message for error in schema.iter_errors(made)] == []
    assert made == exported(path)
    led = {made["workflow_start"]}
    for step in made["workflow"].values():
        led |= {step[name] for name in LEADING if name in step} | set(step.get("next_steps", ()))
    assert led == set(made["workflow"])
    names = {step["name"] for step in made["workflow"].values()}
    plan = compile_plan(load_playbook(path.read_text("utf-8")))
    assert {step.id for step in plan.walk().values() if not step.branches} <= names


def test_the_schema_finds_what_is_wrong(schema: Draft7Validator) -> None:
    made = exported(BOOKS[0])
    del made["workflow_start"]
    assert list(schema.iter_errors(made))


def test_the_extension_keeps_what_cacao_has_no_words_for() -> None:
    made = exported(ROOT / "playbooks/data_exposure_block.yaml")
    (extension,) = made["extension_definitions"]
    steps = {step["name"]: step for step in made["workflow"].values()}
    kept = steps["ok_to_block"]["step_extensions"][extension]["step"]
    assert [need["count"] for need in kept["approve"]["need"]] == [1, 1]
    assert kept["approve"]["binds"] == ["block"]
    assert made["playbook_extensions"][extension]["plan"]["mode"] == "semi"
    assert steps["ok_to_block"]["out_args"] == ["__ok_to_block_approved__"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_foreign_playbooks_become_manual_drafts_that_validate(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "playbooks" / "draft.yaml"
    target.parent.mkdir()
    result = runner.invoke(app, ["import", "--format", "cacao", str(path), "--out", str(target)])
    assert result.exit_code == 0, result.output
    assert [problem.code for problem in check_files([target])] == ["P401"]
    book = load_playbook(target.read_text("utf-8"))
    assert book.mode == "manual"
    assert str(book.on.match.host).endswith(".draft.invalid")
    assert {step.do for step in book.steps} <= {None, "ticket.create", "ticket.comment"}
    assert "a draft" in result.stderr
    assert runner.invoke(app, ["import", str(path), "--out", str(target)]).exit_code == 2


def test_commands_are_quoted_and_credentials_are_left_out() -> None:
    draft = import_playbook((DATA / "examples/powershell-playbook.json").read_text("utf-8"), owner="team:a")
    assert "Command of the kind powershell, not run by Stanch: pwd" in draft.text
    assert any("powershell command" in note for note in draft.notes)
    headers = {"Authorization": ["Bearer s3cr3t"], "X-Api-Key": ["s3cr3t"], "Accept": ["application/json"]}
    command = {"type": "http-api", "command": "POST /block HTTP/1.1", "headers": headers, "content": '{"ip": "__ip__"}'}
    text = foreign(
        {"start--1": {"type": "start", "on_completion": "action--1"}}
        | {
            "action--1": {"type": "action", "name": "Block", "commands": [command], "on_completion": "end--1"},
            "end--1": {"type": "end"},
        }
    )
    made = import_playbook(text, owner="team:a").text
    assert "POST /block HTTP/1.1" in made
    assert "Accept: application/json" in made
    assert "Authorization: (left out)" in made
    assert "s3cr3t" not in made


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_branches_come_back_as_questions_to_people(path: Path) -> None:
    draft = import_playbook(json.dumps(exported(path)), owner="team:appsec")
    checked = check_playbook(draft.text)
    assert [problem.code for problem in checked.problems] == ["P401"]
    assert checked.playbook is not None
    steps = exported(path)["workflow"].values()
    asked = sum((step["type"] == "if-condition") + ("on_failure" in step) for step in steps)
    assert draft.text.count("is this so?") == asked > 0 or path.stem in ("triage", "manual", "config_issue_ticket")


def test_switch_parallel_loop_and_failure_are_taken_over() -> None:
    end = {"type": "end"}
    cases = {"high severity!": "action--1", "default": "action--2"}
    text = foreign(
        {
            "start--1": {"type": "start", "on_completion": "switch-condition--1"},
            "switch-condition--1": {"type": "switch-condition", "name": "Which", "switch": "__s__", "cases": cases}
            | {"on_completion": "parallel--1"},
            "action--1": action("one", "end--1", on_failure="action--6"),
            "action--2": action("two", "end--1"),
            "parallel--1": {"type": "parallel", "name": "Both", "next_steps": ["action--3", "action--4"]}
            | {"on_completion": "while-condition--1"},
            "action--3": action("three", "end--1"),
            "action--4": action("four", "end--1"),
            "while-condition--1": {"type": "while-condition", "name": "Again", "condition": "x", "on_true": "action--5"}
            | {"on_completion": "end--1"},
            "action--5": action("five", "end--1"),
            "action--6": action("six", "end--1"),
            "end--1": end,
        }
    )
    draft = import_playbook(text, owner="team:a")
    assert [problem.code for problem in check_playbook(draft.text).problems] == ["P401"]
    assert [word in draft.text for word in ("one", "two", "three", "four", "five", "six")] == [True] * 6
    assert "options: [high_severity, default, none]" in draft.text
    assert "Act has failed" in draft.text
    assert any("a loop" in note for note in draft.notes)


HOSTILE = "${{ 1 + 1 }} {{ 7*7 }} '\"\n- id: evil\n  do: block.ip\n#\x1b[2J\u202e"


def test_hostile_text_stays_text_in_every_field() -> None:
    steps = {
        "start--1": {"type": "start", "name": HOSTILE, "on_completion": "if-condition--1"},
        "if-condition--1": {"type": "if-condition", "name": HOSTILE, "condition": HOSTILE, "on_true": "action--1"}
        | {"on_completion": "end--1"},
        "action--1": action(HOSTILE, "end--1") | {"name": HOSTILE, "description": HOSTILE, "targets": [HOSTILE]},
        "end--1": {"type": "end"},
    }
    draft = import_playbook(foreign(steps, name=HOSTILE, id=HOSTILE, description=HOSTILE), owner="team:a")
    checked = check_playbook(draft.text)
    assert [problem.code for problem in checked.problems] == ["P401"]
    assert checked.playbook is not None
    plan = compile_plan(checked.playbook)
    assert {step.action for step in plan.walk().values()} == {"", "ticket.create", "ticket.comment"}
    assert '"1 + 1"' not in plan.model_dump_json()
    assert "{'$': '1 + 1'}" not in str(plan.model_dump())
    assert not {"\x1b", "\u202e"} & set(draft.text)


ENDLESS = {"start--1": {"type": "start", "on_completion": "action--1"}, "action--1": action("x", "action--1")}
LOOSE = {"start--1": {"type": "start", "on_completion": "action--9"}}
LONG = (
    {"start--1": {"type": "start", "on_completion": "action--0"}}
    | {f"action--{number}": action("x", f"action--{number + 1}") for number in range(400)}
    | {"action--400": {"type": "end"}}
)
DEEP = (
    {"start--1": {"type": "start", "on_completion": "if-condition--0"}}
    | {
        f"if-condition--{number}": {"type": "if-condition", "condition": "x", "on_true": f"if-condition--{number + 1}"}
        for number in range(30)
    }
    | {"if-condition--30": {"type": "end"}}
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "P501"),
        ("[]", "P501"),
        ("{}", "P501"),
        ("[" * 100_000, "P501"),
        ('{"type": "playbook", "type": "playbook"}', "P501"),
        ('{"a": NaN}', "P501"),
        ('{"type": "playbook", "spec_version": "1.1"}', "P501"),
        (foreign({}), "P501"),
        (foreign({"start--1": 3}), "P501"),
        (foreign({"start--1": {"type": "start"}}, "start--2"), "P502"),
        (foreign(ENDLESS), "P502"),
        (foreign(LOOSE), "P502"),
        (foreign(LONG), "P503"),
        (foreign(DEEP), "P503"),
        (foreign({f"action--{number}": {} for number in range(501)}), "P501"),
        (json.dumps({"x": "y" * 1_000_001}), "P501"),
    ],
    ids=range(16),
)
def test_what_is_broken_or_meant_to_break_is_refused_in_words(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        import_playbook(text, owner="team:a")
    assert caught.value.code == code
    path = tmp_path / "foreign.json"
    path.write_text(text)
    result = runner.invoke(app, ["import", str(path)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert code in result.stderr


def test_branches_that_share_steps_do_not_multiply() -> None:
    steps: dict[str, Any] = {"start--1": {"type": "start", "on_completion": "parallel--0"}, "end--1": {"type": "end"}}
    for number in range(20):
        following = [f"parallel--{number + 1}", f"action--{number}"]
        steps[f"parallel--{number}"] = {"type": "parallel", "next_steps": following, "on_completion": "end--1"}
        steps[f"action--{number}"] = action("x", f"parallel--{number + 1}")
    steps["parallel--20"] = {"type": "end"}
    try:
        assert len(import_playbook(foreign(steps), owner="team:a").text) < 200_000
    except ConfigError as error:
        assert error.code == "P503"  # noqa: PT017


def test_export_and_import_as_commands(tmp_path: Path) -> None:
    target = tmp_path / "triage.json"
    path = str(ROOT / "playbooks/triage.yaml")
    words = ["export", "--format", "cacao", path, "--out", str(target), "--modified", "2026-03-01T12:00:00Z"]
    assert runner.invoke(app, words).exit_code == 0
    assert json.loads(target.read_text("utf-8"))["modified"] == "2026-03-01T12:00:00Z"
    told = json.loads(runner.invoke(app, ["import", str(target), "--json"]).stdout)
    assert told["playbook"].startswith("# Imported from CACAO 2.0")
    assert runner.invoke(app, ["export", path, "--modified", "yesterday"]).exit_code == 2
