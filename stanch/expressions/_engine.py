"""The CEL engine itself: environments, compiled programs, and its name and version for pinned plans.

Two environments: the typed one only checks (and hands out the syntax tree); the dynamic one runs on plain dicts, so
that an absent field is an error and not protobuf's default value.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from cel_expr_python import cel

from stanch.expressions._descriptors import PACKAGE, pool_of
from stanch.expressions._schema import Schema
from stanch.expressions._specs import ListOf, MapOf, Record, Simple, Spec

ENGINE = f"cel-expr-python/{version('cel-expr-python')}"

_TYPES: dict[str, Any] = {
    "string": cel.Type.STRING,
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bytes": cel.Type.BYTES,
    "duration": cel.Type.DURATION,
    "timestamp": cel.Type.TIMESTAMP,
    "dyn": cel.Type.DYN,
}


@lru_cache(maxsize=256)
def typed(schema: Schema) -> Any:
    """The environment that knows the schema's types."""
    variables = {name: _type(field.spec) for name, field in schema.roots.items()}
    return cel.NewEnv(descriptor_pool=pool_of(schema.records.values()), variables=variables)


@lru_cache(maxsize=64)
def _dynamic(names: frozenset[str]) -> Any:
    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))


@lru_cache(maxsize=4096)
def program(source: str, names: frozenset[str]) -> Any:
    """The runnable form of a source that was checked before."""
    return _dynamic(names).compile(source)


@lru_cache(maxsize=1)
def untyped() -> Any:
    """An environment that only parses."""
    return cel.NewEnv(variables={})


def is_pattern(pattern: str) -> bool:
    """Whether the engine takes a text as a regular expression."""
    value = program("''.matches(pattern)", frozenset({"pattern"})).eval(data={"pattern": pattern})
    return not is_error(value)


def is_error(value: Any) -> bool:
    """The engine returns failures as values; their plain form is a non-empty text."""
    kind = value.type()
    return bool(kind in (cel.Type.ERROR, cel.Type.UNKNOWN))


def _type(spec: Spec) -> Any:
    match spec:
        case Simple():
            return _TYPES[spec.kind]
        case ListOf():
            return cel.Type.List(_type(spec.item))
        case MapOf():
            return cel.Type.Map(cel.Type.STRING, _type(spec.value))
        case Record():
            return cel.Type(f"{PACKAGE}.{spec.name}")
