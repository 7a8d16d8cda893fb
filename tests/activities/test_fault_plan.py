"""The fault plan: rules in, faults out, the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import pytest

from stanch.sandbox._faults import NAMED, Fault, Faults, Sent

CREATE = Sent("create", method="POST", path="/rest/api/3/issue", kind="write")
READ = Sent("get", method="GET", path="/rest/api/3/issue/MOBP-1", key="MOBP-1", kind="read")
CALLBACK = Sent("callback", key="MOBP-1")


def drawn(faults: Faults, sent: Sent, number: int = 1) -> list[str]:
    found = [faults.draw(sent) for _ in range(number)]
    return [fault.name if fault is not None else "" for fault in found]


def planned(**order: Any) -> Faults:
    faults = Faults()
    faults.plan(order)
    return faults


def test_a_rule_fires_once_and_may_skip() -> None:
    assert drawn(planned(fault="html"), CREATE, 3) == ["html", "", ""]
    assert drawn(planned(fault="html", times=2, skip=1), CREATE, 4) == ["", "html", "html", ""]


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"operation": "create"}, True),
        ({"operation": ["attach", "cr*"]}, True),
        ({"operation": "get"}, False),
        ({"kind": "write", "method": "POST"}, True),
        ({"kind": "read"}, False),
        ({"path": "/rest/api/*/issue"}, True),
        ({"path": "/rest/api/*/issue/*"}, False),
        ({"key": "MOBP-1"}, False),
    ],
)
def test_every_part_of_the_match_must_fit(match: dict[str, Any], fits: bool) -> None:
    assert drawn(planned(fault="html", match=match), CREATE) == ["html" if fits else ""]


def test_the_same_seed_gives_the_same_faults() -> None:
    order = {"fault": ["drop", {"name": "hang", "seconds": 2}], "probability": 0.3}
    first, again = (drawn(planned(**order, seed=7), CREATE, 300) for _ in range(2))
    assert first == again
    assert first != drawn(planned(**order, seed=8), CREATE, 300)
    assert 60 <= sum(bool(each) for each in first) <= 120
    assert set(first) == {"", "drop", "hang"}


def test_a_mix_draws_only_what_fits_the_request() -> None:
    faults = planned(fault=list(NAMED), probability=1)
    of_callbacks = {name for name in NAMED if name.endswith("_callback")}
    assert set(drawn(faults, CALLBACK, 300)) == of_callbacks
    assert set(drawn(faults, CREATE, 600)) == set(NAMED) - of_callbacks - {"search_lag"}
    assert "search_lag" in drawn(faults, Sent("search", kind="read"), 600)


def test_settings_stand_beside_the_name_or_in_it() -> None:
    faults = planned(fault="rate_limited", retry_after="date:30", reason="jira-burst-based")
    assert faults.draw(READ) == Fault(
        "status", status=429, retry_after="date:30", reason="jira-burst-based", name="rate_limited"
    )
    inside = planned(fault={"name": "hang", "seconds": 0.5}).draw(READ)
    assert inside is not None
    assert inside.seconds == 0.5


def test_scripted_faults_come_first_and_never_reach_a_callback() -> None:
    faults = planned(fault="html")
    faults.script("*", Fault("drop_before"))
    assert faults.draw(CALLBACK) is None
    assert [fault.mode for fault in (faults.draw(READ), faults.draw(READ)) if fault] == [
        "drop_before",
        "html",
    ]


def test_rules_are_counted_taken_back_and_cleared() -> None:
    faults = Faults()
    first, second = faults.plan({"fault": "html"}), faults.plan({"fault": "drop", "match": {"kind": "read"}})
    drawn(faults, CREATE, 3)
    assert [(rule["rule"], rule["seen"], rule["fired"]) for rule in faults.rules()] == [(first, 1, 1), (second, 0, 0)]
    faults.remove(first)
    with pytest.raises(KeyError):
        faults.remove(first)
    assert drawn(faults, READ) == ["drop"]
    faults.clear()
    assert faults.rules() == []


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "explode"},
        {"fault": []},
        {"fault": 7},
        {"fault": "html", "tmes": 1},
        {"fault": "html", "times": 0},
        {"fault": "html", "times": True},
        {"fault": "html", "skip": -1},
        {"fault": "html", "probability": 1.5},
        {"fault": "html", "probability": "0.5"},
        {"fault": "html", "seed": "x"},
        {"fault": "html", "match": {"operaton": "create"}},
        {"fault": "html", "match": {"operation": 7}},
        {"fault": "html", "match": "create"},
        {"fault": {"name": "hang", "secnds": 1}},
        {"fault": {"name": "hang", "seconds": float("nan")}},
        {"fault": "hang", "seconds": 1e9},
        {"fault": "server_error", "status": 42},
        {"fault": "rate_limited", "retry_after": "1\r\nX-Evil: 1"},
        {"fault": ["html", "drop"], "seconds": 1},
    ],
)
def test_a_wrong_order_is_refused_and_plans_nothing(order: dict[str, Any]) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=r"\w"):
        faults.plan(order)
    assert faults.rules() == []
