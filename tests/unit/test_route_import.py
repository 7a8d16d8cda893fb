"""`stanch route import`: CODEOWNERS whose order no longer matters, Backstage as directory and rules, hostile files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from stanch.cli.route import app
from stanch.errors import ConfigError, StanchError
from stanch.learning.codeowners import CannotSay, Row, path_of, read_codeowners, regex_of
from stanch.learning.drafting import DraftRoutes
from stanch.learning.importing import of_codeowners
from stanch.routing import Address, PlaceIndex, PlaceWords, RouteTable, check, lint, load_routes
from stanch.views import ApiView, FindingView

DATA = Path(__file__).parents[1] / "data/codeowners"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
UNSAID = {"f\\*o", "f?o", "f\\?o", "**/*bar*", "foo/**/", "/apps/[param]/file.ts", "[Ffb]oo", "[\\]f]o\\[o\\]"}
UNSAID |= {"\\*-foo.js", "**/dir/*.*", "**/dir/**/*.*", "bar{foo}.log", "bar[0-5].log"}


def patterns() -> list[dict[str, Any]]:
    one = json.loads((DATA / "hmarr-patterns.json").read_text("utf-8"))
    return [*one, *json.loads((DATA / "sbdchd-cases.json").read_text("utf-8"))["patterns"]]


def meets(path: str, file: str) -> bool:
    index: PlaceIndex[int] = PlaceIndex()
    index.add(PlaceWords(path=path).place, 1)
    return bool(index.find(Address(host="x", path=f"/{file}")))


def loaded(draft: DraftRoutes) -> RouteTable:
    table = load_routes(draft.text())
    assert [result.name for result in check(table) if not result.ok] == []
    return table


def owner(table: RouteTable, file: str, host: str = "x") -> str:
    return table.route(FindingView(api=ApiView(host=host, path=f"/{file}")), NOW).view.owner.id


# -- patterns


def test_patterns_mean_what_the_other_readers_say() -> None:
    """340 rows of two other readers; ours has no folders that end in a slash, and says so of what differs."""
    rows = [(each["pattern"], file, wanted) for each in patterns() for file, wanted in each["paths"].items()]
    assert len(rows) == 340
    unsaid, compared = set[str](), 0
    for pattern, file, wanted in rows:
        try:
            path = path_of(pattern)
        except CannotSay:
            unsaid.add(pattern)
            continue
        if not file.startswith("/") and not file.endswith("/"):
            compared += 1
            assert meets(path, file) is wanted, (pattern, path, file)
    assert unsaid == UNSAID
    assert compared == 269


def test_conditions_of_sections_mean_the_same_as_places() -> None:
    from stanch.expressions import Schema, check, evaluate

    schema = Schema({"finding": FindingView})
    for each in patterns():
        try:
            path = path_of(each["pattern"])
        except CannotSay:
            continue
        source = f"finding.api.path.matches({json.dumps(regex_of(path))})"
        condition = check(source, schema, expect="bool")
        for file in each["paths"]:
            if not file.startswith("/") and not file.endswith("/"):
                finding = FindingView(api=ApiView(path=f"/{file}"))
                assert evaluate(condition, {"finding": finding}) is meets(path, file), (path, file)


# -- order


WORDS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "**", "c"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    body = "/".join(draw(st.lists(WORDS, min_size=1, max_size=3)))
    return (
        draw(st.sampled_from(["", "/"]))
        + body
        + draw(st.sampled_from(["", "/"]))
        + draw(st.sampled_from(["", " @x", " @y", " @z"]))
    )


def last_match(rows: list[Row], file: str) -> Row | None:
    return next((row for row in reversed(rows) if meets(row.path, file)), None)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(lines(), max_size=9),
    st.lists(st.lists(st.sampled_from(["a", "b", "ab", "c", "xb"]), max_size=4), max_size=9),
)
def test_what_the_last_match_owned_the_rules_own(file: list[str], paths: list[list[str]]) -> None:
    rows, _ = read_codeowners("\n".join(file))
    table = loaded(of_codeowners("\n".join(file)))
    for parts in paths:
        found = last_match(rows, "/".join(parts))
        wanted = f"user:{found.owners[0][1:]}" if found and found.owners else table.file.default.owner
        assert owner(table, "/".join(parts)) == wanted, "/".join(parts)


def test_inside_is_not_always_more_specific() -> None:
    table = loaded(of_codeowners("**/b @x\n**/a/**/b @y\n"))
    assert [owner(table, file) for file in ("b", "q/b", "a/b", "a/q/b")] == ["user:x", "user:x", "user:y", "user:y"]


def test_a_row_that_a_later_one_takes_is_said_to_be_dead() -> None:
    draft = of_codeowners("/a/b/ @x\n/a/ @y\n* @z\n/c @x\n")
    assert [rule["id"] for rule in draft.rules] == ["c"]
    assert draft.default == "user:z"
    assert [note.partition(":")[0] for note in draft.notes] == [
        "line 1 never answers",
        "line 2 never answers",
    ]


def test_a_row_that_later_ones_take_together_is_left_out() -> None:
    draft = of_codeowners("a @x\na @x\n/a @y\n*/ @z\n")
    table = load_routes(draft.text())
    assert draft.notes == [
        "line 1 never answers: line 2 comes later and takes all of it",
        "line 2 never answers: lines 3, 4 come later and together take all of it",
    ]
    first, second = table.file.rules
    assert (first.wins_over, second.wins_over) == ((), (first.id,))
    assert [owner(table, file) for file in ("a", "b/a", "a/a")] == ["user:y", "user:z", "user:z"]


def test_further_owners_follow_the_last_match_as_well() -> None:
    table = loaded(of_codeowners("/*/b @x @y\n/a/* @x @z\n/c/* @x @z\n/*/d @x @y\n"))

    def cc(file: str) -> tuple[str, ...]:
        return table.route(FindingView(api=ApiView(host="h", path=f"/{file}")), NOW).view.cc

    assert [cc(file) for file in ("a/b", "c/d", "q/b")] == [("user:z",), ("user:y",), ("user:y",)]


# -- the file


def test_a_file_of_github() -> None:
    draft = of_codeowners((DATA / "CODEOWNERS").read_text("utf-8"), host="*.example.com")
    table = loaded(draft)
    host = "shop.example.com"
    wanted = {
        "x": "team:platform",
        "orders/7": "team:orders",
        "orders/7/refunds": "team:payments",
        "orders/7/a.json": "user:docs",
        "nobody/x": "team:platform",
    }
    assert {file: owner(table, file, host) for file in wanted} == wanted
    refunds = table.route(FindingView(api=ApiView(host=host, path="/orders/7/refunds")), NOW)
    assert refunds.view.cc == ("user:ana",)
    assert [note.split(":")[0] for note in draft.notes] == ["line 7", "line 8"]
    assert "# DRAFT" in draft.text()
    assert "team:orders: who leads it" in draft.missing
    assert {each.code for each in lint(table, check(table))} == {"R006"}  # who owns rules without being in a team


def test_sections_of_gitlab_add_up_and_each_takes_its_last_match() -> None:
    text = """
