"""`stanch route`: answers, exit statuses, and untrusted text on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stanch.cli.route import app
from stanch.errors import ConfigError, IntakeError

ROUTES = str(Path(__file__).parents[2] / "policy/routes.yaml")


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments], input=stdin)


def one(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    result = run("test", *arguments, "--routes", ROUTES, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_a_url() -> None:
    answer = one(
        "https://SHOP.example.com:8443/mobile/v2/config?x=1", "--severity", "medium", "--category", "API8:2023"
    )
    assert answer["rule"] == "mobile-app/mobile-misconfig-direct"
    assert answer["owner"] == "team:mobile-platform"
    assert answer["place"] == "shop.example.com/mobile/v2/config"
    assert one("api.example.com/v1", "--environment", "staging")["owner"] == "team:payments"
    assert one("shop.example.com/mobile/1/payments", "--method", "post")["rule"] == "mobile-payments"


def test_lines_for_people() -> None:
    result = run("test", "https://api.example.com/v1/users/7", "--routes", ROUTES)
    assert result.exit_code == 0
    assert result.stdout.startswith("api.example.com/v1/users/7 -> team:payments\n")
    assert "host label 3 from the right: literal beats *" in result.stdout


@pytest.mark.parametrize("name", ["finding.json", "./finding.json", "fixtures/a.ndjson", "/tmp/none/x.json"])
def test_a_file_that_is_not_there_is_no_host(name: str) -> None:
    result = run("test", name, "--routes", ROUTES)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"there is no file {name}" in result.stderr


@pytest.mark.parametrize("target", ["api.example.com/export.json", "https://api.example.com/x.json"])
def test_a_path_that_ends_like_a_file_is_a_url(target: str) -> None:
    assert one(target)["owner"] == "team:payments"


def test_expect_is_the_exit_status() -> None:
    assert run("test", "api.example.com/x", "--routes", ROUTES, "--expect", "team:payments").exit_code == 0
    wrong = run("test", "api.example.com/x", "--routes", ROUTES, "--expect", "team:appsec")
    assert wrong.exit_code == 1
    assert "goes to team:payments, not to team:appsec" in wrong.stderr


def test_findings_in_files(tmp_path: Path) -> None:
    first = {"title": "a", "severity": "high", "api": {"host": "mobile.example.com", "path": "/login"}}
    second = {"title": "b", "severity": "low", "api": {"host": "api.example.com", "path": "/x"}}
    for name, text in {
        "one.ndjson": f"{json.dumps(first)}\n\n{json.dumps(second)}\n",
        "two.json": json.dumps([first, second], indent=1),
    }.items():
        (tmp_path / name).write_text(text)
        result = run("test", str(tmp_path / name), "--routes", ROUTES)
        assert [line.split(" ")[2] for line in result.stdout.splitlines()] == ["team:mobile-product", "team:payments"]
    assert one("-", stdin=json.dumps(first))["owner"] == "team:mobile-product"


def test_canonical_findings_are_understood(tmp_path: Path) -> None:
    from stanch.findings.fixtures import parse_finding

    finding = parse_finding({"title": "a", "severity": "high", "api": {"host": "api.example.com", "path": "/x"}})
    (tmp_path / "f.json").write_text(finding.model_dump_json(by_alias=True))
    assert one(str(tmp_path / "f.json"))["owner"] == "team:payments"


@pytest.mark.parametrize("text", ["[1]", "{", '{"severity": "hgih"}', '{"finding_info": 3}'])
def test_what_is_not_a_finding_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    result = run("test", str(tmp_path / "f.json"), "--routes", ROUTES)
    assert isinstance(result.exception, IntakeError)


def test_hostile_text_cannot_steer_the_terminal() -> None:
    result = run("test", "https://a.example.com/\x1b[2J\u202e%1b[31m%0aowner%20me", "--routes", ROUTES)
    assert result.exit_code == 0
    assert not {"\x1b", "\u202e"} & set(result.stdout)
    assert not any(line.startswith("owner me") for line in result.stdout.splitlines())


def test_check(tmp_path: Path) -> None:
    assert run("check", ROUTES).exit_code == 0
    text = Path(ROUTES).read_text()
    (tmp_path / "r.yaml").write_text(text.replace("expect: {rule: partner-api,", "expect: {rule: platform,"))
    broken = run("check", str(tmp_path / "r.yaml"), "--json")
    assert broken.exit_code == 1
    tests = json.loads(broken.stdout)["tests"]
    assert [each["differences"] for each in tests if not each["ok"]] == [[["rule", "platform", "partner-api"]]]
    (tmp_path / "r.yaml").write_text(text.split("\ntests:")[0])
    untested = run("check", str(tmp_path / "r.yaml"))
    assert untested.exit_code == 1
    assert "R107 no test reaches 'mobile-app'" in untested.stdout


def test_unusable_files_raise_what_the_command_line_turns_into_status_3(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("version: routing/v1\n")
    for path in (tmp_path / "r.yaml", tmp_path / "none.yaml"):
        assert isinstance(run("check", str(path)).exception, ConfigError)


def test_show() -> None:
    result = run("show", "--routes", ROUTES)
    assert result.exit_code == 0
    assert "anything else -> team:appsec (fallback)" in result.stdout
    rows = json.loads(run("show", "--routes", ROUTES, "--json").stdout)
    assert [row["rule"] for row in rows if row["host"] == "*.example.com"] == [
        "mobile-payments",
        "mobile-app",
        "platform",
    ]


def test_unknown_severity_is_a_usage_error() -> None:
    assert run("test", "api.example.com/x", "--routes", ROUTES, "--severity", "hgih").exit_code == 2


def test_the_inventory_owns_what_no_rule_is_about(tmp_path: Path) -> None:
    apis = tmp_path / "inventory.yaml"
    apis.write_text("version: inventory/v1\napis: {docs: {host: docs.example.org, owner: team:devops}}\n")
    answer = one("https://docs.example.org/x", "--severity", "high", "--inventory", str(apis))
    assert (answer["rule"], answer["owner"], answer["assignee"]) == ("inventory:docs", "team:devops", "user:tom")
    assert (answer["lane"], answer["matched"], answer["ticket"]["project"]) == ("emergency_patch", "", "OPS")
    told = run("test", "docs.example.org/x", "--routes", ROUTES, "--inventory", str(apis)).stdout
    assert "the inventory says that team:devops owns it" in told
    assert "the default owns it" not in told
    assert one("https://api.example.com/x", "--inventory", str(apis))["rule"] == "payments-api"
    assert one("https://www.example.org/x", "--inventory", str(apis))["rule"] == "fallback"
