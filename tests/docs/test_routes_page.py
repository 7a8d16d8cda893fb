"""The ownership files on the page load, have no doubts, and pass their own tests."""

from __future__ import annotations

import re

import facts
import pytest

from stanch.routing import check, lint, load_routes

FILES = re.findall(r"```yaml\n(.*?)```", facts.page("routes.md"), flags=re.DOTALL)


@pytest.mark.parametrize("text", FILES, ids=[str(number) for number in range(len(FILES))])
def test_the_files_on_the_page(text: str) -> None:
    table = load_routes(text, "routes.md")
    results = check(table)
    assert results
    assert [(result.name, result.differences) for result in results if not result.ok] == []
    assert lint(table, results) == [] or {each.code for each in lint(table, results)} <= {"R201"}


def test_there_are_files_on_the_page() -> None:
    assert len(FILES) == 3
