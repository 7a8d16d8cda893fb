"""Expressions (CEL) behind one door: checked against types when a file loads, evaluated fail-closed."""

from __future__ import annotations

from stanch.expressions._check import Checked, check, references
from stanch.expressions._engine import ENGINE
from stanch.expressions._errors import ExpressionError, ExpressionFailed, Mistake
from stanch.expressions._evaluate import evaluate
from stanch.expressions._schema import Schema
from stanch.expressions._text import CheckedText, Text, check_text, evaluate_text, parse

__all__ = [
    "ENGINE",
    "Checked",
    "CheckedText",
    "ExpressionError",
    "ExpressionFailed",
    "Mistake",
    "Schema",
    "Text",
    "check",
    "check_text",
    "evaluate",
    "evaluate_text",
    "parse",
    "references",
]
