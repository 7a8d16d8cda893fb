"""Temporal workflows: deterministic, no vendor SDK, no I/O."""

from workflows.breaker import BreakerNewsWorkflow
from workflows.case import CaseWorkflow
from workflows.enforcement import EnforcementWorkflow
from workflows.group import GroupWorkflow
from workflows.intake import IntakeWorkflow
from workflows.sweep import SweepWorkflow
from workflows.tickets import (
    TicketFollowWorkflow,
    TicketNewsWorkflow,
    TicketPollWorkflow,
    TicketReconcileWorkflow,
)

TICKET_WORKFLOWS = (TicketFollowWorkflow, TicketNewsWorkflow, TicketPollWorkflow, TicketReconcileWorkflow)
CASES = (CaseWorkflow, GroupWorkflow, IntakeWorkflow)
POINTS = (EnforcementWorkflow, SweepWorkflow, BreakerNewsWorkflow)
WORKFLOWS = (*CASES, *POINTS, *TICKET_WORKFLOWS)
