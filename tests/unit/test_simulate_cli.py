"""`stanch playbook` and `stanch validate` as people and pipelines call them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli.playbook import app as playbook_app
from stanch.cli.validate import validate

ROOT = Path(__file__).parents[2]
app = typer.Typer()
app.add_typer(playbook_app)
app.command("validate")(validate)
runner = CliRunner()


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "playbooks"
    shutil.copytree(ROOT / "playbooks", folder)
    return folder


def invoke(*words: str | Path, exit_code: int = 0) -> str:
    result = runner.invoke(app, [str(word) for word in words])
    assert result.exit_code == exit_code, result.output
    return result.stdout


def test_the_tests_of_a_folder_run(books: Path) -> None:
    lines = invoke("playbook", "test", books).splitlines()
    assert len(lines) >= 30
    assert all(line.startswith("ok ") for line in lines)


def test_a_failing_test_exits_1_and_tells_why(books: Path) -> None:
    path = books / "attach_owasp_policy.yaml"
    path.write_text(path.read_text().replace("ticket: closed", "ticket: open"))
    out = invoke("playbook", "test", path, "--verbose", exit_code=1)
    assert "FAIL attach_owasp_policy: policy attached" in out
    assert "ticket is closed, not open" in out
    assert "policy.enforce" in out


def test_results_as_json(books: Path) -> None:
    results = json.loads(invoke("playbook", "test", books / "config_issue_ticket.yaml", "--json"))
    assert all(result["ok"] for result in results)
    assert results[0]["report"]["effects"][0]["action"] == "ticket.create"


def test_a_test_that_waits_says_where_its_time_has_ended(books: Path) -> None:
    text = (books / "config_issue_ticket.yaml").read_text().partition("tests:\n")[0]
    test = "{name: t, finding: fixtures/config_issue.json, expect: {status: done}}"
    (books / "config_issue_ticket.yaml").write_text(f"{text}tests:\n  - {test}\n")
    out = invoke("playbook", "test", books / "config_issue_ticket.yaml", exit_code=1)
    assert "status is running, not done (after 0s it waits on fixed; a later moment in the timeline" in out


def test_the_mistakes_of_all_files_are_told_before_any_test_runs(books: Path) -> None:
    for name in ("config_issue_ticket", "triage"):
        path = books / f"{name}.yaml"
        path.write_text(path.read_text().replace("do: ticket.create", "do: ticket.crate"))
    result = runner.invoke(app, ["playbook", "test", str(books)])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "config_issue_ticket.yaml" in result.stderr
    assert "triage.yaml" in result.stderr


def test_a_broken_file_exits_3_with_its_problems(books: Path) -> None:
    path = books / "config_issue_ticket.yaml"
    path.write_text(path.read_text().replace("do: ticket.create", "do: ticket.crate"))
    result = runner.invoke(app, ["playbook", "test", str(books)])
    assert result.exit_code == 3
    assert "P104" in result.stderr
    assert result.stdout == ""


def test_a_simulation_is_told_in_words(books: Path) -> None:
    out = invoke(
        "playbook", "simulate", books / "contain_attacker.yaml", "--finding", books / "fixtures/attack_user.json"
    )
    assert "block_user: block.scope" in out
    assert "waiting on:\n  review" in out
    assert "undone by user.resume" in out


def test_a_simulation_follows_a_timeline_and_a_route(books: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.yaml"
    told.write_text(
        "mocks: {ticket.create: {key: MOB-1}}\n"
        "timeline: [{at: 1d, event: ticket.resolved}, {at: 2d, event: finding.rescan_clean}]\n"
    )
    route = tmp_path / "route.yaml"
    route.write_text("{assignee: user:maria}\n")
    out = invoke(
        *("playbook", "simulate", books / "config_issue_ticket.yaml", "--json", "--timeline", told),
        *("--finding", books / "fixtures/config_issue.json", "--route", route),
    )
    report = json.loads(out)
    assert report["status"] == "done"
    assert report["outputs"] == {"ticket": "MOB-1"}
    assert report["effects"][0]["params"]["assignee"] == "user:maria"


def test_owners_and_approvers_come_from_the_ownership_file(books: Path) -> None:
    words = ("playbook", "simulate", books / "data_exposure_block.yaml", "--json")
    about = ("--finding", books / "fixtures/data_exposure.json", "--routes", ROOT / "tests/data/ownership.yaml")
    report = json.loads(invoke(*words, *about))
    assert report["effects"][0]["params"]["assignee"] == "user:ana"
    assert report["approvals"][0]["who"] == ["user:ana", "user:bo", "user:cy"]


def test_a_lower_mode_can_be_tried(books: Path) -> None:
    words = ("playbook", "simulate", books / "attach_owasp_policy.yaml", "--mode", "semi")
    assert "attach:gate" in invoke(*words, "--finding", books / "fixtures/no_policy.json")


def test_hostile_text_reaches_the_terminal_harmless(books: Path, tmp_path: Path) -> None:
    finding = tmp_path / "finding.json"
    finding.write_text(
        json.dumps({"title": "x", "api": {"host": "a.example.com", "path": "/a", "method": "\x1b]0;x\x07"}})
    )
    out = invoke("playbook", "simulate", books / "data_exposure_block.yaml", "--finding", finding)
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize("name", ["missing.json", "broken.json"])
def test_a_finding_that_cannot_be_read_is_no_traceback(name: str, books: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    words = ["playbook", "simulate", str(books / "contain_attacker.yaml"), "--finding", str(tmp_path / name)]
    result = runner.invoke(app, words)
    assert result.exit_code in (2, 3)
    assert "Traceback" not in result.output
    assert result.stderr


def test_a_folder_without_findings_is_no_traceback(books: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    words = ("playbook", "simulate", books / "triage.yaml", "--finding", tmp_path / "none")
    result = runner.invoke(app, [str(word) for word in words])
    assert (result.exit_code, "P403 there is no finding in" in result.stderr) == (3, True)


def test_validate_is_content_with_what_is_shipped() -> None:
    assert invoke("validate", ROOT / "playbooks") == ""


def test_validate_names_file_line_and_column(books: Path) -> None:
    path = books / "attach_owasp_policy.yaml"
    path.write_text(path.read_text().replace("mode: auto ", "mode: manual "))
    lines = invoke("validate", books, exit_code=3).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}:")
    assert "P201 policy.attach changes production" in lines[0]


def test_validate_as_sarif(books: Path) -> None:
    path = books / "config_issue_ticket.yaml"
    path.write_text(path.read_text().replace("template: config_issue\n", "template: config_isue\n"))
    log = json.loads(invoke("validate", books, "--sarif", exit_code=3))
    result = log["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("P111", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == path.as_uri()
    assert place["region"]["startLine"] > 10
    assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == ["P111"]


def test_warnings_stop_nothing_unless_they_should(tmp_path: Path) -> None:
    path = tmp_path / "untested.yaml"
    path.write_text((ROOT / "tests/data/bad/playbook_untested.yaml").read_text())
    assert "warning: P401" in invoke("validate", path)
    invoke("validate", path, "--strict", exit_code=3)


def test_validate_sees_lost_and_spoilt_fixtures(books: Path) -> None:
    (books / "fixtures/no_policy.json").unlink()
    (books / "fixtures/config_issue.json").write_text('{"titel": "x"}')
    codes = {problem["code"] for problem in json.loads(invoke("validate", books, "--json", exit_code=3))}
    assert codes == {"P403"}


def test_validate_checks_text_templates_beside_playbooks(books: Path) -> None:
    (books / "attack.j2").write_text("{{ finding.title.upper() }}")
    assert "X002" in invoke("validate", books, exit_code=3)


def test_validate_checks_every_kind_of_file(tmp_path: Path) -> None:
    files = {
        "guards.yaml": "version: guards/v1\nnever_blok: {}\n",
        "routes.yaml": "version: routing/v1\nruls: []\n",
        "sources.yaml": "version: sources/v1\nsurces: {}\n",
        "adapters/tool.yaml": "nonsense: 1\n",
        "notes.yaml": "shopping: [milk]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    problems = json.loads(invoke("validate", tmp_path, "--json", exit_code=3))
    assert {Path(problem["file"]).name for problem in problems} == {Path(name).name for name in files}
    assert [problem["severity"] for problem in problems if problem["file"].endswith("notes.yaml")] == ["warning"]


def test_nothing_to_check_is_a_usage_error(tmp_path: Path) -> None:
    invoke("validate", tmp_path, exit_code=2)
    invoke("validate", tmp_path / "none", exit_code=2)
    invoke("playbook", "test", tmp_path, exit_code=2)
