"""How much work an expression may do: caps on what it sees, chosen so that the worst case stays below 100 ms.

The engine holds the GIL and stops only after 10,000 loop steps, whatever one step costs, so steps must be cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stanch.expressions._engine import is_pattern
from stanch.expressions._errors import Mistake
from stanch.expressions._tree import shape, text_of
from stanch.expressions._walk import Visit


@dataclass(frozen=True)
class Caps:
    """Longest text and list an expression sees; `strict` fails on longer ones where the default cuts them."""

    text: int
    items: int
    strict: bool


DEFAULT = Caps(4096, 256, strict=False)
_LADDER = (DEFAULT, Caps(1024, 256, strict=True), Caps(512, 64, strict=True), Caps(256, 21, strict=True))
_BUDGET = 8_000_000  # characters scanned; about 5 ns each at worst
_STEP_LIMIT = 10_000  # the engine's own
_SCANS = {"contains": 1, "size": 1, "_+_": 2, "bytes": 2, "string": 1, "timestamp": 1, "duration": 1, "matches": 24}
_BASE = {"matches": 30_000}  # of each call, whatever the text: a pattern is built anew every time
_PATTERN_LENGTH = 256
_REPEATS = 64
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")


def caps_for(visits: Iterable[Visit]) -> Caps | None:
    """The widest caps under which the expression is cheap enough, None when there are none."""
    calls = [(visit.depth, str(visit.node.call_expr.function)) for visit in visits if shape(visit.node) == "call_expr"]
    for caps in _LADDER:
        if sum(_work(depth, function, caps) for depth, function in calls) <= _BUDGET:
            return caps
    return None


def _work(depth: int, function: str, caps: Caps) -> int:
    steps: int = min(caps.items**depth, _STEP_LIMIT)
    return (_SCANS.get(function, 0) * caps.text + _BASE.get(function, 40)) * steps


def pattern_mistakes(visits: Iterable[Visit]) -> list[Mistake]:
    """Regular expressions must be short literals without large repetitions.

    Matching is linear in the text, but a pattern that comes from data may take the engine minutes to build.
    """
    calls = [visit.node.call_expr for visit in visits if shape(visit.node) == "call_expr"]
    problems = [_pattern_problem(text_of(call.args[-1])) for call in calls if call.function == "matches"]
    return [Mistake("P307", problem) for problem in problems if problem]


def _pattern_problem(pattern: str | None) -> str:
    if pattern is None:
        return "the pattern of matches() must be a literal text"
    if len(pattern) > _PATTERN_LENGTH:
        return f"the pattern of matches() is longer than {_PATTERN_LENGTH} characters"
    counts = [int(number) for pair in _REPEAT.findall(pattern) for number in pair if number]
    if sum(counts) > _REPEATS:
        return f"the repetitions in the pattern of matches() add up to more than {_REPEATS}"
    return "" if is_pattern(pattern) else "the pattern of matches() is not a regular expression (RE2)"
