"""What open cases are searched by in Temporal: six attributes at most, written only when something changed."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from stanch.cases import CaseState
from stanch.views import SEVERITIES

_STATE = SearchAttributeKey.for_keyword("StanchState")
_OWNER = SearchAttributeKey.for_keyword("StanchOwner")
_SOURCE = SearchAttributeKey.for_keyword("StanchSource")
_SEVERITY = SearchAttributeKey.for_int("StanchSeverity")
_DEADLINE = SearchAttributeKey.for_datetime("StanchDeadline")


def make_searchable(state: CaseState) -> None:
    """Write status, owner, source, severity and deadline as they are now (one history event)."""
    updates: list[SearchAttributeUpdate[Any]] = [_STATE.value_set(state.status.value)]
    if state.resolved is not None:
        route = state.resolved.route
        updates += [
            _OWNER.value_set(state.holder.owner or route.owner.id),
            _SEVERITY.value_set(SEVERITIES.index(route.severity) + 1),
        ]
        updates += [_SOURCE.value_set(state.source)]
        updates += [_DEADLINE.value_set(route.due)] if route.due else []
    workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]  the SDK's overloads
