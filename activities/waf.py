"""The verbs that only AWS WAF has, each at the policy connector that serves the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from activities._run import Job
from activities._waf.flips import Flip, Flips
from activities._world import World
from activities.policies import SEPARATOR
from stanch.actions.waf import Associate, Associated, EnableLogging, TakeBack, TakenBack
from stanch.errors import Rejected

_NOTHING = "already"  # in the name of a change: there is nothing to take back


def _flips(world: World, name: str) -> Flips:
    found: Flips | None = getattr(world.connector("policy", name), "flips", None)
    if found is None:
        raise Rejected("the connector that serves this host is not AWS WAF", code="V013")
    return found


def _do(world: World, params: Associate | EnableLogging, call: Callable[[Flips, str], Flip]) -> Associated:
    name = world.serving("policy", params.host, at=params.at)
    made = call(_flips(world, name), params.host)
    change = SEPARATOR.join([name, params.host, *([_NOTHING] if made.already else [])])
    return Associated(change=change, already=made.already, before=made.before, after=made.after)


def _undo(world: World, params: TakeBack, call: Callable[[Flips, str], bool]) -> TakenBack:
    """A change that found things as they should be left nothing to take back."""
    name, _, rest = params.change.partition(SEPARATOR)
    host, _, already = rest.partition(SEPARATOR)
    if not name or not host:
        raise Rejected("this is not the name of a change", code="V013")
    return TakenBack(done=False if already == _NOTHING else call(_flips(world, name), host))


def _associate(world: World, _job: Job, params: Associate) -> Associated:
    return _do(world, params, Flips.associate)


def _dissociate(world: World, _job: Job, params: TakeBack) -> TakenBack:
    return _undo(world, params, Flips.dissociate)


def _enable_logging(world: World, _job: Job, params: EnableLogging) -> Associated:
    return _do(world, params, Flips.enable_logging)


def _disable_logging(world: World, _job: Job, params: TakeBack) -> TakenBack:
    return _undo(world, params, Flips.disable_logging)


IMPLEMENTATIONS: Mapping[str, Any] = {
    "waf.associate": _associate,
    "waf.dissociate": _dissociate,
    "waf.enable_logging": _enable_logging,
    "waf.disable_logging": _disable_logging,
}
