"""Temporal workflows: deterministic, no vendor SDK, no I/O."""

from workflows.case import CaseWorkflow
from workflows.enforcement import EnforcementWorkflow
from workflows.group import GroupWorkflow
from workflows.intake import IntakeWorkflow
from workflows.sweep import SweepWorkflow

WORKFLOWS = (CaseWorkflow, EnforcementWorkflow, GroupWorkflow, IntakeWorkflow, SweepWorkflow)
