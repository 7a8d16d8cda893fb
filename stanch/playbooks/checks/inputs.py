"""Inputs of a playbook, their bounds and the values a deployment gives them; also what a wait may wait for."""

from __future__ import annotations

from stanch.bounds import InputError, read_input
from stanch.playbooks.checks.approvals import ROUTE_NAMES, TICKET_NAMES, check_people
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Placed, Tree

EVENTS = ("ticket.resolved", "finding.rescan_clean", "timer", "signal")


def check_inputs(playbook: Playbook, report: Report) -> None:
    """P109."""
    for name, setting in playbook.inputs.items():
        path = ("inputs", name)
        if not name.isidentifier() or name != name.lower():
            report.add("P004", path, f"{name!r} is not an input name", hint="lower-case letters, digits and _")
        if setting.default is None:
            report.add("P109", path, f"input {name!r} needs a default", hint="a playbook must run as it is shipped")
            continue
        try:
            read_input(setting, setting.default)
        except InputError as error:
            report.add("P109", (*path, "default"), f"default of {name!r}: {error}")
        except TypeError:
            report.add("P109", path, f"bounds of {name!r} do not fit its type")


def check_waits(tree: Tree, report: Report) -> None:
    """P110 and P207: events that exist, and people who can be reminded."""
    for place in tree.placed:
        wait = place.step.wait
        if wait is None:
            continue
        for index, awaited in enumerate(wait.for_):
            _event(place, index, awaited.event, after=awaited.after is not None, name=awaited.name, report=report)
        if wait.remind:
            names = frozenset({*ROUTE_NAMES, *TICKET_NAMES})
            check_people(wait.remind.to, (*place.path, "wait", "remind", "to"), report, extra=names)


def _event(place: Placed, index: int, event: str, *, after: bool, name: str, report: Report) -> None:
    path: Path = (*place.path, "wait", "for", index)
    if event not in EVENTS:
        hint = did_you_mean(event, EVENTS) or f"known: {', '.join(EVENTS)}"
        report.add("P110", (*path, "event"), f"nothing reports the event {event!r}", hint=hint)
    elif event == "timer" and not after:
        report.add("P110", path, "a timer needs after", hint="add after: 30m")
    elif event == "signal" and not name:
        report.add("P110", path, "a signal needs a name", hint="add name: NAME")
