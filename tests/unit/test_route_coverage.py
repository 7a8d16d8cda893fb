"""`stanch route coverage` and `impact`: what rules leave open, what a change of them does, exit statuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stanch.cli.route import app
from stanch.errors import ConfigError
from stanch.learning.coverage import coverage, hosts_meant
from stanch.learning.impact import Seen, impact
from stanch.learning.operations import Operation
from stanch.routing import RouteTable, load_routes
from stanch.views import ApiView, FindingView

HEAD = """
version: routing/v1
directory:
  users: {user:ana: {name: Ana}, user:tom: {name: Tom}}
  teams: {team:a: {lead: user:ana}, team:b: {lead: user:tom}, team:sec: {lead: user:ana}}
default: {id: fallback, owner: team:sec}
"""
NOW = datetime(2026, 3, 2, tzinfo=UTC)
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example.com/v1"}],
    "paths": {"/orders": {"get": {}, "post": {}}, "/orders/{id}": {"get": {}}},
}


def table(rules: str, head: str = HEAD) -> RouteTable:
    return load_routes(f"{head}rules:\n{rules}")


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments], input=stdin)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rules = "  - {id: orders, match: {host: shop.example.com, path: /v1/orders, methods: [GET]}, owner: team:a}\n"
    (tmp_path / "routes.yaml").write_text(HEAD + "rules:\n" + rules, "utf-8")
    (tmp_path / "shop.json").write_text(json.dumps(OPENAPI, indent=1), "utf-8")
    return tmp_path


def covered(folder: Path, file: str, *more: str) -> tuple[Result, dict[str, Any]]:
    result = run("coverage", str(folder / file), "--routes", str(folder / "routes.yaml"), "--json", *more)
    return result, json.loads(result.stdout)


def test_an_openapi_file_is_looked_up_operation_by_operation(folder: Path) -> None:
    result, found = covered(folder, "shop.json")
    assert result.exit_code == 1
    assert [(each["method"], each["path"]) for each in found["unowned"]] == [
        ("POST", "/v1/orders"),
        ("GET", "/v1/orders/{id}"),
    ]
    assert found["unowned"][0]["near"] == [["orders", "methods: GET without POST"]]
    assert found["hosts"] == [{"host": "shop.example.com", "operations": 3, "unowned": 2, "share": 0.3333}]
    assert {each["code"] for each in found["warnings"]} == {"R401"}
    line = (folder / "shop.json").read_text("utf-8").splitlines()[found["warnings"][0]["line"] - 1]
    assert '"/orders":' in line


def test_lines_for_people_name_code_and_share(folder: Path) -> None:
    result = run("coverage", str(folder / "shop.json"), "--routes", str(folder / "routes.yaml"))
    assert "R401 POST shop.example.com/v1/orders falls to the default owner team:sec" in result.stdout
    assert "shop.example.com: 1 of 3 owned (33.3%)" in result.stdout
    assert "2 of them unowned" in result.stderr


@pytest.mark.parametrize(
    ("limit", "status"), [("0", 1), ("1", 1), ("2", 0), ("66%", 1), ("67%", 0), ("x", 2), ("-1", 2), ("101%", 2)]
)
def test_a_limit_is_a_number_or_a_share(folder: Path, limit: str, status: int) -> None:
    shop, routes = str(folder / "shop.json"), str(folder / "routes.yaml")
    assert run("coverage", shop, "--routes", routes, "--at-most", limit).exit_code == status


def test_an_inventory_counts_paths_specifications_and_owners(folder: Path) -> None:
    inventory = """
version: inventory/v1
apis:
  orders: {host: shop.example.com, openapi: shop.json}
  whole: {host: "*.partners.example.com", base_path: /p}
  known: {host: api.example.com, paths: ["/x/{id}"], owner: team:b}
  jobs: {title: no host}
