"""What docs/points.md says of each kind of point is what its code takes and shows."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import facts
import pytest

from activities import _caddy_routes, _kong_expression
from activities._apigw.places import Place
from activities._apigw.statements import compiled
from activities._edge.gateway import Block
from activities._envoy.policy import Dialect, Hops, compile_policy
from activities._nginx import rules
from activities._waf.entry import Dialect as WafDialect
from activities._waf.entry import compile_lease
from activities._webhook.point import PointConfig, WebhookPoint
from stanch.actions.blocks import Scope
from stanch.errors import Rejected
from stanch.fitting import Need, expresses, refuse_unfit
from stanch.leases import BlockSpec, BodyValue, Credential, Lease, LimitSpec, MemberSpec, Principal, target_of
from stanch.ports_traffic import Counts, SeesTraffic

HOST = "api.example.com"
SECRET = "0" * 64
WHO: Mapping[str, BlockSpec] = {
    "ips": BlockSpec(host=HOST, path="/a", ips=("192.0.2.7",)),
    "api_key": BlockSpec(host=HOST, principal=Principal(api_key="abcde12345")),
} | {
    word: BlockSpec(host=HOST, path="/a", principal=Principal.model_validate({word: value}))
    for word, value in {
        "token_id": "t1",
        "user_id": "u1",
        "client_id": "c1",
        "session_id": "s1",
        "token_hash": SECRET,
        "jwt_claims": {"tenant": "acme"},
        "header": Credential(name="x-api-key", sha256=SECRET),
        "cookie": Credential(name="sid", sha256=SECRET),
        "body": BodyValue(pointer="/user", value="u1"),
    }.items()
}
VERBS = {
    Need.COUNT: {"block.count"},
    Need.LIMIT: {"limit.rate"},
    Need.LIST: {"list.add"},
    Need.API_KEY: {"key.disable", "apigw.remove_key_from_plan"},
}


def lease(spec: BlockSpec) -> Lease:
    end = datetime.now(UTC) + timedelta(hours=1)
    names = {"lease_id": "l", "case_id": "case-a", "episode": "e", "step": "s", "point": "p"}
    return Lease.model_validate({**names, "target": target_of(spec), "spec": spec, "expires_at": end})


def edge(spec: BlockSpec) -> Block:
    return Block(spec=spec, name="stanch-x-1-a", case_id="case-a", canary="c" * 32, seal="d" * 32, count=False)


def at_waf(spec: BlockSpec) -> Any:
    return compile_lease(lease(spec), WafDialect(addresses="peer"), now=datetime.now(UTC))


def at_api_gateway(spec: BlockSpec) -> Any:
    if spec.principal is not None and spec.principal.api_key:
        return spec  # held on the key itself, not in the resource policy
    place = Place(api="a1b2c3d4e5", stage="prod")
    return compiled(lease(spec), place, canary="", paths=["/a"])


def at_device(spec: BlockSpec) -> Any:
    names = ("name", "host", "path", "methods", "ips", "token_id", "user_id", "client_id", "session_id", "token_hash")
    asked = {"path": "/denies", "body": {name: {"param": name} for name in names}}
    undo = {"method": "DELETE", "path": "/denies/{name}"}
    listed = {"path": "/denies", "entries": "items[].name"}
    told = {"url": "https://fw.example.com", "secret": "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
    config = PointConfig.model_validate({**told, "apply": asked, "inverse": undo, "listed": listed})
    return WebhookPoint("fw", config)._values(lease(spec), "stanch-x-1-a")


HOLDS: Mapping[str, Callable[[BlockSpec], Any]] = {
    "envoy": lambda spec: compile_policy(spec, canary="c" * 32, dialect=Dialect()),
    "nginx": lambda spec: rules.compile_block(edge(spec), token_header="authorization", ignore_case=False),
    "caddy": lambda spec: _caddy_routes.compile_block(
        edge(spec), hops=Hops.DIRECT, token_header="authorization", ignore_case=False
    ),
    "kong": lambda spec: _kong_expression.compile_block(edge(spec), token_header="authorization", ignore_case=False),
    "aws_waf": at_waf,
    "api_gateway": at_api_gateway,
    "webhook_point": at_device,
}


def points() -> dict[str, type[Any]]:
    """Every kind of point with the class that its connector builds."""
    found: dict[str, type[Any]] = {}
    for connector in facts.connectors():
        if connector.port == "point":
            found[connector.kind] = typing.get_type_hints(connector.build)["return"]
    return found


def table(head: str) -> dict[str, list[str]]:
    """Rows of the table under a heading, by each kind in their first cell."""
    section = facts.page("points.md").split(f"## {head}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    return {kind: row[1:] for row in rows for kind in re.findall(r"`([a-z0-9_]+)`", row[0])}


def holds(kind: str, point: type[Any], spec: BlockSpec) -> bool:
    try:
        refuse_unfit(point, spec)
        HOLDS[kind](spec)
    except Rejected:
        return False
    return True


def test_every_kind_of_point_has_its_row() -> None:
    assert table("What it holds").keys() == points().keys()
    assert table("What it shows").keys() == HOLDS.keys()


@pytest.mark.parametrize("kind", HOLDS)
def test_who_can_be_told_apart(kind: str) -> None:
    said = facts.ticked(table("What it holds")[kind][1])
    assert said == {word for word, spec in WHO.items() if holds(kind, points()[kind], spec)}


def test_every_way_to_name_somebody_is_tried() -> None:
    assert set(Principal.model_fields) | {"ips"} == WHO.keys()
    assert {"principal", "ips"} <= Scope.model_fields.keys()


@pytest.mark.parametrize("kind", HOLDS)
def test_verbs(kind: str) -> None:
    point = points()[kind]
    able = [verbs for need, verbs in VERBS.items() if expresses(point, need)]
    assert facts.ticked(table("What it holds")[kind][0]) == {"block.scope", "block.ip"}.union(*able)
    count, limit = WHO["ips"].counting, LimitSpec(host=HOST, requests=10)
    member = MemberSpec(list="l", host=HOST)
    for need, spec in ((Need.COUNT, count), (Need.LIMIT, limit), (Need.LIST, member)):
        if not expresses(point, need):
            with pytest.raises(Rejected) as refused:
                refuse_unfit(point, spec)
            assert refused.value.code == "L016"


def test_points_for_users_hold_users_only() -> None:
    from activities._user_point import UserPoint

    users = {kind for kind, point in points().items() if point is UserPoint}
    assert users == points().keys() - HOLDS.keys()
    assert {kind for kind, row in table("What it holds").items() if facts.ticked(row[0]) == {"user.suspend"}} == users


@pytest.mark.parametrize("kind", HOLDS)
def test_what_is_shown(kind: str) -> None:
    point = points()[kind]
    counts, _, people, probe, _ = table("What it shows")[kind]
    assert (counts == "yes") is (expresses(point, Need.COUNT) and hasattr(point, "observed"))
    assert people.startswith("yes") is hasattr(point, "exposure")
    assert probe.startswith("no") is not hasattr(point, "canary")
    assert {"observed"} == {name for name in vars(Counts) if not name.startswith("_")}, "what the test above asks for"
    assert {"exposure"} == {name for name in vars(SeesTraffic) if not name.startswith("_")}
