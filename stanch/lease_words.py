"""What a lease denies, in one line, for tickets, terminals and logs; no value is made safe for a sink here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from stanch.leases import COUNT, BlockSpec, KeySpec, LeaseSpec, LimitSpec, MemberSpec, SuspendSpec
from stanch.shapes import is_mapping

_SPEC: TypeAdapter[LeaseSpec] = TypeAdapter(LeaseSpec)


def words_of(spec: LeaseSpec) -> str:
    """Such as `GET api.example.com/users/{id} user_id u1 from 192.0.2.7`."""
    match spec:
        case SuspendSpec():
            return f"user {spec.user_id}"
        case KeySpec():
            return f"API key {spec.key_id}" + (f" in usage plan {spec.plan_id}" if spec.plan_id else "")
        case MemberSpec():
            return f"list {spec.list}: {member_words(spec)}"
        case LimitSpec():
            return f"{_where(spec)} beyond {spec.requests} in {spec.seconds} s for each {spec.by}"
        case BlockSpec():
            return _where(spec) + (" (only counted, nothing is denied)" if spec.effect == COUNT else "")


def member_words(spec: MemberSpec) -> str:
    """A member of a list without its list: an endpoint, or somebody."""
    return _where(spec) if spec.side == "endpoints" else " ".join(_who(spec))


def words_of_json(spec: dict[str, Any]) -> str:
    """The same from the API's answer."""
    return words_of(_SPEC.validate_python(spec))


def _where(spec: BlockSpec | LimitSpec | MemberSpec) -> str:
    methods = ",".join(spec.methods) or "every method"
    return " ".join([methods, f"{spec.host}{spec.path}", *_who(spec)])


def _who(spec: BlockSpec | LimitSpec | MemberSpec) -> Iterator[str]:
    for name, value in spec.principal or ():
        if value:
            yield f"{name} {_said(value)}"
    for ip in spec.ips:
        yield f"from {ip}"


def _said(value: object) -> str:
    if is_mapping(value):
        return ", ".join(f"{name}={one}" for name, one in value.items())
    return str(getattr(value, "name", getattr(value, "pointer", value)))  # of a credential its place, never its digest
