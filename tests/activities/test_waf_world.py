"""The AWS WAF point as its writer calls it: guard, ledger, room made by risk, and lifting from AWS's state alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aws_support import HOST, customer
from glue import CASE, FakeTemporal, Glue, reachable
from waf_support import block, lease

from activities import _reaping, points
from stanch.leases import Lease, LeaseState, Principal
from stanch.ports_traffic import Exposure
from stanch.records import LeaseRow
from stanch.sandbox.aws import AwsStandin
from stanch.wire_points import Reconcile, ReconcileReply

WHO = Principal.model_validate({"header": {"name": "x-api-key", "sha256": "ab" * 32}})


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def glue(aws: AwsStandin, tmp_path: Path) -> Iterator[Glue]:
    theirs = customer(aws)
    more = {"web_acls": {HOST: theirs.name}, "behind": ["allow-health-check"], "addresses": "peer", "pace": 0}
    section = aws.section(kind="aws_waf", group=f"stanch-{theirs.name}", capacity=100, max_groups=1, **more)
    with Glue(tmp_path, points={"edge": section}) as made, reachable(made.world, FakeTemporal()):
        made.world.connector("point", "edge").exposure = lambda _spec, window: Exposure(unknown=0.0)
        yield made


def put(glue: Glue, *leases: Lease) -> ReconcileReply:
    """Hold, with the full set, as a writer does that does not know what stands."""
    return points.reconcile(glue.world, Reconcile(point="edge", adds=leases, wanted=leases))


def test_who_makes_room_reads_it_in_the_ledger(glue: Glue) -> None:
    base = {"source": "own", "playbook": "contain_attacker"}
    low = lease(block("/low/{id}", principal=WHO), "low", severity="low", case_id="case-low", **base)
    others = [
        lease(block(f"/{word}/{{id}}", principal=WHO), word, severity="high", case_id=CASE, **base)
        for word in ("one", "two")
    ]
    glue.records.put_lease(LeaseRow(lease=low, state=LeaseState.HELD, updated=datetime.now(UTC)))
    put(glue, low)
    reply = put(glue, *others)
    told = {target: (ok, code) for target, ok, code, _ in reply.results}
    assert told == {others[0].target: (True, ""), others[1].target: (True, ""), low.target: (False, "L018")}
    (line,) = [line for line in glue.timeline("case-low") if line.event == "point.evict.outcome"]
    assert (line.data["code"], line.data["point"]) == ("L018", "edge")
    assert "higher risk" in line.data["reason"]


def test_a_point_that_compares_no_headers_is_not_asked_to(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    point = glue.world.connector("point", "edge")
    narrow = lease(block("/a", principal=WHO), case_id=CASE, source="own", playbook="contain_attacker")
    monkeypatch.setattr(type(point), "expresses", frozenset())
    assert [result[1:3] for result in put(glue, narrow).results] == [(False, "L016")]
    assert point.list_owned() == []
    monkeypatch.undo()
    assert [result[1:3] for result in put(glue, narrow).results] == [(True, "")]


def test_what_is_overdue_is_lifted_from_the_state_of_aws_alone(glue: Glue) -> None:
    base = {"case_id": CASE, "source": "own", "playbook": "contain_attacker"}
    short = [
        lease(block("/a", principal=WHO), hours=1, **base),
        lease(block("/a", ips=("192.0.2.7",)), hours=1, **base),
    ]
    long = lease(block("/a", ips=("192.0.2.8",)), hours=3, **base)
    put(glue, *short, long)
    late = _reaping.overdue(_reaping.owned_at(glue.world, "edge"), datetime.now(UTC) + timedelta(hours=2))
    done = _reaping.take_out(glue.down(reading=True), "edge", late)
    assert {(one.target, one.state) for one in done} == {(one.target, "lifted") for one in short}
    assert {one.target for one in _reaping.owned_at(glue.world, "edge")} == {long.target}
