"""Proof that a block at AWS WAF is gone: of addresses that share a rule, too, and not while AWS still enforces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from waf_log_support import Logged, logged
from waf_support import bed, block, lease

from activities import _probes
from stanch.errors import Rejected
from stanch.leases import Lease
from stanch.sandbox.aws import AwsStandin

SHORT = timedelta(seconds=0.3)
SOON = timedelta(seconds=5)


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def scene(aws: AwsStandin) -> Logged:
    return logged(aws)


def held(number: int, **more: object) -> Lease:
    return lease(block("/orders/**", ips=(f"192.0.2.{number}",), **more), f"n{number}")


@contextmanager
def enforced(scene: Logged) -> Iterator[None]:
    """What stands now is what AWS goes on enforcing, whatever changes."""
    store = scene.bed.aws.waf._store
    state = store.past(time.monotonic())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "past", lambda moment: state)
        yield


def gone(scene: Logged, one: Lease, *, within: timedelta = SHORT, log: bool = True) -> _probes.Proof:
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        point = scene.point(edge) if log else scene.bed.another(base_url=edge.url)
        return _probes.expect_unblocked(point, one, within=within)


@pytest.mark.parametrize("log", [True, False])
def test_the_last_lease_of_a_pool_is_not_gone_while_aws_enforces_its_rule(scene: Logged, log: bool) -> None:
    one = held(7)
    scene.bed.hold(one)
    assert gone(scene, one, log=log).details["entry"] == "present"
    with enforced(scene):
        scene.bed.lift(one)
        late = gone(scene, one, log=log)
    assert (late.ok, late.details["entry"]) == (False, "gone")
    assert late.details["positive"].endswith(" 403")
    done = gone(scene, one, within=SOON, log=log)
    assert (done.ok, done.details["positive"]) == (True, "GET /orders/stanch-probe 200")


def test_of_a_shared_rule_only_the_entry_is_proved(scene: Logged) -> None:
    one, other = held(7), held(8)
    scene.bed.hold(one, other)
    scene.bed.lift(one)
    done = gone(scene, one)
    assert (done.ok, done.details["entry"]) == (True, "gone")
    assert (done.details["positive"], done.details["sent"]) == ("not probed: its rule is shared", "0")


def test_addresses_that_are_still_in_the_set_are_no_lift(scene: Logged) -> None:
    one, other = held(7), held(8)
    scene.bed.hold(one, other)
    scene.bed.lift(one)
    (name,) = scene.bed.sets()
    scene.bed.foreign_address(name, "192.0.2.7/32")
    kept = gone(scene, one)
    assert (kept.ok, kept.reason) == (False, "addresses of the block are still in its rule, and no entry lists them")


def test_an_address_that_another_lease_holds_is_that_ones(scene: Logged) -> None:
    one = held(7)
    scene.bed.hold(one, lease(block("/orders/**", ips=("192.0.2.7", "192.0.2.8")), "both"))
    scene.bed.lift(one)
    assert gone(scene, one).ok


def test_a_rule_of_ones_own_is_probed_by_its_target(scene: Logged) -> None:
    one = lease(block("/orders/**", methods=("GET",)))
    scene.bed.hold(one)
    with enforced(scene):
        scene.bed.lift(one)
        assert not gone(scene, one).ok
    assert gone(scene, one, within=SOON).ok


def test_without_a_secret_only_what_could_be_probed_is_refused(aws: AwsStandin) -> None:
    plain = bed(aws, canary_secret=None)
    with pytest.raises(Rejected, match="no probe header"):
        _probes.expect_unblocked(plain.point, held(7), within=SHORT)
    assert _probes.expect_unblocked(plain.point, held(7, methods=("POST",)), within=SHORT).ok
