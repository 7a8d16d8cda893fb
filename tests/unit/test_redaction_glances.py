"""Redaction looks at most texts only at a glance: what it rules out so, a full look would not have found either."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redaction_corpus as corpus
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stanch.intake import scrubbing
from stanch.intake.personal import EMAIL, IBAN, NUMBERS, Finder
from stanch.intake.scrubbing import PLAIN, Manner, scrub
from stanch.intake.secrets import CREDENTIALS, Rule
from stanch.intake.vendor_tokens import VENDOR_TOKENS

MARKED = [rule for rule in (*CREDENTIALS, *VENDOR_TOKENS, EMAIL) if rule.marks]
PIECES = (
    *("sid", "key", "Token", "pin", "secret", "aws", "gh", "curl", "-b", "--cookie", "--password", "tel", "bearer "),
    *("eyJabcdef.abcdefgh", "xoxb-0123456789", "AKIAIOSFODNN7EXAMPLE", "sk_live_0123456789ab", "glpat-", "npm_"),
    *(
        "4111111111111111",
        "4111.1111",
        ".1111",
        "1111",
        "DE89370400440532013000",
        "DE89",
        "3704",
        "0044",
        "078-05-1120",
    ),
    *("RSSMRA85T10A562S", "212-555-0123", "00491701", "+49", "hunter22", "0badc0de", "orders", "v1", "a", "u", "x.y"),
    *("cGFzc3dvcmQ9aHVudGVyMjIyMg", "YUBiLmV4YW1wbGU", "0123456789abcdef", "\u017fecret", "\u212aey", "%2e", "&amp;"),
)
TEXTS = st.lists(st.sampled_from((*PIECES, *" /-._:=@\"'~|<>%\\\n")), max_size=8).map("".join)


@pytest.mark.parametrize("rule", MARKED, ids=lambda rule: rule.name)
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.data())
def test_no_rule_matches_without_one_of_its_marks(rule: Rule, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(rule.pattern))
    bare = text.translate({ord(mark): None for mark in rule.marks})
    assert rule.pattern.search(text)
    assert list(rule.spans(bare, bare.lower())) == []


@settings(max_examples=150, deadline=None)
@example("4111.1111.1111.1111")
@example("4111 1111 1111 1111")
@example("4111\u00a01111\u00a01111\u00a01111")
@example("010190A123A")
@example("de89 3704 0044 0532 0130 00")
@example("078-05-1120")
@example("X1234567L")
@given(TEXTS)
def test_a_shape_that_does_not_begin_is_nowhere(text: str) -> None:
    for rule in (*CREDENTIALS, *VENDOR_TOKENS, EMAIL, IBAN, *NUMBERS):
        assert rule.occurs(text) or list(rule.spans(text, text.lower())) == []


MANNERS = (PLAIN, Manner(personal=False), Manner(stand_in=lambda text: f"[redacted:{len(text):010}]"))


def _both(text: str, manner: Manner) -> tuple[str, Counter[str]]:
    counts: Counter[str] = Counter()
    return scrub(text, counts, manner), counts


@contextmanager
def full_look() -> Iterator[None]:
    """Every trigger is looked for in every text, and every rule that has one there is tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scrubbing, "_present", lambda lowered: {text for text in scrubbing._TRIGGERS if text in lowered})
        patch.setattr(scrubbing, "has_numbers", lambda text: True)
        patch.setattr(scrubbing, "_is_quiet", lambda text, manner: False)
        for kind in (Rule, Finder):
            patch.setattr(kind, "occurs", lambda self, text: True)
        yield


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(MANNERS))
def test_a_glance_changes_nothing_of_what_is_redacted(text: str, manner: Manner) -> None:
    with full_look():
        slow = _both(text, manner)
    assert _both(text, manner) == slow


@pytest.mark.parametrize(
    "text",
    [
        *("4111111111111111", "4111_1111_1111_1111", "4111\u00a01111\u00a01111\u00a01111", "4111-1111.1111 1111"),
        *(
            "DE89370400440532013000",
            "MT84MALT011000012345MTLCAST001S",
            "de89 3704 0044 0532 0130 00",
            "RSSMRA85T10A562S",
        ),
        *("131052-308T", "010190A123A", "12345678Z", "X1234567L", "1 80 01 2A 123 456 78"),
        *(
            "756.9217.0769.85",
            "+1 (212) 555-0123",
            "(212) 555-0123",
            "0049 170 1234567",
            "tel (030) 12 34 56 7",
            "078-05-1120",
        ),
    ],
)
def test_what_may_be_a_number_is_looked_at(text: str) -> None:
    with full_look():
        slow = _both(f"x {text} y", PLAIN)
    assert _both(f"x {text} y", PLAIN) == slow


def test_a_glance_changes_nothing_of_the_corpus() -> None:
    texts = [sample.text for sample in (*corpus.positives(11, rounds=1), *corpus.negatives(11, count=300))]
    with full_look():
        slow = [_both(text, PLAIN) for text in texts]
    assert [_both(text, PLAIN) for text in texts] == slow
    assert sum(bool(counts) for _, counts in slow) > 300
