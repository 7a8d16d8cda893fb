"""What a block at a real nginx with ModSecurity denies, and what becomes of its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from edge import HOST, USERS_GET, lease, targets
from real_gateways import Bench, needs_nginx, nginx_bench, shop
from test_nginx_rules import HOSTILE_PATHS, REFUSED

from activities import _probes
from activities.nginx import build
from stanch.errors import RetrySafe, Uncertain
from stanch.leases import BlockSpec, target_of
from stanch.ports import Mismatch

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


def test_hostile_paths_are_taken_and_deny_exactly_themselves(bench: Bench) -> None:
    specs = [BlockSpec(host=HOST, path=path) for path in HOSTILE_PATHS if path not in REFUSED]
    bench.put(*specs)
    assert bench.send("/products") == 200
    sent = {spec.path: quote(unquote(spec.path)) for spec in specs}
    assert [path for path, raw in sent.items() if bench.send(raw) not in (403, 400)] == []
    assert [path for path, raw in sent.items() if bench.send(f"/x{raw}") == 403] == []


def test_rules_that_nginx_refuses_are_taken_back_and_the_good_ones_stand(bench: Bench) -> None:
    """Its test is what decides; here it refuses every file that names a path with `unwanted` in it."""
    check = ["sh", "-c", f'! grep -q "unwanted" "{bench.section["file"]}"']
    point = build("edge", {**bench.section, "test": check})
    good, bad = lease(ORDERS), lease(BlockSpec(host=HOST, path="/unwanted"))
    done = point.reconcile(adds=[good, bad], removes=[], wanted=None, expected=digest(bench))
    assert {applied.target: applied.ok for applied in done.results} == {good.target: True, bad.target: False}
    assert "refused the rule" in next(applied.reason for applied in done.results if not applied.ok)
    assert (bench.send("/orders"), bench.send("/unwanted")) == (403, 404)
    assert targets(point.list_owned()) == {good.target}


def test_configuration_broken_by_others_holds_up_and_blames_no_lease(bench: Bench) -> None:
    point = build("edge", {**bench.section, "test": ["false"]})
    before = bench.point.list_owned()
    with pytest.raises(RetrySafe):
        point.reconcile(adds=[lease(ORDERS)], removes=[], wanted=None, expected=digest(bench))
    assert bench.point.list_owned() == before
    assert bench.send("/orders", sub="u1") == 200


@pytest.mark.parametrize("test", [["sleep", "9"], ["/no/such/program"]])
def test_a_test_that_says_nothing_blames_no_lease_and_leaves_the_file(
    bench: Bench, test: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities._nginx.file._COMMAND_SECONDS", 0.3)
    point = build("edge", {**bench.section, "test": test})
    file = Path(bench.section["file"])
    before = file.read_bytes()
    with pytest.raises(RetrySafe, match="cannot be run, or did not end"):
        point.reconcile(adds=[lease(ORDERS)], removes=[], wanted=None, expected=digest(bench))
    assert file.read_bytes() == before
    assert [check.ok for check in point.doctor() if check.name == "configuration test"] == [False]


def test_reload_without_effect_is_uncertain_and_the_next_attempt_settles_it(bench: Bench) -> None:
    deaf = build("edge", {**bench.section, "reload": ["true"], "settle": 0.5})
    with pytest.raises(Uncertain):
        deaf.reconcile(adds=[lease(ORDERS)], removes=[], wanted=None, expected=digest(bench))
    mute = build("edge", {**bench.section, "reload": ["false"]})
    with pytest.raises(Uncertain):
        mute.reconcile(adds=[], removes=[], wanted=[lease(ORDERS)], expected="")
    assert bench.send("/orders", sub="u1") == 200
    done = bench.point.reconcile(adds=[], removes=[], wanted=[lease(ORDERS)], expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert bench.send("/orders", sub="u1") == 403


def test_unexpected_state_asks_for_the_full_set(bench: Bench) -> None:
    bench.put(ORDERS)
    with pytest.raises(Mismatch):
        bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="what I remember")
    bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=[], expected="what I remember")
    assert targets(bench.point.list_owned()) == {target_of(ORDERS), target_of(USERS_GET)}


def test_counted_block_denies_nothing(bench: Bench) -> None:
    bench.put(USERS_GET.counting)
    assert bench.send("/users/7", sub="u1") == 200
    assert [owned.target for owned in bench.point.list_owned()] == [target_of(USERS_GET.counting)]


def test_neither_log_holds_a_token_and_a_request_cannot_name_a_rule(bench: Bench) -> None:
    bench.put(USERS_GET)
    name = bench.point.list_owned()[0].name
    forged = f'/users/[msg "{name}"] [tag "x"]'.replace(" ", "%20").replace('"', "%22")
    assert bench.send(forged, sub="u2", headers=[("user-agent", "forger")]) == 200
    assert bench.send("/users/7", sub="u1", headers=[("user-agent", "attacker")]) == 403
    since = datetime.now(UTC) - timedelta(seconds=60)
    assert bench.point.deciding_target("attacker", since=since) == target_of(USERS_GET)
    assert bench.point.deciding_target("forger", since=since) == ""
    assert bench.point.deciding_target("nobody", since=since) is None
    for log in ("access.jsonl", "error.log"):
        assert "eyJ" not in (bench.directory / log).read_text()
    denied, through = bench.point.passed(USERS_GET, since=since)
    assert (denied >= 1, through) == (True, None)
    assert bench.point.estimate(USERS_GET, window=timedelta(hours=1)).coverage.startswith("unknown")


def test_doctor_is_content_and_names_what_is_wrong(bench: Bench) -> None:
    bench.put(ORDERS)
    assert [check.name for check in bench.point.doctor() if not check.ok] == []
    wrong = {"test": ["false"], "error_log": "/nonexistent", "access_log": "/nonexistent", "file": "/nonexistent/x"}
    failed = {check.name for check in build("edge", {**bench.section, **wrong}).doctor() if not check.ok}
    assert failed == {"rules file", "configuration test", "file is loaded", "error log", "access log"}


def digest(bench: Bench) -> str:
    found: str = bench.put().digest
    return found
