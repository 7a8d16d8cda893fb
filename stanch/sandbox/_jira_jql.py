"""The part of JQL the stand-in knows: `field = "text"`, `field in (...)`, AND, OR, and ORDER BY, which is ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stanch.sandbox._jira_state import Issue

_TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([(),]|!=|>=|=)|([\w.@:-]+))""")

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
    name, operator = tokens.take().lower(), tokens.take().lower()
    if name == "updated" and operator == ">=":
        since = datetime.now(UTC) - timedelta(minutes=_minutes_ago(tokens.take()))
        return lambda issue: issue.updated >= since
    wanted = _values(tokens) if operator == "in" else {tokens.take()}
    if operator not in ("=", "!=", "in"):
        raise JqlError("unknown operator")
    return lambda issue: bool(_have(issue, name) & wanted) != (operator == "!=")


def _minutes_ago(text: str) -> int:
    """A time relative to now, the one form that means the same in every time zone."""
    match = re.fullmatch(r"-(\d+)m", text)
    if match is None:
        raise JqlError("only minutes before now are known here")
    return int(match.group(1))


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
        return {issue.key.rsplit("-", 1)[0]}
    if name in ("key", "issuekey", "id"):
        return {issue.key, issue.id}
    if name == "status":
        return {issue.status.name, issue.status.id}
    if name == "assignee":
        return {issue.assignee}
    raise JqlError(f"field {name} does not exist")
