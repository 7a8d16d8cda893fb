"""No plan slips through: what the loader accepts is safe on every path that an independent walker can find."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from promise_drawing import CHANGE, all_nodes, playbooks, written
from promise_walker import paths

from stanch.playbooks import Playbook, check_playbook

SLOW = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
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


def codes(book: dict[str, Any], *, callee: dict[str, Any] | None = None) -> set[str]:
    library = {"inner": Playbook.model_validate(json.loads(text_of(callee)))} if callee else None
    problems = check_playbook(text_of(book), library=library).problems
    return {problem.code for problem in problems if problem.severity == "error"}


@st.composite
def pairs(draw: st.DrawFn, *, mode: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A playbook that calls another one of its own mode or of any other, and that one."""
    inner_mode = draw(st.sampled_from(["semi", "auto"]))
    kinds = "abb" if inner_mode == "semi" else "brabs"
    inner = draw(playbooks(kinds=kinds, mode=inner_mode, name="inner"))
    return draw(playbooks(kinds="kkkabcsp", mode=mode, callee=inner)), inner


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
@given(pairs(mode="semi"))
def test_semi_changes_nothing_without_consent_in_what_it_calls(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    outer, inner = pair
    found = codes(outer, callee=inner) | (codes(inner) if inner["mode"] == "semi" else set())
    event(f"no P202: {'P202' not in found}")
    if "P202" in found:
        return
    for path in paths(outer):
        assert not path.unasked, (text_of(outer), text_of(inner))


@SLOW
@given(pairs(mode="auto"))
def test_auto_leaves_no_change_unproven_in_what_it_calls(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A called playbook of mode semi changes with consent; one of mode auto is proven by itself, as it ends."""
    outer, inner = pair
    found = codes(outer, callee=inner) | codes(inner)
    if "P205" in found or inner["mode"] == "semi":
        return
    own = {node["id"] for node in all_nodes([*inner["body"], *inner["last"]])}
    for path in paths(outer):
        if not path.failed:
            assert set(path.made) & own <= path.proven, (text_of(outer), text_of(inner))


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