"""
    (folder / "inventory.yaml").write_text(inventory, "utf-8")
    result, found = covered(folder, "inventory.yaml")
    assert {(each["host"], each["path"]) for each in found["unowned"]} == {
        ("shop.example.com", "/v1/orders"),
        ("shop.example.com", "/v1/orders/{id}"),
        ("*.partners.example.com", "/p/**"),
    }
    assert found["operations"] == 5
    assert "jobs" in result.stderr
    whole = next(each for each in found["warnings"] if "partners" in each["message"])
    assert inventory.splitlines()[whole["line"] - 1].startswith("  whole:")


def test_swagger_2_and_a_host_by_hand(folder: Path) -> None:
    swagger = {"swagger": "2.0", "info": {"title": "x", "version": "1"}, "basePath": "/v1", "paths": OPENAPI["paths"]}
    (folder / "old.json").write_text(json.dumps(swagger), "utf-8")
    routes = str(folder / "routes.yaml")
    with pytest.raises(ConfigError, match="names no host"):
        CliRunner().invoke(
            app,
            ["coverage", str(folder / "old.json"), "--routes", routes],
            catch_exceptions=False,
            standalone_mode=False,
        )
    _, found = covered(folder, "old.json", "--host", "SHOP.example.com:443")
    assert found["hosts"][0] == {"host": "shop.example.com", "operations": 3, "unowned": 2, "share": 0.3333}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "a: &a [*a]", "openapi: 9.9\npaths: {}", "x: " + "[" * 500, '{"openapi": "3.0.0"}', "\x00"],
)
def test_what_is_no_such_file_is_said_with_a_code(folder: Path, text: str) -> None:
    (folder / "bad").write_text(text, "utf-8")
    result = run("coverage", str(folder / "bad"), "--routes", str(folder / "routes.yaml"))
    assert isinstance(result.exception, ConfigError)
    assert result.exception.code in ("I110", "I111", "I112")


def test_a_wildcard_is_owned_only_where_everything_behind_it_is() -> None:
    one_label = table('  - {id: one, match: {host: "{x}.example.com"}, owner: team:a}\n')
    all_labels = table('  - {id: all, match: {host: "*.example.com"}, owner: team:a}\n')
    wanted = [Operation("*.example.com", "/x")]
    assert [each.operation for each in coverage(one_label, wanted).unowned] == wanted
    assert coverage(all_labels, wanted).unowned == ()
    assert hosts_meant("{p}.example.com") == ("stanch-any.example.com",)


def test_a_variable_is_not_met_by_a_literal() -> None:
    rules = table("  - {id: me, match: {host: a.example.com, path: /users/me}, owner: team:a}\n")
    assert len(coverage(rules, [Operation("a.example.com", "/users/{id}", "GET")]).unowned) == 1


# -- impact


OLD = table("  - {id: shop, match: {host: shop.example.com}, owner: team:a}\n")
NEW = table(
    """
  - id: shop
    match: {host: shop.example.com}
    owner: team:a
    refine: [{id: bola, when: "finding.category == 'API1:2023'", owner: team:b, cc: [team:a]}]
"""
)


def seen(**more: Any) -> Seen:
    api = ApiView(host="shop.example.com", path="/orders/7")
    return Seen(FindingView.model_validate({"api": api, **more}), NOW)


def test_every_change_is_listed_and_counted() -> None:
    found = impact(OLD, NEW, [seen(id="1", category="API1:2023"), seen(id="2"), seen(id="3", category="API1:2023")])
    assert found.findings == 3
    assert [each.name for each in found.differences] == ["1", "3"]
    assert found.owners == {("team:a", "team:b"): 2}
    assert found.differences[0].field("rule") == ("shop", "shop/bola")
    assert found.differences[0].field("cc") == ("", "team:a")
    assert found.differences[0].field("assignee") == ("user:ana", "user:tom")
    assert found.fields == {"rule": 2, "owner": 2, "assignee": 2, "cc": 2}


def test_rules_without_a_difference_have_no_impact() -> None:
    assert impact(OLD, OLD, [seen(category="API1:2023")]).differences == ()


@pytest.mark.parametrize(("fail_on", "status"), [("none", 0), ("owner", 1), ("any", 1), ("all", 2)])
def test_a_pipeline_may_fail_on_it(folder: Path, fail_on: str, status: int) -> None:
    old, new = folder / "old.yaml", folder / "new.yaml"
    old.write_text((folder / "routes.yaml").read_text("utf-8"), "utf-8")
    new.write_text(old.read_text("utf-8").replace("owner: team:a}", "owner: team:b}"), "utf-8")
    line = {"title": "t\x1b[31m", "api": {"host": "shop.example.com", "path": "/v1/orders", "method": "GET"}}
    given = ["--findings", "-", "--fail-on", fail_on]
    result = run("impact", str(old), str(new), *given, stdin=json.dumps(line))
    assert result.exit_code == status
    if status < 2:
        assert "owner team:a -> team:b: 1" in result.stdout
        assert "\x1b" not in result.stdout


def test_findings_that_cannot_be_used_are_no_negative_answer(folder: Path) -> None:
    routes = str(folder / "routes.yaml")
    for target, text in {"-": '{"sevrity": 1}', str(folder / "missing.ndjson"): ""}.items():
        result = run("impact", routes, routes, "--findings", target, "--fail-on", "any", stdin=text)
        assert isinstance(result.exception, ConfigError)
