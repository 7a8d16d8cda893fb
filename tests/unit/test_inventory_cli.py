"""`stanch inventory` and `stanch explain`: answers, exit statuses, and foreign text on the terminal."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from arrival_support import arrive
from typer.testing import CliRunner, Result

from stanch.cli import explain as explain_module
from stanch.cli.inventory import app
from stanch.cli.validate import check_files
from stanch.errors import ConfigError
from stanch.findings import case_id, complete
from stanch.keys import Keys
from stanch.records import CaseRow, Names, Records
from stanch.settings import Settings

ROOT = Path(__file__).parents[2]
INVENTORY = str(ROOT / "policy" / "inventory.yaml")
NOW = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
ATTACK: dict[str, Any] = {
    "uid": "att-1",
    "title": "One token \x1b[31mreads everything",
    "rule": "object_id_enumeration",
    "kind": "attack",
    "category": "API1:2023",
    "severity": "critical",
    "confidence": 0.97,
    "phase": "exploit",
    "api": {"host": "api.example.com", "path": "/v1/users/7", "method": "GET", "criticality": "low"},
    "actor": {"token_id": "tok-attacker", "user_id": "mallory"},
}

explaining = typer.Typer()
explaining.command()(explain_module.explain)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments], input=stdin)


def show(target: str, *more: str) -> tuple[int, dict[str, Any]]:
    result = run("show", target, "--inventory", INVENTORY, "--json", *more)
    return result.exit_code, json.loads(result.stdout)


def test_show_says_which_api_and_why() -> None:
    status, url = show("https://API.example.com:8443/v1/users/77?x=1")
    assert (status, url["api"], url["template_basis"], url["path_template"]) == (
        0,
        "payments",
        "spec",
        "/v1/users/{id}",
    )
    assert (url["criticality"], url["owner"], url["why"]) == ("high", "team:payments", "api.example.com")
    status, function = show("arn:aws:lambda:eu-west-1:1:function:ledger-close")
    assert (status, function["api"], function["owner"]) == (0, "ledger-jobs", "team:devops")
    assert show("github.com/example/payments")[1]["api"] == "payments"
    status, stranger = show("https://www.example.org/")
    assert (status, stranger["api"], stranger["criticality"]) == (1, "", "unknown")
    assert "payments" in run("show", "api.example.com/v1/users/7", "--inventory", INVENTORY).stdout


def test_show_takes_finding_files(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps([ATTACK, {**ATTACK, "uid": "2", "api": {"host": "x.example.org"}}]))
    result = run("show", str(tmp_path / "f.json"), "--inventory", INVENTORY, "--json")
    assert [json.loads(line)["api"] for line in result.stdout.splitlines()] == ["payments", ""]
    assert result.exit_code == 1


def test_check_counts_and_warns(tmp_path: Path) -> None:
    result = run("check", INVENTORY, "--json")
    assert (result.exit_code, json.loads(result.stdout)["warnings"]) == (0, [])
    own = tmp_path / "inventory.yaml"
    own.write_text("version: inventory/v1\napis: {a: {host: a.example.com}, b: {criticality: low}}\n")
    warned = json.loads(run("check", str(own), "--json").stdout)
    assert [each["code"] for each in warned["warnings"]] == ["I120", "I121"]
    own.write_text("version: inventory/v1\napis: {a: {owner: team:x}}\n")
    shutil.copy(ROOT / "policy" / "routes.yaml", tmp_path)
    with pytest.raises(ConfigError, match="1 mistake"):
        raise run("check", str(own)).exception or AssertionError


def test_import_prints_what_check_takes(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(json.dumps({"swagger": "2.0", "host": "a.example.com", "paths": {"/x": {}}}))
    result = run("import", str(tmp_path / "api.json"), "--routes", str(ROOT / "policy" / "routes.yaml"))
    assert (result.exit_code, "1 APIs" in result.stderr) == (0, True)
    (tmp_path / "inventory.yaml").write_text(result.stdout)
    assert run("check", str(tmp_path / "inventory.yaml")).exit_code == 0
    as_json = run("import", str(tmp_path / "api.json"), "--json").stdout
    assert json.loads(as_json)["inventory"]["apis"]["api"]["host"] == "a.example.com"


def test_validate_covers_the_inventory_and_the_files_it_names(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text("version: inventory/v1\napis:\n  a: {host: a.example.com, hots: x}\n")
    (tmp_path / "spec.yaml").write_text("openapi: 3.0.0\npaths: {}\npaths: {}\n")
    found = check_files([tmp_path / "inventory.yaml", tmp_path / "spec.yaml"])
    assert [(Path(problem.file).name, problem.line, problem.code) for problem in found] == [
        ("inventory.yaml", 3, "I102"),
        ("spec.yaml", 3, "I110"),
    ]


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = {"policy_dir": ROOT / "policy", "playbooks_dir": ROOT / "playbooks", "data_dir": tmp_path / "data"}
    for name, value in settings.items():
        monkeypatch.setenv(f"STANCH_{name.upper()}", str(value))
    (tmp_path / "attack.json").write_text(json.dumps(ATTACK))
    monkeypatch.chdir(tmp_path)
    return Settings()


def explained(target: str, *more: str) -> dict[str, Any]:
    result = CliRunner().invoke(explaining, [target, "--json", *more])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_explain_says_everything_and_makes_nothing(deployment: Settings) -> None:
    answer = explained("attack.json", "--source", "own")
    assert answer["identity"]["kind"] == "stable id"
    assert answer["identity"]["parts"]["tool id"] == "att-1"
    assert answer["identity"]["parts"]["source"] == "own"
    assert len(answer["identity"]["aliases"]) == 1
    assert answer["case"]["note"] == "the case key is not here"
    assert (answer["api"]["id"], answer["api"]["criticality"], answer["api"]["template_basis"]) == (
        "payments",
        "high",
        "spec",
    )
    assert (answer["route"]["rule"], answer["route"]["owner"]) == ("payments-api", "team:payments")
    assert answer["playbook"]["id"] == "contain_attacker"
    assert (answer["mode"]["effective"], answer["mode"]["lowered_by"]) == ("auto", [])
    assert {"bridge", "ticket"} <= {step["id"] for step in answer["plan"]}
    assert all(item["refused"] == [] for item in answer["guards"])
    assert not deployment.data_dir.exists()


def test_explain_names_what_lowered_the_mode_and_what_guards_would_refuse(deployment: Settings) -> None:
    Path("old.json").write_text(json.dumps(ATTACK | {"api": ATTACK["api"] | {"host": "old.example.com"}}))
    answer = explained("old.json")
    assert answer["mode"]["effective"] == "semi"
    assert "how critical" in answer["mode"]["lowered_by"][0]
    refused = {code[:4] for item in answer["guards"] for code in item["refused"]}
    assert refused == {"G111"}, "what nobody approves is not done"
    assert answer["api"]["criticality"] == "unknown"


def test_explain_finds_the_previous_case_and_how(deployment: Settings) -> None:
    keys = Keys(deployment)
    plain = {key: value for key, value in ATTACK.items() if key != "uid"}
    Path("plain.json").write_text(json.dumps(plain))
    (finding,) = explain_module.findings_in(Path("plain.json"), source="own")
    case = case_id(finding.identity, keys.cases)
    records = Records(deployment.url_of_records, keys.ledger)
    try:
        records.put_case(
            CaseRow(case_id=case, version=1, opened=NOW, updated=NOW, state="closed", owner="team:payments")
        )
        names, body = Names.of(complete(finding, None)), finding.model_dump(mode="json")
        arrive(records, [names], mint=lambda _: case, at=NOW, body=body)
        before = len(records.aliases_of(case))
    finally:
        records.close()
    same = explained("plain.json", "--source", "own")["case"]
    assert (same["case_id"], same["matched"], same["previous"]["state"]) == (case, "calculated", "closed")
    by_id = explained("attack.json", "--source", "own")["case"]
    assert (by_id["case_id"], by_id["matched"]) == (case, "calculated"), "its stable id is new, its place is known"
    again = explained(case)
    assert (again["case"]["case_id"], again["findings"], len(again["known_as"])) == (case, 1, before)
    assert CliRunner().invoke(explaining, ["case-" + "a" * 26]).exit_code == 1


def test_explain_prints_no_control_characters(deployment: Settings) -> None:
    result = CliRunner().invoke(explaining, ["attack.json"])
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "contain_attacker" in result.stdout
    assert CliRunner().invoke(explaining, ["attack.json", "--source", "nobody"]).exit_code == 2
