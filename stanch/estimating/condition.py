"""Conditions on requests as plain data, and the one place where they are judged."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stanch.estimating.parts import Values, values_of
from stanch.estimating.traffic import Request
from stanch.estimating.transforms import readings
from stanch.estimating.truth import Truth, agreed, every, known, opposite, some
from stanch.shapes import is_dict, is_list

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Every:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Some:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Opposite:
    """The part does not hold."""

    part: Condition


@dataclass(frozen=True)
class Fixed:
    """The same for every request; `Truth.UNKNOWN` for what nothing recorded can decide."""

    truth: Truth
    why: str = ""


@dataclass(frozen=True)
class Text:
    """One component of the request, transformed, passes a test; one value of several is enough.

    Args:
        component: kind and name, such as ("path", "") or ("header", "authorization").
        transforms: names as WAF has them, in order; one that is not known here makes it unknown.
        test: on the bytes that are left.
        over: what holds where more is sent than the point inspects; None judges what it inspects.
        limit: bytes that the point inspects.
    """

    component: tuple[str, str]
    test: Callable[[bytes], bool]
    transforms: tuple[str, ...] = ()
    over: Truth | None = None
    limit: int | None = None


@dataclass(frozen=True)
class From:
    """The client's address, or one in a header, is in one of the networks.

    Args:
        header: of forwarded addresses; "" is the address that the record shows.
        position: FIRST, LAST or ANY of a forwarded list.
        missing: what holds where no address can be read in the header.
    """

    networks: tuple[Network, ...]
    header: str = ""
    position: str = "FIRST"
    missing: Truth = Truth.NO


@dataclass(frozen=True)
class Claim:
    """A verified claim of the token has this value; a numeric claim may be written as a number, a list may hold it."""

    path: tuple[str, ...]
    value: str


Condition = Every | Some | Opposite | Fixed | Text | From | Claim


def judge(condition: Condition, request: Request) -> Truth:
    """Whether a request meets a condition, by all that its record shows."""
    match condition:
        case Every(parts):
            return every(judge(part, request) for part in parts)
        case Some(parts):
            return some(judge(part, request) for part in parts)
        case Opposite(part):
            return opposite(judge(part, request))
        case Fixed(truth):
            return truth
        case Text():
            return _text(condition, values_of(condition.component, request))
        case From():
            return _from(condition, request)
        case Claim():
            return _claim(condition, request)


def _text(wanted: Text, values: Values) -> Truth:
    limit = wanted.limit
    if limit is not None and wanted.over is not None and any(len(value) > limit for value in values.found):
        return wanted.over
    seen = (value if limit is None else value[:limit] for value in values.found)
    met = some(_passes(wanted, value, cut=values.cut and (limit is None or len(value) < limit)) for value in seen)
    return met if values.whole else some((met, Truth.UNKNOWN))


def _passes(wanted: Text, value: bytes, *, cut: bool) -> Truth:
    found = readings(value, wanted.transforms)
    if found is None or cut:
        return Truth.UNKNOWN
    return agreed(known(wanted.test(one)) for one in found)


def _from(wanted: From, request: Request) -> Truth:
    if not wanted.header:
        return Truth.UNKNOWN if request.client is None else _inside(wanted.networks, [request.client], Truth.NO)
    values = values_of(("header", wanted.header), request)
    if not values.found:
        return wanted.missing if values.whole else Truth.UNKNOWN
    listed = [text.strip() for value in values.found for text in value.decode("latin-1").split(",")]
    chosen = {"FIRST": listed[:1], "LAST": listed[-1:]}.get(wanted.position, listed)
    return _inside(wanted.networks, chosen, wanted.missing)


def _inside(networks: tuple[Network, ...], texts: Iterable[str], missing: Truth) -> Truth:
    addresses = [address for text in texts if (address := _address(text)) is not None]
    if not addresses:
        return missing
    return known(any(address in network for address in addresses for network in networks))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _claim(wanted: Claim, request: Request) -> Truth:
    if request.claims is None or wanted.path[0] in request.unrecorded:
        return Truth.UNKNOWN
    found: Any = request.claims
    for name in wanted.path:
        found = found.get(name) if is_dict(found) else None
    return known(_same(wanted.value, found))


def _same(wanted: str, found: Any) -> bool:
    """As the gateway compares: text with text, a number with its digits, an element of a list with the text."""
    if is_list(found):
        return any(one == wanted for one in found)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return re.fullmatch(r"0|[1-9][0-9]{0,14}", wanted) is not None and found == int(wanted)
    return bool(found == wanted)
