"""Golden files: everything that comes of a scenario is written down, and a reviewer sees what changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stanch.cli.playbook import app
from stanch.cli.validate import check_files

ROOT = Path(__file__).parents[2]
runner = CliRunner()


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "playbooks", tmp_path / "playbooks"))


def run(*words: str | Path) -> tuple[int, str]:
    result = runner.invoke(app, ["test", *(str(word) for word in words)])
    return result.exit_code, result.output


def test_what_is_shipped_is_as_it_is_written_down(books: Path) -> None:
    code, output = run(books)
    assert code == 0
    assert output.count("fixed the same day") >= 2  # inside the playbook, and as a golden file


def test_a_changed_playbook_shows_its_difference(books: Path) -> None:
    path = books / "data_exposure_block.yaml"
    path.write_text(path.read_text().replace("default: 24h", "default: 12h"))
    scenario = books / "scenarios/exposure_fixed_the_same_day.yaml"
    code, output = run(scenario)
    assert code == 1
    assert '"ttl": "1d"' in output
    assert '"ttl": "12h"' in output
    before = scenario.read_text()
    code, output = run(scenario, "--update")
    assert code == 0
    changed = [line for line in scenario.read_text().splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert run(scenario)[0] == 0


def test_update_writes_a_new_one_and_keeps_what_people_wrote(books: Path) -> None:
    scenario = books / "scenarios/attacker_with_a_user.yaml"
    text = scenario.read_text()
    authored = text[: text.index("golden:")]
    scenario.write_text(authored)
    code, output = run(scenario)
    assert (code, "run with --update" in output) == (1, True)
    assert run(scenario, "--update")[0] == 0
    assert scenario.read_text() == text
    assert run(scenario, "--update") == (0, run(scenario)[1])


def test_nothing_below_the_golden_part_is_lost(books: Path) -> None:
    scenario = books / "scenarios/attacker_with_a_user.yaml"
    text = scenario.read_text() + "requested_by: user:maria\n"
    scenario.write_text(text)
    code, output = run(scenario, "--update")
    assert (code, "P112" in output) == (3, True)
    assert scenario.read_text() == text


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("finding: ../fixtures/attack_user.json", "finding: ../fixtures/nobody.json", "P403"),
        ("playbook: ../contain_attacker.yaml", "playbook: ../contain_nobody.yaml", "P403"),
        ("timeline:", "timelin:", "P002"),
        ("version: scenario/v1", "version: scenario/v9", "P001"),
    ],
)
def test_validate_tells_what_is_wrong_with_a_scenario(books: Path, before: str, after: str, code: str) -> None:
    scenario = books / "scenarios/attacker_with_a_user.yaml"
    scenario.write_text(scenario.read_text().replace(before, after))
    assert [(problem.code, problem.line > 0) for problem in check_files([scenario])] == [(code, True)]
    assert run(scenario)[0] in (2, 3)


def test_results_of_golden_files_as_json(books: Path) -> None:
    result = runner.invoke(app, ["test", str(books / "scenarios/attacker_with_a_user.yaml"), "--json"])
    (told,) = json.loads(result.stdout)
    assert (told["playbook"], told["ok"], told["report"]["ticket"]) == ("contain_attacker", True, "open")
