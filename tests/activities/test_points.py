"""The writer of a point and the verbs that reach it: guard and intent per lease, lifts that wait for nobody."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from glue import CASE, EPISODE, HOST, NOW, FakeTemporal, Glue, block, job, lines_of, proof, reachable, request
from temporalio.service import RPCError, RPCStatusCode

from activities import _spool, blocks, foresight, points
from activities._run import perform
from stanch import contract
from stanch.catalog import catalog
from stanch.errors import DependencyError, Rejected, RetrySafe
from stanch.leases import Applied, BlockSpec, Lease, LeaseOutcome, LeaseState, Principal, SuspendSpec, target_of
from stanch.ports import Check, Estimate, Excerpt, Mismatch, Owned, Reconciled, Usage
from stanch.records import Protected
from stanch.wire_points import Announce, Reconcile

POINTS = {"edge": {"kind": "memory", "hosts": ["*.example.com"]}, "users": {"kind": "memory", "serves": ["user:*"]}}


class Point:
    """An enforcement point in memory; remembers what it was asked and what the ledger said by then."""

    def __init__(self, glue: Glue) -> None:
        self.held: dict[str, Lease] = {}
        self.calls: list[dict[str, Any]] = []
        self.ledger_then: list[list[str]] = []
        self.bad: set[str] = set()
        self.known: list[str] = []
        self.error: Exception | None = None
        self._glue = glue

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.held)).encode()).hexdigest()

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        self.calls.append({"adds": [a.lease_id for a in adds], "removes": list(removes), "wanted": wanted})
        self.known = [lease.lease_id for lease in known]
        self.ledger_then.append(self._glue.events())
        if self.error is not None:
            raise self.error
        if wanted is None and expected != self.digest:
            raise Mismatch
        if wanted is not None:
            self.held = {lease.target: lease for lease in wanted if lease.target not in self.bad}
        self.held |= {lease.target: lease for lease in adds if lease.target not in self.bad}
        for target in removes:
            self.held.pop(target, None)
        results = [Applied(target=a.target, ok=a.target not in self.bad, proof={"version": "7"}) for a in adds]
        results += [Applied(target=target, ok=True, proof={"version": "7"}) for target in removes]
        return Reconciled(digest=self.digest, results=tuple(results))

    def list_owned(self) -> Sequence[Owned]:
        return [Owned(each.lease_id, each.case_id, each.expires_at, each.target) for each in self.held.values()]

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate:
        return Estimate(12, 3, 2, 0.123456, 1, window)

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage:
        return Usage(5, 2, 1, 0, NOW, window)

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        return Excerpt()

    def doctor(self) -> Sequence[Check]:
        return []


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path, points=POINTS) as made:
        yield made


@pytest.fixture
def point(glue: Glue) -> Point:
    made = Point(glue)
    glue.world._built["point", "edge"] = made
    return made


@pytest.fixture
def temporal(glue: Glue) -> Iterator[FakeTemporal]:
    with reachable(glue.world, FakeTemporal(missing=("case-gone",))) as made:
        yield made


def lease(name: str, **more: Any) -> Lease:
    spec = more.pop("spec", BlockSpec(host=HOST, path=f"/{name}", principal=Principal(token_id=f"tok-{name}")))
    given: dict[str, Any] = {
        "lease_id": name,
        "case_id": CASE,
        "episode": EPISODE,
        "step": "block",
        "point": "edge",
        "target": target_of(spec),
        "spec": spec,
        "expires_at": datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1),
        "playbook": "contain_attacker",
        "source": "own",
    }
    return Lease(**{**given, **more})


def outcome(one: Lease, state: LeaseState = LeaseState.HELD) -> LeaseOutcome:
    return LeaseOutcome(lease_id=one.lease_id, case_id=one.case_id, step=one.step, state=state, at=NOW)


def adding(point: Point, *leases: Lease, **more: Any) -> Reconcile:
    outcomes = tuple(outcome(one) for one in leases)
    return Reconcile(**{"point": "edge", "adds": leases, "expected": point.digest, "outcomes": outcomes, **more})


def lifting(point: Point, *leases: Lease, **more: Any) -> Reconcile:
    return Reconcile(
        point="edge",
        removes=tuple(one.target for one in leases),
        holders=leases,
        expected=point.digest,
        outcomes=tuple(outcome(one, LeaseState.LIFTED) for one in leases),
        **more,
    )


# -- asking and giving back --------------------------------------------------------------------------------------------


def test_a_block_is_asked_for_at_the_one_writer_of_its_point(glue: Glue, temporal: FakeTemporal) -> None:
    reply = perform(glue.world, job("block.scope", block()), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    (start,) = temporal.starts
    assert (start["id"], start["start_signal"]) == ("enforce-edge", contract.HOLD)
    assert start["task_queue"] == "stanch.core"
    (asked,) = start["start_signal_args"]
    assert asked.lease_id == "0f" * 16
    assert asked.expires_at == NOW + timedelta(hours=2)
    assert asked.spec.principal.token_id == "tok-attacker"
    row = glue.records.lease(asked.lease_id)
    assert row is not None
    assert row.state is LeaseState.REQUESTED
    assert reply.outputs["expires_at"] == asked.expires_at.isoformat()


def test_a_second_attempt_asks_for_the_same_lease(glue: Glue, temporal: FakeTemporal) -> None:
    for attempt in (1, 2):
        one = job("block.scope", block(), attempt=attempt)
        perform(glue.world, one, blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    first, second = (start["start_signal_args"][0] for start in temporal.starts)
    assert first == second


def test_a_second_attempt_does_not_hide_that_the_block_stands(glue: Glue, temporal: FakeTemporal) -> None:
    """The worker may die after the writer was asked; by the next attempt the writer may have said what came of it."""
    one = job("block.scope", block())
    perform(glue.world, one, blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    row = glue.records.lease("0f" * 16)
    assert row is not None
    glue.records.put_lease(replace(row, state=LeaseState.HELD, updated=datetime.now(UTC)))
    again = job("block.scope", block(), attempt=2)
    perform(glue.world, again, blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    row = glue.records.lease("0f" * 16)
    assert row is not None
    assert row.state is LeaseState.HELD


def test_every_user_has_a_writer_of_their_own(glue: Glue, temporal: FakeTemporal) -> None:
    for user in ("mallory", "trudy"):
        one = job("user.suspend", {"user_id": user}, key=hashlib.md5(user.encode()).hexdigest())
        perform(glue.world, one, blocks.IMPLEMENTATIONS["user.suspend"], lambda *_: None)
    expected = [f"enforce-users-{target_of(SuspendSpec(user_id=user))}" for user in ("mallory", "trudy")]
    assert [start["id"] for start in temporal.starts] == expected


@pytest.mark.parametrize(("given", "code"), [({"host": "www.example.org"}, "L010"), ({"at": "nowhere"}, "L010")])
def test_a_host_that_no_point_serves_is_not_guessed(glue: Glue, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as caught:
        perform(glue.world, job("block.scope", block(**given)), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    assert caught.value.code == code


def test_a_ttl_beyond_the_maximum_is_cut(glue: Glue, temporal: FakeTemporal) -> None:
    one = job("block.scope", block(ttl="30d"))
    perform(glue.world, one, blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    assert temporal.starts[0]["start_signal_args"][0].expires_at == NOW + timedelta(days=7)


def test_a_lift_needs_no_records(glue: Glue, temporal: FakeTemporal) -> None:
    taken = perform(glue.world, job("block.scope", block()), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    subject = {"action": "block.scope", "params": block(), "outputs": taken.outputs}
    undo = job("block.lift", {"lease_id": "0f" * 16}, purpose="undo", key="2f" * 16, subject=subject)
    perform(glue.down(reading=True), undo, blocks.IMPLEMENTATIONS["block.lift"], lambda *_: None)
    held, released = temporal.starts
    assert (released["id"], released["start_signal"]) == (held["id"], contract.RELEASE)
    (release,) = released["start_signal_args"]
    asked = held["start_signal_args"][0]
    same = ("lease_id", "target", "point", "spec", "expires_at")
    assert [getattr(release.lease, name) for name in same] == [getattr(asked, name) for name in same]


def test_a_lift_by_name_finds_the_lease(glue: Glue, temporal: FakeTemporal) -> None:
    perform(glue.world, job("block.scope", block()), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    by_name = job("block.lift", {"lease_id": "0f" * 16}, key="2f" * 16)
    perform(glue.world, by_name, blocks.IMPLEMENTATIONS["block.lift"], lambda *_: None)
    assert temporal.starts[1]["start_signal_args"][0].lease == temporal.starts[0]["start_signal_args"][0]
    unknown = job("block.lift", {"lease_id": "nothing"}, key="3f" * 16)
    with pytest.raises(Rejected, match="no such lease"):
        perform(glue.world, unknown, blocks.IMPLEMENTATIONS["block.lift"], lambda *_: None)


def test_temporal_that_does_not_answer_is_asked_again(glue: Glue) -> None:
    refusing = FakeTemporal(error=RPCError("tcp 10.0.0.9 refused", RPCStatusCode.UNAVAILABLE, b""))
    with reachable(glue.world, refusing), pytest.raises(DependencyError) as caught:
        perform(glue.world, job("block.scope", block()), blocks.IMPLEMENTATIONS["block.scope"], lambda *_: None)
    assert "10.0.0.9" not in str(caught.value)
    assert glue.events() == ["block.scope.intent"]


def test_an_estimate_is_read_at_the_point(glue: Glue, point: Point) -> None:
    one = job("block.estimate", {"host": HOST, "path": "/orders/**"})
    found = perform(glue.world, one, foresight.IMPLEMENTATIONS["block.estimate"], lambda *_: None).outputs
    assert (found["requests"], found["share_of_endpoint"]) == (12, 0.1235)


def test_what_was_over_before_a_worker_was_there_is_not_written(glue: Glue, point: Point) -> None:
    over, fresh = lease("over", expires_at=datetime.now(UTC) - timedelta(seconds=1)), lease("fresh")
    with reachable(glue.world, FakeTemporal()):
        reply = points.reconcile(glue.world, adding(point, over, fresh))
    assert {target: (ok, code) for target, ok, code, _ in reply.results} == {
        over.target: (False, "L004"),
        fresh.target: (True, ""),
    }
    assert point.calls[-1]["adds"] == ["fresh"]


# -- one attempt -------------------------------------------------------------------------------------------------------


def test_intent_before_the_write_and_outcome_after(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    one = lease("one")
    reply = points.reconcile(glue.world, adding(point, one))
    assert point.ledger_then == [["point.hold.intent"]]
    assert glue.events() == ["point.hold.intent", "point.hold.outcome"]
    assert reply.results == ((one.target, True, "", ""),)
    assert reply.digest == point.digest
    ((case_id, name, told),) = temporal.signals
    assert (case_id, name, told.state) == (CASE, contract.LEASE_OUTCOME, LeaseState.HELD)
    assert told.proof == {"version": "7"}
    row = glue.records.lease("one")
    assert row is not None
    assert row.state is LeaseState.HELD


def test_one_refused_lease_holds_up_no_other(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    item = Protected(kind="token", value="tok-bad", by="user:ana", reason="", at=NOW)
    glue.records.protect(item)
    good, bad = lease("good"), lease("bad", case_id="case-bad")
    reply = points.reconcile(glue.world, adding(point, good, bad))
    assert list(point.held) == [good.target]
    results = {target: (ok, code) for target, ok, code, _ in reply.results}
    assert results == {good.target: (True, ""), bad.target: (False, "G123")}
    assert [case for case, _, _ in temporal.signals] == [CASE], "the writer tells the other case itself"
    assert glue.events("case-bad") == ["point.hold.outcome"]


def test_a_lease_whose_consent_makes_no_sense_holds_up_no_other(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    from stanch.approvals import ApprovalState

    asked = request("block.lift", {"lease_id": "L0"})
    glue.records.put_approval(ApprovalState(request=asked))
    strange = lease("strange", approval=proof(asked, "user:ana"), mode="semi")
    points.reconcile(glue.world, adding(point, strange, lease("good")))
    assert [one.lease_id for one in point.held.values()] == ["good"]


def test_who_waits_for_the_same_block_is_not_told_that_it_stands_when_it_was_refused(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    one = lease("one")
    beside = outcome(one).model_copy(update={"lease_id": "two", "case_id": "case-two", "target": one.target})
    point.bad.add(one.target)
    points.reconcile(glue.world, adding(point, one, outcomes=(outcome(one), beside)))
    assert temporal.signals == []
    point.bad.clear()
    points.reconcile(glue.world, adding(point, one, outcomes=(outcome(one), beside)))
    assert [case_id for case_id, _, _ in temporal.signals] == [CASE, "case-two"]


def test_who_shares_what_stands_is_told_so_even_where_a_new_end_is_refused(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    one = lease("one")
    point.bad.add(one.target)
    shared = outcome(one).model_copy(update={"proof": {"shared": "true"}})
    points.reconcile(glue.world, adding(point, one, outcomes=(shared,)))
    assert [(case_id, told.state) for case_id, _, told in temporal.signals] == [(CASE, LeaseState.HELD)]


class Picky(FakeTemporal):
    """Some cases take no word: one because it has had too many, one because its server is away."""

    def get_workflow_handle(self, workflow_id: str) -> Any:
        ends = {"case-full": RPCStatusCode.INVALID_ARGUMENT, "case-away": RPCStatusCode.UNAVAILABLE}
        if workflow_id not in ends:
            return super().get_workflow_handle(workflow_id)

        async def signal(_name: str, _argument: Any) -> None:
            raise RPCError("no", ends[workflow_id], b"")

        return SimpleNamespace(signal=signal)


def test_a_case_that_takes_no_word_keeps_none_from_others(glue: Glue, point: Point) -> None:
    full, away, last = (lease(name, case_id=f"case-{name}") for name in ("full", "away", "last"))
    with reachable(glue.world, Picky()) as temporal:
        points.reconcile(glue.world, adding(point, full, last))
        assert [case_id for case_id, _, _ in temporal.signals] == ["case-last"]
        with pytest.raises(DependencyError):
            points.announce(glue.world, Announce(point="edge", outcomes=tuple(outcome(one) for one in (away, last))))
        assert [case_id for case_id, _, _ in temporal.signals] == ["case-last", "case-last"]


def test_what_the_point_refuses_is_not_told_as_held(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    one = lease("one")
    point.bad.add(one.target)
    reply = points.reconcile(glue.world, adding(point, one))
    assert reply.results[0][1] is False
    assert temporal.signals == []
    assert glue.timeline()[-1].data["outcome"] == "REJECTED"


def test_a_mismatch_asks_for_the_full_set(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    reply = points.reconcile(glue.world, adding(point, lease("one"), expected="something else"))
    assert reply.mismatch
    assert point.held == {}
    assert temporal.signals == []


def test_the_full_set_keeps_what_stands_and_needs_a_guard_for_the_rest(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    standing, vanished, barred, new = (lease(name) for name in ("standing", "vanished", "barred", "new"))
    point.held[standing.target] = standing
    for token in ("tok-barred", "tok-standing"):
        glue.records.protect(Protected(kind="token", value=token, by="user:ana", reason="", at=NOW))
    points.reconcile(glue.world, adding(point, new, wanted=(standing, vanished, barred, new)))
    assert {one.lease_id for one in point.held.values()} == {"standing", "vanished", "new"}
    restored = [line for line in glue.timeline() if line.event == "point.restore.intent"]
    assert [line.effect for line in restored] == ["vanished:restore"]
    assert "point.restore.intent" in point.ledger_then[-1]


@pytest.mark.parametrize("stands", [True, False])
def test_a_longer_lease_that_is_refused_leaves_or_brings_back_what_its_target_had(
    glue: Glue, point: Point, temporal: FakeTemporal, stands: bool
) -> None:
    first = lease("first")
    longer = first.model_copy(update={"lease_id": "longer", "expires_at": first.expires_at + timedelta(days=30)})
    point.held = {first.target: first} if stands else {}
    reply = points.reconcile(glue.world, adding(point, longer, wanted=(first, longer)))
    assert [(ok, code) for _, ok, code, _ in reply.results] == [(False, "G133")]
    assert [one.lease_id for one in point.held.values()] == ["first"]


def test_a_halt_lets_the_full_set_add_nothing_and_lift_nothing(
    glue: Glue, point: Point, temporal: FakeTemporal
) -> None:
    standing, vanished, over = lease("standing"), lease("vanished"), lease("over")
    point.held = {standing.target: standing, over.target: over}
    glue.records.halt(by="user:ana", reason="", at=NOW)
    points.reconcile(glue.world, lifting(point, over, wanted=(standing, vanished)))
    assert [one.lease_id for one in point.held.values()] == ["standing"]
    assert point.known == ["over"]  # a point of users finds them by the name in the lease


def test_a_point_that_fails_leaves_the_intent_open(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    point.error = RetrySafe("the gateway does not answer")
    with pytest.raises(RetrySafe):
        points.reconcile(glue.world, adding(point, lease("one")))
    assert glue.timeline()[-1].uncertain
    assert temporal.signals == []


# -- without records ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [False, True])
def test_adds_wait_while_records_are_down(glue: Glue, point: Point, temporal: FakeTemporal, reading: bool) -> None:
    with pytest.raises(DependencyError):
        points.reconcile(glue.down(reading=reading), adding(point, lease("one")))
    assert point.calls == []


@pytest.mark.parametrize("full", [False, True])
def test_lifts_go_on_while_records_are_down(glue: Glue, point: Point, temporal: FakeTemporal, full: bool) -> None:
    one, other, vanished = lease("one"), lease("other"), lease("vanished")
    point.held = {one.target: one, other.target: other}
    wanted = {"wanted": (other, vanished)} if full else {}
    points.reconcile(glue.down(reading=True), lifting(point, one, **wanted))
    assert list(point.held) == [other.target]
    assert [told.state for _, _, told in temporal.signals] == [LeaseState.LIFTED]
    assert glue.events() == []
    spooled = [line for path in sorted((glue.settings.data_dir / "spool").glob("*.jsonl")) for line in lines_of(path)]
    assert sorted(line["event"] for line in spooled) == ["point.lift.intent", "point.lift.outcome"]
    points.reconcile(glue.world, adding(point, lease("next")))
    assert glue.events()[:2] == ["point.lift.intent", "point.lift.outcome"]
    assert not any(line.uncertain for line in glue.timeline())
    assert glue.records.verify().ok
    assert not list((glue.settings.data_dir / "spool").glob("*.jsonl"))


def test_nothing_is_lost_when_many_write_and_merge_at_once(glue: Glue) -> None:
    down = glue.down(reading=True)
    names = [f"lease-{number}" for number in range(24)]

    def lift(part: list[str]) -> None:
        for name in part:
            _spool.write(down, points._entries([lease(name)], "lift", "intent"), lifting=True)
            _spool.merge(glue.world)

    threads = [threading.Thread(target=lift, args=(names[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _spool.merge(glue.world)
    assert {line.effect for line in glue.timeline()} == {f"{name}:lift" for name in names}


# -- telling cases -----------------------------------------------------------------------------------------------------


def test_a_case_that_is_gone_keeps_nobody_waiting(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    gone, here = lease("gone", case_id="case-gone"), lease("here")
    points.announce(glue.world, Announce(point="edge", outcomes=(outcome(gone), outcome(here))))
    assert [case for case, _, _ in temporal.signals] == [CASE]


def test_other_errors_of_temporal_are_tried_again(glue: Glue) -> None:
    refusing = FakeTemporal(error=RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b""))
    with reachable(glue.world, refusing), pytest.raises(DependencyError):
        points.announce(glue.world, Announce(point="edge", outcomes=(outcome(lease("one")),)))


def test_cases_are_told_while_records_are_down(glue: Glue, point: Point, temporal: FakeTemporal) -> None:
    points.announce(glue.down(reading=True), Announce(point="edge", outcomes=(outcome(lease("one")),)))
    assert len(temporal.signals) == 1


def test_every_inverse_counts_as_a_lift() -> None:
    from stanch.guards.touch import REMOVES

    inverses = {spec.inverse for spec in catalog().values() if spec.inverse}
    assert inverses <= REMOVES
