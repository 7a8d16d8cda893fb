"""One rule of a fault plan: what it matches, how often it fires, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from stanch.shapes import is_dict, is_list

CALLBACK = "callback"
CALLBACK_MODES = frozenset({"duplicate", "late", "reorder", "lost"})
SEARCHES = frozenset({"search", "query", "lookup"})
LONGEST_SECONDS = 3600.0
_PARTS = ("operation", "method", "path", "key", "kind")
_SETTINGS = ("status", "retry_after", "seconds", "reason")
_KEYS = frozenset({"fault", "match", "times", "skip", "probability", "seed", *_SETTINGS})


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    Args:
        mode: drop_before, hang, status, html, error_200, business_rule: nothing is done; drop_after, hang_after,
            status_after, html_after, error_200_after, truncated: done, and then not told; delay: done and told late;
            lag: a search in an old index; duplicate, late, reorder, lost: of callbacks.
        status: for the modes `status` and `status_after`.
        retry_after: header text for a 429 or 503: seconds, an HTTP date, `date:N` (the date in N seconds), "" for none.
        seconds: for `hang`, `hang_after`, `lag`, `delay`, `late`, `reorder`.
        reason: text of the header RateLimit-Reason.
        name: how a plan calls it; the mode where it was scripted.
    """

    mode: str
    status: int = 500
    retry_after: str = ""
    seconds: float = 0.0
    reason: str = ""
    name: str = ""


@dataclass(frozen=True)
class Sent:
    """What a rule can see of a request (or of a callback, whose operation is `callback`)."""

    operation: str
    method: str = ""
    path: str = ""
    key: str = ""
    kind: str = ""


@dataclass
class FaultRule:
    """A rule and its counts; `draw` is called once for each request, in order."""

    number: int
    order: dict[str, Any]
    faults: tuple[Fault, ...]
    match: Mapping[str, tuple[str, ...]]
    times: int | None
    skip: int
    probability: float
    random: Random = field(repr=False)
    seen: int = 0
    fired: int = 0

    def draw(self, sent: Sent) -> Fault | None:
        """The fault for this request, None where the rule lets it pass."""
        fitting = [fault for fault in self.faults if _fits(fault, sent.operation)]
        if not fitting or not self._matches(sent) or self.fired == self.times:
            return None
        self.seen += 1
        if self.seen <= self.skip or self.random.random() >= self.probability:
            return None
        self.fired += 1
        return self.random.choice(fitting)

    def _matches(self, sent: Sent) -> bool:
        seen = asdict(sent)
        return all(any(fnmatchcase(seen[part], glob) for glob in globs) for part, globs in self.match.items())

    def view(self) -> dict[str, Any]:
        return {"rule": self.number, **self.order, "seen": self.seen, "fired": self.fired}


def _fits(fault: Fault, operation: str) -> bool:
    if fault.mode == "lag":
        return operation in SEARCHES
    return (fault.mode in CALLBACK_MODES) == (operation == CALLBACK)


def rule_of(order: Mapping[str, Any], *, number: int, named: Mapping[str, Fault]) -> FaultRule:
    """The rule of a plan's JSON.

    Raises:
        ValueError: with what is wrong in it.
    """
    if unknown := set(order) - _KEYS:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    chance = _number(order, "probability", 1.0, low=0.0, high=1.0)
    times = None if "times" not in order and "probability" in order else int(_number(order, "times", 1, low=1))
    return FaultRule(
        number=number,
        order=dict(order),
        faults=_faults_of(order, named),
        match=_match_of(order.get("match", {})),
        times=times,
        skip=int(_number(order, "skip", 0)),
        probability=chance,
        random=Random(int(_number(order, "seed", 0, low=-(2.0**63)))),  # noqa: S311  to be repeatable is the point
    )


def _faults_of(order: Mapping[str, Any], named: Mapping[str, Fault]) -> tuple[Fault, ...]:
    given = order.get("fault")
    listed: list[Any] = given if is_list(given) else [given]
    beside = {name: order[name] for name in _SETTINGS if name in order}
    if not listed or (beside and len(listed) > 1):
        raise ValueError("fault must name at least one fault; settings of several stand in each of them")
    return tuple(_fault_of({**(each if is_dict(each) else {"name": each}), **beside}, named) for each in listed)


def _fault_of(given: dict[str, Any], named: Mapping[str, Fault]) -> Fault:
    name = given.pop("name", None)
    if not isinstance(name, str) or name not in named:
        raise ValueError(f"fault must be one of {', '.join(sorted(named))}")
    if unknown := set(given) - set(_SETTINGS):
        raise ValueError(f"unknown settings of {name}: {', '.join(sorted(unknown))}")
    first = named[name]
    return replace(
        first,
        name=name,
        status=int(_number(given, "status", first.status, low=100, high=599)),
        seconds=_number(given, "seconds", first.seconds, high=LONGEST_SECONDS),
        retry_after=_text(given, "retry_after", first.retry_after),
        reason=_text(given, "reason", first.reason),
    )


def _match_of(given: object) -> dict[str, tuple[str, ...]]:
    if not is_dict(given) or set(given) - set(_PARTS):
        raise ValueError(f"match is an object with {', '.join(_PARTS)}")
    found = {part: tuple(value) if is_list(value) else (value,) for part, value in given.items()}
    if not all(isinstance(glob, str) for globs in found.values() for glob in globs):
        raise ValueError("each part of match is a text or a list of texts")
    return found


def _number(given: Mapping[str, Any], name: str, default: float, *, low: float = 0, high: float = 2.0**63) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}")
    return value


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise ValueError(f"{name} must be printable text")
    return value
