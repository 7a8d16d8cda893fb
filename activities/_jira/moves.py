"""Which transitions lead an issue to a state, and what has to be sent with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activities._jira.settings import JiraSettings
from activities._jira.view import category
from activities._ticket.common import resolution_word
from stanch.ports import TicketState

MOST_STEPS = 4


def choose(
    transitions: Sequence[Mapping[str, Any]], *, target: TicketState, settings: JiraSettings, left: frozenset[str]
) -> Mapping[str, Any] | None:
    """The transition to take: the configured one, one that reaches the state, or one on the way there.

    Args:
        transitions: those that Jira offers now.
        target: the state wanted.
        settings: names a transition by id where the workflow has several.
        left: ids of statuses that were left on the way; going back to one would be a circle.
    """
    configured = settings.transitions.get(target)
    direct = [each for each in transitions if category(_to(each)) is target]
    # The configured one also where Jira does not say what it leads to.
    named = [*direct, *(each for each in transitions if category(_to(each)) is None)]
    for each in named:
        if configured and str(each.get("id")) == configured:
            return each
    if direct:
        return direct[0]
    onward = (each for each in transitions if category(_to(each)) is TicketState.IN_PROGRESS)
    return next((each for each in onward if str(_to(each).get("id")) not in left), None)


def request(transition: Mapping[str, Any], *, resolution: str, settings: JiraSettings) -> dict[str, Any]:
    """The body of the transition; the id as a string, and only fields that its screen has."""
    target = category(_to(transition))
    found = transition.get("fields")
    screen: Mapping[str, Any] = found if isinstance(found, dict) else {}
    fields: dict[str, Any] = dict(settings.transition_fields.get(target, {})) if target else {}
    wanted = settings.resolutions.get(resolution_word(resolution), "")
    if wanted and _allows(screen.get("resolution"), wanted):
        fields.setdefault("resolution", {"name": wanted})
    body: dict[str, Any] = {"transition": {"id": str(transition.get("id"))}}
    return {**body, "fields": fields} if fields else body


def _allows(field: object, name: str) -> bool:
    if not isinstance(field, dict):
        return False
    allowed = field.get("allowedValues")
    return not allowed or any(isinstance(each, dict) and each.get("name") == name for each in allowed)


def leads_to(transition: Mapping[str, Any]) -> str:
    """Id of the status it leads to."""
    return str(_to(transition).get("id"))


def _to(transition: Mapping[str, Any]) -> Mapping[str, Any]:
    found = transition.get("to")
    return found if isinstance(found, dict) else {}
