"""What conditions say in plain comparisons with literals: enough to tell that one is true whenever another is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args, get_origin

from pydantic import BaseModel

from stanch.routing._conditions import outermost
from stanch.views import FindingView

Case: TypeAlias = Mapping[str, frozenset[str]]  # field -> the values it may have; also any other text -> itself
_TRUE = frozenset({"true"})
_FIELD = r"[A-Za-z_][A-Za-z0-9_.]*"
_TEXT = r"""('[^'\\]*'|"[^"\\]*")"""
_EQUALS = re.compile(rf"({_FIELD})\s*==\s*{_TEXT}\Z")
_TURNED = re.compile(rf"{_TEXT}\s*==\s*({_FIELD})\Z")
_IN = re.compile(rf"({_FIELD})\s+in\s*\[\s*({_TEXT}(?:\s*,\s*{_TEXT})*)\s*,?\s*\]\Z")
_BOOL = re.compile(rf"(!?)\s*({_FIELD})\Z")
_MOST = 512  # combinations of values that are looked at


def cases(source: str) -> list[Case]:
    """The condition as alternatives, each a set of comparisons that all hold; contradictions are dropped."""
    if len(outermost(source, "?")) > 1:  # a choice between conditions is not taken apart
        return [{" ".join(source.split()): _TRUE}]
    found: list[Case] = []
    for part in outermost(_bare(source), "||"):
        case: dict[str, frozenset[str]] = {}
        for atom in outermost(_bare(part), "&&"):
            name, values = _atom(_bare(atom))
            case[name] = case.get(name, values) & values
        if all(case.values()):
            found.append(case)
    return found


def implies(later: Iterable[Case], earlier: Iterable[Case]) -> bool:
    """Whether some case of `earlier` holds in each case of `later`, as far as literals tell."""
    known = list(earlier)
    return all(_held(case, known) for case in later)


def _held(case: Case, known: list[Case]) -> bool:
    """Each combination of values of a case must be met by some known one; closed enumerations are spelt out."""
    spelt = dict(case)
    for each in known:
        for name in each:
            if name not in spelt and name in _DOMAINS:
                spelt[name] = _DOMAINS[name]
    asked = {name: values for name, values in spelt.items() if any(name in each for each in known)}
    if _product(asked) > _MOST:
        asked = {}
    names = list(asked)
    for chosen in itertools.product(*asked.values()):
        one = {**spelt, **{name: frozenset({value}) for name, value in zip(names, chosen, strict=True)}}
        if not any(_met(one, each) for each in known):
            return False
    return True


def _met(case: Case, known: Case) -> bool:
    return all(name == "true" or (name in case and case[name] <= values) for name, values in known.items())


def _product(asked: Mapping[str, frozenset[str]]) -> int:
    size = 1
    for values in asked.values():
        size *= len(values)
    return size


def _atom(text: str) -> tuple[str, frozenset[str]]:
    if match := _EQUALS.match(text):
        return match[1], frozenset({match[2][1:-1]})
    if match := _TURNED.match(text):
        return match[2], frozenset({match[1][1:-1]})
    if match := _IN.match(text):
        return match[1], frozenset(each[1:-1] for each in re.findall(_TEXT, match[2]))
    if (match := _BOOL.match(text)) and text not in ("true", "false"):
        return match[2], frozenset({"false" if match[1] else "true"})
    if text == "false":
        return text, frozenset()
    return " ".join(text.split()), _TRUE


def _bare(text: str) -> str:
    """Without brackets around the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closed(text[1:-1]):
        text = text[1:-1].strip()
    return text


def _closed(text: str) -> bool:
    """Whether no bracket closes that did not open inside."""
    depth = 0
    for letter in re.sub(_TEXT, "", text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            return False
    return depth == 0


def _domains(model: type[BaseModel], above: str) -> Iterable[tuple[str, frozenset[str]]]:
    for name, info in model.model_fields.items():
        kind = info.annotation
        if get_origin(kind) is Literal:
            yield f"{above}.{name}", frozenset(str(value) for value in get_args(kind))
        elif kind is bool:
            yield f"{above}.{name}", frozenset({"true", "false"})
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _domains(kind, f"{above}.{name}")


_DOMAINS = dict(_domains(FindingView, "finding"))
