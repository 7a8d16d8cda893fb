"""Nothing of a request is left out where people decide about it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stanch.approvals import ApprovalRequest, Bound, Need
from stanch.approvals.facts import request_facts
from stanch.approvals.grouping import differences
from stanch.cli.decide_group import print_request

REQUEST = ApprovalRequest(
    approval_id="a",
    case_id="case-1",
    episode="e",
    step="ok",
    question="Block it?",
    action="block.scope",
    params={"host": "shop.example.com", "limit": 5, "method": ""},
    also=(Bound(action="user.suspend", params={"user": "mallory"}),),
    targets=("GET /orders",),
    ttl="4h",
    undo="block.lift",
    requester="user:req",
    excluded=("user:req", "user:editor"),
    needs=(Need(from_=("user:maria",), count=1),),
    options=("keep", "lift_it"),
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
    expires_at=datetime(2026, 3, 2, tzinfo=UTC),
    on_timeout="keep",
    shown=(("Requests a day", "1,204"),),
    high_impact=True,
    reason_for=("lift_it",),
    playbook="hold_endpoint",
)
VALUES = [
    "block.scope",
    "shop.example.com",
    "5",
    "method",
    "user.suspend",
    "mallory",
    "GET",
    "/orders",
    "4h",
    "block.lift",
    "user:req",
    "user:editor",
    "user:maria",
    "keep,",
    "lift_it",
    "2026-03-02",
    "00:00",
    "UTC",
    "1,204",
    "high:",
    "hold_endpoint",
]


def test_all_of_a_request_is_among_its_facts() -> None:
    facts = request_facts(REQUEST, lambda name: name)
    text = "\n".join(f"{label}: {value}" for label, value in facts)
    assert [value for value in VALUES if value not in text] == []
    assert ("Reason needed for", "lift_it") in facts


def test_the_shell_prints_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_request(REQUEST.model_dump(mode="json") | {"digest": REQUEST.digest, "verdicts": ["keep", "lift_it"]})
    text = capsys.readouterr().err
    assert [value for value in [*VALUES, "Block it?", REQUEST.digest] if value not in text] == []


def test_what_is_not_the_same_for_all_is_said_of_each() -> None:
    """Several are decided by one look, so that one that stands longer or blocks more must not look like the others."""
    wider = REQUEST.model_copy(update={"approval_id": "b", "ttl": "7d", "params": {**REQUEST.params, "limit": 500}})
    found = differences([REQUEST, wider, REQUEST], lambda name: name)
    assert found == [(("limit", "5"), ("Stands for", "4h")), (("limit", "500"), ("Stands for", "7d")), found[0]]
    assert differences([REQUEST, REQUEST], lambda name: name) == [(), ()]
    assert differences([], lambda name: name) == []
