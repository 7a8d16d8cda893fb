"""Playbooks: the files people write, what is wrong with them, and the plans they become."""

from __future__ import annotations

from stanch.playbooks.compile import compile_plan
from stanch.playbooks.evaluator import PlanEvaluator, evaluator_for, typed_inputs
from stanch.playbooks.loader import Checked, check_playbook, load_playbook
from stanch.playbooks.model import Playbook
from stanch.playbooks.types import schema_of

__all__ = [
    "Checked",
    "PlanEvaluator",
    "Playbook",
    "check_playbook",
    "compile_plan",
    "evaluator_for",
    "load_playbook",
    "schema_of",
    "typed_inputs",
]
