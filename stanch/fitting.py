"""What a point must be able to express for a specification, so that no block is wider than it was asked for."""

from __future__ import annotations

from enum import StrEnum

from stanch.errors import Rejected
from stanch.leases import BlockSpec, LeaseSpec, LimitSpec, MemberSpec


class Need(StrEnum):
    """Something that not every enforcement point can do; the value ends the sentence "this point ...".

    A connector names what its point can do in a class attribute `expresses`, a frozenset of these; a point
    without it can do none of them.
    """

    COUNT = "cannot count without denying"
    CLAIMS = "cannot compare claims of tokens"
    API_KEY = "cannot tell API keys apart"
    REQUEST = "compares no headers, cookies or bodies"
    LIMIT = "holds no rate limits"
    LIST = "joins no lists"


def needs(spec: LeaseSpec) -> frozenset[Need]:
    """What a point must be able to do to hold this."""
    principal = getattr(spec, "principal", None)
    found = {
        Need.COUNT: isinstance(spec, BlockSpec) and spec.effect == "count",
        Need.LIMIT: isinstance(spec, LimitSpec),
        Need.LIST: isinstance(spec, MemberSpec),
        Need.CLAIMS: principal is not None and bool(principal.jwt_claims),
        Need.API_KEY: principal is not None and bool(principal.api_key),
        Need.REQUEST: principal is not None and principal.in_request,
    }
    return frozenset(need for need, is_so in found.items() if is_so)


def expresses(point: object, need: Need) -> bool:
    """Whether the point says that it can."""
    return need in getattr(point, "expresses", frozenset[Need]())


def refuse_unfit(point: object, spec: LeaseSpec) -> None:
    """Refuse what the point could only hold wider than asked, or not at all.

    Raises:
        Rejected: L016.
    """
    lacking = sorted(need.value for need in needs(spec) if not expresses(point, need))
    if lacking:
        hint = "name another point with `at`, or narrow it otherwise"
        raise Rejected(f"this point {lacking[0]}", code="L016", hint=hint)
