"""A burst of like requests in chat: the first have a card each, the rest one notice that leads to the page of all."""

from __future__ import annotations

from datetime import UTC, datetime

from activities._world import World
from stanch.approvals import ApprovalRequest
from stanch.approvals.grouping import group_id
from stanch.ports import Message
from stanch.records import Conflict

NOTICES = "approval-notices"
EVERY = 600  # seconds in which one place gets one notice of a group
MOST = 1000  # requests of all playbooks, those that end soonest, among which like ones are looked for


def is_one_of_many(world: World, request: ApprovalRequest) -> bool:
    """Whether as many like requests as deserve cards of their own were waiting before this one."""
    limit = world.settings.approval_cards
    if not limit or request.high_impact:
        return False
    owner = _owner(world, request.case_id)
    own = group_id(request, owner)
    waiting = [state.request for state in world.records.approvals(limit=MOST)]
    first = [other for other in waiting if other.playbook == request.playbook and _order(other) < _order(request)]
    alike = 0
    for other in first:
        alike += group_id(other, _owner(world, other.case_id)) == own
        if alike >= limit:
            return bool(owner)
    return False


def notice(world: World, request: ApprovalRequest, place: str) -> Message | None:
    """What a place is told instead of a card: that more wait, and where they are looked at together; once in a while.

    Who tries again after a failure is the one who was to tell.
    """
    moment = datetime.now(UTC)
    group = group_id(request, _owner(world, request.case_id))
    name = f"{group}:{place}:{int(moment.timestamp()) // EVERY}"
    told = world.records.remember_delivery(NOTICES, name, request.approval_id, at=moment)
    if isinstance(told, Conflict):
        return None
    text = (
        f"More requests like these wait: {request.playbook}, {request.action or request.step}. They are not sent one "
        f"by one; look at them side by side, and decide about each, at {world.settings.public_url}/approvals"
    )
    return Message(key=name, channel=place, title="Many like decisions needed", text=text)


def _order(request: ApprovalRequest) -> tuple[datetime, str]:
    return request.created_at, request.approval_id


def _owner(world: World, case_id: str) -> str:
    row = world.records.case(case_id)
    return row.owner if row is not None else ""
