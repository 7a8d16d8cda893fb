"""What a block at a real Caddy denies, and that nobody else's configuration is touched by it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from edge import HOST, USERS_GET, lease, targets
from real_gateways import Bench, caddy_bench, needs_caddy, shop

from activities import _probes
from activities._caddy_admin import CaddyAdmin
from activities._edge.rules import Changed
from activities.caddy import build, parse_line
from stanch.errors import ConfigError, Rejected, RetrySafe
from stanch.leases import BlockSpec, target_of
from stanch.ports import Mismatch

pytestmark = needs_caddy
ORDERS = BlockSpec(host=HOST, path="/orders")
SERVERS = "/config/apps/http/servers"
ROUTES = f"{SERVERS}/srv0/routes"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with shop() as (api, issuer), caddy_bench(tmp_path_factory.mktemp("caddy"), api, issuer) as made:
        yield made


@pytest.fixture
def bench(started: Bench) -> Bench:
    started.put()
    return started


def admin(bench: Bench) -> CaddyAdmin:
    return CaddyAdmin(bench.section["admin"], seconds=5.0)


def foreign(bench: Bench) -> tuple[str, list[str]]:
    """Everything in Caddy that is not ours, as Caddy writes it."""
    whole, _ = admin(bench).read("/config/")
    routes = whole["apps"]["http"]["servers"]["srv0"].pop("routes")
    return json.dumps(whole), [json.dumps(route) for route in routes if route.get("@id") != "stanch-blocks-srv0"]


def insert(bench: Bench, route: dict[str, Any], place: int) -> None:
    """Somebody else's edit, with the same manners as ours."""
    for _ in range(50):
        _, version = admin(bench).read(ROUTES)
        try:
            assert admin(bench).write("PUT", f"{ROUTES}/{place}", value=route, version=version)
        except Changed:
            continue
        return
    raise AssertionError("no turn was had")


def test_attacker_is_stopped_and_neighbours_on_the_same_address_are_served_until_it_is_lifted(bench: Bench) -> None:
    before = foreign(bench)
    done = bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert bench.send("/users/7", sub="u1") == 403
    assert [bench.send("/users/7", sub="u2"), bench.send("/users/7")] == [200, 200]
    assert bench.send("/users/7", sub="u1", method="POST") == 200
    assert foreign(bench) == before
    proof = _probes.expect_actor_blocked(bench.point, USERS_GET, within=timedelta(seconds=5))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "access log"), proof
    assert proof.details["actor_let_through"].startswith("unknown")
    (owned,) = bench.point.list_owned()
    assert (owned.case_id, owned.target) == ("case-a1", target_of(USERS_GET))
    bench.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=None, expected=done.digest)
    assert bench.send("/users/7", sub="u1") == 200
    assert _probes.expect_unblocked(bench.point, USERS_GET, within=timedelta(seconds=5)).ok
    assert foreign(bench) == before
    assert admin(bench).read(ROUTES)[0][0].get("@id") is None, "an empty group is not left behind"


def test_others_edit_at_the_same_time_and_nothing_of_either_is_lost(bench: Bench) -> None:
    before = len(foreign(bench)[1])
    specs = [BlockSpec(host=HOST, path=f"/p{number}") for number in range(6)]

    def edit() -> None:
        for number in range(6):
            insert(bench, {"group": f"theirs-{number}"}, 0)

    other = threading.Thread(target=edit)
    other.start()
    done = [
        bench.point.reconcile(adds=[], removes=[], wanted=[lease(spec)], expected="").results[0].ok for spec in specs
    ]
    other.join()
    assert done == [True] * 6
    assert targets(bench.point.list_owned()) == {target_of(spec) for spec in specs}
    theirs = foreign(bench)[1]
    assert len(theirs) == before + 6
    assert sum("theirs-" in route for route in theirs) == 6
    bench.put(*specs)
    assert admin(bench).read(ROUTES)[0][0]["@id"] == "stanch-blocks-srv0"
    assert [check.name for check in bench.point.doctor() if not check.ok] == []
    bench.put()
    assert foreign(bench)[1] == theirs


