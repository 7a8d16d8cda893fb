"""Temporal workflows: deterministic, no vendor SDK, no I/O."""

from workflows.case import CaseWorkflow
from workflows.enforcement import EnforcementWorkflow

WORKFLOWS = (CaseWorkflow, EnforcementWorkflow)
