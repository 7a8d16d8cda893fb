"""Lists and joins as people write them, and the guards over each pair that a new member would make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from stanch.cli import lists
from stanch.errors import ConfigError
from stanch.guards import Attempt, GuardState, load_guards
from stanch.guards.model import Blast
from stanch.guards.pairs import check_member, pair_of
from stanch.leases import BlockSpec, LeaseSpec, MemberSpec, Principal, target_of
from stanch.lists import ListsFile, parse_lists

TEXT = """\
version: lists/v1
lists:
  abusive: {of: principals, most: 3}
  sensitive: {of: endpoints, most: 3}
joins:
  watched: {principals: abusive, endpoints: sensitive, at: gateway, most: 4}
"""
GUARDS = load_guards(
    "version: guards/v1\n"
    "modes: {default: auto}\n"
    "never_block:\n"
    "  users: [break-glass]\n"
    "  ips: [10.0.0.0/8]\n"
    "  hosts: [id.example.com]\n"
    "  paths: [{path: /healthz, unless: [principal]}, /login]\n"
    "known_hosts: ['*.example.com']\n"
)
ATTEMPT = Attempt(action="list.add", mode="auto", ttl=3600.0)


def endpoint(path: str = "/pay", host: str = "api.example.com") -> MemberSpec:
    return MemberSpec(list="sensitive", host=host, path=path)


def somebody(user: str = "mallory", **more: object) -> MemberSpec:
    return MemberSpec(list="abusive", principal=Principal(user_id=user), **more)  # type: ignore[arg-type]


def codes(spec: MemberSpec, *beside: MemberSpec, lists: ListsFile | None = None, rated: bool = True) -> list[str]:
    known = parse_lists(TEXT) if lists is None else lists
    found = check_member(
        spec, beside, ATTEMPT, lists=known, policy=GUARDS, state=GuardState(), rated=lambda _host: rated
    )
    return [refusal.code for refusal in found]


def test_a_pair_is_the_block_of_both() -> None:
    spec = BlockSpec(host="api.example.com", path="/pay", principal=Principal(user_id="mallory"))
    assert pair_of(endpoint(), somebody()) == pair_of(somebody(), endpoint()) == spec


def test_each_pair_is_judged_by_what_its_point_has_seen() -> None:
    campus, asked = MemberSpec(list="abusive", ips=("203.0.113.7",)), list[BlockSpec]()

    def seen(pair: BlockSpec) -> tuple[Blast, None]:
        asked.append(pair)
        return Blast(principals=900, unknown=0.0), None

    told = {"lists": parse_lists(TEXT), "policy": GUARDS, "state": GuardState(), "rated": lambda _: True}
    found = check_member(campus, (endpoint(),), ATTEMPT, **told, seen=seen)  # type: ignore[arg-type]
    assert ([refusal.code for refusal in found], asked) == (["G138"], [pair_of(campus, endpoint())])


@pytest.mark.parametrize(
    ("spec", "beside", "code"),
    [
        (somebody("BREAK-GLASS"), endpoint(), "G121"),
        (endpoint(), somebody("break-glass"), "G121"),
        (endpoint("/login"), somebody(), "G124"),
        (somebody(), endpoint("/**"), "G124"),
        (endpoint(host="id.example.com"), somebody(), "G125"),
        (endpoint(host="api.elsewhere.test"), somebody(), "G134"),
        (MemberSpec(list="abusive", ips=("10.1.1.1",)), endpoint(), "G120"),
        (MemberSpec(list="abusive", ips=("0.0.0.0/0",)), endpoint(), "G120"),
    ],
)
def test_each_pair_is_judged_whichever_member_comes_last(spec: MemberSpec, beside: MemberSpec, code: str) -> None:
    assert code in codes(spec, beside)
    assert codes(somebody("eve"), endpoint("/pay")) == []


def test_an_endpoint_of_unknown_criticality_makes_no_automatic_pair() -> None:
    assert codes(somebody(), endpoint(), rated=False) == ["G113"]
    assert codes(somebody(), rated=False) == []  # without a pair nothing is denied


def test_lists_and_their_product_have_ceilings() -> None:
    ends = [endpoint(f"/pay/{number}") for number in range(3)]
    people = [somebody(f"user-{number}") for number in range(3)]
    assert codes(ends[2], *ends[:2], *people[:1]) == []
    assert codes(ends[2], *ends[:2], *people[:2]) == ["G152"]
    assert codes(people[1], *people[:1], *ends) == ["G152"]
    assert codes(endpoint("/more"), *ends) == ["G151"]


def test_only_a_declared_list_of_that_side_takes_a_member() -> None:
    assert codes(MemberSpec(list="nowhere", host="api.example.com")) == ["G150"]
    assert codes(MemberSpec(list="abusive", host="api.example.com")) == ["G150"]
    assert codes(somebody(), lists=parse_lists("version: lists/v1\nlists: {abusive: {of: principals}}")) == ["G150"]


def test_the_name_of_the_join_is_no_part_of_the_target_and_a_member_is_no_block() -> None:
    assert target_of(somebody(join="watched")) == target_of(somebody())
    from pydantic import TypeAdapter

    read: TypeAdapter[LeaseSpec] = TypeAdapter(LeaseSpec)
    for spec in (endpoint(), somebody(), BlockSpec(host="api.example.com", path="/pay")):
        assert read.validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("version: lists/v1\nlists: {a: {of: everything}}", "L904", 2),
        ("version: lists/v1\nlists: {a: {of: endpoints, wide: true}}", "L902", 2),
        ("version: lists/v1\nlists: {a: {}}", "L903", 2),
        ("version: lists/v1\nlists: {A-b: {of: endpoints}}", "L904", 2),
        ("version: lists/v1\nlists: [", "L901", 3),
        (TEXT.replace("principals: abusive", "principals: sensitive"), "L905", 6),
        (TEXT.replace("endpoints: sensitive, at", "endpoints: missing, at"), "L905", 6),
        (TEXT + "  again: {principals: abusive, endpoints: sensitive, at: other}\n", "L905", 7),
    ],
)
def test_a_mistake_is_told_at_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigError) as error:
        parse_lists(text)
    assert code in {problem.code for problem in error.value.problems}
    assert line in {problem.line for problem in error.value.problems}


class _Api:
    def __init__(self, specs: list[LeaseSpec]) -> None:
        common = {"lease_id": "l-1", "case_id": "case-1", "point": "edge", "expires_at": "2026-01-01T00:00:00+00:00"}
        self._rows = [{"lease": common | {"spec": spec.model_dump(mode="json")}, "state": "held"} for spec in specs]

    def get(self, path: str, query: dict[str, str], *, part: str) -> dict[str, Any]:
        assert (path, query, part) == ("/v1/leases", {"live": "true"}, "leases")
        return {"leases": self._rows}


def test_the_command_shows_members_by_list_and_no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [endpoint(), somebody("mal\x1blory", join="watched"), BlockSpec(host="api.example.com")]
    monkeypatch.setattr(lists, "api", lambda _url: _Api(specs))
    shown = CliRunner().invoke(lists.app, ["show"]).stdout
    assert "api.example.com/pay" in shown
    assert "watched" in shown
    assert "\x1b" not in shown
    only = CliRunner().invoke(lists.app, ["show", "abusive", "--json"]).stdout
    assert [row["lease"]["spec"]["list"] for row in json.loads(only)["members"]] == ["abusive"]


def test_a_counted_block_contains_nothing() -> None:
    from stanch.plan import PlanStep, StepKind
    from stanch.simulate.bounds import contains

    steps = {name: PlanStep(id="s", kind=StepKind.DO, action=name) for name in ("block.count", "block.scope")}
    assert {name: contains(step) for name, step in steps.items()} == {"block.count": False, "block.scope": True}
