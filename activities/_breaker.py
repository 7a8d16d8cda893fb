"""Feeds the circuit breaker with what became of changes; it opens told once, and never holds up anything itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from activities._breaker_news import announce
from activities._world import World
from stanch.contract import ActionCall
from stanch.errors import ConnectorError, DependencyError, RetrySafe, StanchError
from stanch.guards.breaker import BreakerRules
from stanch.guards.touch import REMOVES
from stanch.leases import Lease
from stanch.records import Entry
from stanch.wire_breaker import BreakerNews, Turn

CONTROL = "control"
_log = logging.getLogger(__name__)


def action_ended(world: World, call: ActionCall, error: StanchError | None, *, changes: bool, leased: bool) -> None:
    """After an action: a proof speaks for the change it proves; a leased change is judged where it is written."""
    proves = call.purpose == "verify"
    if not call.scene.playbook or call.action in REMOVES or (not proves and (leased or not changes)):
        return
    scopes = (f"playbook:{call.scene.playbook}",)
    if error is None:
        _worked(world, scopes)
    elif isinstance(error, ConnectorError) and not isinstance(error, RetrySafe):
        _failed(world, scopes, error.code)


def point_answered(world: World, point: str, leases: Sequence[Lease], done: set[str]) -> None:
    """After a write: each playbook by its own leases, the point by all of them."""
    bad = [lease for lease in leases if lease.target not in done]
    if leases and not bad:
        _worked(world, (f"point:{point}",))
    elif bad:
        _failed(world, _scopes(point if len(bad) == len(leases) else "", bad), "V002")


def point_failed(world: World, point: str, leases: Sequence[Lease], error: StanchError) -> None:
    """A write that got no answer: one failure of the point, however many leases were in it and often it is tried.

    To be asked to wait is none.
    """
    asked_to_wait = isinstance(error, RetrySafe) and error.retry_after is not None
    if leases and not asked_to_wait:
        _failed(world, _scopes(point, ()), error.code, cause=min(lease.lease_id for lease in leases))


def _scopes(point: str, leases: Sequence[Lease]) -> tuple[str, ...]:
    playbooks = sorted({f"playbook:{lease.playbook}" for lease in leases if lease.playbook})
    return tuple([f"point:{point}"] * bool(point) + playbooks)


def _failed(world: World, scopes: Sequence[str], code: str, *, cause: str = "") -> None:
    policy = world.policy.current.guards
    rules = policy.breaker if policy is not None else BreakerRules()
    with contextlib.suppress(DependencyError):  # without records nothing new is allowed anyway
        now = datetime.now(UTC)
        opened = world.records.change_failed(scopes, rules, now=now, cause=cause)
        for scope in opened:
            _log.warning("too many changes of %s failed: people are asked before each until one works", scope)
        until = now + rules.rest
        _note(world, "breaker.opened", opened, now, {"code": code, "until": until.isoformat()})
        for scope in opened:
            announce(world, BreakerNews(scope=scope, turn=Turn.OPENED, at=until, code=code))


def _worked(world: World, scopes: Sequence[str]) -> None:
    with contextlib.suppress(DependencyError):
        closed, now = world.records.change_worked(scopes), datetime.now(UTC)
        _note(world, "breaker.closed", closed, now, {})
        for scope in closed:
            announce(world, BreakerNews(scope=scope, turn=Turn.CLOSED, at=now))


def _note(world: World, event: str, scopes: Sequence[str], now: datetime, data: dict[str, str]) -> None:
    lines = [
        Entry(
            case_id=CONTROL,
            episode=CONTROL,
            key=f"{event}:{scope}:{now.isoformat()}",
            time=now,
            actor="stanch",
            event=event,
            data={"scope": scope, **data},
        )
        for scope in scopes
    ]
    if lines:
        world.records.append(lines)
