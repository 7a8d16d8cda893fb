"""A block that is only counted first, at a real Envoy: it denies nothing, says what it would, and becomes the block."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from edge import HOST, Edge, edge, lease, stack
from glue import CASE, FakeTemporal, Glue, job, raised, reachable

from activities import foresight, points
from activities._asked import spec_of
from activities._run import perform
from stanch.catalog import catalog
from stanch.errors import Rejected
from stanch.leases import BlockSpec, Principal, target_of
from stanch.wire_points import Reconcile

__all__ = ["edge", "stack"]


def scope(path: str, **more: Any) -> dict[str, Any]:
    return {"host": HOST, "path": path, "method": "GET", **more}


def observed(glue: Glue, params: dict[str, Any]) -> dict[str, Any]:
    one = job("block.observe", {**params, "window": "1h"})
    return perform(glue.world, one, foresight.IMPLEMENTATIONS["block.observe"], lambda *_: None).outputs


@pytest.fixture
def glue(tmp_path: Path, edge: Edge) -> Any:
    with Glue(tmp_path, points={"edge": {"kind": "envoy", **edge.section()}}) as made:
        made.world._built["point", "edge"] = edge.point
        yield made


def test_count_observe_promote(edge: Edge, glue: Glue) -> None:
    path = f"/users/{time.time_ns()}"
    spec = BlockSpec(host=HOST, path=path, methods=("GET",))
    counting = spec.counting
    params = catalog()["block.count"].params.model_validate(scope(path, ttl="1h"))
    assert spec_of(params) == counting
    edge.put(counting)
    assert [edge.status(path, sub=sub) for sub in ("u1", "u2", "u2")] == [200, 200, 200]
    assert edge.status(path, sub="u3", method="POST") == 200
    edge.logged(lambda text: text.count(path) == 4)
    seen = observed(glue, scope(path))
    assert (seen["requests"], seen["principals"], seen["succeeded"], seen["share_of_endpoint"]) == (3, 2, 3, 1.0)

    edge.put(counting, spec)  # promoted: the counting one may stay until it is lifted
    assert [edge.status(path, sub=sub) for sub in ("u1", "u2")] == [403, 403]
    assert edge.status("/products", sub="u1") == 200
    edge.logged(lambda text: text.count(path) == 6)
    denied = observed(glue, scope(path, standing=True))
    assert (denied["requests"], denied["principals"], denied["succeeded"]) == (2, 2, 0)
    done = edge.point.reconcile(
        adds=[], removes=[target_of(spec)], wanted=None, expected=edge.put(counting, spec).digest
    )
    assert done.results[0].ok
    assert edge.status(path, sub="u1") == 200


def test_another_counted_block_on_the_same_requests_hides_nothing(edge: Edge, glue: Glue) -> None:
    """Envoy writes one policy to the log, whichever comes first."""
    path = f"/users/{time.time_ns()}"
    wide = BlockSpec(host=HOST, path="/users/{id}").counting
    narrow = BlockSpec(host=HOST, path=path, methods=("GET",), principal=Principal(user_id="u1")).counting
    edge.put(wide, narrow)
    for sub in ("u1", "u1", "u2"):
        edge.status(path, sub=sub)
    edge.logged(lambda text: text.count(path) == 3)
    assert observed(glue, scope(path, principal={"user_id": "u1"}))["requests"] == 2


def test_nothing_that_counts_is_an_error_and_not_a_zero(edge: Edge, glue: Glue) -> None:
    assert raised(Rejected, lambda: observed(glue, scope("/users/nobody"))).code == "L017"


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (BlockSpec(host=HOST, path="/a", principal=Principal(user_id="u1")).counting, "L016"),
        (BlockSpec(host=HOST, path="/a", principal=Principal(user_id="u1", jwt_claims={"tenant": "t"})), "L016"),
    ],
)
def test_a_point_that_cannot_is_never_asked_to(tmp_path: Path, spec: BlockSpec, code: str) -> None:
    class Plain:
        asked = 0

        def reconcile(self, **_: Any) -> Any:
            from stanch.ports import Reconciled

            Plain.asked += len(_["adds"])
            return Reconciled("", ())

        def list_owned(self) -> list[Any]:
            return []

        def exposure(self, spec: BlockSpec, *, window: timedelta) -> Any:
            from stanch.ports_traffic import Exposure

            return Exposure(unknown=0.0)

    section = {"kind": "memory", "hosts": ["*.example.com"]}
    with Glue(tmp_path, points={"edge": section}) as made, reachable(made.world, FakeTemporal()):
        made.world._built["point", "edge"] = Plain()
        one = lease(spec, case=CASE).model_copy(update={"playbook": "contain_attacker", "source": "own"})
        reply = points.reconcile(made.world, Reconcile(point="edge", adds=(one,)))
        assert [result[2] for result in reply.results] == [code]
        assert Plain.asked == 0
        given = job("block.observe", scope("/a"))
        assert (
            raised(
                Rejected,
                lambda: foresight._observe(
                    made.world, given, catalog()["block.observe"].params.model_validate(given.call.params)
                ),
            ).code
            == "L016"
        )
