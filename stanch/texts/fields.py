"""Which fields a template names that no context has, read from its tree without rendering it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from jinja2 import nodes
from pydantic import BaseModel

from stanch.texts.categories import Category, Nature
from stanch.texts.context import Context, Derived

_LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length")


@dataclass(frozen=True)
class Shape:
    """What a name stands for: `fields` of an object, `each` of a list; `open` where that is not known."""

    fields: Mapping[str, Shape] | None = None
    each: Shape | None = None
    is_open: bool = False


@dataclass(frozen=True)
class Unknown:
    """A name that no context has, and the one it may be meant to be."""

    name: str
    line: int
    near: str


_ANY = Shape(is_open=True)
_SCALAR = Shape()
_OF_LOOP = Shape(fields=dict.fromkeys(_LOOP, _SCALAR))


@cache
def root() -> Mapping[str, Shape]:
    """Every field that a template may name."""
    own = {"about": _shape(Category), "nature": _shape(Nature)}
    return {**_fields(Context), **own, **_fields(Derived)}


def _fields(model: type[BaseModel]) -> dict[str, Shape]:
    return {name: _shape(field.annotation) for name, field in model.model_fields.items()}


def _shape(kind: Any) -> Shape:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return Shape(fields=_fields(kind))
    if get_origin(kind) in (Union, UnionType):
        found = [_shape(each) for each in get_args(kind) if each is not NoneType]
        return next((shape for shape in found if shape != _SCALAR), _SCALAR)
    return _of_tuple(get_args(kind)) if get_origin(kind) is tuple else _SCALAR


def _of_tuple(kinds: tuple[Any, ...]) -> Shape:
    """A list, or a row of values; what differs in kind is left open."""
    found = {kind for kind in kinds if kind is not Ellipsis}
    return Shape(each=_shape(found.pop()) if len(found) == 1 else _ANY)


def unknown_fields(tree: nodes.Template) -> list[Unknown]:
    """Fields of the template that no context has, and loops over what is no list."""
    reader = _Reader()
    reader.read(tree.body, dict(root()))
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: list[Unknown] = []

    def read(self, body: Sequence[nodes.Node], scope: dict[str, Shape]) -> None:
        for node in body:
            self._node(node, scope)

    def _node(self, node: nodes.Node, scope: dict[str, Shape]) -> None:
        if isinstance(node, nodes.For):
            self._loop(node, scope)
        elif isinstance(node, nodes.Assign):
            _bind(node.target, self._expression(node.node, scope), scope)
        elif isinstance(node, nodes.AssignBlock):
            self.read(node.body, dict(scope))
            _bind(node.target, _SCALAR, scope)
        elif isinstance(node, nodes.With):
            self._with(node, scope)
        elif isinstance(node, nodes.Expr):
            self._expression(node, scope)
        else:
            self.read(list(node.iter_child_nodes()), scope)

    def _loop(self, node: nodes.For, scope: dict[str, Shape]) -> None:
        over = self._expression(node.iter, scope)
        if over.each is None and not over.is_open:
            self.found.append(Unknown(f"{_words(node.iter)} as a list", node.lineno, ""))
        inside = {**scope, "loop": _OF_LOOP}
        _bind(node.target, over.each or _ANY, inside)
        self.read([*([node.test] if node.test else []), *node.body], inside)
        self.read(node.else_, dict(scope))

    def _with(self, node: nodes.With, scope: dict[str, Shape]) -> None:
        inside = dict(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            _bind(target, self._expression(value, scope), inside)
        self.read(node.body, inside)

    def _expression(self, node: nodes.Node, scope: dict[str, Shape]) -> Shape:
        if isinstance(node, nodes.Name):
            return self._named(node.name, scope, whole=node.name, line=node.lineno)
        if isinstance(node, nodes.Getattr):
            return self._field(node, node.attr, scope)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            return self._field(node, node.arg.value, scope)
        if isinstance(node, nodes.Test) and node.name == "defined":
            return _SCALAR
        if isinstance(node, nodes.Call):
            return _ANY  # refused as a call
        shapes = [self._expression(child, scope) for child in node.iter_child_nodes()]
        if isinstance(node, nodes.Or | nodes.And | nodes.CondExpr):
            return next((shape for shape in shapes if shape != _SCALAR), _SCALAR)
        return _ANY

    def _field(self, node: nodes.Getattr | nodes.Getitem, name: object, scope: dict[str, Shape]) -> Shape:
        of = self._expression(node.node, scope)
        if of.is_open:
            return _ANY
        if of.each is not None and isinstance(name, int):
            return of.each
        return self._named(str(name), of.fields or {}, whole=f"{_words(node.node)}.{name}", line=node.lineno)

    def _named(self, name: str, among: Mapping[str, Shape], *, whole: str, line: int) -> Shape:
        if name in among:
            return among[name]
        near = difflib.get_close_matches(name, among, n=1)
        self.found.append(Unknown(whole, line, whole.removesuffix(name) + near[0] if near else ""))
        return _ANY  # told once, not for each part of it


def _bind(target: nodes.Node, shape: Shape, scope: dict[str, Shape]) -> None:
    if isinstance(target, nodes.Name):
        scope[target.name] = shape
    elif isinstance(target, nodes.Tuple):
        for item in target.items:
            _bind(item, shape.each or _ANY, scope)


def _words(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_words(node.node)}.{node.attr}"
    return "…"


def field_names() -> Iterator[str]:
    """Every field in words, such as `finding.api.host` and `linked[].title`, for the documentation."""
    yield from _listed(root(), "")


def _listed(fields: Mapping[str, Shape], before: str) -> Iterator[str]:
    for name, shape in fields.items():
        here, inside = f"{before}{name}", shape.each or shape
        ending = "[]" if shape.each else ""
        if inside.fields:
            yield from _listed(inside.fields, f"{here}{ending}.")
        else:
            yield here + ending
