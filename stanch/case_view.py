"""A case as its workflow knows it now, for consoles, the API and the command line."""

from __future__ import annotations

from stanch.approvals import ApprovalState, open_lines
from stanch.cases import CaseState, summary_of, waiting_approvals
from stanch.contract import ApprovalView, CaseView
from stanch.noise.words import Noise
from stanch.views import RouteView


def view_of(state: CaseState) -> CaseView | None:
    """Everything there is to show; None before the first finding."""
    summary = summary_of(state)
    if summary is None or state.finding is None:
        return None
    core, resolved = state.core, state.resolved
    return CaseView(
        summary=summary,
        steps={name: step.model_dump(mode="json", exclude={"seen"}) for name, step in core.steps.items()},
        approvals=tuple(_approval(state, path) for path in waiting_approvals(core)),
        changes=tuple(change.model_dump(mode="json") for change in core.changes),
        problems=tuple(core.problems),
        route=resolved.route if resolved else RouteView(),
        finding=state.finding,
        why=resolved.why if resolved else "",
        links=resolved.links if resolved else (),
        requested_by=state.requested_by,
        noise=_noise(state),
    )


def voted(state: CaseState) -> tuple[ApprovalState, ...]:
    """What is open and has votes, as those need it who look up whose say is left while the case is not asked."""
    open_ones = (state.core.approvals[path] for path in waiting_approvals(state.core))
    return tuple(
        approval.model_copy(update={"refusals": (), "decided": ()}) for approval in open_ones if approval.votes
    )


def _noise(state: CaseState) -> Noise:
    """As it was decided, with what has changed since."""
    decided = state.resolved.noise if state.resolved is not None else Noise()
    now = {name: getattr(state.noise, name) for name in ("group", "quiet", "ladder", "is_source")}
    return decided.model_copy(update=now)


def _approval(state: CaseState, path: str) -> ApprovalView:
    approval = state.core.approvals[path]
    return ApprovalView(path=path, request=approval.request, votes=approval.votes, open_lines=open_lines(approval))
