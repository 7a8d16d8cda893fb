"""One command, one retried activity: its queue, its times, and the words for how it failed."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TemporalTimeout

from stanch import contract
from stanch.approvals import ApprovalRequest
from stanch.catalog import ActionSpec, Queue
from stanch.contract import ActionCall, ActionReply, ApprovalCall, ApprovalShown, Scene
from stanch.interpreter.messages import ActionFailed, RunAction
from stanch.plan import Retry

HEARTBEAT = timedelta(seconds=5)


async def call_action(
    command: RunAction, spec: ActionSpec, scene: Scene, *, consent: ApprovalRequest | None = None
) -> ActionReply:
    """Have an action carried out by the workers of its queue.

    Raises:
        ActivityError: it ended for good without success.
    """
    call = ActionCall(
        action=command.action,
        params=command.params,
        ref=command.ref,
        path=command.path,
        purpose=command.purpose,
        key=command.key,
        scene=scene,
        approval=command.approval,
        consent=consent,
        subject=command.subject,
    )
    reply: ActionReply = await workflow.execute_activity(
        command.action,
        call,
        result_type=ActionReply,
        task_queue=contract.queue(spec.queue),
        start_to_close_timeout=_attempt(spec, command.timeout),
        schedule_to_close_timeout=_total(spec, command.timeout),
        heartbeat_timeout=HEARTBEAT,
        retry_policy=_retry(command.retry),
        summary=f"{command.path} · {command.action}",
    )
    return reply


async def chat_activity(name: str, call: ApprovalCall, result: type[ApprovalShown], path: str) -> ApprovalShown:
    """Show a card, or rewrite it."""
    shown: ApprovalShown = await workflow.execute_activity(
        name,
        call,
        result_type=result,
        task_queue=contract.queue(Queue.CHAT),
        start_to_close_timeout=timedelta(seconds=20),
        schedule_to_close_timeout=timedelta(hours=1),
        heartbeat_timeout=HEARTBEAT,
        summary=f"{path} · {name}",
    )
    return shown


def _attempt(spec: ActionSpec, timeout: float | None) -> timedelta:
    return spec.attempt if timeout is None else max(spec.attempt, timedelta(seconds=timeout))


def _total(spec: ActionSpec, timeout: float | None) -> timedelta | None:
    if timeout is None:
        return spec.total
    wanted = timedelta(seconds=timeout)
    return wanted if spec.total is None else min(wanted, spec.total)


def _retry(retry: Retry | None) -> RetryPolicy:
    if retry is None:
        return RetryPolicy(maximum_interval=timedelta(seconds=60))
    return RetryPolicy(
        initial_interval=timedelta(seconds=retry.first),
        backoff_coefficient=max(1.0, retry.factor),
        maximum_interval=timedelta(seconds=max(retry.max, retry.first)),
        maximum_attempts=retry.attempts,
    )


def failure(ref: str, error: ActivityError) -> ActionFailed:
    """An activity that ended badly, in the core's words."""
    cause = error.cause
    now = workflow.now()
    if isinstance(cause, ApplicationError):
        code = str(cause.details[0]) if cause.details else ""
        return ActionFailed(now=now, ref=ref, code=code, reason=cause.message[:300], outcome=cause.type or "REJECTED")
    if isinstance(cause, TemporalTimeout):
        return ActionFailed(now=now, ref=ref, code="T001", reason="no answer in time", outcome="TIMEOUT")
    return ActionFailed(now=now, ref=ref, code="T002", reason="the action was cancelled", outcome="UNCERTAIN")
