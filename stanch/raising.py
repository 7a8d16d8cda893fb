"""A running case whose severity rises: the stricter route holds from here, and its people are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stanch.canonical import digest
from stanch.cases import CaseState
from stanch.interpreter.messages import RunAction
from stanch.views import SEVERITIES, RouteView


def raised(before: RouteView, after: RouteView) -> RouteView | None:
    """The running route with what a higher severity makes stricter; None where nothing does. Owners stay."""
    update: dict[str, Any] = {}
    if SEVERITIES.index(after.severity) > SEVERITIES.index(before.severity):
        update |= {"severity": after.severity, "lane": after.lane}
    if after.due is not None and (before.due is None or after.due < before.due):
        update |= {"due": after.due, "time_left": after.time_left}
    return before.model_copy(update=update) if update else None


def take_over(state: CaseState, route: RouteView, now: datetime) -> bool:
    """Let the stricter of a case's running route and a new one hold; False where nothing gets stricter."""
    stricter = None if state.resolved is None else raised(state.resolved.route, route)
    if state.resolved is None or stricter is None:
        return False
    data = {"from": state.resolved.route.severity, "to": stricter.severity, "lane": stricter.lane}
    state.resolved = state.resolved.model_copy(update={"route": stricter})
    state.raises += 1
    state.note("route.raised", now, data=data | {"due": stricter.due.isoformat() if stricter.due else ""})
    return True


def news_of_raise(state: CaseState) -> list[RunAction]:
    """Tell owner and assignee that a running case has become more urgent; nothing waits for it."""
    if state.resolved is None:
        return []
    route = state.resolved.route
    return [_news(state, to, route.severity) for to in dict.fromkeys((route.owner.id, route.assignee)) if to]


def _news(state: CaseState, to: str, severity: str) -> RunAction:
    ref = f"case|raised|{state.raises}|{digest(to)[:8]}"
    return RunAction(
        ref=ref,
        path="case",
        purpose="raised",
        action="chat.message",
        params={"to": to, "template": "raised", "text": severity},
        key=digest([state.case_id, state.episode, str(state.round), ref])[:32],
    )
