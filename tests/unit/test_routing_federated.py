"""Ownership files of several teams as one: their order has no meaning, and nobody touches what another declared."""

from __future__ import annotations

import itertools
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from stanch.cli.route import app
from stanch.cli.validate import validate
from stanch.errors import ConfigError, Problem
from stanch.policy import PolicyStore
from stanch.routing import RouteTable, check, load_route_files, load_routes, read_routes
from stanch.settings import Settings
from stanch.views import FindingView

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
MAIN = """version: routing/v1
namespace: platform
directory:
  users: {user:ana: {name: Ana}, user:bob: {name: Bob}}
  teams:
    team:one: {lead: user:ana, members: [user:bob]}
sla: {plain: {high: {fix: 1d}}}
default: {id: fallback, owner: team:one, sla: plain}
"""
SHOP = """version: routing/v1
namespace: shop
directory:
  users: {user:eva: {name: Eva}}
  teams:
    team:shop: {lead: user:eva}
rules:
- {id: shop, match: {host: shop.test}, owner: team:shop, cc: [user:ana]}
- {id: shop-admin, match: {host: shop.test, path: /admin/**}, owner: team:one}
overlays:
- {id: pii, when: "'pii' in finding.data_classification", cc: [user:bob]}
tests:
- {name: the shop is the shop's, finding: {api: {host: shop.test}}, expect: {rule: shop, owner: team:shop}}
"""
PAY = """version: routing/v1
namespace: pay
directory:
  teams:
    team:pay: {lead: user:bob}
rules:
- {id: pay, match: {host: pay.test}, owner: team:pay}
"""
FILES = {"p/routes.yaml": MAIN, "p/routes.d/shop.yaml": SHOP, "p/routes.d/pay.yaml": PAY}


def problems(files: dict[str, str]) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load_route_files(files)
    return list(caught.value.problems)


def answers(table: RouteTable) -> list[tuple[str, str, tuple[str, ...]]]:
    places = [("shop.test", "/x"), ("shop.test", "/admin/1"), ("pay.test", "/"), ("other.test", "/")]
    views = [
        FindingView.model_validate({"api": {"host": host, "path": path}, "data_classification": ["pii"]})
        for host, path in places
    ]
    decisions = [table.route(view, NOW) for view in views]
    return [(each.rule, each.view.owner.id, each.view.cc) for each in decisions]


def test_files_of_several_teams_are_one_table() -> None:
    table = load_route_files(FILES)
    assert answers(table) == [
        ("shop", "team:shop", ("user:ana", "user:bob")),
        ("shop-admin", "team:one", ("user:bob",)),
        ("pay", "team:pay", ("user:bob",)),
        ("fallback", "team:one", ("user:bob",)),
    ]
    assert all(result.ok for result in check(table))


def test_the_order_of_files_and_their_names_have_no_meaning() -> None:
    whole = load_route_files(FILES)
    for order in itertools.permutations(FILES):
        table = load_route_files({name: FILES[name] for name in order})
        assert (table.digest, answers(table)) == (whole.digest, answers(whole))
    renamed = load_route_files({f"{number}.yaml": text for number, text in enumerate(reversed(FILES.values()))})
    assert (renamed.digest, answers(renamed)) == (whole.digest, answers(whole))


EXAMPLE = yaml.safe_load((ROOT / "tests/data/routing/routing.yaml").read_text())


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_however_a_file_is_split_the_table_is_the_same(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 4))
    files: list[dict[str, Any]] = [{"version": "routing/v1"} for _ in range(count)]

    def somewhere() -> dict[str, Any]:
        return files[data.draw(st.integers(0, count - 1))]

    for name in ("rules", "overlays", "grouping", "inhibit", "silences", "tests"):
        for entry in EXAMPLE.get(name, []):
            somewhere().setdefault(name, []).append(entry)
    for name in ("users", "teams", "schedules"):
        for key, value in EXAMPLE["directory"].get(name, {}).items():
            somewhere().setdefault("directory", {}).setdefault(name, {})[key] = value
    for name in ("calendars", "sla", "escalations"):
        for key, value in EXAMPLE[name].items():
            somewhere().setdefault(name, {})[key] = value
    somewhere()["default"] = EXAMPLE["default"]
    table = load_route_files({f"{number}.yaml": json.dumps(each, default=str) for number, each in enumerate(files)})
    single = load_routes(json.dumps(EXAMPLE, default=str))
    assert table.digest == single.digest
    findings = [FindingView.model_validate(test["finding"]) for test in EXAMPLE["tests"]]
    assert [table.route(each, NOW).view for each in findings] == [single.route(each, NOW).view for each in findings]


