"""Runs that share a concurrency key: what the plan of one that must wait for its turn looks like."""

from __future__ import annotations

from stanch.plan import Awaited, Plan, PlanStep, StepKind, Stop, Wait
from stanch.playbooks.compile import sealed

TURN = "_turn"
"""Name of the signal that says it is this case's turn; no author can write a name that starts with a line."""

PATIENCE = 86400.0  # after it people are told that a case still waits
CLEAN = "finding.rescan_clean"


def waiting(plan: Plan) -> Plan:
    """The same plan behind a wait for its turn; with `attach` it ends there when what is ahead has fixed it too."""
    attaches = plan.on_conflict == "attach"
    events = (Awaited(event="signal", name=TURN), *((Awaited(event=CLEAN),) if attaches else ()))
    wait = Wait(until="any", events=events, timeout=PATIENCE, on_timeout="escalate")
    ahead = [PlanStep(id=TURN, kind=StepKind.WAIT, wait=wait)]
    if attaches:
        fixed = f"'{CLEAN}' in steps.{TURN}.outputs.because"
        reason = "fixed with the case that it was attached to"
        ahead.append(PlanStep(id="_joined", kind=StepKind.STOP, when=fixed, stop=Stop(status="done", reason=reason)))
    return sealed(plan.model_copy(update={"steps": (*ahead, *plan.steps)}))
