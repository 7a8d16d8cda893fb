"""Right before a block its point's own log is asked who is behind it; a log that cannot say stops what runs alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, EPISODE, HOST, Glue, approved, job, scene

from activities import foresight
from activities._guard import check_action, check_lease
from activities._run import perform
from stanch.catalog import catalog
from stanch.errors import Refused
from stanch.leases import BlockSpec, Lease, Principal, target_of
from stanch.views import ActorView

NOW = datetime.now(UTC)
CAFE = "203.0.113.5"
Write = Callable[..., None]


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    edge = {
        "kind": "envoy",
        "directory": str(tmp_path),
        "hosts": ["*.example.com"],
        "access_log": str(tmp_path / "access.jsonl"),
        "admin_url": "http://127.0.0.1:9",
        "base_url": "http://127.0.0.1:9",
        "canary_secret": "a secret for the redaction",
    }
    with Glue(tmp_path, points={"edge": edge}) as made:
        yield made


@pytest.fixture
def write(glue: Glue) -> Write:
    def lines(*people: str | None, client: str = CAFE, age: timedelta = timedelta(minutes=5), **fields: Any) -> None:
        """One request of each; they have no field for claims that are not given here."""
        common = {"method": "GET", "host": HOST, "path": "/menu", "status": 200, "client": client}
        made = [{"time": (NOW - age).isoformat(), **common, "sub": one, **fields} for one in people]
        with (glue.folder / "access.jsonl").open("a") as log:
            log.writelines(json.dumps(line) + "\n" for line in made)

    return lines


def asked(glue: Glue, action: str = "block.ip", actor: ActorView | None = None, **params: Any) -> str:
    """Code of the refusal of an automatic block, "" where it may go on."""
    given = {"host": HOST, "path": "/orders/**", "ttl": "1h", **params}
    one = job(action, given, scene=scene(actor=actor))
    try:
        check_action(glue.world, one, catalog()[action].params.model_validate(one.call.params))
    except Refused as error:
        return error.code
    return ""


def lease(spec: BlockSpec) -> Lease:
    return Lease(
        lease_id="L1",
        case_id=CASE,
        episode=EPISODE,
        step="block",
        point="edge",
        target=target_of(spec),
        spec=spec,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        playbook="contain_attacker",
        source="own",
    )


def at_the_point(glue: Glue, spec: BlockSpec) -> str:
    try:
        check_lease(glue.world, lease(spec))
    except Refused as error:
        return error.code
    return ""


def test_a_cafe_is_not_blocked_for_one_attacker(glue: Glue, write: Write) -> None:
    write("u1", "u2", "u3", "u4")
    write("u9", client="198.51.100.7")
    assert asked(glue, ip=CAFE) == "G138"
    assert asked(glue, ip="198.51.100.7") == ""
    assert asked(glue, ip="192.0.2.1") == ""  # nobody was seen there
    assert at_the_point(glue, BlockSpec(host=HOST, path="/a", ips=(CAFE,))) == "G138"


def test_people_who_come_after_the_plan_are_seen_at_the_point(glue: Glue, write: Write) -> None:
    write("u1")
    assert asked(glue, ip=CAFE) == ""
    write("u2", "u3", "u4")
    glue.world._built.clear()  # another worker, or ten seconds later
    assert at_the_point(glue, BlockSpec(host=HOST, path="/a", ips=(CAFE,))) == "G138"


def test_without_a_log_or_with_an_empty_one_nobody_is_blocked_automatically(glue: Glue, write: Write) -> None:
    assert asked(glue, ip=CAFE) == "G139"
    assert at_the_point(glue, BlockSpec(host=HOST, principal=Principal(user_id="u1"))) == "G139"
    (glue.folder / "access.jsonl").write_text("not a line of ours\n")
    glue.world._built.clear()
    assert asked(glue, ip=CAFE) == "G139"
    write("u1", age=timedelta(days=3))  # older than what is looked at
    glue.world._built.clear()
    assert asked(glue, ip=CAFE) == "G139"


def test_people_may_approve_what_the_log_cannot_tell(glue: Glue) -> None:
    given = approved("block.ip", {"host": HOST, "path": "/orders/**", "ip": CAFE, "ttl": "1h"}, "user:ana")
    one = job("block.ip", given.pop("params"), scene=scene(mode="semi"), **given)
    check_action(glue.world, one, catalog()["block.ip"].params.model_validate(one.call.params))


def test_a_claim_that_is_not_logged_is_unknown_and_not_absent(glue: Glue, write: Write) -> None:
    write("u1", "u2")  # there is no field for jti
    assert asked(glue, "block.scope", principal={"user_id": "u1"}) == ""
    assert asked(glue, "block.scope", principal={"token_id": "t-1"}) == "G139"


def test_a_log_without_users_does_not_make_an_address_nobody(glue: Glue) -> None:
    line = {"time": NOW.isoformat(), "method": "GET", "host": HOST, "path": "/", "status": 200, "client": CAFE}
    (glue.folder / "access.jsonl").write_text(json.dumps(line) + "\n")
    assert asked(glue, ip=CAFE) == "G139"


def test_the_narrower_handle_of_the_finding_is_wanted(glue: Glue, write: Write) -> None:
    write("u1")
    assert asked(glue, ip=CAFE, actor=ActorView(ip=CAFE, token_id="t-1")) == "G140"
    assert asked(glue, ip=CAFE, actor=ActorView(ip=CAFE, client_id="whole-app")) == ""


def test_the_peer_counts_where_blocks_compare_the_peer(glue: Glue, write: Write) -> None:
    write("u1", "u2", "u3", "u4", client="10.0.0.1", peer=CAFE)
    assert asked(glue, ip=CAFE) == "G138"


def test_five_hundred_blocks_read_the_log_once(glue: Glue, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    from activities._envoy import crowd as _envoy_crowd

    reads: list[int] = []
    plain = _envoy_crowd.read_log
    monkeypatch.setattr(_envoy_crowd, "read_log", lambda *args, **more: (reads.append(1), plain(*args, **more))[1])
    write("u1")
    found = {
        at_the_point(glue, BlockSpec(host=HOST, path="/a", ips=(f"198.51.{n // 256}.{n % 256}",))) for n in range(500)
    }
    assert (found, len(reads)) == ({""}, 1)


def test_an_estimate_says_who_is_behind_an_address_and_what_is_narrower(glue: Glue, write: Write) -> None:
    write("u1", "u2")
    write("u3", "u4", host="shop.example.com")
    actor = ActorView(ip=CAFE, token_id="t-1")
    params = {"host": HOST, "path": "/menu", "ips": [CAFE], "window": "1h"}
    one = job("block.estimate", params, scene=scene(actor=actor))
    found = perform(glue.world, one, foresight.IMPLEMENTATIONS["block.estimate"], lambda *_: None).outputs
    assert (found["principals"], found["behind"], found["narrower"], found["unknown_share"]) == (2, 4, "token", 0.0)
    assert len(found["examples"]) == 2
    assert CAFE not in str(found)
    assert "u1" not in str(found)
    named = job("block.estimate", {**params, "principal": {"user_id": "u1"}}, scene=scene(actor=actor))
    found = perform(glue.world, named, foresight.IMPLEMENTATIONS["block.estimate"], lambda *_: None).outputs
    assert (found["requests"], found["behind"], found["narrower"]) == (1, 0, "")
