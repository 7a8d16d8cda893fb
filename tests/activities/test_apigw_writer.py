"""API keys through the writer of a point, its guards and the reaper, as a deployment runs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apigw_support import Town, denied, disabled, kept_out, lease, out_of_plan
from glue import FakeTemporal, Glue, job, reachable

from activities import _reaping, blocks, points
from activities._run import perform
from stanch.leases import BlockSpec, Lease, Principal
from stanch.ports import Reconciled
from stanch.records import Protected
from stanch.wire_points import Reconcile, ReconcileReply


@pytest.fixture
def glue(tmp_path: Path, town: Town) -> Iterator[Glue]:
    edge = {"kind": "memory", "hosts": ["*.example.com"]}
    gateway = {"kind": "api_gateway", **town.api.section(town.gateway)}
    with Glue(tmp_path, points={"edge": edge, "gw": gateway}) as made:
        made.world._built["point", "gw"] = town.point
        yield made


def reconcile(glue: Glue, *adds: Lease, **more: Any) -> ReconcileReply:
    point = adds[0].point if adds else "gw"
    with reachable(glue.world, FakeTemporal()):
        return points.reconcile(glue.world, Reconcile(point=point, adds=adds, **more))


def test_writer_holds_and_lifts_a_key(glue: Glue, town: Town) -> None:
    wanted = disabled(town)
    reply = reconcile(glue, wanted)
    assert [item[:2] for item in reply.results] == [(wanted.target, True)]
    assert town.status("mallory") == 403
    reply = reconcile(glue, removes=(wanted.target,), holders=(wanted,), expected=reply.digest)
    assert (reply.mismatch, [item[1] for item in reply.results]) == (False, [True])
    assert town.status("mallory") == 200


def test_point_that_knows_no_keys_is_never_asked_to_block_one(glue: Glue, town: Town) -> None:
    wanted = kept_out(town).model_copy(update={"point": "edge"})
    asked: list[Any] = []

    class Edge:
        """Takes whatever it is given."""

        def reconcile(self, *, adds: Any, **_: Any) -> Reconciled:
            asked.extend(adds)
            return Reconciled(digest="d", results=())

        def list_owned(self) -> list[Any]:
            return []

    glue.world._built["point", "edge"] = Edge()
    reply = reconcile(glue, wanted)
    assert ([item[2] for item in reply.results], asked) == (["L016"], [])


def test_key_on_the_never_block_list_is_left_alone(glue: Glue, town: Town) -> None:
    item = Protected(
        kind="client", value=town.api.keys["mallory"], by="user:ana", reason="partner", at=datetime.now(UTC)
    )
    glue.records.protect(item)
    reply = reconcile(glue, disabled(town), out_of_plan(town), kept_out(town))
    assert {(ok, code) for _, ok, code, _ in reply.results} == {(False, "G122")}
    assert town.status("mallory") == 200


def test_verbs_find_the_point_of_keys_and_of_hosts(glue: Glue, town: Town) -> None:
    key = town.api.keys["mallory"]
    for action, params in (
        ("key.disable", {"key_id": key}),
        ("apigw.remove_key_from_plan", {"key_id": key, "plan_id": town.api.plan}),
        ("block.scope", {"host": town.api.host, "principal": {"api_key": key}, "at": "gw"}),
    ):
        with reachable(glue.world, FakeTemporal()) as temporal:
            held = perform(glue.world, job(action, params), blocks.IMPLEMENTATIONS[action], lambda *_: None)
        assert held.outputs["point"] == "gw"
        assert temporal is not None


def test_reaper_gives_back_what_is_over_from_the_vendors_state_alone(glue: Glue, town: Town) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    town.hold(disabled(town, until=past), out_of_plan(town, "shop", until=past), denied(town, until=past))
    standing = kept_out(town, "partner")
    town.hold(standing)
    found = _reaping.reap(glue.world, points=["gw"])
    assert sorted(entry.state for entry in found.entries) == ["lifted"] * 3
    assert (found.standing, [town.status(who) for who in ("mallory", "shop", "partner")]) == (1, [200, 200, 403])
    assert [owned.target for owned in town.again().list_owned()] == [standing.target]


def test_targets_of_blocks_without_a_key_are_what_they_were() -> None:
    spec = BlockSpec(host="h", principal=Principal(token_id="t"))
    assert lease(spec).target == "116d6fa08ee31090f82a82ca9190b2f5"
