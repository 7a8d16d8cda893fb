"""Static checks of an expression against a schema, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from stanch.expressions._compile import compile_typed
from stanch.expressions._cost import Caps, caps_for, pattern_mistakes
from stanch.expressions._engine import untyped
from stanch.expressions._errors import ExpressionError, Mistake
from stanch.expressions._schema import Schema
from stanch.expressions._tree import Tree
from stanch.expressions._walk import Path, reads, visits
from stanch.expressions._words import word_mistakes

_JUDGED_AT_LOAD = ("P304", "P305")
_SCALARS = ("string", "bool", "int", "uint", "double", "duration", "timestamp", "dyn")


@dataclass(frozen=True)
class Checked:
    """An expression that fits its types.

    Args:
        type: of its result: bool, int, double, string, duration, timestamp, bytes, null, list, map, record or dyn.
        expect: what the caller asked for; `evaluate` holds a dynamic result to it.
        reads: the chains of names it reads, such as ('steps', 'ticket', 'outputs', 'key').
        guarded: those among them that stand in `has()`.
        caps: how much of long texts and lists it sees.
    """

    source: str
    schema: Schema
    type: str
    expect: str
    reads: frozenset[Path]
    guarded: frozenset[Path]
    caps: Caps

    @property
    def references(self) -> frozenset[str]:
        """`reads` as dotted names."""
        return frozenset(".".join(path) for path in self.reads)


def check(source: str, schema: Schema, *, expect: str = "bool", words: bool = True) -> Checked:
    """Check an expression.

    Args:
        source: bare CEL.
        schema: the names it may use.
        expect: bool, any, scalar, or one of the types that `Checked.type` lists; dynamic results pass here and are
            held to it when they are known.
        words: also look for words that a field never has and for absent fields; a plan that is pinned in a running
            case was judged when its file was loaded, and a later release may know more words.

    Raises:
        ExpressionError: with every mistake found.
    """
    return _check(source, schema, expect, words)


@lru_cache(maxsize=4096)
def _check(source: str, schema: Schema, expect: str, words: bool) -> Checked:
    compiled = compile_typed(source, schema)
    tree = Tree(compiled.serialize())
    nodes = list(visits(tree.root, schema))
    read, guarded = reads(tree.root)
    mistakes = [*word_mistakes(tree, nodes, schema, guarded), *pattern_mistakes(nodes)]
    if not words:
        mistakes = [mistake for mistake in mistakes if mistake.code not in _JUDGED_AT_LOAD]
    result, caps = _type(str(compiled.return_type())), caps_for(nodes)
    if not fits(result, expect):
        mistakes.insert(0, _wrong_type(result, expect))
    if caps is None:
        mistakes.append(Mistake("P307", "the expression would do too much work", "use fewer calls inside loops"))
    if mistakes or caps is None:
        raise ExpressionError(source, sorted(mistakes, key=lambda mistake: mistake.offset))
    return Checked(source, schema, result, expect, read, guarded, caps)


@lru_cache(maxsize=4096)
def references(source: str) -> frozenset[str]:
    """The dotted names an expression reads, without checking them against anything.

    Raises:
        ExpressionError: when it does not even parse.
    """
    try:
        compiled = untyped().compile(source, disable_check=True)
    except RuntimeError:
        raise ExpressionError(source, [Mistake("P301", "syntax error")]) from None
    read, _ = reads(Tree(compiled.serialize()).root)
    return frozenset(".".join(path) for path in read)


def fits(result: str, expect: str) -> bool:
    """Whether a type is what was asked for; a dynamic one may be."""
    if expect == "any" or result == "dyn":
        return True
    return result in _SCALARS if expect == "scalar" else result == expect


def _type(text: str) -> str:
    word = text.split("<")[0].lower()
    known = (*_SCALARS, "bytes", "null", "list", "map", "type")
    return word if word in known else "record"


def _wrong_type(result: str, expect: str) -> Mistake:
    wanted = "text, a number, a time or true/false" if expect == "scalar" else expect
    hint = "compare it with something" if expect == "bool" else ""
    return Mistake("P302", f"the result is {result}, not {wanted}", hint)
