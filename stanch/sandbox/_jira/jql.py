"""The part of JQL the stand-in knows: comparisons, `in`, times, AND, OR, and ORDER BY of key, created and updated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stanch.sandbox._jira.state import Issue

_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([(),]|!=|>=|<=|=|>|<)|([\w.@:-]+))""")

_AGO = re.compile(r"-(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_TIMES = frozenset({"created", "updated", "createddate", "updateddate"})
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip

Test = Callable[[Issue], bool]


class JqlError(ValueError):
    """The query is not understood; Jira answers 400."""


@dataclass
class _Tokens:
    items: list[tuple[str, bool]]  # text, quoted
    at: int = 0

    def peek(self) -> str:
        return "" if self.at >= len(self.items) or self.items[self.at][1] else self.items[self.at][0].lower()

    def take(self) -> str:
        if self.at >= len(self.items):
            raise JqlError("the query ends too early")
        self.at += 1
        return self.items[self.at - 1][0]


def parse(query: str) -> Test:
    """The query as a test of one issue.

    Raises:
        JqlError: for anything outside the subset.
    """
    tokens = _Tokens(_tokenise(query))
    test = _either(tokens)
    if tokens.at < len(tokens.items) and tokens.peek() != "order":
        raise JqlError("unexpected text after the clause")
    return test


def _tokenise(query: str) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    position = 0
    while query[position:].strip():
        match = _TOKEN.match(query, position)
        if match is None:
            raise JqlError("unexpected character")
        double, single, mark, word = match.groups()
        quoted = double if double is not None else single
        if quoted is None:
            found.append((mark or word, False))
        else:
            found.append((re.sub(r"\\(.)", r"\1", quoted), True))
        position = match.end()
    return found


def _either(tokens: _Tokens) -> Test:
    tests = [_both(tokens)]
    while tokens.peek() == "or":
        tokens.take()
        tests.append(_both(tokens))
    return lambda issue: any(test(issue) for test in tests)


def _both(tokens: _Tokens) -> Test:
    tests = [_clause(tokens)]
    while tokens.peek() == "and":
        tokens.take()
        tests.append(_clause(tokens))
    return lambda issue: all(test(issue) for test in tests)


def _clause(tokens: _Tokens) -> Test:
    if tokens.peek() == "(":
        tokens.take()
        test = _either(tokens)
        _expect(tokens, ")")
        return test
    name, sign = tokens.take().lower(), tokens.take().lower()
    if name in _TIMES:
        return _time_test(name, sign, tokens.take())
    wanted = _values(tokens) if sign == "in" else {tokens.take()}
    if sign not in ("=", "!=", "in"):
        raise JqlError("unknown operator")
    return lambda issue: bool(_have(issue, name) & wanted) != (sign == "!=")


def _time_test(name: str, sign: str, text: str) -> Test:
    if sign not in _COMPARE:
        raise JqlError("unknown operator")
    moment = _moment(text)
    return lambda issue: _COMPARE[sign](issue.created if name.startswith("created") else issue.updated, moment)


def _moment(text: str) -> datetime:
    """A time to the minute, in UTC as our account has it, or one so long ago."""
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))})
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise JqlError(f"date value {text} is invalid")


def ordered(query: str, issues: Iterable[Issue]) -> list[Issue]:
    """The issues in the order that the query's end asks for; as they were made where it asks for none.

    Raises:
        JqlError: for a field that cannot be ordered by.
    """
    found = list(issues)
    for name, descending in reversed(_order_of(query)):
        found.sort(key=_ORDERS[name], reverse=descending)
    return found


_ORDERS: dict[str, Callable[[Issue], Any]] = {
    "key": lambda issue: (issue.project, int(issue.key.rpartition("-")[2])),
    "created": lambda issue: issue.created,
    "updated": lambda issue: issue.updated,
}


def _order_of(query: str) -> list[tuple[str, bool]]:
    words = [text.lower() for text, quoted in _tokenise(query) if not quoted]
    if "order" not in words:
        return []
    parts = " ".join(words[words.index("order") + 2 :]).split(" , ")
    named = [part.split() for part in parts]
    if not all(1 <= len(each) <= 2 and each[0] in _ORDERS and each[1:] in ([], ["asc"], ["desc"]) for each in named):
        raise JqlError("this cannot be ordered by")
    return [(each[0], each[1:] == ["desc"]) for each in named]


def _values(tokens: _Tokens) -> set[str]:
    _expect(tokens, "(")
    values = {tokens.take()}
    while tokens.peek() == ",":
        tokens.take()
        values.add(tokens.take())
    _expect(tokens, ")")
    return values


def _expect(tokens: _Tokens, mark: str) -> None:
    if tokens.take() != mark:
        raise JqlError(f"expected {mark}")


def _have(issue: Issue, name: str) -> set[str]:
    if name in ("labels", "label"):
        return set(issue.fields.get("labels", []) if issue.indexed_labels is None else issue.indexed_labels)
    if name == "project":
        return {issue.project}
    if name in ("key", "issuekey", "id"):
        return {issue.key, issue.id}
    if name == "status":
        return {issue.status.name, issue.status.id}
    if name == "statuscategory":
        return {issue.status.category}
    if name == "assignee":
        return {issue.assignee}
    raise JqlError(f"field {name} does not exist")
