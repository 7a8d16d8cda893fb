"""ServiceNow's encoded queries, with the habit that makes them dangerous: parts it cannot read are dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

Record = Mapping[str, str]
Test = Callable[[Record], bool]

_PART = re.compile(r"([a-z_0-9.]+?)(!=|>=|<=|>|<|=|LIKE|STARTSWITH|IN|ISEMPTY|ISNOTEMPTY)(.*)", re.DOTALL)

_ORDER = re.compile(r"ORDERBY(DESC)?([a-z_0-9.]+)")


@dataclass(frozen=True)
class Parsed:
    """A query as the instance understands it.

    Args:
        test: whether a record matches.
        order: fields to sort by, with whether downwards.
        dropped: parts that were ignored.
        scripts: values that the instance would evaluate as JavaScript.
    """

    test: Test
    order: tuple[tuple[str, bool], ...]
    dropped: tuple[str, ...]
    scripts: tuple[str, ...]


def parse(query: str, *, fields: Set[str]) -> Parsed:
    """Read `a=1^b=2^ORc=3^NQd=4`; `^` is AND, `^OR` joins the part before, `^NQ` starts another query."""
    dropped: list[str] = []
    scripts: list[str] = []
    alternatives = [_all(part, fields, dropped, scripts) for part in query.split("^NQ")]
    return Parsed(
        test=lambda record: any(test(record) for test in alternatives),
        order=tuple(_orders(query, fields)),
        dropped=tuple(dropped),
        scripts=tuple(scripts),
    )


def _orders(query: str, fields: Set[str]) -> Iterator[tuple[str, bool]]:
    for part in query.split("^"):
        if (match := _ORDER.fullmatch(part)) and match.group(2) in fields:
            yield match.group(2), bool(match.group(1))


def _all(query: str, fields: Set[str], dropped: list[str], scripts: list[str]) -> Test:
    groups: list[list[Test]] = []
    for part in query.split("^"):
        if not part or part.startswith(("ORDERBY", "EQ")):
            continue
        joins = part.startswith("OR")
        test = _one(part.removeprefix("OR"), fields, scripts)
        if test is None:
            dropped.append(part)
        elif joins and groups:
            groups[-1].append(test)
        else:
            groups.append([test])
    return lambda record: all(any(test(record) for test in group) for group in groups)


def _one(part: str, fields: Set[str], scripts: list[str]) -> Test | None:
    match = _PART.fullmatch(part)
    if match is None or match.group(1) not in fields:
        return None
    name, operator, value = match.groups()
    if value.lstrip().lower().startswith("javascript:"):
        scripts.append(value)
        return lambda record: True
    return lambda record: _compare(record.get(name, ""), operator, value)


def _compare(have: str, operator: str, value: str) -> bool:
    comparisons: dict[str, Callable[[], bool]] = {
        "=": lambda: have.lower() == value.lower(),
        "!=": lambda: have.lower() != value.lower(),
        ">=": lambda: have >= value,
        "<=": lambda: have <= value,
        ">": lambda: have > value,
        "<": lambda: have < value,
        "LIKE": lambda: value.lower() in have.lower(),
        "STARTSWITH": lambda: have.lower().startswith(value.lower()),
        "IN": lambda: have in value.split(","),
        "ISEMPTY": lambda: not have,
        "ISNOTEMPTY": lambda: bool(have),
    }
    return comparisons[operator]()
