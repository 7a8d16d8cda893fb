"""A group as lists and pages show it: like a case, with its members behind it."""

from __future__ import annotations

from stanch.cases import summary_of
from stanch.contract import CaseSummary
from stanch.noise.group import GroupState, Phase
from stanch.noise.group_work import ending, title

PLAYBOOK = "group"  # what stands where a case names its playbook
_STATES = {Phase.CLOSED: "verifying"}


def summary_of_group(state: GroupState) -> CaseSummary | None:
    """The group in one row; None before anybody has joined."""
    summary = summary_of(state.case)
    if summary is None:
        return None
    count, left = len(state.members), state.open_members
    return summary.model_copy(
        update={
            "state": _STATES.get(state.phase, "waiting"),
            "title": title(state),
            "playbook": PLAYBOOK,
            "findings": count,
            "waiting_on": f"{left} of {count} findings" if left else "",
            "resolution": ending(state),
        }
    )
