"""Why a finding becomes what it becomes: identity, case, API, route, playbook, mode, guards, plan; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stanch.catalog import catalog
from stanch.errors import DependencyError
from stanch.findings import Finding, case_id, complete, view_of
from stanch.findings.identity import key_parts
from stanch.findings.view import facts_of
from stanch.guards import Attempt, GuardState, Stop, check_action
from stanch.plan import Mode, Plan, PlanStep
from stanch.playbooks.joining import joined
from stanch.policy import PolicySnapshot
from stanch.records import GuardView, Names, Records
from stanch.resolve import ceilings, halted
from stanch.routing import Decision
from stanch.views import FindingView

# What can be said before the parameters of a step are known: halts, consent, criticality, the never-block list, hosts.
FORESEEN = ("G101", "G103", "G110", "G111", "G112", "G113", "G12", "G134")


@dataclass(frozen=True)
class Known:
    """What an explanation can be made from.

    Args:
        key: of case ids; None where it cannot be had here.
        records: None where they cannot be read here.
    """

    policy: PolicySnapshot
    now: datetime
    key: bytes | None = None
    records: Records | None = None


def explain(finding: Finding, known: Known, *, assurance: str) -> dict[str, Any]:
    """Everything about one finding, as plain data.

    Args:
        finding: canonical, as an adapter made it.
        known: policy, key and records.
        assurance: how well its sender would be proven: A, B or C.
    """
    whole = complete(finding, known.policy.inventory)
    view = known.policy.inventory.known(view_of(whole, known.policy.inventory))
    decision = known.policy.routes.route(view, known.now)
    return {
        "finding": {"id": whole.uid, "title": whole.finding_info.title, "status": whole.status.value},
        "identity": identity(whole),
        "case": _case(whole, known),
        "api": _api(whole, view, known.policy),
        "route": _route(decision),
        **_work(view, decision, known, assurance),
    }


def identity(finding: Finding) -> dict[str, Any]:
    """Which identity, what it is made of, and what else the problem may be known as."""
    prints = finding.fingerprints
    kind = "stable id" if prints.identity_src else "calculated" if prints.identity_calc else "none"
    return {
        "kind": kind,
        "identity": finding.identity,
        "parts": key_parts(finding),
        "aliases": list(finding.identities[1:]),
        "correlation": list(finding.correlation),
    }


def _case(finding: Finding, known: Known) -> dict[str, Any]:
    own = case_id(finding.identity, known.key) if known.key and finding.identity else ""
    found: dict[str, Any] = {"case_id": own, "matched": "", "previous": None}
    if not finding.identity:
        return found | {"note": "it says too little to be told from other problems: it would be quarantined"}
    if known.records is None:
        return found | {"note": "" if own else "the case key is not here", "records": "not read"}
    try:
        case, how = known.records.matches_of([Names.of(finding)])[0]
        row = known.records.case(case or own) if case or own else None
    except DependencyError:
        return found | {"records": "cannot be read"}
    how = "calculated" if case is None and row is not None and not finding.fingerprints.identity_src else how
    previous = None
    if row is not None:
        state = {"case_id": row.case_id, "state": row.state, "owner": row.owner, "severity": row.severity}
        previous = {**state, "opened": row.opened.isoformat(), "closed": row.closed.isoformat() if row.closed else None}
    return found | {"case_id": case or own, "matched": how, "previous": previous, "records": "read"}


def _api(finding: Finding, view: FindingView, policy: PolicySnapshot) -> dict[str, Any]:
    facts, api = facts_of(finding, policy.inventory), view.api
    return {
        "id": api.id,
        "why": facts.why or "nothing in the inventory is about it",
        "host": api.host,
        "path": finding.api.path,
        "path_template": finding.api.path_template,
        "template_basis": finding.api.template_basis,
        "environment": api.environment,
        "criticality": api.criticality or "unknown",
        "business_owner": api.business_owner or "",
        "owner": api.owner,
    }


def _route(decision: Decision) -> dict[str, Any]:
    view, trace = decision.view, decision.trace
    return {
        "rule": decision.rule,
        "owner": view.owner.id,
        "assignee": view.assignee,
        "severity": view.severity,
        "lane": view.lane,
        "due": view.due.isoformat() if view.due else None,
        "matched": trace.matched,
        "notes": list(trace.notes),
        "lost": [list(each) for each in trace.lost],
        "near": [list(each) for each in trace.near],
    }


def _work(view: FindingView, decision: Decision, known: Known, assurance: str) -> dict[str, Any]:
    if view.is_test:
        return {"playbook": {"id": "", "why": "a test finding is recorded and nothing else"}}
    choice = known.policy.playbooks.select(view, decision.view)
    plan, beside = joined(choice)
    playbook = {"id": plan.playbook if plan else "", "why": "; ".join(filter(None, (choice.why, beside)))}
    found: dict[str, Any] = {"playbook": playbook | {"considered": list(choice.considered)}}
    if plan is None:
        return found
    mode = _mode(plan, view, known, assurance)
    return found | {
        "mode": mode,
        "plan": list(_steps(plan.steps)) + list(_steps(plan.finally_)),
        "guards": list(_guards(plan, view, known, Mode(mode["effective"]))),
    }


def _mode(plan: Plan, view: FindingView, known: Known, assurance: str) -> dict[str, Any]:
    lowered = ceilings(plan, view, assurance, policy=known.policy)
    state = _state(known)
    if state is not None and halted(plan, view, state.halts):
        lowered.append((Mode.MANUAL, "halted"))
    effective = min([plan.mode, *(mode for mode, _ in lowered)], key=lambda mode: mode.rank)
    reasons = [why for mode, why in lowered if mode.rank < plan.mode.rank]
    return {
        "playbook": plan.mode.value,
        "effective": effective.value,
        "lowered_by": reasons,
        "assurance": assurance,
        "not_looked_at": ["limits"] if state is not None else ["limits", "halts"],
    }


def _state(known: Known) -> GuardView | None:
    try:
        return known.records.guard_view() if known.records is not None else None
    except DependencyError:
        return None


def _steps(steps: tuple[PlanStep, ...], depth: int = 0) -> Iterator[dict[str, Any]]:
    for step in steps:
        spec = catalog().get(step.action) if step.action else None
        yield {
            "id": step.id,
            "kind": step.kind.value,
            "action": step.action,
            "effect": spec.effect.value if spec else "",
            "when": step.when or "",
            "approved_by": list(step.bound_by),
            "depth": depth,
        }
        yield from _steps(step.children(), depth + 1)


def _guards(plan: Plan, view: FindingView, known: Known, mode: Mode) -> Iterator[dict[str, Any]]:
    """What would be refused whatever the parameters turn out to be."""
    state = _guard_state(_state(known))
    for step in plan.walk().values():
        spec = catalog().get(step.action) if step.action else None
        if spec is None or not spec.effect.mutates:
            continue
        attempt = Attempt(
            action=step.action,
            mode=mode.value,
            approved=bool(step.bound_by),
            environment=view.api.environment,
            playbook=plan.playbook,
            source=view.source,
            host=view.api.host,
            rated=view.api.criticality is not None,
        )
        refusals = check_action(
            step.action, _foreseen(view), attempt, policy=known.policy.guards, state=state, actor=view.actor
        )
        told = [f"{item.code} {item.message}" for item in refusals if item.code.startswith(FORESEEN)]
        yield {"step": step.id, "action": step.action, "refused": told}


def _foreseen(view: FindingView) -> Mapping[str, Any]:
    """Where a step about this finding would most likely reach."""
    path = view.api.path_template or view.api.path
    return {name: value for name, value in (("host", view.api.host), ("path", path)) if value}


def _guard_state(view: GuardView | None) -> GuardState:
    if view is None:
        return GuardState()
    return GuardState(
        generation=view.generation,
        halted=tuple(Stop(scope=halt.scope, freeze=halt.freeze) for halt in view.halts),
        protected=tuple((item.kind, item.value) for item in view.protected),
    )
