"""What each key of a playbook means, in one line, for the hover of an editor."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TOP: Mapping[str, str] = MappingProxyType(
    {
        "version": "The form of this file.",
        "id": "The name of this playbook everywhere: lower-case letters, digits and _.",
        "title": "What it does, for people.",
        "owner": "The team that answers for it.",
        "mode": "manual changes nothing; semi changes only what people approved; auto changes alone and can undo it.",
        "on": "Which findings it is for.",
        "inputs": "Settings that a deployment may override, each with a default.",
        "vars": "Values that several steps share.",
        "concurrency": "Runs with the same key share one case.",
        "limits": "Budgets such as 10/h; past one of them auto asks a person.",
        "guard": "Conditions that must all be true before anything is changed.",
        "steps": "What is done, top to bottom.",
        "finally": "What is done at the end, however the steps ended.",
        "outputs": "What the case shows when the run is over.",
        "tests": "What must come of a finding; run by `stanch playbook test`.",
    }
)

STEP: Mapping[str, str] = MappingProxyType(
    {
        "id": "The name of the step in expressions: lower-case letters, digits and _.",
        "do": "Call an action.",
        "approve": "Ask people; what it binds runs only with their consent to exactly these parameters.",
        "wait": "Wait for events or a time.",
        "parallel": "Steps that run at the same time.",
        "choose": "The first branch whose condition is true.",
        "playbook": "Run another playbook's steps here.",
        "revert": "Take back what a step has changed.",
        "set": "Give variables a value, read as vars.NAME.",
        "stop": "End the run here.",
        "with": "Parameters; texts may hold ${{ }}.",
        "when": "Runs only when this is true (CEL, without ${{ }}).",
        "foreach": "Run once for each item of a list.",
        "timeout": "Fails when it takes longer, such as 30m.",
        "retry": "How a failed attempt is repeated.",
        "on_failure": "fail takes back what was changed and stops; continue goes on; or steps to do first.",
        "verify": "A read-only proof after a change; where it fails the change is taken back.",
        "undo": "auto is the action's own inverse; or an action of yours.",
        "irreversible": "Why it is right to do what cannot be taken back.",
        "renew": "Ask again before the change ends; no answer lets it end.",
        "hold": "true makes later steps wait for this one.",
        "otherwise": "Steps that run where `when` is false.",
        "on_reject": "Steps that run where people say no.",
    }
)