* @base
[Docs][2] @writers
docs/
docs/api/ @api
^[Security] @sec
*.tf
/docs/api/x.tf @tf @sec
"""
    draft = of_codeowners(text)
    table = loaded(draft)

    def cc(file: str) -> set[str]:
        return set(table.route(FindingView(api=ApiView(host="h", path=f"/{file}")), NOW).view.cc)

    assert owner(table, "docs/a") == "user:base"
    assert cc("docs/a") == {"user:writers"}
    assert cc("docs/api/a") == {"user:api"}
    assert cc("docs/api/a.tf") == {"user:api", "user:sec"}
    assert cc("docs/api/x.tf") == {"user:api", "user:tf", "user:sec"}
    assert cc("main.tf") == {"user:sec"}
    assert cc("main.py") == set()


def test_a_directory_that_exists_gives_names_and_people(tmp_path: Path) -> None:
    routes = """
version: routing/v1
directory:
  users: {user:ana: {name: Ana, email: ana@example.com, slack: U1}, user:tom: {name: Tom}}
  teams: {team:orders: {lead: user:tom, ticket: {system: jira, project: ORD}}}
default: {id: x, owner: team:orders}
"""
    (tmp_path / "routes.yaml").write_text(routes, "utf-8")
    (tmp_path / "CODEOWNERS").write_text("* ana@example.com\n/o @acme/orders\n/p @ana\n", "utf-8")
    result = run("codeowners", str(tmp_path / "CODEOWNERS"), "--routes", str(tmp_path / "routes.yaml"))
    assert result.exit_code == 0
    assert "DRAFT" not in result.stdout
    table = load_routes(result.stdout)
    assert table.file.directory.teams["team:orders"].ticket.project == "ORD"
    assert table.file.directory.users["user:ana"].slack == "U1"
    assert set(table.file.directory.users) == {"user:ana", "user:tom"}
    assert (owner(table, "x"), owner(table, "o"), owner(table, "p")) == ("user:ana", "team:orders", "user:ana")


HOSTILE = [
    "/a @x # comment",
    "/a\\ b @x",
    "/a @@maintainer",
    "/a not-an-owner",
    "/a @../../etc",
    "/a @x'; DROP",
    "/{{7*7}} @x",
    "/${{ x }} @x",
    "/a: &anchor *alias @x",
    "/\u202e\u2028 @x",
    "/a\x00\x1b[31m @x",
    "/%2e%2e/admin @x",
    "/../admin @x",
    "/a;b?c#d @x",
    "[" * 1000,
    "[x] @@owner",
    "* " + "@x " * 500,
    "/" + "a/" * 500 + " @x",
    "/" + "**/" * 40 + "a @x",
    "/" + "a" * 3000 + " @x",
    "/-- @x",
    "' @x",
    '/": {} @x',
    "/\n  - id: evil @x",
    "\ud800 @x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_rows_are_said_or_listed_and_never_markup(text: str) -> None:
    draft = of_codeowners(f"* @base\n{text}\n")
    shown = draft.text()
    assert all(char == "\n" or " " <= char <= "~" for char in shown)
    table = load_routes(shown)
    assert {rule.id for rule in table.file.rules} == {rule["id"] for rule in draft.rules}
    assert len(table.file.rules) <= 2


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_any_text_gives_a_file_that_loads(text: str) -> None:
    loaded(of_codeowners(text))


def test_limits_are_said_with_a_code() -> None:
    with pytest.raises(ConfigError, match="more than 1,000 rows"):
        of_codeowners("\n".join(f"/a{number} @x" for number in range(1001)))
    with pytest.raises(ConfigError, match="no host pattern"):
        of_codeowners("* @x", host="*.*")
    with pytest.raises(ConfigError, match="larger than"):
        of_codeowners("#" * 4_000_000)


# -- Backstage


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments])


def test_a_catalogue_becomes_a_directory_and_rules() -> None:
    result = run("backstage", str(DATA / "catalog.yaml"), "--routes", "none", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    table = load_routes(found["text"])
    assert all(test.ok for test in check(table))
    assert owner(table, "orders/v1/orders/7", "api.example.com") == "team:payments"
    assert owner(table, "carts/v1/carts", "api.example.com") == "team:payments"  # of its system
    assert owner(table, "login", "mobile.example.com") == "team:mobile"
    people = table.file.directory
    assert people.users["user:maria"].email == "maria@example.com"
    assert people.teams["team:payments"].catalog == "group:default/payments"
    assert people.teams["team:mobile"].members == ("user:tom",)
    assert "team:payments: who leads it" in found["missing"]
    assert found["routes"]["rules"][0]["id"] == "orders"


def api(name: str, definition: str, owner: str = "payments") -> str:
    spec = {"type": "openapi", "owner": owner, "definition": definition}
    return json.dumps({"apiVersion": "backstage.io/v1alpha1", "kind": "API", "metadata": {"name": name}, "spec": spec})


def catalogue(folder: Path, *documents: str) -> Path:
    file = folder / "catalog.yaml"
    file.write_text("\n---\n".join(f"# x\n{each}" for each in documents), "utf-8")
    return file


OPENAPI = '{"openapi": "3.0.0", "servers": [{"url": "https://a.example.com"}], "paths": {"/%s/{id}": {"get": {}}}}'


def test_two_apis_on_one_host_keep_to_their_own_paths(tmp_path: Path) -> None:
    file = catalogue(tmp_path, api("one", OPENAPI % "one"), api("two", OPENAPI % "two", "mobile"))
    result = run("backstage", str(file), "--routes", "none")
    table = load_routes(result.stdout)
    assert owner(table, "one/7", "a.example.com") == "team:payments"
    assert owner(table, "two/7", "a.example.com") == "team:mobile"
    assert "only its own paths are taken" in result.stderr


@pytest.mark.parametrize(
    "owner_of",
    ["", "../../etc", "a b", "group:x/y/z", "user:default/Bob", "x" * 500, "evil\n- id: x", "{}", "$" * 3, "team:ünï"],
)
def test_odd_owners_are_listed_or_made_harmless(tmp_path: Path, owner_of: str) -> None:
    result = run("backstage", str(catalogue(tmp_path, api("one", OPENAPI % "one", owner_of))), "--routes", "none")
    assert result.exit_code == 0, result.output
    table = load_routes(result.stdout)
    assert len(table.file.rules) == 1 or "nobody owns it" in result.stderr


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(f'*{before}' for _ in range(9))}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "I110"),
        ("x: [" * 200, "I110"),
        ("{", "I110"),
        ("a: 1\na: 2", "I110"),
        ("", "I112"),
        ("just: yaml", "I112"),
        ("\x00", "I110"),
        ("!!python/object:os.system [x]", "I112"),
    ],
)
def test_hostile_catalogues_are_refused_with_a_code(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "c.yaml").write_text(text, "utf-8")
    result = run("backstage", str(tmp_path / "c.yaml"), "--routes", "none")
    assert isinstance(result.exception, StanchError)
    assert result.exception.code == code


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for kind in ("codeowners", "backstage"):
        for name in ("binary", "missing"):
            result = run(kind, str(tmp_path / name), "--routes", "none")
            assert isinstance(result.exception, StanchError)
            assert result.exception.code == "I110"


def test_text_beside_a_catalogue_stays_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x", "utf-8")
    folder = tmp_path / "in"
    folder.mkdir()
    spec = {"type": "openapi", "owner": "p", "definition": {"$text": "../secret"}}
    text = json.dumps({"apiVersion": "backstage.io/v1", "kind": "API", "metadata": {"name": "x"}, "spec": spec})
    (folder / "c.json").write_text(text, "utf-8")
    result = run("backstage", str(folder / "c.json"), "--routes", "none")
    assert "outside the folder" in result.stderr
