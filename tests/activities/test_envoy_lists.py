"""Two lists joined in one rule of a real Envoy: any of these principals, at any of these endpoints, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from edge import FOREIGN, HOST, USERS_GET, Edge, edge, lease, stack, targets
from glue import Glue

from activities._envoy.join import collapse, expand
from activities.points import reconcile
from stanch.leases import BlockSpec, MemberSpec, Principal, target_of
from stanch.ports import Reconciled
from stanch.wire_points import Reconcile

__all__ = ["edge", "stack"]


def endpoint(path: str, *methods: str) -> MemberSpec:
    return MemberSpec(list="sensitive", join="watched", host=HOST, path=path, methods=methods)


def somebody(user: str) -> MemberSpec:
    return MemberSpec(list="abusive", join="watched", principal=Principal(user_id=user))


def put(edge: Edge, *specs: MemberSpec | BlockSpec) -> Reconciled:
    return edge.put(*specs)  # type: ignore[arg-type]


def policies(edge: Edge) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(edge.gateway.rules_file.read_text())
    return dict(found["resources"][0]["typed_config"]["rules"]["policies"])


def test_one_rule_denies_every_pair_and_no_other(edge: Edge) -> None:
    both = [endpoint("/users/{id}", "GET"), endpoint("/orders/**"), somebody("u1"), somebody("u2")]
    assert all(item.ok for item in put(edge, *both).results)
    assert set(policies(edge)) == {*FOREIGN, "stanch-join-watched"}
    denied = {
        (user, path)
        for user in ("u1", "u2", "u3")
        for path in ("/users/7", "/orders/1", "/products")
        if edge.status(path, sub=user) == 403
    }
    assert denied == {(user, path) for user in ("u1", "u2") for path in ("/users/7", "/orders/1")}
    assert edge.status("/users/7", sub="u1", method="DELETE") != 403  # the method is part of the endpoint
    assert edge.status("/users/7") != 403  # who names nobody is on no list
    names = {entry.name for entry in edge.point.list_owned()}
    for name in names:  # the part that holds a name matches nobody, whoever sends it
        assert edge.status("/products", sub="u1", **{"x-stanch-member": name}) != 403
        assert edge.status("/users/7", sub="u3", **{"x-stanch-member": name}) != 403
        assert edge.status("/users/7", sub="u1", **{"x-stanch-member": name}) == 403


def test_an_empty_list_denies_nobody_and_members_come_and_go(edge: Edge) -> None:
    first = put(edge, endpoint("/users/{id}"))
    assert edge.status("/users/7", sub="u1") != 403
    joined = edge.point.reconcile(
        adds=[lease(somebody("u1"))],  # type: ignore[arg-type]
        removes=[],
        wanted=None,
        expected=first.digest,
    )
    assert edge.status("/users/7", sub="u1") == 403
    edge.point.reconcile(adds=[], removes=[target_of(endpoint("/users/{id}"))], wanted=None, expected=joined.digest)
    assert edge.status("/users/7", sub="u1") != 403
    put(edge)
    assert policies(edge) == FOREIGN


def test_what_is_past_its_end_is_taken_out_from_the_file_alone(edge: Edge) -> None:
    put(edge, endpoint("/users/{id}"), somebody("u1"), somebody("u2"), USERS_GET)
    owned = edge.point.list_owned()
    assert {entry.case_id for entry in owned} == {"case-a1"}
    gone = [entry for entry in owned if entry.target == target_of(somebody("u1"))]
    assert [item.ok for item in edge.point.take_out(gone)] == [True]
    assert targets(edge.point.list_owned()) == {
        target_of(spec) for spec in (endpoint("/users/{id}"), somebody("u2"), USERS_GET)
    }
    assert edge.status("/users/7", sub="u2") == 403


def test_a_join_that_somebody_edited_is_told_and_written_anew(edge: Edge) -> None:
    digest = put(edge, endpoint("/users/{id}"), somebody("u1")).digest
    body = json.loads(edge.gateway.rules_file.read_text())
    join = body["resources"][0]["typed_config"]["rules"]["policies"]["stanch-join-watched"]
    join["principals"].append({"any": True})
    edge.gateway.rules_file.write_text(json.dumps(body))
    assert {entry.case_id for entry in edge.point.list_owned()} == {"case-a1", ""}
    assert put(edge, endpoint("/users/{id}"), somebody("u1")).digest == digest
    assert edge.status("/users/7", sub="u9") != 403


@pytest.mark.parametrize("way", ["lifted", "taken out"])
def test_a_join_that_somebody_edited_goes_with_its_last_member(edge: Edge, way: str) -> None:
    members = [endpoint("/users/{id}"), somebody("u1")]
    put(edge, *members)
    body = json.loads(edge.gateway.rules_file.read_text())
    join = body["resources"][0]["typed_config"]["rules"]["policies"]["stanch-join-watched"]
    join["principals"].append({"authenticated": {}})
    edge.gateway.rules_file.write_text(json.dumps(body))
    if way == "lifted":
        gone = [target_of(member) for member in members]
        done = edge.point.reconcile(adds=[], removes=gone, wanted=[], expected="")
        assert [item.ok for item in done.results] == [True, True]
    else:
        owned = [entry for entry in edge.point.list_owned() if entry.case_id]
        assert [item.ok for item in edge.point.take_out(owned)] == [True, True]
    assert policies(edge) == FOREIGN
    assert edge.status("/users/7", sub="u1") != 403


@pytest.mark.parametrize(
    "wrong",
    [
        MemberSpec(list="abusive", join="", principal=Principal(user_id="u1")),
        MemberSpec(list="abusive", join="watched"),
        MemberSpec(list="sensitive", join="watched", host=HOST, principal=Principal(user_id="u1")),
        MemberSpec(list="sensitive", join="watched", host="elsewhere.test", path="/x"),
        MemberSpec(list="abusive", join="watched", principal=Principal(token_hash="ab" * 32)),
    ],
)
def test_what_is_no_member_is_refused(edge: Edge, wrong: MemberSpec) -> None:
    assert [item.ok for item in put(edge, wrong).results] == [False]
    assert policies(edge) == FOREIGN


def test_members_of_two_cases_pass_guard_ledger_and_point_as_one_batch(edge: Edge, tmp_path: Path) -> None:
    section = {"kind": "envoy", **edge.section()}
    with Glue(tmp_path, points={"edge": section}) as glue:
        specs = {
            "case-one": MemberSpec(
                list="sensitive_endpoints", join="abusive_on_sensitive", host=HOST, path="/users/{id}"
            ),
            "case-two": MemberSpec(
                list="abusive_tokens", join="abusive_on_sensitive", principal=Principal(user_id="u1")
            ),
            "case-bad": MemberSpec(
                list="abusive_tokens", join="abusive_on_sensitive", principal=Principal(user_id="break-glass")
            ),
        }
        leases = [
            lease(spec, case=case).model_copy(update={"lease_id": case})  # type: ignore[arg-type]
            for case, spec in specs.items()
        ]
        reply = reconcile(glue.world, Reconcile(point="edge", adds=tuple(leases)))
        done = {target: (ok, code) for target, ok, code, _ in reply.results}
        assert [done[one.target] for one in leases] == [(True, ""), (True, ""), (False, "G121")]
        assert edge.status("/users/7", sub="u1") == 403
        events = [line.event for line in glue.records.timeline("case-two")]
        assert events == ["point.hold.intent", "point.hold.outcome"]
        reconcile(glue.world, Reconcile(point="edge", removes=(leases[1].target,), expected=reply.digest))
        assert edge.status("/users/7", sub="u1") != 403


def test_collapsing_and_expanding_are_inverse() -> None:
    match = {"and_rules": {"rules": [{"any": True}]}}
    entries = {
        "stanch-case-1-1-a": {"join": "one", "side": "endpoints", "match": match},
        "stanch-case-1-2-b": {"join": "one", "side": "principals", "match": {"any": True}},
        "stanch-case-1-3-c": {"join": "two", "side": "principals", "match": {"any": True}},
        "stanch-case-1-4-d": {"permissions": [], "principals": []},
    }
    made = collapse(entries)
    assert set(made) == {"stanch-join-one", "stanch-join-two", "stanch-case-1-4-d"}
    assert {name: found for key, policy in made.items() for name, found in expand(key, policy).items()} == entries