def test_group_that_others_have_pushed_back_is_moved_to_the_front(bench: Bench) -> None:
    bench.put(ORDERS)
    insert(bench, {"group": "in-front"}, 0)
    assert [check.name for check in bench.point.doctor() if not check.ok] == ["our routes come first"]
    bench.put(ORDERS)
    ids = [route.get("@id") for route in admin(bench).read(ROUTES)[0]]
    assert (ids[0], ids.count("stanch-blocks-srv0")) == ("stanch-blocks-srv0", 1)
    assert bench.send("/orders") == 403


def test_stale_version_changes_nothing(bench: Bench) -> None:
    _, version = admin(bench).read(ROUTES)
    bench.put(ORDERS)
    with pytest.raises(Changed):
        admin(bench).write("DELETE", f"{ROUTES}/0", version=version)
    assert targets(bench.point.list_owned()) == {target_of(ORDERS)}


def test_what_caddy_refuses_is_found_among_good_ones_and_left_out(bench: Bench) -> None:
    """Caddy 2.6 does not know `client_ip`, so a block by address is refused where hops are trusted."""
    point = build("edge", {**bench.section, "hops": "trusted"})
    by_address = lease(BlockSpec(host=HOST, path="/products", ips=("192.0.2.1",)))
    done = point.reconcile(adds=[by_address, lease(ORDERS)], removes=[], wanted=None, expected=bench.put().digest)
    results = {applied.target: applied for applied in done.results}
    assert results[target_of(ORDERS)].ok
    if not results[by_address.target].ok:
        assert "Caddy refused the rule" in results[by_address.target].reason
        assert targets(point.list_owned()) == {target_of(ORDERS)}


def test_unexpected_state_asks_for_the_full_set(bench: Bench) -> None:
    bench.put(ORDERS)
    with pytest.raises(Mismatch):
        bench.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="what I remember")


def test_counting_and_foreign_routes_in_our_group_are_refused(bench: Bench) -> None:
    asked = lease(ORDERS.counting)
    (refused,) = bench.point.reconcile(adds=[asked], removes=[], wanted=None, expected="").results
    assert (refused.ok, refused.code) == (False, "V002")
    bench.put(ORDERS)
    routes, version = admin(bench).read(ROUTES)
    routes[0]["handle"][0]["routes"].append({"@id": "theirs"})
    admin(bench).write("PATCH", f"{ROUTES}/0", value=routes[0], version=version)
    with pytest.raises(Rejected, match="somebody else's route"):
        bench.point.list_owned()
    _, version = admin(bench).read(ROUTES)
    admin(bench).write("DELETE", f"{ROUTES}/0", version=version)


def test_caddy_that_is_away_or_has_no_such_server_is_told_apart(bench: Bench) -> None:
    with pytest.raises(Rejected, match="no such place"):
        build("edge", {**bench.section, "server": "other"}).list_owned()
    away = build("edge", {**bench.section, "admin": "127.0.0.1:1"})
    with pytest.raises(RetrySafe):
        away.list_owned()
    assert [check.name for check in away.doctor() if not check.ok] == ["admin endpoint"]
    with pytest.raises(ConfigError):
        build("edge", {**bench.section, "admin": "10.0.0.1:2019"})


def test_answer_names_the_case_and_the_log_no_token(bench: Bench) -> None:
    bench.put(USERS_GET)
    assert bench.send("/users/7", sub="u1", headers=[("user-agent", "attacker")]) == 403
    since = datetime.now(UTC) - timedelta(minutes=1)
    assert bench.point.deciding_target("attacker", since=since) == target_of(USERS_GET)
    text = (bench.directory / "access.jsonl").read_text()
    assert "eyJ" not in text
    assert '"X-Stanch-Case":["case-a1"]' in text


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b'{"request":[]}', b'{"request":{"method":1}}', b"\xff"])
def test_line_that_is_no_request_is_none(raw: bytes) -> None:
    assert parse_line(raw) is None
