"""Any other device as an enforcement point: entries named after their leases, settled by the device's own list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities._fence import checked, overtaken
from activities._webhook.point import WebhookPoint
from activities.webhook_point import build
from stanch.errors import ConfigError, RetrySafe
from stanch.leases import BlockSpec, Lease, Principal, target_of
from stanch.ports import Mismatch
from stanch.sandbox._server import Fault
from stanch.sandbox.device import DeviceStandin

SPEC = BlockSpec(host="api.example.com", path="/orders/{id}", ips=("203.0.113.7",))


@pytest.fixture
def device() -> Iterator[DeviceStandin]:
    with DeviceStandin() as standin:
        yield standin


def point(device: DeviceStandin, **more: Any) -> WebhookPoint:
    body = {name: {"param": name} for name in ("name", "host", "path", "methods", "ips", "expires")}
    section = {
        "url": device.url,
        "networks": ["127.0.0.0/8"],
        "secret": device.secret,
        "apply": {"path": "/denies", "body": body, "expect": [201]},
        "inverse": {"method": "DELETE", "path": "/denies/{name}", "expect": [200, 404]},
        "listed": {"path": "/denies", "entries": "items[].name"},
    }
    return build("edge", section | more)


def lease(spec: BlockSpec = SPEC, *, hours: int = 1, case: str = "case-1") -> Lease:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    common = {"lease_id": f"{case}-{hours}", "case_id": case, "episode": "e", "step": "s", "point": "edge"}
    return Lease(**common, target=target_of(spec), spec=spec, expires_at=until)


def hold(made: WebhookPoint, *leases: Lease, **more: Any) -> Any:
    given = {"removes": [], "wanted": [], "expected": ""} | more
    return made.reconcile(adds=leases, **given)


def test_a_block_stands_is_renewed_without_a_gap_and_goes(device: DeviceStandin) -> None:
    made = point(device)
    device.put("foreign")
    first = hold(made, lease())
    assert [item.ok for item in first.results] == [True]
    entry = next(entry for name, entry in device.denies.items() if name != "foreign")
    assert (entry["methods"], entry["ips"]) == ([], ["203.0.113.7"])
    assert made.list_owned()[0].case_id == "case-1"
    longer = lease(hours=3)
    again = hold(made, longer, wanted=None, expected=first.digest)
    assert [item.ok for item in again.results] == [True]
    assert [owned.expires_at for owned in made.list_owned()] == [longer.expires_at]
    events = [entry["event"] for entry in device.ledger.entries()]
    assert events == ["device.denied", "device.denied", "device.allowed"]
    assert hold(made, longer).digest == again.digest  # nothing to do, and nothing is done
    gone = hold(made, removes=[longer.target])
    assert ([item.ok for item in gone.results], gone.digest, list(device.denies)) == ([True], "", ["foreign"])


def test_another_state_than_believed_asks_for_the_whole_set(device: DeviceStandin) -> None:
    with pytest.raises(Mismatch):
        hold(point(device), lease(), wanted=None, expected="something")
    assert list(device.denies) == []


def test_a_lost_answer_is_settled_by_the_list(device: DeviceStandin) -> None:
    device.faults.script("add", Fault("drop_after"))
    assert [item.ok for item in hold(point(device), lease()).results] == [True]
    device.denies.clear()
    device.faults.script("add", Fault("drop_before"))
    with pytest.raises(RetrySafe):
        hold(point(device), lease())


def test_what_the_device_is_not_told_is_refused_so_that_it_blocks_no_more_than_asked(device: DeviceStandin) -> None:
    narrower = lease(SPEC.model_copy(update={"principal": Principal(user_id="mallory")}))
    result = hold(point(device), narrower, lease()).results
    assert {item.target: item.ok for item in result} == {narrower.target: False, lease().target: True}


def test_what_is_past_its_end_is_taken_out_from_the_list_alone(device: DeviceStandin) -> None:
    made = point(device)
    hold(made, lease())
    assert [item.ok for item in point(device).take_out(made.list_owned())] == [True]
    assert device.denies == {}


def test_a_list_that_is_none_passes_for_nothing(device: DeviceStandin) -> None:
    listed = {"path": "/denies", "entries": "items[].number"}
    device.put("x")
    with pytest.raises(RetrySafe):
        point(device, listed=listed).list_owned()
    with pytest.raises(ConfigError):
        point(device, apply={"path": "/denies", "body": {"host": {"param": "host"}}})


def test_an_entry_that_the_device_will_not_let_go_keeps_nobody_elses(device: DeviceStandin) -> None:
    made = point(device)
    one, two = lease(case="case-a"), lease(SPEC.model_copy(update={"path": "/b"}), case="case-b")
    hold(made, one, two)
    device.faults.script("drop", Fault("status", status=409))
    results = {item.target: item.ok for item in hold(made, removes=[one.target, two.target]).results}
    assert sorted(results.values()) == [False, True]
    assert [owned.target for owned in made.list_owned()] == [target for target, ok in results.items() if not ok]


def test_a_renewed_block_stands_though_its_old_entry_will_not_go(device: DeviceStandin) -> None:
    made = point(device)
    hold(made, lease())
    device.faults.script("drop", Fault("status", status=409))
    assert [item.ok for item in hold(made, lease(hours=3)).results] == [True]
    assert len(device.denies) == 2
    hold(made, removes=[lease().target])
    assert not device.denies


def test_a_list_that_is_too_long_to_read_says_what_to_do(device: DeviceStandin) -> None:
    for number in range(40):
        device.put(f"foreign-{number:040}")
    with pytest.raises(RetrySafe) as caught:
        hold(point(device, max_bytes=1024), lease())
    assert "larger than max_bytes (1024)" in caught.value.message
    assert "max_bytes" in caught.value.hint


@pytest.mark.parametrize("ip", ["0.0.0.0/0", "::/0", "::ffff:0:0/96", "nowhere"])
def test_everybody_is_nobody_to_block(device: DeviceStandin, ip: str) -> None:
    done = hold(point(device), lease(SPEC.model_copy(update={"ips": (ip,)})), lease())
    assert sorted(item.ok for item in done.results) == [False, True]
    assert len(device.denies) == 1


def test_an_attempt_that_was_given_up_reaches_the_device_with_no_change(device: DeviceStandin) -> None:
    def never() -> None:
        raise overtaken("this attempt was given up")

    made = point(device)
    with checked(never), pytest.raises(RetrySafe) as caught:
        hold(made, lease())
    assert (caught.value.code, device.denies) == ("T004", {})
