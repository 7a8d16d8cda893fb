"""What the control interface calls the things that people do in the ServiceNow stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stanch.sandbox._servicenow.state import PolicyRefusal

if TYPE_CHECKING:
    from stanch.sandbox.servicenow import ServiceNowStandin

Act = Callable[["ServiceNowStandin", str, str, Mapping[str, Any]], None]


def _reassign(now: ServiceNowStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    now.reassign(key, to=str(order.get("to", "")), group=str(order.get("group", "")), by=by)


def _comment(now: ServiceNowStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    now.comment(key, str(order["text"]), by=by)


def _resolve(now: ServiceNowStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    now.resolve(key, by=by, close_code=str(order.get("resolution") or "Solution provided"))


def _reopen(now: ServiceNowStandin, key: str, by: str, _order: Mapping[str, Any]) -> None:
    now.reopen(key, by=by)


def _priority(now: ServiceNowStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    now.prioritise(key, to=str(order["to"]), by=by)


def _move(now: ServiceNowStandin, key: str, by: str, order: Mapping[str, Any]) -> None:
    now.move(key, to=str(order["to"]), by=by)


def _delete(now: ServiceNowStandin, key: str, by: str, _order: Mapping[str, Any]) -> None:
    now.delete(key, by=by)


ACTS: Mapping[str, Act] = {
    "reassign": _reassign,
    "comment": _comment,
    "resolve": _resolve,
    "reopen": _reopen,
    "start": _reopen,
    "priority": _priority,
    "move": _move,
    "delete": _delete,
}


def act(now: ServiceNowStandin, order: Mapping[str, Any]) -> None:
    """Do what a control request asks.

    Raises:
        KeyError: there is no such record, or the order lacks a part.
        ValueError: the order cannot be carried out.
    """
    does = ACTS.get(str(order.get("do")))
    if does is None:
        raise ValueError(f"do must be one of {', '.join(ACTS)}")
    try:
        does(now, str(order["key"]), str(order.get("by", "maria.k")), order)
    except PolicyRefusal as refusal:
        raise ValueError(f"ServiceNow refuses: {refusal}") from refusal
