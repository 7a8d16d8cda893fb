"""From the winning rule to a decision: refine, ceiling, overlays and floor, people, deadlines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from stanch.routing._calendar import Calendar
from stanch.routing._conditions import judge
from stanch.routing._deadlines import Deadlines, deadlines, rungs, share_of
from stanch.routing._model import Branch, Decided, Names, Only, Overlay, RoutesFile, Rule
from stanch.routing._people import People
from stanch.routing._times import Promise
from stanch.views import SEVERITIES, FindingView, OwnerView, RouteView, Severity, TicketTarget

INVENTORY = "inventory:"  # of a decision that no rule made
UNEVALUATED = "route:unevaluated"  # an overlay's condition gave no value


@dataclass(frozen=True)
class Draft:
    """A decision in the making."""

    path: tuple[str, ...]
    owner: str
    assignee: str = ""
    cc: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    ticket: TicketTarget | None = None
    sla: tuple[str, ...] = ()
    escalation: str = ""
    calendar: str = ""
    severity: Severity = "medium"
    legal_clocks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def noted(self, *lines: str) -> Draft:
        return replace(self, notes=(*self.notes, *lines))

    def tagged(self, *tags: str) -> Draft:
        return replace(self, tags=tuple(sorted({*self.tags, *tags})))


def start(file: RoutesFile, rule: Rule | None, finding: FindingView) -> Draft:
    """The rule's own words over the default's; cc and notify are not inherited."""
    default = file.default
    base = Draft((default.id,), default.owner, severity=finding.severity)
    base = _apply(base, default, owner=default.owner)
    if rule is None:
        return _of_inventory(base, finding)
    draft = replace(base, path=(rule.id,), assignee="", cc=(), notify=(), ticket=None)
    return _capped(_apply(draft, rule, owner=rule.owner), rule)


def _of_inventory(draft: Draft, finding: FindingView) -> Draft:
    """Where no rule speaks, the owner that the inventory names goes before the default; the promises are its own."""
    api = finding.api
    if not api.owner:
        return draft
    owned = replace(draft, path=(INVENTORY + (api.id or api.host),), owner=api.owner)
    owned = replace(owned, assignee="", cc=(), notify=(), ticket=None)
    return owned.noted(f"no rule matches: the inventory says that {api.owner} owns it")


def refine(draft: Draft, branches: Iterable[Branch], finding: FindingView) -> Draft:
    """The first branch whose condition is true, and so on inside it."""
    for branch in branches:
        verdict = judge(branch.when, finding)
        draft = draft.noted(f"refine {branch.id}: {verdict}")
        if verdict.value:
            taken = replace(draft, path=(*draft.path, branch.id))
            taken = _capped(_apply(taken, branch, owner=branch.owner), branch)
            return refine(taken, branch.refine, finding)
    return draft


def overlay(draft: Draft, overlays: Iterable[Overlay], finding: FindingView) -> Draft:
    """All overlays that are true; each only adds or tightens, so their order cannot matter."""
    for each in overlays:
        verdict = judge(each.when, finding)
        draft = draft.noted(f"overlay {each.id}: {verdict}")
        if verdict.failed:
            draft = draft.tagged(UNEVALUATED)
        if verdict.value:
            draft = _tightened(draft, each)
    return draft


def _apply(draft: Draft, words: Decided, *, owner: str | None) -> Draft:
    """Scalars override, lists are added to; a new owner brings their own assignee and tracker."""
    changed = owner is not None and owner != draft.owner
    kept = replace(draft, assignee="", ticket=None) if changed else draft
    return replace(
        kept,
        owner=owner or draft.owner,
        assignee=words.assignee or kept.assignee,
        cc=_merged(draft.cc, words.cc),
        notify=_merged(draft.notify, words.notify),
        ticket=words.ticket.view if words.ticket else kept.ticket,
        sla=(words.sla,) if words.sla else draft.sla,
        escalation=words.escalation or draft.escalation,
        calendar=words.calendar or draft.calendar,
    )


def _merged(old: tuple[str, ...], new: Names) -> tuple[str, ...]:
    return new.only if isinstance(new, Only) else _union(old, new)


def _union(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _capped(draft: Draft, words: Rule | Branch) -> Draft:
    if words.ceiling is None:
        return draft
    return replace(draft, severity=min(draft.severity, words.ceiling.severity, key=SEVERITIES.index))


def _tightened(draft: Draft, words: Overlay) -> Draft:
    floor = words.floor.severity if words.floor else draft.severity
    clock = (words.legal_clock.id,) if words.legal_clock else ()
    return replace(
        draft,
        cc=_union(draft.cc, words.cc),
        notify=_union(draft.notify, words.notify),
        severity=max(draft.severity, floor, key=SEVERITIES.index),
        sla=_union(draft.sla, (words.sla,) if words.sla else ()),
        legal_clocks=tuple(sorted(_union(draft.legal_clocks, clock))),
    ).tagged(*words.tags)


@dataclass(frozen=True)
class Book:
    """What a decision is finished with."""

    file: RoutesFile
    people: People
    calendars: Mapping[str, Calendar]


def finish(draft: Draft, book: Book, now: datetime) -> tuple[RouteView, Deadlines]:
    """People, tracker, deadlines and escalation of a draft."""
    people, owner = book.people, draft.owner
    assignee = _assignee(draft, people, book.file.default.owner, now)
    names = {"owner": owner, "owner.lead": people.lead(owner), "assignee": assignee}
    calendar = book.calendars.get(draft.calendar)
    promises = _promises(draft, book.file)
    times = deadlines(promises, calendar, now)
    ladder = book.file.escalations.get(draft.escalation, ())
    view = RouteView(
        owner=_owner(owner, people, now),
        assignee=assignee,
        cc=_named(draft.cc, names, people, now),
        notify=_named(draft.notify, names, people, now),
        ticket=draft.ticket or _tracker(owner, people),
        lane=times.lane,
        severity=draft.severity,
        due=times.fix,
        **({"time_left": times.fix - now} if times.fix else {}),
        change_freeze=bool(calendar and calendar.frozen(now)),
        rule="/".join(draft.path),
        legal_clock=", ".join(draft.legal_clocks),
        tags=draft.tags,
        escalation=tuple(sorted(rungs(ladder, start=now, at=share_of(promises, calendar, now), names=names))),
    )
    return view, times


def _promises(draft: Draft, file: RoutesFile) -> list[Promise]:
    tables = [file.sla[name] for name in draft.sla if name in file.sla]
    return [table[draft.severity] for table in tables if draft.severity in table]


def _assignee(draft: Draft, people: People, fallback: str, now: datetime) -> str:
    """The named one or who stands in for them, else the owner's lead, else the default owner's.

    Who has left is passed over. Where everybody is away, the first who has not left: a name is better than none.
    """
    refs = [ref for ref in (draft.assignee, people.lead(draft.owner), people.lead(fallback)) if ref]
    for ref in refs:
        if people.user(ref) is None:
            return ref  # a team or whoever is on call
        if person := people.present(ref, now):
            return person
    return next((ref for ref in refs if (user := people.user(ref)) and user.active), draft.owner)


def _owner(ref: str, people: People, now: datetime) -> OwnerView:
    return OwnerView(
        id=ref, lead=people.lead(ref), slack=people.contact(ref, "slack"), members=people.resolve(ref, now)
    )


def _tracker(ref: str, people: People) -> TicketTarget:
    team = people.team(ref)
    return team.ticket.view if team else TicketTarget()


def _named(refs: tuple[str, ...], names: Mapping[str, str], people: People, now: datetime) -> tuple[str, ...]:
    """As written, with whoever stands in for somebody who is away beside them."""
    found: dict[str, None] = {}
    for ref in (names.get(ref, ref) for ref in refs):
        found[ref] = None
        if people.away(ref, now) and (person := people.present(ref, now)):
            found[person] = None
    return tuple(found)
