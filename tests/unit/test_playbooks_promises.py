"""No plan slips through: what the loader accepts is safe on every path that an independent walker can find."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from promise_walker import CHANGE, all_nodes, paths, playbooks, written

from stanch.playbooks import check_playbook

SLOW = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
SEEN: Counter[str] = Counter()


def text_of(book: dict[str, Any]) -> str:
    body = {
        "version": "playbook/v1",
        "id": book["name"],
        "title": "Drawn",
        "owner": "team:appsec",
        "mode": book["mode"],
        "limits": {"runs": "9/h", "changes": "9/h"},
        "steps": [written(node) for node in book["body"]],
        **({"finally": [written(node) for node in book["last"]]} if book["last"] else {}),
    }
    return json.dumps(body)  # which is YAML, without anchors


def codes(book: dict[str, Any]) -> set[str]:
    return {problem.code for problem in check_playbook(text_of(book)).problems if problem.severity == "error"}


@SLOW
@given(playbooks(kinds="baabpcs", mode="semi"))
def test_semi_changes_nothing_without_consent_on_any_path(book: dict[str, Any]) -> None:
    found = codes(book)
    changing = any(node.get("do") == CHANGE["do"] for node in all_nodes([*book["body"], *book["last"]]))
    event(f"no P202, with a change: {'P202' not in found and changing}")
    if "P202" in found:
        return
    for path in paths(book):
        assert not path.unasked, text_of(book)


@SLOW
@given(playbooks(kinds="bbrrpcsa", mode="auto"))
def test_auto_leaves_no_change_unproven_when_it_ends_well(book: dict[str, Any]) -> None:
    found = codes(book)
    event(f"accepted: {not found}")
    if "P205" in found:
        return
    for path in paths(book):
        if not path.failed:
            assert set(path.made) <= path.proven, text_of(book)


@settings(max_examples=60, deadline=None)
@given(playbooks(kinds="barpcs", mode="manual"))
def test_manual_holds_no_change_anywhere(book: dict[str, Any]) -> None:
    changing = any(node.get("do") == CHANGE["do"] for node in all_nodes([*book["body"], *book["last"]]))
    assert ("P201" in codes(book)) == changing


@settings(max_examples=60, deadline=None)
@given(playbooks(kinds="bbrpcs", mode="auto"), st.data())
def test_auto_has_an_undo_or_a_reason_for_every_change(book: dict[str, Any], data: st.DataObject) -> None:
    changes = [node for node in all_nodes([*book["body"], *book["last"]]) if node.get("do") == CHANGE["do"]]
    bare = [node for node in changes if data.draw(st.booleans())]
    for node in bare:
        del node["undo"]
    assert ("P203" in codes(book)) == bool(bare)
