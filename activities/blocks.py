"""The block verbs: a block is asked for and given back at the writer of its point, which reports the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities import _siem
from activities._asked import end_of, spec_of
from activities._fence import before_write
from activities._membership import join_of, joined
from activities._run import Job
from activities._world import World
from stanch import contract
from stanch.actions.blocks import (
    Held,
    Lift,
    Lifted,
)
from stanch.catalog import Queue
from stanch.errors import Rejected
from stanch.leases import (
    KeySpec,
    Lease,
    LeaseSpec,
    LeaseState,
    MemberSpec,
    SuspendSpec,
    is_item,
    target_of,
)
from stanch.records import LeaseRow
from stanch.who import STANDING
from stanch.wire_points import EnforcementInput, Release

USERS = "user:"
KEYS = "key:"


def point_of(world: World, spec: LeaseSpec, at: str) -> str:
    """The point that serves what the specification is about."""
    if isinstance(spec, MemberSpec):
        return world.serving("point", "", at=join_of(world, spec)[1].at)
    return world.serving("point", _about(spec), at=at)


def _about(spec: LeaseSpec) -> str:
    """What a section's `serves` is compared with."""
    match spec:
        case SuspendSpec():
            return USERS + spec.user_id
        case KeySpec():
            return KEYS + spec.key_id
        case _:
            return spec.host


def lease_of(world: World, job: Job, params: Any) -> Lease:
    """The lease an action asks for. Its id is the effect's key, so a second attempt asks for the same one."""
    spec = joined(world, spec_of(params))
    scene = job.scene
    return Lease(
        lease_id=job.call.key,
        case_id=scene.case_id,
        episode=scene.episode,
        step=job.call.path,
        point=point_of(world, spec, getattr(params, "at", "")),
        target=target_of(spec),
        spec=spec,
        expires_at=end_of(params, job.since),
        playbook=scene.playbook,
        plan_digest=scene.plan_digest,
        mode=scene.mode,
        environment=scene.environment,
        source=scene.source,
        approval=job.call.approval,
        requested_by=scene.requested_by or "stanch",
        severity=scene.severity,
    )


def shard_of(world: World, lease: Lease) -> str:
    """Users and keys are items with a writer each; traffic points are one set with one writer."""
    return lease.target if is_item(lease.spec) else ""


def signal_point(world: World, lease: Lease, signal: str, message: Any) -> None:
    """Reach the point's single writer, starting it where nothing was held."""
    shard = shard_of(world, lease)
    before_write()  # an attempt that comes late would ask anew for what was given back since

    async def send(client: Client) -> None:
        await client.start_workflow(
            contract.ENFORCEMENT_WORKFLOW,
            EnforcementInput(point=lease.point, shard=shard),
            id=contract.enforcement_id(lease.point, shard),
            task_queue=contract.queue(Queue.CORE),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            start_signal=signal,
            start_signal_args=[message],
        )

    world.call(send)


def _hold(world: World, job: Job, params: Any) -> Held:
    lease = lease_of(world, job, params)
    if world.records.lease(lease.lease_id) is None:  # else a second attempt would hide what became of the first
        world.records.put_lease(LeaseRow(lease=lease, state=LeaseState.REQUESTED, updated=datetime.now(UTC)))
    signal_point(world, lease, contract.HOLD, lease)
    return Held(
        lease_id=lease.lease_id,
        rule_id=lease.target,
        point=lease.point,
        target=lease.target,
        expires_at=lease.expires_at.isoformat(),
    )


def _lift(world: World, job: Job, params: Lift) -> Lifted:
    """Give back the lease that the subject of this undo took; records need not be up for that."""
    lease = _lease_taken(world, job, params)
    if job.call.purpose == "undo":
        _siem.rolled_back(world, lease, "its run takes it back")
    signal_point(world, lease, contract.RELEASE, Release(lease=lease))
    return Lifted(lease_id=params.lease_id)


def _lease_taken(world: World, job: Job, params: Lift) -> Lease:
    subject = job.call.subject
    if not subject:
        row = world.records.lease(params.lease_id)
        if row is None:
            raise Rejected("there is no such lease", code="L012")
        return row.lease
    from stanch.catalog import catalog

    taken = catalog()[str(subject["action"])].params.model_validate(subject["params"], context=STANDING)
    outputs: Mapping[str, Any] = subject["outputs"]
    spec = spec_of(taken)
    scene = job.scene
    end = outputs.get("expires_at")
    return Lease(
        lease_id=params.lease_id,
        case_id=scene.case_id,
        episode=scene.episode,
        step=job.call.path,
        point=str(outputs.get("point") or point_of(world, spec, getattr(taken, "at", ""))),
        target=target_of(spec),
        spec=spec,
        expires_at=datetime.fromisoformat(str(end)) if end else datetime.now(UTC) + timedelta(days=7),
        playbook=scene.playbook,
        plan_digest=scene.plan_digest,
        mode=scene.mode,
        environment=scene.environment,
        source=scene.source,
    )


IMPLEMENTATIONS: Mapping[str, Any] = {
    "block.scope": _hold,
    "block.ip": _hold,
    "block.count": _hold,
    "limit.rate": _hold,
    "user.suspend": _hold,
    "key.disable": _hold,
    "apigw.remove_key_from_plan": _hold,
    "list.add": _hold,
    "block.lift": _lift,
    "user.resume": _lift,
    "key.enable": _lift,
    "apigw.return_key_to_plan": _lift,
    "list.remove": _lift,
}
