"""Activities that are no actions: pinning the plan, writing records, showing approvals, reconciling points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from temporalio import activity

from activities import approvals, ledger, points
from activities._errors import to_temporal
from activities._run import heartbeats
from activities._world import World
from stanch import contract
from stanch.contract import (
    Announce,
    ApprovalCall,
    ApprovalShown,
    Reconcile,
    ReconcileReply,
    Recording,
    Resolve,
    Resolved,
)
from stanch.errors import StanchError
from stanch.resolve import resolve

_T = TypeVar("_T")


def core_activities(world: World) -> list[Callable[..., Any]]:
    """Local activities of cases."""

    @activity.defn(name=contract.RESOLVE)
    def pin(question: Resolve) -> Resolved:
        return _told(lambda: resolve(world.policy.current, world.records, question, settings=world.settings))

    @activity.defn(name=contract.RECORD)
    def record(recording: Recording) -> None:
        return _told(lambda: ledger.record(world, recording))

    return [pin, record]


def chat_activities(world: World) -> list[Callable[..., Any]]:
    """Cards for people."""

    @activity.defn(name=contract.SHOW_APPROVAL)
    def show(call: ApprovalCall) -> ApprovalShown:
        with heartbeats():
            return _told(lambda: approvals.show(world, call))

    @activity.defn(name=contract.CLOSE_APPROVAL)
    def close(call: ApprovalCall) -> ApprovalShown:
        with heartbeats():
            return _told(lambda: approvals.close(world, call))

    return [show, close]


def point_activities(world: World) -> list[Callable[..., Any]]:
    """What the writers of points call."""

    @activity.defn(name=contract.RECONCILE)
    def reconcile(call: Reconcile) -> ReconcileReply:
        with heartbeats():
            return _told(lambda: points.reconcile(world, call))

    @activity.defn(name=contract.ANNOUNCE)
    def announce(call: Announce) -> None:
        with heartbeats():
            return _told(lambda: points.announce(world, call))

    return [reconcile, announce]


def _told(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except StanchError as error:
        raise to_temporal(error) from None
