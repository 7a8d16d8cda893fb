"""What a block at a real nginx with ModSecurity denies, and what becomes of its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from edge import HOST, USERS_GET, lease
from real_gateways import Bench, needs_nginx, nginx_bench, shop

from activities import _probes
from stanch.leases import BlockSpec, target_of

pytestmark = needs_nginx
ORDERS = BlockSpec(host=HOST, path="/orders")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), nginx_bench(tmp_path_factory.mktemp("nginx"), api, issuer) as made:
        yield made


@pytest.fixture
def bench(started: Bench) -> Bench:
    started.put()
    return started


def test_attacker_is_stopped_and_neighbours_on_the_same_address_are_served_until_it_is_lifted(bench: Bench) -> None:
    assert bench.send("/users/7", sub="u1") == 200
    done = bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert bench.send("/users/7", sub="u1") == 403
    assert [bench.send("/users/7", sub="u2"), bench.send("/users/7")] == [200, 200]
    assert bench.send("/users/7", sub="u1", method="POST") == 200
    assert bench.send("/products", sub="u1") == 200
    assert bench.send("/users/7", sub="u1", host="shop.example.com") == 200
    (owned,) = bench.point.list_owned()
    assert (owned.case_id, owned.target) == ("case-a1", target_of(USERS_GET))
    proof = _probes.expect_blocked(bench.point, USERS_GET, within=timedelta(seconds=5))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "access log"), proof
    bench.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=None, expected=done.digest)
    assert bench.send("/users/7", sub="u1") == 200
    assert _probes.expect_unblocked(bench.point, USERS_GET, within=timedelta(seconds=5)).ok
    assert bench.point.list_owned() == []
