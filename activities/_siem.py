"""Remediation activities on their way to the SIEM: one JSON line each in a file that its agent reads."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activities._world import World
from stanch.errors import StanchError
from stanch.guards.touch import REMOVES
from stanch.leases import COUNT, EVICTED, Applied, BlockSpec, Lease, LeaseOutcome, LeaseState
from stanch.sinks.ocsf import Done, Status, remediation
from stanch.sinks.ocsf_actions import Change, change_event

if TYPE_CHECKING:
    from activities._run import Job

_ABOUT = ("host", "user_id", "token_id", "client_id", "key_id", "attachment")
_log = logging.getLogger("stanch.siem")


def tell(world: World, events: Iterable[Mapping[str, Any]]) -> None:
    """Append events; a file that cannot be written holds up no block and no lift, and is told in the log.

    The ledger has the same changes, so nothing is lost with a line that could not be written.
    """
    path = world.settings.ocsf_file
    if path is None:
        return
    lines = "".join(json.dumps(event, ensure_ascii=True, sort_keys=True) + "\n" for event in events)
    try:
        if lines:
            _append(path, lines.encode())
    except OSError as error:
        _log.warning("the OCSF file cannot be written (errno %s)", error.errno)


def reconciled(
    world: World,
    results: Sequence[Applied],
    *,
    held: Iterable[Lease],
    gone: Iterable[Lease],
    outcomes: Sequence[LeaseOutcome],
) -> None:
    """Tell what a reconcile did: leases that stand or were refused, and those that ended, by why they did."""
    by_target, now = {item.target: item for item in results}, datetime.now(UTC)
    expired = {outcome.lease_id for outcome in outcomes if outcome.state is LeaseState.EXPIRED}
    ended = [(lease, Done.EXPIRED if lease.lease_id in expired else Done.LIFTED) for lease in gone]
    pairs = [*((lease, _kind(lease)) for lease in held), *ended]
    tell(
        world, [_event(lease, done, by_target[lease.target], now) for lease, done in pairs if lease.target in by_target]
    )


def rolled_back(world: World, lease: Lease, why: str) -> None:
    """Tell that a run takes its block back; that it is gone is told by the point, as a lift."""
    tell(world, [remediation(lease, Done.ROLLED_BACK, at=datetime.now(UTC), status=Status.UNKNOWN, detail=why)])


def vanished(world: World, leases: Iterable[tuple[Lease, str]]) -> None:
    """Tell of blocks that do not stop anything any more, each with the reason."""
    now, status = datetime.now(UTC), Status.DOES_NOT_EXIST
    tell(world, [remediation(lease, _kind(lease), at=now, status=status, detail=why) for lease, why in leases])


def evicted(world: World, leases: Iterable[tuple[Lease, str]]) -> None:
    """Tell of blocks that stood and had to make room for others."""
    now = datetime.now(UTC)
    tell(world, [remediation(lease, Done.LIFTED, at=now, detail=f"{EVICTED} {why}") for lease, why in leases])


def reaped(world: World, leases: Iterable[Lease]) -> None:
    """Tell of blocks that were past their end and were taken out without their writer."""
    now = datetime.now(UTC)
    tell(world, [remediation(lease, Done.EXPIRED, at=now, detail="L015 taken out late") for lease in leases])


def acted(world: World, job: Job, *, error: StanchError | None = None, unsure: bool = False) -> None:
    """Tell of an action that changed production at once, or failed to; what a point holds is told by the point.

    With `unsure` an earlier attempt may have changed it although the last one failed.
    """
    call, spec = job.call, job.spec
    if not spec.effect.mutates or spec.leased:
        return
    given = {name: str(call.params[name]) for name in _ABOUT if call.params.get(name)}
    change = Change(
        action=call.action,
        key=call.key,
        case_id=job.scene.case_id,
        playbook=job.scene.playbook,
        step=call.path,
        lifting=call.purpose == "undo" or call.action in REMOVES,
        about=given,
    )
    status = Status.SUCCESS if error is None else Status.UNKNOWN if unsure else Status.FAILURE
    detail = "" if error is None else f"{error.code} {error.message}"
    tell(world, [change_event(change, at=datetime.now(UTC), status=status, detail=detail)])


def _kind(lease: Lease) -> Done:
    return Done.COUNTED if isinstance(lease.spec, BlockSpec) and lease.spec.effect == COUNT else Done.APPLIED


def _event(lease: Lease, done: Done, item: Applied, now: datetime) -> dict[str, Any]:
    if item.ok:
        return remediation(lease, done, at=now, proof=item.proof)
    return remediation(lease, done, at=now, status=Status.FAILURE, detail=f"{item.code} {item.reason}")


def _append(path: Path, lines: bytes) -> None:
    """Whole lines, even with several writers and a reader at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        while lines:
            lines = lines[os.write(descriptor, lines) :]
    finally:
        os.close(descriptor)
