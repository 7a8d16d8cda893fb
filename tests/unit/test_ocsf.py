"""Remediation activities as SIEMs read them: the facts of OCSF 1.3.0, one line each, whatever a finding says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stanch.leases import BlockSpec, KeySpec, Lease, LeaseSpec, MemberSpec, Principal, SuspendSpec, target_of
from stanch.sinks.ocsf import Done, Status, remediation
from stanch.sinks.ocsf_actions import Change, change_event

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BLOCK = BlockSpec(
    host="api.example.com",
    path="/users/{id}",
    methods=("GET",),
    principal=Principal(user_id="u1"),
    ips=("203.0.113.7", "2001:db8::/64"),
)
# Of https://schema.ocsf.io/1.3.0/classes/remediation_activity: required attributes and the enumerations of the class.
REQUIRED = {"activity_id", "category_uid", "class_uid", "command_uid", "metadata", "severity_id", "time", "type_uid"}
ATTRIBUTES = REQUIRED | {"activity_name", "category_name", "class_name", "countermeasures", "message", "observables"}
ATTRIBUTES |= {"remediation", "scan", "severity", "status", "status_code", "status_detail", "status_id", "type_name"}
ATTRIBUTES |= {"duration", "end_time", "enrichments", "raw_data", "start_time", "timezone_offset", "unmapped", "count"}
ACTIVITIES = {0: "Unknown", 1: "Isolate", 2: "Evict", 3: "Restore", 4: "Harden", 99: "Other"}
STATUSES = {0: "Unknown", 1: "Success", 2: "Failure", 3: "Does Not Exist", 4: "Partial", 5: "Unsupported", 6: "Error"}
METADATA = {"version", "product", "uid", "correlation_uid", "log_name"}


def lease(spec: LeaseSpec = BLOCK, **more: Any) -> Lease:
    given: dict[str, Any] = {"lease_id": "L1", "case_id": "case-1", "episode": "e", "step": "block", "point": "edge"}
    given |= {"target": target_of(spec), "spec": spec, "expires_at": AT, "playbook": "contain_attacker"}
    return Lease(**(given | more))


def valid(event: dict[str, Any]) -> dict[str, Any]:
    """The event, when it is one of class 7001 by the facts above."""
    assert event.keys() >= REQUIRED
    assert event.keys() <= ATTRIBUTES
    assert (event["class_uid"], event["category_uid"]) == (7001, 7)
    assert event["type_uid"] == 700100 + event["activity_id"]
    assert event["activity_id"] in ACTIVITIES
    if event["activity_id"] != 99:
        assert event["activity_name"] == ACTIVITIES[event["activity_id"]]
    assert event["status"] == STATUSES[event["status_id"]]
    assert isinstance(event["time"], int)
    assert event["metadata"].keys() == METADATA
    assert event["metadata"]["version"] == "1.3.0"
    assert event["metadata"]["product"].keys() >= {"name", "vendor_name"}
    for one in event["observables"]:
        assert one.keys() == {"name", "type_id", "type", "value"}
    for one in event.get("countermeasures", ()):
        assert one.keys() <= {"d3f_tactic", "d3f_technique", "version"}
        assert one["d3f_technique"]["uid"].startswith("D3-")
    return event


@pytest.mark.parametrize(
    ("spec", "done", "activity", "technique"),
    [
        (BLOCK, Done.APPLIED, 1, "D3-ITF"),
        (BLOCK, Done.LIFTED, 3, "D3-RNA"),
        (BLOCK, Done.EXPIRED, 3, "D3-RNA"),
        (BLOCK, Done.ROLLED_BACK, 3, "D3-RNA"),
        (SuspendSpec(user_id="u1"), Done.APPLIED, 2, "D3-AL"),
        (SuspendSpec(user_id="u1"), Done.EXPIRED, 3, "D3-ULA"),
        (BLOCK.counting, Done.COUNTED, 99, ""),
    ],
)
def test_what_was_done_is_a_tactic(spec: LeaseSpec, done: Done, activity: int, technique: str) -> None:
    event = valid(remediation(lease(spec), done, at=AT))
    assert event["activity_id"] == activity
    found = [one["d3f_technique"]["uid"] for one in event.get("countermeasures", ())]
    assert found == ([technique] if technique else [])
    assert event["time"] == 1772366400000


@pytest.mark.parametrize("status", list(Status))
def test_how_it_went(status: Status) -> None:
    event = valid(remediation(lease(), Done.APPLIED, at=AT, status=status, detail="L002 it cannot be reached"))
    assert (event["status_id"], event["status_detail"]) == (status.value, "L002 it cannot be reached")


def test_whom_and_where() -> None:
    event = valid(remediation(lease(), Done.APPLIED, at=AT, proof={"policy": "stanch-case-1-1-t"}))
    seen = {(one["type_id"], one["value"]) for one in event["observables"]}
    assert seen == {(1, "api.example.com"), (2, "203.0.113.7"), (2, "2001:db8::/64"), (4, "u1")}
    assert event["command_uid"] == "L1"
    assert event["metadata"]["correlation_uid"] == "case-1"
    assert event["unmapped"]["policy"] == "stanch-case-1-1-t"
    what = "GET api.example.com/users/{id} user_id u1 from 203.0.113.7 from 2001:db8::/64"
    assert event["message"] == f"block at edge: {what}"


def test_what_only_counted_restores_nothing() -> None:
    for done in (Done.COUNTED, Done.LIFTED, Done.EXPIRED, Done.ROLLED_BACK):
        event = valid(remediation(lease(BLOCK.counting), done, at=AT))
        assert (event["activity_id"], "countermeasures" in event) == (99, False)


def test_a_key_is_evicted_and_who_is_on_a_list_has_no_host() -> None:
    assert valid(remediation(lease(KeySpec(key_id="k1")), Done.APPLIED, at=AT))["activity_id"] == 2
    member = MemberSpec(list="abusive", principal=Principal(user_id="u1"))
    shown = valid(remediation(lease(member), Done.APPLIED, at=AT))["observables"]
    assert [(one["name"], one["value"]) for one in shown] == [("claim.sub", "u1")]


def test_the_same_change_told_twice_has_the_same_id_and_another_has_another() -> None:
    ids = [
        remediation(lease(), done, at=at, status=status)["metadata"]["uid"]
        for done, at, status in [
            (Done.APPLIED, AT, Status.SUCCESS),
            (Done.APPLIED, AT.replace(hour=13), Status.SUCCESS),
            (Done.APPLIED, AT, Status.FAILURE),
            (Done.LIFTED, AT, Status.SUCCESS),
        ]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_hostile_words_stay_values_of_one_line() -> None:
    nasty = 'x"}\n{"class_uid":1,"a":"\u2028\x1b[31m' + "y" * 5000
    event = valid(remediation(lease(SuspendSpec(user_id=nasty), point="p\nq"), Done.APPLIED, at=AT, detail=nasty))
    line = json.dumps(event, ensure_ascii=True)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["class_uid"] == 7001
    assert len(line) < 10_000


@pytest.mark.parametrize(
    ("action", "lifting", "activity"),
    [("token.revoke", False, 2), ("user.sign_out", False, 2), ("policy.enforce", False, 1), ("policy.detach", True, 3)],
)
def test_changes_that_no_point_holds(action: str, activity: int, *, lifting: bool) -> None:
    change = Change(action, "k1", "case-1", "contain_attacker", "revoke", lifting, {"user_id": "u1\nu2"})
    event = valid(change_event(change, at=AT, status=Status.SUCCESS) | {"observables": []})
    assert (event["activity_id"], event["message"]) == (activity, f"{action}: u1 u2")
    assert event["command_uid"] == "k1"
