"""The rules file survives everything around it: other people's entries, bad rules, races, restarts, silence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge import FOREIGN, HOST, USERS_GET, Edge, edge, lease, make_edge, stack, targets, until

from activities._edge.rules import digest
from activities._envoy.policy import compile_policy
from activities.envoy import EnvoyPoint, build
from stanch.errors import Rejected, RetrySafe, Uncertain
from stanch.leases import BlockSpec, Principal, target_of
from stanch.ports import Mismatch
from stanch.sandbox import _envoy_config

__all__ = ["edge", "stack"]


def _paths(count: int) -> list[BlockSpec]:
    return [BlockSpec(host=HOST, path=f"/bulk/{number}") for number in range(count)]


def _rules(path: Path) -> Any:
    return json.loads(path.read_text())["resources"][0]["typed_config"]["rules"]


def test_foreign_policies_stay_in_force_and_unchanged(edge: Edge) -> None:
    assert edge.status("/debug/vars") == 403
    edge.put(USERS_GET)
    assert edge.status("/debug/vars") == 403
    assert _rules(edge.gateway.rules_file)["policies"]["customer-no-debug"] == FOREIGN["customer-no-debug"]
    edge.put()
    assert _rules(edge.gateway.rules_file) == {"action": "DENY", "policies": FOREIGN}


def test_rule_that_envoy_refuses_is_found_among_good_ones_and_left_out(edge: Edge) -> None:
    def careless(spec: BlockSpec, **options: Any) -> dict[str, Any]:
        policy = compile_policy(spec, **options)
        if spec.path == "/bulk/3":
            policy["principals"] = [{"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 200}}]
        return policy

    config = build("edge", edge.section())._config
    point = EnvoyPoint("edge", config, compile_block=careless)
    specs = _paths(6)
    digest = edge.put(USERS_GET).digest
    done = point.reconcile(adds=[lease(spec) for spec in specs], removes=[], wanted=None, expected=digest)
    assert [applied.ok for applied in done.results] == [True, True, True, False, True, True]
    assert "refused" in done.results[3].reason
    assert targets(point.list_owned()) == {target_of(spec) for spec in (*specs, USERS_GET)} - {target_of(specs[3])}
    assert [edge.status(spec.path) for spec in specs] == [403, 403, 403, 404, 403, 403]
    assert edge.status("/users/7", sub="u1") == 403
    before = edge.gateway.rules_file.read_bytes()
    alone = point.reconcile(adds=[lease(specs[3])], removes=[], wanted=None, expected=done.digest)
    assert (alone.results[0].ok, alone.digest) == (False, done.digest)
    assert edge.gateway.rules_file.read_bytes() == before


def test_standing_rule_that_envoy_has_come_to_refuse_holds_up_no_lift(edge: Edge) -> None:
    orders = BlockSpec(host=HOST, path="/orders")
    edge.put(USERS_GET, orders)
    body = json.loads(edge.gateway.rules_file.read_text())
    policies = body["resources"][0]["typed_config"]["rules"]["policies"]
    spoiled = next(name for name in policies if name.endswith(target_of(orders)))
    policies[spoiled]["principals"] = [{"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 200}}]
    edge.gateway.rules_file.write_text(json.dumps(body))
    with pytest.raises(RetrySafe, match="refused 1 rule"):
        edge.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=[], expected="")
    done = edge.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=[lease(orders)], expected="")
    assert [applied.ok for applied in done.results] == [True, True]
    assert (edge.status("/users/7", sub="u1"), edge.status("/orders")) == (200, 403)


def test_writers_take_turns_and_none_loses_its_entry(edge: Edge) -> None:
    specs = _paths(8)

    def add(spec: BlockSpec) -> None:
        point = build("edge", edge.section())
        expected = ""
        while True:
            try:
                point.reconcile(adds=[lease(spec)], removes=[], wanted=None, expected=expected)
            except Mismatch:
                expected = digest(point._rules.read())
            else:
                return

    threads = [threading.Thread(target=add, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert targets(edge.point.list_owned()) == {target_of(spec) for spec in specs}
    assert {edge.status(spec.path) for spec in specs} == {403}


def test_entry_that_somebody_edited_or_removed_is_noticed(edge: Edge) -> None:
    digest = edge.put(USERS_GET).digest
    body = json.loads(edge.gateway.rules_file.read_text())
    policies = body["resources"][0]["typed_config"]["rules"]["policies"]
    ours = next(name for name in policies if name.startswith("stanch-"))
    policies[ours]["principals"] = [{"any": True}]
    edge.gateway.rules_file.write_text(json.dumps(body))
    with pytest.raises(Mismatch):
        edge.point.reconcile(adds=[], removes=[], wanted=None, expected=digest)
    asked = [lease(USERS_GET)]
    assert edge.point.reconcile(adds=[], removes=[], wanted=asked, expected=digest).results[0].ok
    assert edge.status("/users/7", sub="u2") == 200


def test_entry_of_ours_that_cannot_be_read_is_listed_and_swept_by_the_full_set(edge: Edge) -> None:
    edge.put()
    body = json.loads(edge.gateway.rules_file.read_text())
    body["resources"][0]["typed_config"]["rules"]["policies"]["stanch-old format"] = FOREIGN["customer-no-debug"]
    edge.gateway.rules_file.write_text(json.dumps(body))
    assert [(entry.name, entry.expires_at) for entry in edge.point.list_owned()] == [("stanch-old format", None)]
    edge.put(USERS_GET)
    assert targets(edge.point.list_owned()) == {target_of(USERS_GET)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"resources": []}',
        '{"resources": [], "resources": []}',
        '{"resources": [{"@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", "rules": {}}]}',
        json.dumps(_envoy_config.rules({})).replace("DENY", "ALLOW"),
    ],
)
def test_file_that_is_no_deny_list_is_never_written(tmp_path: Path, edge: Edge, text: str) -> None:
    (tmp_path / "rbac.json").write_text(text)
    point = build("edge", edge.section(directory=str(tmp_path), file="rbac.json"))
    with pytest.raises(Rejected):
        point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert (tmp_path / "rbac.json").read_text() == text
    assert not point.doctor()[0].ok


def test_without_the_admin_endpoint_nothing_is_written(edge: Edge) -> None:
    before = edge.gateway.rules_file.read_bytes()
    point = build("edge", edge.section(admin_url="http://127.0.0.1:9"))
    with pytest.raises(RetrySafe):
        point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert edge.gateway.rules_file.read_bytes() == before


def test_envoy_that_does_not_watch_the_file_leaves_the_outcome_uncertain(tmp_path: Path, edge: Edge) -> None:
    _envoy_config.write(tmp_path / "rbac.json", _envoy_config.rules({}))
    point = build("edge", edge.section(directory=str(tmp_path), file="rbac.json", settle=0.3))
    with pytest.raises(Uncertain):
        point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")


def test_rules_keep_the_mode_of_the_file_and_leave_no_rubbish(edge: Edge) -> None:
    edge.gateway.rules_file.chmod(0o640)
    edge.put(USERS_GET)
    assert edge.gateway.rules_file.stat().st_mode & 0o777 == 0o640
    names = {path.name for path in edge.gateway.rules_file.parent.iterdir()}
    assert names == {"lds.json", "rbac.json", ".stanch.lock"}


def test_room_is_limited(edge: Edge) -> None:
    point = build("edge", edge.section(max_entries=2))
    done = point.reconcile(adds=[], removes=[], wanted=[lease(spec) for spec in _paths(3)], expected="")
    assert [applied.ok for applied in done.results] == [True, True, False]


@pytest.fixture(params=[False, True], ids=["own resource", "in the listener"])
def spare(request: pytest.FixtureRequest, tmp_path: Path, stack: Edge) -> Iterator[Edge]:
    """A gateway of its own, to be restarted."""
    made = make_edge(tmp_path, stack.api, stack.issuer, rbac_in_listener=request.param)
    with made.gateway:
        yield made


def test_restarted_envoy_still_blocks(spare: Edge) -> None:
    spare.put(USERS_GET)
    until(lambda: spare.status("/users/7", sub="u1") == 403)
    spare.gateway.stop()
    spare.gateway.start()
    assert spare.status("/users/7", sub="u1") == 403
    assert spare.status("/users/7", sub="u2") == 200
    assert spare.status("/debug") == 403
    assert [applied.ok for applied in spare.put().results] == [True]
    until(lambda: spare.status("/users/7", sub="u1") == 200)


def test_thousand_principals_are_loaded_at_once(edge: Edge) -> None:
    point = build("edge", edge.section(max_entries=1000))
    specs = [BlockSpec(host=HOST, path="/orders", principal=Principal(user_id=f"user-{n}")) for n in range(1000)]
    done = point.reconcile(adds=[], removes=[], wanted=[lease(spec) for spec in specs], expected="")
    assert all(applied.ok for applied in done.results)
    print(f"1000 rules took {done.results[0].proof['took_ms']} ms")
    assert edge.status("/orders", sub="user-999") == 403
    assert edge.status("/orders", sub="user-1000") == 200


def test_killed_parent_takes_envoy_with_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from stanch.sandbox.envoy import EnvoyGateway\n"
        "from stanch.sandbox.issuer import Issuer\n"
        f"gateway = EnvoyGateway(directory=pathlib.Path({str(tmp_path)!r}), origin_port=9, issuer=Issuer())\n"
        "gateway.start()\n"
        "print(gateway.layout.admin_port, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert _listens(port)
        os.kill(parent.pid, signal.SIGKILL)
    until(lambda: not _listens(port))


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_behind_a_trusted_hop_the_forwarded_address_counts(tmp_path: Path, stack: Edge) -> None:
    behind = make_edge(tmp_path, stack.api, stack.issuer, trusted_hops=1)
    with behind.gateway:
        behind.put(BlockSpec(host=HOST, path="/orders", ips=("198.51.100.7",)))
        assert behind.status("/orders", **{"x-forwarded-for": "198.51.100.7"}) == 403
        assert behind.status("/orders", **{"x-forwarded-for": "198.51.100.7, 203.0.113.1"}) == 200
        assert behind.status("/orders") == 200


def test_doctor_is_content_with_the_sandbox_and_names_what_is_wrong(edge: Edge, tmp_path: Path) -> None:
    assert [check.name for check in edge.point.doctor() if not check.ok] == []
    _envoy_config.write(tmp_path / "rbac.json", {**_envoy_config.rules({}), "version_info": "elsewhere"})
    broken = edge.section(directory=str(tmp_path), base_url="http://127.0.0.1:9", access_log=str(tmp_path / "none"))
    wrong = {check.name: check.fix for check in build("edge", broken).doctor() if not check.ok}
    assert list(wrong) == ["file is loaded", "probe address", "access log"]
    assert all(wrong.values())
    away = build("edge", edge.section(admin_url="http://127.0.0.1:9")).doctor()
    assert [check.name for check in away if not check.ok] == ["admin endpoint"]