@pytest.mark.parametrize(
    ("name", "old", "new", "code", "file", "line", "other"),
    [
        ("pay", "id: pay,", "id: shop,", "R001", "p/routes.d/pay.yaml", 7, "p/routes.d/shop.yaml:8"),
        ("pay", "team:pay: {lead", "team:shop: {lead", "R112", "p/routes.d/shop.yaml", 6, "p/routes.d/pay.yaml:5"),
        (
            "pay",
            "  teams:\n",
            "  users: {user:ana: {name: X}}\n  teams:\n",
            "R112",
            "p/routes.yaml",
            4,
            "p/routes.d/pay",
        ),
        ("pay", "rules:\n", "sla: {plain: {high: {fix: 9d}}}\nrules:\n", "R112", "p/routes.yaml", 7, "p/routes.d/pay"),
        (
            "pay",
            "rules:\n",
            "default: {id: d, owner: team:pay}\nrules:\n",
            "R111",
            "p/routes.yaml",
            8,
            "p/routes.d/pay",
        ),
        ("pay", "host: pay.test", "host: shop.test", "R101", "p/routes.d/shop.yaml", 8, "p/routes.d/pay.yaml:7"),
    ],
)
def test_what_two_files_may_not_both_say_names_both_places(
    name: str, old: str, new: str, code: str, file: str, line: int, other: str
) -> None:
    path = f"p/routes.d/{name}.yaml"
    assert old in FILES[path]
    (problem,) = [each for each in problems({**FILES, path: FILES[path].replace(old, new)}) if each.code == code]
    assert (problem.file, problem.line) == (file, line)
    assert other in problem.message
    assert problem.hint


def test_twice_in_one_namespace_is_refused_as_well() -> None:
    same = {**FILES, "p/routes.d/pay2.yaml": PAY.replace("id: pay,", "id: pay2,").replace("pay.test", "pay2.test")}
    (problem,) = problems(same)
    assert (problem.code, problem.file, problem.line) == ("R110", "p/routes.d/pay2.yaml", 5)
    assert "p/routes.d/pay.yaml:5" in problem.message


def test_mistakes_of_all_files_at_once_each_in_its_own() -> None:
    broken = {
        **FILES,
        "p/routes.d/shop.yaml": SHOP.replace("owner: team:one", "ownr: team:one"),
        "p/routes.d/pay.yaml": PAY.replace("rules:", "rulez:"),
    }
    assert [(each.code, each.file, each.line) for each in problems(broken)] == [
        ("R001", "p/routes.d/pay.yaml", 6),
        ("R001", "p/routes.d/shop.yaml", 9),
    ]
    unknown = {**FILES, "p/routes.d/pay.yaml": PAY.replace("owner: team:pay", "owner: team:shp")}
    (problem,) = problems(unknown)
    assert (problem.code, problem.file, problem.line) == ("R001", "p/routes.d/pay.yaml", 7)
    assert problem.hint == "did you mean 'team:shop'?", "from another file"


def test_conditions_point_into_the_right_file() -> None:
    wrong = {**FILES, "p/routes.d/shop.yaml": SHOP.replace("'pii' in finding.data_classification", "finding.sevrity")}
    (problem,) = problems(wrong)
    assert (problem.code, problem.file, problem.line, problem.column) == ("R002", "p/routes.d/shop.yaml", 11, 28)


def test_somebody_must_say_the_default() -> None:
    (problem,) = problems({"a.yaml": SHOP, "b.yaml": PAY})
    assert (problem.code, problem.message) == ("R000", "'default' is missing")


@pytest.mark.parametrize("text", ["", "[]", "x", "rules: {a: b}\nversion: routing/v1\n", "\x00", "a: [", "version: 1"])
def test_files_of_any_form_are_refused_in_words(text: str) -> None:
    assert all(problem.file == "p/routes.d/odd.yaml" for problem in problems({**FILES, "p/routes.d/odd.yaml": text}))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "p"


def run(*words: str) -> tuple[int, str]:
    alone = typer.Typer()
    alone.command()(validate)
    given = list(words[1:])
    result = CliRunner().invoke(*((alone, given[1:]) if given[0] == "validate" else (app, given)))
    return result.exit_code, result.stdout


def test_a_folder_is_read_whole_also_by_the_name_of_its_main_file(policy: Path) -> None:
    (policy / "routes.d" / ".#shop.yaml").write_text("an editor's lock")
    for path in (policy, policy / "routes.yaml"):
        assert read_routes(path).digest == load_route_files(FILES).digest
        code, out = run("stanch", "test", "https://shop.test/admin/1", "--routes", str(path), "--json")
        assert (code, json.loads(out)["rule"]) == (0, "shop-admin")
    code, out = run("stanch", "check", str(policy), "--json")
    assert (code, [each["code"] for each in json.loads(out)["warnings"]].count("R107")) == (1, 2)


def test_validate_checks_files_together_and_a_part_with_the_rest(policy: Path) -> None:
    assert run("stanch", "validate", str(policy))[0] == 0
    assert run("stanch", "validate", str(policy / "routes.d" / "shop.yaml"))[0] == 0
    part = policy / "routes.d" / "pay.yaml"
    part.write_text(PAY.replace("team:pay}", "team:shp}"))
    code, out = run("stanch", "validate", str(part), "--json")
    assert code == 3
    assert [(each["code"], each["file"], each["line"]) for each in json.loads(out)] == [("R001", str(part), 7)]


def test_the_policy_in_use_follows_every_file(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policy", tmp_path / "policy")
    (tmp_path / "playbooks").mkdir()
    parts = tmp_path / "policy" / "routes.d"
    parts.mkdir()
    (parts / "x.yaml").write_text(
        "version: routing/v1\nrules:\n- {id: of-x, match: {host: x.test}, owner: team:appsec}\n"
    )
    store = PolicyStore(Settings(policy_dir=tmp_path / "policy", playbooks_dir=tmp_path / "playbooks"))
    assert "of-x" in {rule.id for rule in store.current.routes.file.rules}
