"""JMESPath for adapters: compiled once, guarded at run time."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath import exceptions, visitor

from stanch.sources.closures import Evaluate, closure
from stanch.sources.functions import AdapterFunctions, Tables

_GUARDED = (
    exceptions.JMESPathError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)


class Failed:
    """What an expression gives that could not be evaluated; `reason` is the kind of error, never data."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Engine:
    """Compiles expressions for one adapter, with its tables."""

    def __init__(self, tables: Tables | None = None) -> None:
        self._functions = AdapterFunctions(tables)
        self._interpreter = visitor.TreeInterpreter(jmespath.Options(custom_functions=self._functions))

    def compile(self, text: str) -> Evaluate:
        """A function of the root value; it gives `Failed` where the expression raises."""
        tree: Any = jmespath.compile(text).parsed
        inner = closure(tree, self._interpreter, self._functions)

        def evaluate(root: Any) -> Any:
            try:
                return inner(root)
            except _GUARDED as error:
                return Failed(type(error).__name__)

        return evaluate
