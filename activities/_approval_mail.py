"""An approval request by mail: that somebody is asked and where to look at it, never what to decide with."""

from __future__ import annotations

from activities._texts import case_text
from activities._world import World
from stanch.approvals.facts import moment
from stanch.contract import ApprovalCall
from stanch.ports import Message
from stanch.sinks.text import one_line


def asked_by_mail(world: World, call: ApprovalCall, place: str) -> Message:
    """What a mail says of a request: enough to know how urgent it is. Parameters stay behind the login."""
    request = call.request
    facts = (
        ("Action", request.action),
        ("Answer until", moment(request.expires_at)),
        ("No answer", request.on_timeout),
        ("Impact", "high: two people, or one who has just signed in at the console" if request.high_impact else ""),
    )
    return Message(
        key=f"{request.approval_id}-mail",
        channel=place,
        title="Decision needed",
        text=one_line(request.question, limit=1000),
        fields=tuple(fact for fact in facts if fact[1]),
        context=(case_text(world, call.scene), f"Request {request.digest[:12]}"),
        case_id=request.case_id,
    )
