"""What a condition proves: its top-level `&&` parts, found without evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_APPROVED = re.compile(r"steps\.([a-z][a-z0-9_]*)\.approved")
_OK = re.compile(r"steps\.([a-z][a-z0-9_]*)\.(?:ok|approved)")
_CHOICE = re.compile(r"steps\.([a-z][a-z0-9_]*)\.outputs\.choice\s*==\s*(?:'([^'\\]*)'|\"([^\"\\]*)\")")
_OPEN, _CLOSE = "([{", ")]}"


def approved_by(conditions: Iterable[str]) -> frozenset[str]:
    """Approvals that must have been given for all conditions to be true."""
    return frozenset(match[1] for part in _parts(conditions) if (match := _APPROVED.fullmatch(part)))


def ok_by(conditions: Iterable[str]) -> frozenset[str]:
    """Steps that must have ended well for all conditions to be true."""
    return frozenset(match[1] for part in _parts(conditions) if (match := _OK.fullmatch(part)))


def choices_of(conditions: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Approval and option pairs that must have been chosen for all conditions to be true."""
    matches = (_CHOICE.fullmatch(part) for part in _parts(conditions))
    return frozenset((match[1], match[2] or match[3] or "") for match in matches if match)


def _parts(conditions: Iterable[str]) -> Iterable[str]:
    for condition in conditions:
        yield from conjuncts(condition)


@lru_cache(maxsize=4096)
def conjuncts(source: str) -> tuple[str, ...]:
    """The parts that must each be true for the whole to be true.

    Where the text is not plainly a conjunction (escapes, raw or triple quotes, comments, `||` or `?` outside brackets)
    the whole is one part: fewer parts can only prove less.
    """
    text = _unwrap(source.strip())
    cut = _cuts(text)
    if cut is None:
        return (text,)
    starts, ends = [0, *(at + 2 for at in cut)], [*cut, len(text)]
    parts = tuple(text[start:end] for start, end in zip(starts, ends, strict=True))
    return (text,) if len(parts) == 1 else tuple(inner for part in parts for inner in conjuncts(part))


def _unwrap(text: str) -> str:
    """Without brackets that enclose all of it."""
    while text.startswith("(") and text.endswith(")"):
        depths = _depths(text)
        if depths is None or 0 in depths[:-1]:
            break
        text = text[1:-1].strip()
    return text


def _cuts(text: str) -> list[int] | None:
    """Places of `&&` outside brackets and quotes; None where the text cannot be split safely."""
    depths = _depths(text)
    if depths is None:
        return None
    cuts: list[int] = []
    for at, depth in enumerate(depths):
        if depth != 0:
            continue
        if text[at] == "?" or text[at : at + 2] == "||":
            return None
        if text[at : at + 2] == "&&":
            cuts.append(at)
    return cuts


def _depths(text: str) -> list[int] | None:
    """Bracket depth after each character, -1 inside quotes; None for text that is not plain."""
    if "\\" in text or "'''" in text or '"""' in text or re.search(r"\b[rRbB]+['\"]", text):
        return None
    found: list[int] = []
    depth, quote = 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
            found.append(-1)
            continue
        if text[at : at + 2] == "//":
            return None
        quote = char if char in "'\"" else ""
        depth += (char in _OPEN) - (char in _CLOSE)
        found.append(-1 if quote else depth)
    return found if depth == 0 and not quote else None
