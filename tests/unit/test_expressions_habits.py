"""What people write out of habit from other languages is answered with what CEL has."""

from __future__ import annotations

import pytest

from stanch.expressions import ExpressionError, check
from stanch.playbooks.types import selection_schema


def mistakes(source: str) -> list[tuple[str, str]]:
    with pytest.raises(ExpressionError) as caught:
        check(source, selection_schema())
    return [(mistake.code, mistake.hint) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("len(finding.labels) > 2", "write size(x)"),
        ("finding.labels.size > 2", "write size(x) for how long it is"),
        ("finding.title.startswith('x')", "did you mean 'startsWith'?"),
        ("finding.title.toLowerCase() == 'x'", "write x.matches('(?i)^text$') to compare without case"),
        ("finding.is_test == True", "write true"),
        ("finding.severity == high", "known here: finding, route; a text has quotes"),
        ("finding.severity in ('high', 'low')", "write a list in [ ] instead of ( )"),
        ("finding.severity === 'high'", "write == instead of '==='"),
        ("finding.severity == 'high' OR finding.is_test", "write || instead of 'or'"),
        ("finding.title == 'this and that' xor true", "see docs/expressions.md"),
        ("finding.title == 'a' && finding.title = 'x'", "write == instead of '='"),
        ("finding.severity == \u201chigh\u201d", "quote texts with ' or \""),
        ("route.time_left < duration(72h)", "write duration('24h') for a time; days are hours here"),
        ("route.time_left < '72h'", "write duration('72h') for a time"),
        ("finding.data_classification.contains('pii')", "write 'word' in list"),
        ("finding.api['host'] == 'x'", "read fields with a dot"),
    ],
)
def test_a_habit_has_a_hint(source: str, hint: str) -> None:
    assert hint in [found for _, found in mistakes(source)]


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("pair", [("finding.severity", "'high'"), ("'high'", "route.severity")])
def test_words_are_not_compared_by_their_letters(operator: str, pair: tuple[str, str]) -> None:
    """By letters critical comes before high, so that the worst findings would be left out."""
    source = f"{pair[0]} {operator} {pair[1]}"
    assert mistakes(source) == [("P304", "list the words: x in ['high', 'critical']")]
    assert check(source, selection_schema(), words=False).type == "bool"  # a plan that runs already goes on


def test_texts_of_any_words_may_be_compared() -> None:
    assert check("finding.title >= 'a' && finding.count > 2", selection_schema()).type == "bool"
