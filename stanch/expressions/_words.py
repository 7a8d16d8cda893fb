"""Mistakes that types alone do not show: unknown words of an enumeration, optional fields compared without `has()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from stanch.expressions._errors import Mistake
from stanch.expressions._schema import Schema
from stanch.expressions._specs import ListOf, Simple
from stanch.expressions._tree import Expr, Tree, path_of, shape, text_of
from stanch.expressions._walk import Path, Visit, field_of

_EQUALS = ("_==_", "_!=_")
_ORDERS = ("_<_", "_<=_", "_>_", "_>=_")
_COMPARES = (*_EQUALS, *_ORDERS)


def word_mistakes(tree: Tree, visits: Iterable[Visit], schema: Schema, guarded: frozenset[Path]) -> list[Mistake]:
    """All P304 and P305 of an expression, and orders that are not the same everywhere."""
    found: list[Mistake] = []
    for visit in visits:
        if shape(visit.node) == "call_expr":
            found.extend(_unknown_words(tree, visit, schema))
            found.extend(_by_letters(tree, visit, schema))
            found.extend(_unguarded(tree, visit, schema, guarded))
        found.extend(_unordered(tree, visit))
    return found


def _unknown_words(tree: Tree, visit: Visit, schema: Schema) -> Iterator[Mistake]:
    call = visit.node.call_expr
    if call.function in _EQUALS:
        for left, right in (call.args, reversed(call.args)):
            yield from _outside(tree, _choices(left, visit, schema), [right])
    elif call.function == "@in":
        left, right = call.args
        elements = list(right.list_expr.elements) if shape(right) == "list_expr" else []
        yield from _outside(tree, _choices(left, visit, schema), elements)
        yield from _outside(tree, _choices(right, visit, schema), [left])


def _choices(node: Expr, visit: Visit, schema: Schema) -> Simple | None:
    field = field_of(node, visit.scope, schema)
    spec = field.spec if field else None
    if isinstance(spec, ListOf):
        spec = spec.item
    return spec if isinstance(spec, Simple) else None


def _outside(tree: Tree, spec: Simple | None, nodes: Iterable[Expr]) -> Iterator[Mistake]:
    for node in nodes if spec else ():
        word = text_of(node)
        if word is None or spec is None:
            continue
        if word in dict(spec.instead):
            yield Mistake(
                "P304", f"'{word}' never occurs here", f"write '{dict(spec.instead)[word]}'", tree.offset(node)
            )
        elif spec.choices and word not in spec.choices:
            yield from _no_choice(word, spec, tree.offset(node))


def _no_choice(word: str, spec: Simple, offset: int) -> Iterator[Mistake]:
    by_folded = {choice.casefold(): choice for choice in spec.choices if choice}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        hint = f"did you mean '{by_folded[close[0]]}'?"
    else:
        hint = f"known here: {', '.join(choice for choice in spec.choices if choice)}"
    if close or not spec.is_open:
        yield Mistake("P304", f"'{word}' is not a value of this field", hint, offset)


def _by_letters(tree: Tree, visit: Visit, schema: Schema) -> Iterator[Mistake]:
    """`severity >= 'high'` compares letters, by which critical comes before high and low after it."""
    call = visit.node.call_expr
    specs = [_choices(node, visit, schema) for node in call.args] if call.function in _ORDERS else []
    if any(spec and spec.choices and not spec.is_open for spec in specs):
        message = f"{call.function.strip('_')} compares these words letter by letter, not by what they mean"
        yield Mistake("P304", message, "list the words: x in ['high', 'critical']", tree.offset(visit.node))


def _unguarded(tree: Tree, visit: Visit, schema: Schema, guarded: frozenset[Path]) -> Iterator[Mistake]:
    call = visit.node.call_expr
    if call.function not in _COMPARES:
        return
    for node in call.args:
        path = path_of(node)
        if not path or path[0] in visit.scope or path in guarded:
            continue
        field = field_of(node, visit.scope, schema)
        if field and field.optional and shape(node) == "select_expr":
            name = ".".join(path)
            hint = f"write has({name}) && ..."
            yield Mistake("P305", f"'{name}' may be absent", hint, tree.offset(visit.node))


def _unordered(tree: Tree, visit: Visit) -> Iterator[Mistake]:
    """`map` and `filter` over a map follow its order, which differs from process to process and so breaks replays."""
    if shape(visit.node) != "comprehension_expr":
        return
    loop = visit.node.comprehension_expr
    if shape(loop.accu_init) == "list_expr" and not tree.is_list(loop.iter_range):
        message = "map() and filter() need a list: the order of anything else is not fixed"
        yield Mistake("P301", message, "use exists() or all()", tree.offset(visit.node))
