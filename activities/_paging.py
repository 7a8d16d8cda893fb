"""A block that cannot be lifted is an incident: its owner is told once, and the ledger says so."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from typing import Any

from activities import _ways as ways
from activities._world import World
from stanch.errors import Rejected, StanchError
from stanch.ports import Message
from stanch.records import Entry, TimelineItem
from stanch.wire_watch import Overdue, Paging

PAGED = "point.overdue.paged"


def page(world: World, paging: Paging) -> None:
    """Tell the owner of each; without a chat system the ledger, the metric and the console have it.

    Raises:
        StanchError: the last failure, after every other owner was told; the next look comes back to that one.
    """
    failure: StanchError | None = None
    for item in paging.overdue:
        try:
            _tell(world, item)
        except StanchError as error:
            failure = error
    if failure is not None:
        raise failure


def _tell(world: World, item: Overdue) -> None:
    if any(line.event == PAGED and _about(line.data) == (item.lease_id, _kind(item)) for line in _lines(world, item)):
        return
    with contextlib.suppress(Rejected):  # asking again cannot help, and the line is what the console shows
        _post(world, item)
    world.records.append([_line(item)])


def _lines(world: World, item: Overdue) -> list[TimelineItem]:
    return world.records.timeline(item.case_id)


def _about(data: dict[str, Any] | None) -> tuple[str, str]:
    return str((data or {}).get("lease", "")), str((data or {}).get("incident", ""))


def _kind(item: Overdue) -> str:
    """What a freeze has kept may, after its end, be kept by its point: those are two pieces of news."""
    return "frozen" if item.frozen else "overdue"


def _post(world: World, item: Overdue) -> None:
    row = world.records.case(item.case_id)
    way = (ways.way_to(world, row.owner) or ways.way_to(world, row.assignee)) if row is not None else None
    if way is None:
        return
    title, text = _words(item)
    ways.deliver(
        world,
        way,
        Message(
            key=hashlib.sha256(f"{_kind(item)}/{item.lease_id}".encode()).hexdigest()[:32],
            channel=way.place,
            title=title,
            text=text,
            context=(item.case_id,),
            case_id=item.case_id,
        ),
    )


def _words(item: Overdue) -> tuple[str, str]:
    """Title and text; a block that people keep is not one that a point keeps."""
    ended = item.ended.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if item.frozen:
        title = f"A freeze keeps a block at {item.point} past its end"
        return title, f"It should have ended at {ended}. It is lifted within a minute of `stanch resume`."
    title = f"A block cannot be lifted at {item.point}"
    return title, f"It should have ended at {ended}. Stanch keeps trying; see `stanch doctor` and the point itself."


def _line(item: Overdue) -> Entry:
    return Entry(
        case_id=item.case_id,
        episode="overdue",
        key=f"paged:{item.lease_id}" + (":frozen" if item.frozen else ""),
        time=datetime.now(UTC),
        actor="stanch",
        event=PAGED,
        data={
            "point": item.point,
            "lease": item.lease_id,
            "ended": item.ended.isoformat(),
            "incident": _kind(item),
        },
    )
