"""What a plan says to a developer: how the fix will be checked, what it may block and for how long, who decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from stanch.durations import format_duration
from stanch.plan import Approve, Mode, Plan, PlanStep
from stanch.shapes import is_dict
from stanch.views import RouteView

_INPUT = re.compile(r"inputs\.([a-z_][a-z0-9_]*)")
_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "block.scope": "Requests are blocked",
        "block.ip": "An address is blocked",
        "limit.rate": "Requests are let through only so often",
        "list.add": "A list is added to, whose rule denies requests",
        "webhook.call": "Another device is changed",
        "policy.enforce": "A security policy blocks what its rules match",
        "user.suspend": "A user is suspended",
        "key.disable": "An API key is disabled",
        "apigw.remove_key_from_plan": "An API key is taken out of a usage plan",
        "token.revoke": "A token is revoked",
    }
)
_PROBES: Mapping[str, str] = MappingProxyType(
    {
        "probe.expect_blocked": "Probe: a block counts only when real requests show that it holds.",
        "probe.expect_actor_blocked": "Probe: real requests must show that the caller is stopped.",
        "probe.expect_healthy": "Probe: a change stays only when the API still answers as before.",
    }
)


class PlanText(BaseModel):
    """Sentences about the plan of the case, empty where there is none; `scanners` may look at the place again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    checks: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    deciders: tuple[str, ...] = ()
    scanners: tuple[str, ...] = ()


def plan_words(plan: Plan, route: RouteView, *, mode: str = "", scanners: tuple[str, ...] = ()) -> PlanText:
    """The plan in sentences; a value that only a run knows is left out, never guessed.

    Args:
        plan: of the case.
        route: whose people stand in the place of the words for them.
        mode: how much the case may do alone; the plan's own mode where it is empty.
        scanners: that may look at the place.
    """
    steps = plan.walk()
    return PlanText(
        checks=tuple(dict.fromkeys(_checks(steps))),
        blocks=tuple(dict.fromkeys(_blocks(plan, steps, mode=mode or plan.mode))),
        deciders=tuple(dict.fromkeys(_deciders(steps, route))),
        scanners=scanners,
    )


def _checks(steps: Mapping[str, PlanStep]) -> Iterator[str]:
    for step in steps.values():
        events = {item.event for item in step.wait.events} if step.wait else set[str]()
        if {"ticket.resolved", "finding.rescan_clean"} <= events:
            yield "Rescan: setting the ticket to done starts it; when the problem is still found it is opened again."
        elif "finding.rescan_clean" in events or step.action == "scanner.rescan":
            yield "Rescan: the scanner looks again without being asked, and only a clean result counts."
        for action in (step.action, step.verify.action if step.verify else ""):
            if action in _PROBES:
                yield _PROBES[action]


def _blocks(plan: Plan, steps: Mapping[str, PlanStep], *, mode: str) -> Iterator[str]:
    for step in steps.values():
        if step.action in _LIMITS:
            ttl = _known(step.with_.get("ttl"), plan.inputs)
            end = f" for at most {ttl}, and it ends by itself" if ttl else ""
            alone = mode == Mode.AUTO and not step.bound_by
            after = "without waiting for a person, within limits" if alone else "only after people agree"
            yield f"{_LIMITS[step.action]}{end}; {after}."


def _deciders(steps: Mapping[str, PlanStep], route: RouteView) -> Iterator[str]:
    for step in steps.values():
        if step.approve is not None:
            yield _decision(step.approve, route)


def _decision(asked: Approve, route: RouteView) -> str:
    needed = ", and ".join(f"{need.count} of {_names(need.from_, route)}" for need in asked.need)
    what = "A block is decided by" if asked.binds else "What becomes of it afterwards is decided by"
    silent = "nothing is done" if asked.on_timeout == "reject" else f"the answer is '{asked.on_timeout}'"
    return f"{what} {needed}. Without an answer{_within(asked.expires)} {silent}."


def _within(expires: Any) -> str:
    is_seconds = isinstance(expires, int | float)
    return f" within {format_duration(timedelta(seconds=expires))}" if is_seconds else " in time"


def _names(names: tuple[str, ...], route: RouteView) -> str:
    """Approvers, with the route's own people in place of the words for them."""
    people = {
        "route.assignee": route.assignee or "the assignee",
        "route.owner.id": route.owner.id or "the owner",
        "route.owner.lead": route.owner.lead or "the owner's lead",
    }
    return " or ".join(dict.fromkeys(people.get(name, name) for name in names))


def _known(value: Any, inputs: Mapping[str, Any]) -> str:
    """A duration that stands in the plan or in one of its inputs."""
    if is_dict(value):
        match = _INPUT.fullmatch(str(value.get("$", "")))
        value = inputs.get(match[1]) if match else None
    return value if isinstance(value, str) else ""
