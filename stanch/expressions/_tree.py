"""The syntax tree of a parsed or checked expression, read from the engine's serialised form.

Field numbers follow cel.expr in google/cel-spec (syntax.proto, checked.proto); only what we look at is declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

Expr: TypeAlias = Any  # cel.expr.Expr, made at run time

_PACKAGE = "stanch.cel"
_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "int": FieldDescriptorProto.TYPE_INT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "bool": FieldDescriptorProto.TYPE_BOOL,
}
_MESSAGES: dict[str, str] = {
    "Const": "string_value:6:string",
    "Ident": "name:1:string",
    "Select": "operand:1:Expr field:2:string test_only:3:bool",
    "Call": "target:1:Expr function:2:string args:3:Expr*",
    "Items": "elements:1:Expr*",
    "Entry": "map_key:3:Expr value:4:Expr",
    "Struct": "message_name:1:string entries:2:Entry*",
    "Loop": "iter_var:1:string iter_range:2:Expr accu_var:3:string accu_init:4:Expr loop_condition:5:Expr "
    "loop_step:6:Expr result:7:Expr iter_var2:8:string",
    "Expr": "id:2:int const_expr:3:Const ident_expr:4:Ident select_expr:5:Select call_expr:6:Call list_expr:7:Items "
    "struct_expr:8:Struct comprehension_expr:9:Loop",
    "Position": "key:1:int value:2:int32",
    "Empty": "",
    "Type": "list_type:6:Empty map_type:7:Empty",
    "Typed": "key:1:int value:2:Type",
    "Source": "positions:4:Position*",
    "Checked": "type_map:3:Typed* expr:4:Expr source_info:5:Source",
    "Parsed": "expr:2:Expr source_info:3:Source",
}


@lru_cache(maxsize=1)
def _classes() -> dict[str, Any]:
    file = FileDescriptorProto(name="stanch_cel.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for declared in fields.split():
            _field(message, *declared.split(":"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("Checked", "Parsed")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names}


def _field(message: DescriptorProto, name: str, number: str, kind: str) -> None:
    field = message.field.add(name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
    if kind.endswith("*"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
    base = kind.removesuffix("*")
    field.type = _SCALARS.get(base, FieldDescriptorProto.TYPE_MESSAGE)
    if base not in _SCALARS:
        field.type_name = f".{_PACKAGE}.{base}"


class Tree:
    """A syntax tree and where its nodes stand in the source."""

    def __init__(self, serialised: bytes) -> None:
        envelope = any_pb2.Any.FromString(serialised)
        kind = "Parsed" if envelope.type_url.endswith("ParsedExpr") else "Checked"
        self._message = _classes()[kind].FromString(envelope.value)
        self.root: Expr = self._message.expr
        types = self._message.type_map if kind == "Checked" else ()
        self._lists = {entry.key for entry in types if entry.value.HasField("list_type")}
        self._offsets = {entry.key: entry.value for entry in self._message.source_info.positions}

    def offset(self, node: Expr) -> int:
        """Characters before the node in the source."""
        return int(self._offsets.get(node.id, 0))

    def is_list(self, node: Expr) -> bool:
        """Whether the checker knows that the node is a list."""
        return node.id in self._lists


def children(node: Expr) -> Iterator[Expr]:
    """The nodes right below one."""
    kind = shape(node)
    if kind == "select_expr":
        yield node.select_expr.operand
    elif kind == "call_expr":
        if node.call_expr.HasField("target"):
            yield node.call_expr.target
        yield from node.call_expr.args
    elif kind == "list_expr":
        yield from node.list_expr.elements
    elif kind == "struct_expr":
        for entry in node.struct_expr.entries:
            yield from (entry.map_key, entry.value)
    elif kind == "comprehension_expr":
        loop = node.comprehension_expr
        yield from (loop.iter_range, loop.accu_init, loop.loop_condition, loop.loop_step, loop.result)


def shape(node: Expr) -> str:
    """Which kind of node it is, '' for an empty one."""
    for name in _SHAPES:
        if node.HasField(name):
            return name
    return ""


def text_of(node: Expr) -> str | None:
    """The value of a text literal, None for anything else."""
    if not node.HasField("const_expr") or not node.const_expr.string_value:
        return None
    return str(node.const_expr.string_value)


def path_of(node: Expr) -> tuple[str, ...] | None:
    """`a.b['c']` as ('a', 'b', 'c'); None for what is not a plain chain of names."""
    kind = shape(node)
    if kind == "ident_expr":
        return (str(node.ident_expr.name).removeprefix("."),)
    if kind == "select_expr":
        above = path_of(node.select_expr.operand)
        return None if above is None else (*above, str(node.select_expr.field))
    if kind == "call_expr" and node.call_expr.function == "_[_]":
        above, key = path_of(node.call_expr.args[0]), text_of(node.call_expr.args[1])
        return None if above is None or key is None else (*above, key)
    return None


_SHAPES = (
    "const_expr",
    "ident_expr",
    "select_expr",
    "call_expr",
    "list_expr",
    "struct_expr",
    "comprehension_expr",
)
