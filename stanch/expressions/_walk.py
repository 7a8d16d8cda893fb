"""One walk over a syntax tree: which names it reads, which it guards with `has()`, and every node with its scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stanch.expressions._schema import Schema
from stanch.expressions._specs import DYN, Field, ListOf, MapOf, Record, Simple, Spec
from stanch.expressions._tree import Expr, children, path_of, shape

Scope = Mapping[str, Spec]
Path = tuple[str, ...]


@dataclass(frozen=True)
class Visit:
    """A node, the loop variables it can see, and how many loops it is in."""

    node: Expr
    scope: Scope
    depth: int


def visits(root: Expr, schema: Schema) -> Iterator[Visit]:
    """Every node, outside in."""
    pending = [Visit(root, {}, 0)]
    while pending:
        visit = pending.pop()
        yield visit
        pending.extend(reversed(_below(visit, schema)))


def _below(visit: Visit, schema: Schema) -> list[Visit]:
    if shape(visit.node) != "comprehension_expr":
        return [Visit(each, visit.scope, visit.depth) for each in children(visit.node)]
    loop = visit.node.comprehension_expr
    inner = {**visit.scope, loop.accu_var: DYN, **_variables(visit, schema)}
    body = (loop.loop_condition, loop.loop_step, loop.result)
    outside = [Visit(each, visit.scope, visit.depth) for each in (loop.iter_range, loop.accu_init)]
    return [*outside, *(Visit(each, inner, visit.depth + 1) for each in body)]


def _variables(visit: Visit, schema: Schema) -> dict[str, Spec]:
    loop = visit.node.comprehension_expr
    over = field_of(loop.iter_range, visit.scope, schema)
    first = _item(over.spec if over else DYN)
    return {name: first if name == loop.iter_var else DYN for name in (loop.iter_var, loop.iter_var2) if name}


def _item(spec: Spec) -> Spec:
    if isinstance(spec, ListOf):
        return spec.item
    return Simple("string") if isinstance(spec, MapOf) else DYN


def field_of(node: Expr, scope: Scope, schema: Schema) -> Field | None:
    """The declared type of a chain of names, None where none is declared."""
    kind = shape(node)
    if kind == "ident_expr":
        name = str(node.ident_expr.name)
        return Field(scope[name]) if name in scope else schema.roots.get(name)
    if kind == "select_expr":
        above = field_of(node.select_expr.operand, scope, schema)
        return _member(above, str(node.select_expr.field))
    if kind == "call_expr" and node.call_expr.function == "_[_]":
        above = field_of(node.call_expr.args[0], scope, schema)
        return Field(_item(above.spec)) if above and isinstance(above.spec, ListOf) else None
    return None


def _member(above: Field | None, name: str) -> Field | None:
    spec = above.spec if above else None
    if isinstance(spec, Record):
        return spec.fields.get(name)
    return Field(spec.value, optional=True) if isinstance(spec, MapOf) else None


def reads(root: Expr) -> tuple[frozenset[Path], frozenset[Path]]:
    """All chains of names that are read, as long as they go, and those inside `has()`."""
    read: set[Path] = set()
    guarded: set[Path] = set()
    pending: list[tuple[Expr, frozenset[str]]] = [(root, frozenset())]
    while pending:
        node, bound = pending.pop()
        path = path_of(node)
        if path and path[0] not in bound:
            read.add(path)
            if shape(node) == "select_expr" and node.select_expr.test_only:
                guarded.add(path)
            continue
        pending.extend(_inside(node, bound))
    return frozenset(read), frozenset(guarded)


def _inside(node: Expr, bound: frozenset[str]) -> list[tuple[Expr, frozenset[str]]]:
    if shape(node) != "comprehension_expr":
        return [(each, bound) for each in children(node)]
    loop = node.comprehension_expr
    inner = bound | {loop.iter_var, loop.iter_var2, loop.accu_var}
    outside = [(loop.iter_range, bound), (loop.accu_init, bound)]
    return outside + [(each, inner) for each in (loop.loop_condition, loop.loop_step, loop.result)]
