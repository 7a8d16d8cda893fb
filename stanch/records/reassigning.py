"""Lines of the ledger by which a case changed hands, counted in the transaction that stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stanch.records.chain import Entry
from stanch.shapes import is_dict

EVENTS = ("case.assigned", "ticket.reassigned")
ABOUT = ("rule", "category", "host", "path", "method", "severity", "source", "environment")


def reassignments_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Rows for the table of reassignments; a line is new, so each counts once."""
    return [_row(entry) for entry in entries if entry.event in EVENTS and entry.data.get("to")]


def _row(entry: Entry) -> dict[str, Any]:
    given = entry.data.get("about")
    about: Mapping[str, Any] = given if is_dict(given) else {}
    return {
        "key": f"{entry.case_id}:{entry.episode}:{entry.key}",
        "case_id": entry.case_id,
        "at": entry.time,
        "by": str(entry.data.get("by") or entry.actor),
        "from_owner": str(entry.data.get("from", "")),
        "to_owner": str(entry.data["to"]),
        "via": str(entry.data.get("via", "")),
        **{name: str(about.get(name, "")) for name in ABOUT},
    }
