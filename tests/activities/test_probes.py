"""Proof of effect: true where a block works, false where it does not, too narrow or too wide."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from edge import HOST, USERS_GET, Edge, edge, lease, stack

from activities._envoy.policy import compile_policy
from activities._probes import expect_actor_blocked, expect_blocked, expect_healthy, expect_unblocked
from activities.envoy import EnvoyPoint, build
from stanch.leases import BlockSpec, Principal, target_of

__all__ = ["edge", "stack"]
SOON = timedelta(seconds=5)
SHORT = timedelta(seconds=0.3)
SPECS = [
    USERS_GET,
    BlockSpec(host=HOST, path="/users/{id}"),
    BlockSpec(host=HOST, path="/mobile/**", methods=("GET", "POST")),
    BlockSpec(host=HOST, principal=Principal(token_id="t-9")),
    BlockSpec(host=HOST, path="/orders", ips=("203.0.113.9",)),
    BlockSpec(host=HOST, path="/orders", methods=("POST",), principal=Principal(user_id="u1")),
    BlockSpec(host=HOST, path="/orders/{id}/lines/{line}", methods=("DELETE",)),
]


def spoiled(edge: Edge, **changes: Any) -> EnvoyPoint:
    """A point whose rules are not what was asked for."""

    def compile_block(spec: BlockSpec, **options: Any) -> Mapping[str, Any]:
        return {**compile_policy(spec, **options), **changes}

    return EnvoyPoint("edge", build("edge", edge.section())._config, compile_block=compile_block)  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.methods}{spec.path}")
def test_working_block_is_proved_without_touching_the_api(edge: Edge, spec: BlockSpec) -> None:
    edge.put(spec)
    start = len(edge.api.ledger.entries("request"))
    proof = expect_blocked(edge.point, lease(spec), within=SOON)
    assert proof.ok, proof
    assert proof.details["confirmed_by"] == "access log"
    assert proof.details["positive"].endswith(" 403")
    reached = edge.api.ledger.entries("request")[start:]
    assert {entry["method"] for entry in reached} <= {"GET", "HEAD", "OPTIONS"}


def test_proof_holds_no_secret(edge: Edge) -> None:
    edge.put(USERS_GET)
    proof = expect_blocked(edge.point, USERS_GET, within=SOON)
    assert edge.point.canary(target_of(USERS_GET))["x-stanch-probe"] not in str(proof)
    assert set(map(type, proof.details.values())) == {str}


def test_missing_block_is_not_proved(edge: Edge) -> None:
    proof = expect_blocked(edge.point, USERS_GET, within=SHORT)
    assert not proof.ok
    assert "no effect" in proof.reason
    assert proof.details["positive"] == "GET /users/stanch-probe 200"


def test_block_that_comes_late_is_waited_for(edge: Edge) -> None:
    timer = threading.Timer(0.4, lambda: edge.put(USERS_GET))
    timer.start()
    proof = expect_blocked(edge.point, USERS_GET, within=SOON)
    timer.join()
    assert proof.ok
    assert int(proof.details["sent"]) > 2


@pytest.mark.parametrize("spec", [USERS_GET, BlockSpec(host=HOST, path="/orders", methods=("GET",))])
def test_block_wider_than_asked_is_found(edge: Edge, spec: BlockSpec) -> None:
    point = spoiled(edge, permissions=[{"any": True}], principals=[{"any": True}])
    point.reconcile(adds=[], removes=[], wanted=[lease(spec)], expected="")
    proof = expect_blocked(point, spec, within=SOON)
    assert not proof.ok
    assert "what it should not: " in proof.reason


def test_denial_by_somebody_else_is_no_proof(edge: Edge) -> None:
    debug = BlockSpec(host=HOST, path="/debug/{x}", principal=Principal(user_id="u1"))
    proof = expect_blocked(edge.point, debug, within=SOON)
    assert not proof.ok
    assert proof.reason == "the probe was denied, but not by this block"


def test_overlapping_block_is_named(edge: Edge) -> None:
    wide = BlockSpec(host=HOST, path="/users/**", methods=("GET",))
    both = [lease(wide, case="case-0"), lease(USERS_GET, case="case-1")]
    edge.point.reconcile(adds=[], removes=[], wanted=both, expected="")
    proof = expect_blocked(edge.point, USERS_GET, within=SOON)
    assert proof.ok
    assert proof.details["decided_by"] == target_of(wide)


def test_without_a_log_the_difference_to_an_unmarked_request_counts(edge: Edge) -> None:
    edge.put(USERS_GET)
    blind = build("edge", edge.section(access_log="/nonexistent/access.jsonl"))
    proof = expect_blocked(blind, USERS_GET, within=timedelta(seconds=1))
    assert proof.ok
    assert proof.details["confirmed_by"] == "difference"


def test_gateway_that_is_down_proves_nothing(edge: Edge) -> None:
    edge.put(USERS_GET)
    down = build("edge", edge.section(base_url="http://127.0.0.1:9"))
    assert expect_blocked(down, USERS_GET, within=SHORT).reason == "the gateway does not answer"
    assert not expect_unblocked(down, BlockSpec(host=HOST, path="/free"), within=SHORT).ok
    assert not expect_healthy(down, HOST, within=SHORT).ok


def test_actor_is_stopped_and_the_log_shows_it(edge: Edge) -> None:
    edge.put(USERS_GET)
    start = datetime.now(UTC)
    assert edge.status("/users/7", sub="u1") == 403
    proof = expect_actor_blocked(edge.point, lease(USERS_GET), within=SOON, since=start)
    assert proof.ok
    assert (proof.details["actor_denied"], proof.details["actor_let_through"]) == ("1", "0")


def test_actor_who_still_gets_through_is_found_in_the_log(edge: Edge) -> None:
    other = BlockSpec(host=HOST, path="/users/{id}", methods=("GET",), principal=Principal(user_id="u5"))
    never = [{"and_ids": {"ids": [{"not_id": {"any": True}}]}}]
    canary = compile_policy(other, canary="", dialect=edge.point._dialect)["principals"][-1]
    canary["header"]["string_match"]["exact"] = edge.point.canary(target_of(other))["x-stanch-probe"]
    point = spoiled(edge, principals=[*never, canary])
    point.reconcile(adds=[], removes=[], wanted=[lease(other)], expected="")
    start = datetime.now(UTC)
    assert edge.status("/users/7", sub="u5") == 200
    edge.logged(lambda text: '"u5"' in text)
    proof = expect_actor_blocked(point, other, within=SOON, since=start)
    assert not proof.ok
    assert proof.reason == "requests of the actor still get through"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.methods}{spec.path}")
def test_lifted_block_is_proved_gone(edge: Edge, spec: BlockSpec) -> None:
    edge.put(spec)
    assert not expect_unblocked(edge.point, spec, within=SHORT).ok
    edge.put()
    start = len(edge.api.ledger.entries("request"))
    assert expect_unblocked(edge.point, spec, within=SOON).ok
    reached = edge.api.ledger.entries("request")[start:]
    assert {entry["method"] for entry in reached} <= {"GET", "HEAD", "OPTIONS"}


def test_healthy_api_is_healthy_and_a_broken_one_is_not(edge: Edge) -> None:
    host = f"h{datetime.now(UTC).timestamp():.0f}.example.com"
    assert expect_healthy(edge.point, host, within=SOON, paths=("/healthz", "/products")).ok
    edge.api.break_down()
    broken = expect_healthy(edge.point, host, within=SHORT, paths=("/products",))
    assert (broken.ok, broken.reason) == (False, "the API does not answer as it should")
    edge.api.break_down(broken=False)
    rate = expect_healthy(edge.point, host, within=SHORT, paths=("/healthz",))
    assert not rate.ok
    assert rate.reason.startswith("5xx rate")
