"""What the parameters of a leased step ask to be held, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from activities._membership import member_of
from stanch.actions.blocks import Address, Count, EstimateParams, ObserveParams, Rate, Scope
from stanch.actions.identity import Suspend
from stanch.actions.keys import DisableKey, RemoveKey
from stanch.actions.lists import Add
from stanch.catalog import Params
from stanch.errors import Rejected
from stanch.leases import MAX_TTL_SECONDS, BlockSpec, KeySpec, LeaseSpec, LimitSpec, Principal, SuspendSpec


def spec_of(params: Params) -> LeaseSpec:
    """What is to be denied, from the parameters of a leased action.

    Raises:
        Rejected: L011, the action is not one that is held.
    """
    match params:
        case Count():
            return block_of(params).counting
        case Scope():
            return block_of(params)
        case Rate():
            return LimitSpec(
                host=params.host,
                path=params.path,
                methods=_methods(params),
                principal=principal_of(params),
                requests=params.requests,
                seconds=round(params.per.total_seconds()),
                by=params.by,
            )
        case Address():
            return BlockSpec(host=params.host, path=params.path, ips=(params.ip,))
        case Suspend():
            return SuspendSpec(user_id=params.user_id)
        case DisableKey():
            return KeySpec(key_id=params.key_id)
        case RemoveKey():
            return KeySpec(key_id=params.key_id, plan_id=params.plan_id)
        case Add():
            return member_of(params)
        case _:
            raise Rejected("this action is not held at a point", code="L011")


def block_of(params: Scope | ObserveParams) -> BlockSpec:
    """Which requests the parameters describe."""
    return BlockSpec(
        host=params.host,
        path=params.path,
        methods=_methods(params),
        principal=principal_of(params),
        ips=tuple(params.ips),
    )


def _methods(params: Scope | Rate | ObserveParams) -> tuple[str, ...]:
    methods = params.methods or ((params.method,) if params.method else ())
    return tuple(sorted({method.upper() for method in methods}))


def principal_of(params: Scope | Rate | ObserveParams | EstimateParams) -> Principal | None:
    """Whom the parameters name."""
    return params.principal.principal if params.principal else None


def ttl_of(params: Any) -> timedelta:
    """How long a leased action asks for, never longer than anything may stand."""
    ttl: timedelta = params.ttl
    return min(ttl, timedelta(seconds=MAX_TTL_SECONDS))


def end_of(params: Any, since: datetime) -> datetime:
    """When a hold that was asked for then ends.

    Raises:
        Rejected: L020, what it was for is over already.
    """
    end, until = since + ttl_of(params), getattr(params, "until", None)
    if until is not None:
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        if until <= datetime.now(UTC):
            raise Rejected("`until` is over, so there is nothing to hold", code="L020", hint="ask for it with `when`")
        end = min(end, until)
    return end.astimezone(UTC).replace(microsecond=0)
