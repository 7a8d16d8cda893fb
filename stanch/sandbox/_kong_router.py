"""The part of Kong's expressions language that routes need, read and evaluated strictly, from its documentation."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Fields = Mapping[str, Sequence[str]]  # a field that is absent has no values
Test = Callable[[Fields], bool]

_TOKEN = re.compile(
    r'\s*(?:(?P<raw>r#"(?P<plain>.*?)"#)|(?P<text>"(?:[^"\\]|\\[nrt"\\])*")|(?P<sign>&&|\|\||==|!=|\^=|=\^|~|[()!])'
    r"|(?P<word>[A-Za-z0-9_.:/]+))",
    re.DOTALL,
)
_FIELD = re.compile(r"http\.(?:host|path|method|headers\.[a-z0-9_]+)|net\.src\.ip|net\.protocol")
_DEPTH = 64


class ExpressionError(ValueError):
    """The text is no expression that the router takes."""


class Expression:
    """One route's expression.

    Raises:
        ExpressionError: it cannot be read.
    """

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self.matches: Test = self._either(0)
        if self._place != len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._place][1]}")

    def _either(self, depth: int) -> Test:
        tests = [self._both(depth)]
        while self._take("||"):
            tests.append(self._both(depth))
        return tests[0] if len(tests) == 1 else lambda fields: any(test(fields) for test in tests)

    def _both(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._take("&&"):
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda fields: all(test(fields) for test in tests)

    def _one(self, depth: int) -> Test:
        if depth > _DEPTH:
            raise ExpressionError("nested too deep")
        negated = self._take("!")
        if self._take("("):
            inside = self._either(depth + 1)
            self._need(")")
            return (lambda fields: not inside(fields)) if negated else inside
        if negated:
            raise ExpressionError("! needs parentheses")
        return self._predicate()

    def _predicate(self) -> Test:
        word = self._word()
        anyone = word == "any"
        if anyone:
            self._need("(")
            word = self._word()
            self._need(")")
        if not _FIELD.fullmatch(word):
            raise ExpressionError(f"unknown field {word}")
        operator = self._next()[1]
        compare = _comparison(word, operator, self._next())
        over = any if anyone else all

        def test(fields: Fields) -> bool:
            values = fields.get(word) or ()
            return bool(values) and over(compare(value) for value in values)

        return test

    def _take(self, sign: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == ("sign", sign):
            self._place += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(f"{sign} expected")

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise ExpressionError("it ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _word(self) -> str:
        kind, text = self._next()
        if kind != "word":
            raise ExpressionError(f"a field is expected, not {text}")
        return text


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(text.rstrip()):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ExpressionError(f"cannot be read from character {place}")
        place = token.end()
        if token["raw"] is not None:
            found.append(("string", token["plain"]))
        elif token["text"] is not None:
            found.append(("string", re.sub(r"\\(.)", _escaped, token["text"][1:-1])))
        else:
            found.append(("sign", token["sign"]) if token["sign"] else ("word", token["word"]))
    return found


def _escaped(found: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1])


def _comparison(field: str, operator: str, constant: tuple[str, str]) -> Callable[[str], bool]:
    kind, text = constant
    if field == "net.src.ip":
        return _address(operator, kind, text)
    if kind != "string":
        raise ExpressionError(f"{field} is compared with a string")
    if operator == "~":
        try:
            found = re.compile(text)
        except re.error:
            raise ExpressionError("not a regular expression") from None
        return lambda value: found.search(value) is not None
    tests: Mapping[str, Callable[[str], bool]] = {
        "==": lambda value: value == text,
        "!=": lambda value: value != text,
        "^=": lambda value: value.startswith(text),
        "=^": lambda value: value.endswith(text),
    }
    if operator not in tests:
        raise ExpressionError(f"{operator} does not compare strings")
    return tests[operator]


def _address(operator: str, kind: str, text: str) -> Callable[[str], bool]:
    try:
        wanted: Any = ipaddress.ip_network(text) if operator == "in" else ipaddress.ip_address(text)
    except ValueError:
        raise ExpressionError("not an address, or a block with host bits") from None
    if kind != "word" or operator not in ("in", "==") or (operator == "in" and "/" not in text):
        raise ExpressionError(f"{operator} does not compare addresses")
    if operator == "in":
        return lambda value: ipaddress.ip_address(value) in wanted
    return lambda value: ipaddress.ip_address(value) == wanted
