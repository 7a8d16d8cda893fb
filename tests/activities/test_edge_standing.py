"""Rules that stood and that a gateway refuses when they are written again: no block vanishes untold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from edge import HOST, lease, targets

from activities._access_log import LogView
from activities._edge.gateway import EdgeSection, Gateway
from activities._edge.point import EdgePoint
from activities._edge.rules import Entries, target_in
from activities._envoy.paths import DECODED_TEXT
from activities._envoy.policy import Dialect
from stanch.errors import RetrySafe
from stanch.leases import BlockSpec, Lease
from stanch.ports import Mismatch

GOOD, BAD, OTHER = (lease(BlockSpec(host=HOST, path=path)) for path in ("/good", "/bad", "/other"))


class Picky:
    """Rules of a gateway that has come to refuse some targets."""

    def __init__(self) -> None:
        self.standing: Entries = {}
        self.unwanted: set[str] = set()

    def held(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read(self) -> Entries:
        return self.standing

    def publish(self, entries: Entries) -> bool:
        if {target_in(name) for name in entries} & self.unwanted:
            return False
        self.standing = dict(entries)
        return True


@pytest.fixture
def rules() -> Picky:
    return Picky()


@pytest.fixture
def point(rules: Picky, tmp_path: Path) -> Iterator[EdgePoint]:
    section = EdgeSection(
        hosts=(HOST,), base_url="http://127.0.0.1:9", access_log=tmp_path / "log", canary_secret="s" * 16
    )
    gateway = Gateway(
        title="edge",
        rules=rules,
        compile_block=lambda block: {"path": block.spec.path},
        read=lambda _: LogView(lines=()),
        checks=lambda: (),
        dialect=Dialect(spelling=DECODED_TEXT),
    )
    return EdgePoint("edge", section, gateway)


def put(point: EdgePoint, *leases: Lease) -> str:
    return point.reconcile(adds=leases, removes=[], wanted=[], expected="").digest


def test_a_standing_rule_that_is_refused_makes_the_writer_send_all_and_is_told(rules: Picky, point: EdgePoint) -> None:
    known = put(point, GOOD, BAD, OTHER)
    rules.unwanted = {BAD.target}
    with pytest.raises(RetrySafe, match="refused 1 rule"):
        point.reconcile(adds=[], removes=[OTHER.target], wanted=None, expected=known)
    with pytest.raises(Mismatch):  # the next attempt: what stands is not what the writer remembers
        point.reconcile(adds=[], removes=[OTHER.target], wanted=None, expected=known)
    done = point.reconcile(adds=[], removes=[OTHER.target], wanted=[GOOD, BAD], expected=known)
    assert {result.target: result.ok for result in done.results} == {
        OTHER.target: True,
        GOOD.target: True,
        BAD.target: False,
    }
    assert targets(point.list_owned()) == {GOOD.target}


def test_taking_out_says_so_too(rules: Picky, point: EdgePoint) -> None:
    put(point, GOOD, BAD, OTHER)
    rules.unwanted = {BAD.target}
    (other,) = [owned for owned in point.list_owned() if owned.target == OTHER.target]
    with pytest.raises(RetrySafe):
        point.take_out([other])
    assert [result.ok for result in point.take_out([other])] == [True]
