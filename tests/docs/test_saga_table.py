"""The table of saga traps in docs/architecture.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def test_every_trap_names_tests_that_exist() -> None:
    page = (TESTS.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("## The saga, trap by trap")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 15
    assert all("`test_" in row for row in rows)
    for file, name in NAMED.findall(table):
        (path,) = TESTS.rglob(file)
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}, name
