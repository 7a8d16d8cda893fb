"""What a request asks, as label and value: the same for card, dialog, console and shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from stanch.approvals.model import ApprovalRequest, Need
from stanch.canonical import canonical

NameOf = Callable[[str], str]
EMPTY: tuple[object, ...] = ("", None, [])


def request_facts(request: ApprovalRequest, name_of: NameOf) -> tuple[tuple[str, str], ...]:
    """All that a request holds but its question and its names for machines; what is empty is left out or said so."""
    found = [*_effects(request), *_around(request, name_of), *_answers(request)]
    return tuple((label, value) for label, value in found if value)


def _effects(request: ApprovalRequest) -> Iterator[tuple[str, str]]:
    yield "Action", request.action
    yield from _params(request.params)
    for bound in request.also:
        yield "Also", bound.action
        yield from _params(bound.params)
    yield "Targets", ", ".join(request.targets)
    yield "Stands for", request.ttl
    yield "Takes back by", request.undo
    yield from request.shown


def _params(params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((name, written(value)) for name, value in params.items() if value not in EMPTY)
    yield "Left empty", ", ".join(name for name, value in params.items() if value in EMPTY)


def _around(request: ApprovalRequest, name_of: NameOf) -> Iterator[tuple[str, str]]:
    yield "Asked for by", name_of(request.requester) if request.requester else ""
    yield "Needed", " and ".join(_need(need, name_of) for need in request.needs)
    yield "May not decide", ", ".join(map(name_of, request.excluded))


def _answers(request: ApprovalRequest) -> Iterator[tuple[str, str]]:
    yield "Answer until", moment(request.expires_at)
    yield "No answer", request.on_timeout
    yield "Answers", ", ".join(request.options)
    yield "Reason needed for", ", ".join(request.reason_for)
    yield "Impact", "high: two people, or one who has just signed in at the console" if request.high_impact else ""
    yield "Playbook", request.playbook


def _need(need: Need, name_of: NameOf) -> str:
    return f"{need.count} of {', '.join(map(name_of, need.from_))}"


def written(value: Any) -> str:
    """A parameter as it is: text as text, everything else as JSON."""
    return value if isinstance(value, str) else canonical(value).decode()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
