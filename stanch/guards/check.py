"""The guards: whether an effect may happen now; pure, evaluated at plan time and again right before the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from stanch.durations import Duration
from stanch.guards import targets
from stanch.guards.blast import blast_refusals
from stanch.guards.model import Attempt, GuardPolicy, GuardState, Refusal
from stanch.guards.never import protected_hits
from stanch.guards.touch import REMOVES, Touch, touch_of, touch_of_action, with_actor
from stanch.leases import LeaseSpec
from stanch.views import ActorView

RANKS = {"manual": 0, "semi": 1, "auto": 2}
_TTL: TypeAdapter[Any] = TypeAdapter(Duration)


def check(spec: LeaseSpec, attempt: Attempt, *, policy: GuardPolicy | None, state: GuardState) -> list[Refusal]:
    """Everything that speaks against a lease; empty means it may stand.

    Args:
        spec: what would be blocked or suspended.
        attempt: who wants it; `ttl` is needed.
        policy: None where it could not be loaded, which refuses everything new.
        state: of the moment.
    """
    return _judge(touch_of(spec), attempt, policy, state)


def check_action(
    name: str,
    params: Mapping[str, Any],
    attempt: Attempt,
    *,
    policy: GuardPolicy | None,
    state: GuardState,
    actor: ActorView | None = None,
) -> list[Refusal]:
    """Everything that speaks against an action with these parameters; a `ttl` among them counts.

    Args:
        name: of the action.
        params: as rendered.
        attempt: who wants it.
        policy: None where it could not be loaded, which refuses everything new.
        state: of the moment.
        actor: of the finding; a protected user is protected under their token and address, too.
    """
    attempt = attempt.model_copy(update={"action": name, "removing": attempt.removing or name in REMOVES})
    if params.get("ttl") is not None:
        attempt = attempt.model_copy(update={"ttl": _seconds(params["ttl"])})
    touch = with_actor(touch_of_action(name, params, host=attempt.host), actor)
    return _judge(touch, attempt, policy, state)


def _judge(touch: Touch, attempt: Attempt, policy: GuardPolicy | None, state: GuardState) -> list[Refusal]:
    if attempt.removing:
        return list(_frozen(touch, attempt, state))
    if policy is None or not state.readable:
        what = "the guard policy" if policy is None else "halts and the never-block list"
        return [Refusal(code="G101", message=f"{what} cannot be read", hint="see `stanch doctor`; it is tried again")]
    return [
        *_stops(touch, attempt, state),
        *_consent(attempt, policy),
        *_readable(touch),
        *protected_hits(touch, policy, state),
        *_reach(touch, attempt, policy),
        *blast_refusals(touch, attempt, policy),
        *_time(touch, attempt, policy),
        *_rated(attempt),
    ]


def _frozen(touch: Touch, attempt: Attempt, state: GuardState) -> Iterator[Refusal]:
    for stop in state.halted if state.readable else ():
        if stop.freeze and _falls_under(stop.scope, touch, attempt):
            yield Refusal(code="G102", message=f"frozen: {stop.scope}", hint="`stanch resume` when it is safe")


def _stops(touch: Touch, attempt: Attempt, state: GuardState) -> Iterator[Refusal]:
    if state.generation < attempt.generation:
        yield Refusal(code="G105", message="the guard state is older than the plan's", hint="it is read again")
    for stop in state.halted:
        if _falls_under(stop.scope, touch, attempt):
            yield Refusal(code="G103", message=f"halted: {stop.scope}", hint="`stanch resume` when it is safe")
    if attempt.approved:
        return
    for scope, left in sorted(state.budget_left.items()):
        if left < 1:
            yield Refusal(
                code="G104", message=f"the hourly budget of {scope} is used up", hint="a person may approve it"
            )
    for scope in state.breakers:
        if _falls_under(scope, touch, attempt):
            yield Refusal(code="G106", message=f"too many changes of {scope} failed", hint="a person may approve it")


def _falls_under(scope: str, touch: Touch, attempt: Attempt) -> bool:
    if not scope.startswith("host:"):
        return scope in attempt.scopes()
    try:
        halted = targets.host_name(scope.removeprefix("host:"))
        hosts = touch.hosts or ((targets.host_name(attempt.host),) if attempt.host else ())
    except ValueError:
        return True
    return any(targets.hosts_overlap(halted, host) for host in hosts)


def _consent(attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    allowed = policy.mode_for(attempt.environment)
    needed = "semi" if attempt.approved else attempt.mode
    if attempt.mode == "manual" or allowed == "manual":
        yield Refusal(code="G112", message=f"{attempt.environment} and {attempt.mode} mode allow no change")
    elif RANKS[needed] > RANKS[allowed]:
        message = f"{attempt.environment} allows no change without an approval"
        yield Refusal(code="G110", message=message, hint="ask for an approval, or raise the mode in guards.yaml")
    elif needed == "semi" and not attempt.approved:
        yield Refusal(code="G111", message="nobody has approved this", hint="the step must lie behind an approval")


def _readable(touch: Touch) -> Iterator[Refusal]:
    for what in touch.unreadable:
        yield Refusal(
            code="G135", message=f"the {what} cannot be understood", hint="what is not understood is not done"
        )


def _reach(touch: Touch, attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    limits = policy.limits
    widest = limits.approved if attempt.approved else limits.automatic
    for item in touch.addresses:
        if item.prefix < (widest.v4 if item.version == 4 else widest.v6):
            most = f"/{widest.v4} (IPv4) or /{widest.v6} (IPv6)"
            yield Refusal(code="G130", message=f"the network is wider than {most}", hint="block a smaller network")
    if policy.known_hosts and not all(_known(host, policy) for host in touch.hosts):
        yield Refusal(code="G134", message="the host is not one of the known hosts", hint="known_hosts in guards.yaml")
    if touch.denies and not touch.by_principal and not touch.addresses:
        yield from _everybody(touch, attempt, policy)


def _everybody(touch: Touch, attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    if (touch.path is None or touch.path.catches_all) and not touch.claims:
        hint = "name a path, a principal or an address"
        yield Refusal(code="G131", message="it would block every path for everybody", hint=hint)
    rule = policy.limits.everybody
    if rule == "never" or (rule == "approval" and not attempt.approved):
        need = "is not allowed" if rule == "never" else "needs an approval"
        yield Refusal(code="G136", message=f"a block for everybody {need}", hint="name a principal or an address")
    share = policy.limits.share.approved if attempt.approved else policy.limits.share.automatic
    if attempt.share is not None and not attempt.share <= share:
        yield Refusal(code="G137", message=f"it would hit more than {share:.0%} of the host's requests")


def _known(host: str, policy: GuardPolicy) -> bool:
    """A wildcard is known only where a known wildcard covers all of it."""
    known = [targets.host_name(text) for text in policy.known_hosts]
    return any(item in ("*", host) or (item[0] == "*" and host.lstrip("*").endswith(item[1:])) for item in known)


def _time(touch: Touch, attempt: Attempt, policy: GuardPolicy) -> Iterator[Refusal]:
    if not touch.timed:
        return
    most = policy.limits.ttl.total_seconds()
    if attempt.ttl is None or not attempt.ttl > 0:
        over = attempt.ttl is not None
        message = "its time is over" if over else "it has no end"
        hint = "ask for it anew" if over else "every block expires: give a ttl"
        yield Refusal(code="G132", message=message, hint=hint)
    elif attempt.ttl > most:
        yield Refusal(
            code="G133", message=f"it would stand longer than {most / 3600:g} hours", hint="give a shorter ttl"
        )


def _rated(attempt: Attempt) -> Iterator[Refusal]:
    if attempt.mode == "auto" and not attempt.approved and not attempt.rated:
        message = "the inventory does not know how critical this host is"
        yield Refusal(code="G113", message=message, hint="ask for an approval, or add it to inventory.yaml")


def _seconds(ttl: object) -> float:
    """Seconds of a ttl in any of its forms; one that cannot be read counts as none."""
    try:
        return float(_TTL.validate_python(ttl).total_seconds())
    except (ValidationError, OverflowError):
        return 0.0
