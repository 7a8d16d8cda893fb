"""What people do in the Jira stand-in, and what its control interface calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stanch.sandbox._jira import write
from stanch.sandbox._jira.state import DOING, DONE, TO_DO

if TYPE_CHECKING:
    from stanch.sandbox.jira import JiraStandin

Act = Callable[["JiraStandin", str, str, Mapping[str, Any]], None]


def _reassign(jira: JiraStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    jira.reassign(key, to=str(order["to"]), by=by)


def _comment(jira: JiraStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    jira.comment(key, str(order["text"]), by=by)


def _resolve(jira: JiraStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    jira.transition(key, to=DONE, by=by, resolution=str(order.get("resolution", "")))


def _start(jira: JiraStandin, key: str, by: str, _order: Mapping[str, Any]) -> None:
    jira.transition(key, to=DOING, by=by)


def _back(jira: JiraStandin, key: str, by: str, _order: Mapping[str, Any]) -> None:
    jira.transition(key, to=TO_DO, by=by)


def _priority(jira: JiraStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    jira.prioritise(key, to=str(order["to"]), by=by)


def _move(jira: JiraStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    jira.move(key, to=str(order["to"]), by=by)


def _delete(jira: JiraStandin, key: str, by: str, _order: Mapping[str, Any]) -> None:
    jira.delete(key, by=by)


ACTS: Mapping[str, Act] = {
    "reassign": _reassign,
    "comment": _comment,
    "resolve": _resolve,
    "reopen": _start,
    "start": _start,
    "back": _back,
    "priority": _priority,
    "move": _move,
    "delete": _delete,
}


def act(jira: JiraStandin, order: Mapping[str, Any]) -> None:
    """Do what a control request asks.

    Raises:
        KeyError: there is no such issue, or the order lacks a part.
        ValueError: the order cannot be carried out.
    """
    does = ACTS.get(str(order.get("do")))
    if does is None:
        raise ValueError(f"do must be one of {', '.join(ACTS)}")
    try:
        does(jira, str(order["key"]), str(order.get("by", "maria.k")), order)
    except write.JiraRefusal as refusal:
        raise ValueError(f"Jira refuses: {refusal.body}") from refusal
