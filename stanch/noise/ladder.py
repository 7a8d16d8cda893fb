"""The escalation ladder of a case: whom it tells as its clock runs, each once, and what makes it stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from stanch.noise.words import Rung
from stanch.plan import Plan
from stanch.views import RouteView

LEAD = "lead:"  # before a name: whoever leads it when the message is sent


def ladder_of(route: RouteView, plan: Plan | None, now: datetime) -> tuple[Rung, ...]:
    """The rungs of a route, as times.

    What is due at once is left to the playbook's own messages where it has any: nobody hears twice that a case begins.
    """
    speaks = plan is not None and any(step.action == "chat.message" for step in plan.walk().values())
    return tuple(_rungs(route, now, speaks=speaks))


def _rungs(route: RouteView, now: datetime, *, speaks: bool) -> Iterator[Rung]:
    for index, (seconds, whom) in enumerate(route.escalation):
        at = now + timedelta(seconds=seconds)
        if whom and not (speaks and seconds <= 0):
            yield Rung(key=str(index), at=at, to=whom, late=route.due is not None and at >= route.due)


def raised_ladder(old: Sequence[Rung], new: Sequence[Rung]) -> tuple[Rung, ...]:
    """The ladder after a case has become more urgent: the stricter time of each rung, which keeps its key."""
    known = {rung.key: rung for rung in old}
    kept = [rung if (was := known.get(rung.key)) is None else _stricter(was, rung) for rung in new]
    names = {rung.key for rung in new}
    kept += [rung for rung in old if rung.key not in names]
    return tuple(sorted(kept, key=lambda rung: (rung.at, rung.key)))


def _stricter(was: Rung, now: Rung) -> Rung:
    to = tuple(dict.fromkeys((*now.to, *was.to)))
    return Rung(key=was.key, at=min(was.at, now.at), to=to, late=was.late or now.late)


def waiting(ladder: Sequence[Rung], sent: Collection[str], *, acknowledged: bool) -> list[Rung]:
    """Rungs that are still to be sent, soonest first.

    Somebody who has taken the case ends the search for somebody who does; a deadline that passes is told all the same.
    """
    left = [rung for rung in ladder if rung.key not in sent and (rung.late or not acknowledged)]
    return sorted(left, key=lambda rung: (rung.at, rung.key))


def next_at(ladder: Sequence[Rung], sent: Collection[str], *, acknowledged: bool) -> datetime | None:
    """When the next rung is due."""
    return next((rung.at for rung in waiting(ladder, sent, acknowledged=acknowledged)), None)


def due(ladder: Sequence[Rung], sent: Collection[str], now: datetime, *, acknowledged: bool) -> list[Rung]:
    """Rungs to be sent now."""
    return [rung for rung in waiting(ladder, sent, acknowledged=acknowledged) if rung.at <= now]


def addressees(rungs: Sequence[Rung], names: Mapping[str, str]) -> tuple[str, ...]:
    """Whom these rungs tell, each once; `names` are people in whose place others have come."""
    return tuple(dict.fromkeys(names.get(name, name) for rung in rungs for name in rung.to))


def successors(route: RouteView, holder: str) -> dict[str, str]:
    """Who stands where owner, assignee and lead stood, once a ticket was handed over; empty where it was not."""
    if not holder or holder in (route.owner.id, route.assignee):
        return {}
    names = {route.assignee: holder} if route.assignee != route.owner.lead else {}
    if holder.startswith("team:"):
        names |= {route.owner.id: holder, route.owner.lead: LEAD + holder}
    return {name: to for name, to in names.items() if name}
