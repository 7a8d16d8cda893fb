"""The names an expression may use, with their types; equal schemas share everything compiled for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property

from stanch.expressions._specs import Field, ListOf, MapOf, Record, Simple, Spec, SpecLike, Specs


class Schema:
    """Root names and their types.

    Args:
        roots: name -> a pydantic model, a nested dict of the same, or a word: string, bool, int, double, duration,
            timestamp, dyn, list, map, list<T>, map<T>; `T?` for what may be absent.
    """

    def __init__(self, roots: Mapping[str, SpecLike]) -> None:
        specs = Specs()
        self.roots: dict[str, Field] = {name: specs.read(like, name=name) for name, like in roots.items()}
        self.records = specs.records

    @cached_property
    def key(self) -> str:
        """Digest of the content: the same types give the same key."""
        lines = [f"{name}:{_show(field)}" for name, field in sorted(self.roots.items())]
        for record in sorted(self.records.values(), key=lambda each: each.name):
            inner = ",".join(f"{name}:{_show(field)}" for name, field in record.fields.items())
            lines.append(f"{record.name}={{{inner}}}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.key == other.key


def _show(field: Field) -> str:
    return _spec(field.spec) + ("?" if field.optional else "")


def _spec(spec: Spec) -> str:
    match spec:
        case Simple():
            return spec.kind + "|".join(("", *spec.choices)) + f"{spec.instead}{spec.is_open}"
        case ListOf():
            return f"list<{_spec(spec.item)}>"
        case MapOf():
            return f"map<{_spec(spec.value)}>"
        case Record():
            return spec.name
