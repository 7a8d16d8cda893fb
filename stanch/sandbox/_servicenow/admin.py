"""What an administrator changes in the ServiceNow stand-in at run time, and its records in short for a judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stanch.sandbox._servicenow.state import CLOSED, TASK_TABLES
from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    from stanch.sandbox.servicenow import ServiceNowStandin

SCRIPTS = ("evaluate", "refuse")


def view(now: ServiceNowStandin) -> dict[str, Any]:
    """The settings; the password is not among them."""
    return {
        "strict_queries": now.strict_queries,
        "scripts": now.scripts,
        "hibernating": now.hibernating,
        "attachment_limit": now.attachment_limit,
        "mandatory": list(now.state.mandatory),
        "hidden": sorted(now.state.hidden),
        "abort_when": dict(now.state.abort_when),
    }


def change(now: ServiceNowStandin, order: Mapping[str, Any]) -> None:
    """Set what the order names, all of it or nothing.

    Raises:
        ValueError: with what is wrong.
    """
    wanted: dict[str, Any] = {**view(now), "password": now.password, **order}
    if unknown := set(order) - {*view(now), "password"}:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    _check(wanted)
    now.strict_queries, now.scripts, now.hibernating = (
        wanted["strict_queries"],
        wanted["scripts"],
        wanted["hibernating"],
    )
    now.attachment_limit, now.password = wanted["attachment_limit"], wanted["password"]
    now.state.demand(tuple(wanted["mandatory"]))
    now.state.hidden = frozenset(wanted["hidden"])
    now.state.abort_when = dict(wanted["abort_when"])
    now.ledger.append("servicenow.settings", {"changed": sorted(order)})


def _check(wanted: Mapping[str, Any]) -> None:
    right = {
        "strict_queries is true or false": isinstance(wanted["strict_queries"], bool),
        "hibernating is true or false": isinstance(wanted["hibernating"], bool),
        f"scripts is one of {', '.join(SCRIPTS)}": wanted["scripts"] in SCRIPTS,
        "attachment_limit is a number of bytes": type(wanted["attachment_limit"]) is int,
        "password is a text": isinstance(wanted["password"], str),
        "mandatory and hidden are lists of fields": _texts(wanted["mandatory"]) and _texts(wanted["hidden"]),
        "abort_when is an object of fields and values": is_dict(wanted["abort_when"])
        and _texts([*wanted["abort_when"].values()]),
    }
    if wrong := [text for text, fine in right.items() if not fine]:
        raise ValueError("; ".join(wrong))


def _texts(given: object) -> bool:
    return is_list(given) and all(isinstance(each, str) for each in given)


def briefs(now: ServiceNowStandin) -> list[dict[str, Any]]:
    """Every record of both tables."""
    state = now.state
    return [
        {
            "key": row["number"],
            "id": row["sys_id"],
            "table": table,
            "summary": row["short_description"],
            "state": row["state"],
            "closed": row["state"] in CLOSED[table],
            "resolution": row["close_code"],
            "assignee": state.tables["sys_user"].get(row["assigned_to"], {}).get("user_name", ""),
            "group": state.tables["sys_user_group"].get(row["assignment_group"], {}).get("name", ""),
            "priority": row["priority"],
            "correlation_id": row["correlation_id"],
            "mod_count": int(row["sys_mod_count"]),
            "notes": len(state.journal(row, "work_notes")),
        }
        for table in TASK_TABLES
        for row in state.tables[table].values()
    ]
