"""Which keys a document must have for an expression to hold: most adapters are ruled out by a look at the keys."""

from __future__ import annotations

from itertools import product
from typing import Any

import jmespath

Needs = tuple[frozenset[str], ...]  # one of these sets of keys must be there

_ANYTHING: Needs = (frozenset(),)
_MOST = 16
_STEPS = frozenset({"field", "index", "slice", "current", "identity", "subexpression", "index_expression"})
_LISTS = frozenset({"projection", "filter_projection", "value_projection", "flatten"})


def needs(text: str) -> Needs:
    """Sets of top-level keys; where none is complete, the expression gives nothing that holds."""
    found = _needs(jmespath.compile(text).parsed)
    return found if len(found) <= _MOST else _ANYTHING


def _needs(node: Any) -> Needs:
    kind, children = node["type"], node["children"]
    if kind == "field":
        return (frozenset({node["value"]}),)
    if kind in _LISTS or (kind in _STEPS and children and all(child["type"] in _STEPS for child in children[1:])):
        return _needs(children[0])
    if kind == "or_expression":
        return tuple(dict.fromkeys(part for child in children for part in _needs(child)))
    if kind == "and_expression":
        return tuple(dict.fromkeys(one | other for one, other in product(*map(_needs, children))))
    if kind == "comparator" and node["value"] == "eq":
        return _equal(*children)
    return _ANYTHING


def _equal(left: Any, right: Any) -> Needs:
    """Null equals no constant, and has a type of its own."""
    if right["type"] != "literal" or right["value"] is None:
        return _ANYTHING
    if left["type"] == "function_expression":
        return _needs(left["children"][0]) if left["value"] == "type" and right["value"] != "null" else _ANYTHING
    return _needs(left)
