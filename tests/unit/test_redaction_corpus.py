"""Redaction measured: recall and precision over labelled samples, and an independent judge for vendors' tokens."""

from __future__ import annotations

from collections import Counter

import pytest
import redaction_corpus as corpus
from detect_secrets.plugins import (
    discord,
    github_token,
    gitlab_token,
    openai,
    pypi_token,
    sendgrid,
    slack,
    stripe,
    twilio,
)

from stanch.intake.redaction import Redactor

SEED = 20260318
REDACTOR = Redactor(b"corpus")


def survives(sample: corpus.Sample, redacted: str) -> bool:
    """Whether the secret, its first or its second half is still there, in any of the ways it was written."""
    halves = [sample.core, sample.core[: len(sample.core) // 2 + 1], sample.core[len(sample.core) // 2 - 1 :]]
    write, _ = corpus.PLACES[sample.place]
    forms = {
        form for half in halves if len(half) > 3 for form in (half, write(half) if sample.place != "base64" else half)
    }
    return any(form in redacted for form in forms) or (sample.place == "base64" and sample.encoded in redacted)


@pytest.fixture(scope="module")
def positives() -> list[corpus.Sample]:
    return list(corpus.positives(SEED, rounds=3))


@pytest.fixture(scope="module")
def negatives() -> list[corpus.Sample]:
    return list(corpus.negatives(SEED, count=2100))


def test_nearly_everything_private_is_found(positives: list[corpus.Sample]) -> None:
    missed = [sample for sample in positives if survives(sample, REDACTOR.text(sample.text))]
    assert len(positives) > 1700
    assert 1 - len(missed) / len(positives) >= 0.99, Counter((sample.kind, sample.place) for sample in missed)


def test_every_kind_is_found_nearly_everywhere(positives: list[corpus.Sample]) -> None:
    missed = Counter(sample.kind for sample in positives if survives(sample, REDACTOR.text(sample.text)))
    total = Counter(sample.kind for sample in positives)
    assert {kind for kind, count in missed.items() if count > total[kind] * 0.1} == set()


def test_nearly_nothing_else_is_touched(positives: list[corpus.Sample], negatives: list[corpus.Sample]) -> None:
    wrong = [sample for sample in negatives if REDACTOR.text(sample.text) != sample.text]
    found = sum(not survives(sample, REDACTOR.text(sample.text)) for sample in positives)
    assert found / (found + len(wrong)) >= 0.95
    assert len(wrong) / len(negatives) <= 0.02, Counter((sample.kind, sample.place) for sample in wrong)


def test_the_words_around_a_secret_stay(positives: list[corpus.Sample]) -> None:
    for sample in positives:
        if sample.place == "plain" and sample.kind in corpus.VALUES:
            redacted = REDACTOR.text(sample.text)
            assert (redacted[:20], redacted[-12:]) == ("The response showed ", " to anybody."), sample


def test_redacting_again_changes_nothing(positives: list[corpus.Sample]) -> None:
    for sample in positives:
        once = REDACTOR.text(sample.text)
        assert REDACTOR.text(once) == once, sample


PLUGINS = (
    discord.DiscordBotTokenDetector(),
    github_token.GitHubTokenDetector(),
    gitlab_token.GitLabTokenDetector(),
    openai.OpenAIDetector(),
    pypi_token.PypiTokenDetector(),
    sendgrid.SendGridDetector(),
    slack.SlackDetector(),
    stripe.StripeDetector(),
    twilio.TwilioKeyDetector(),
)


def test_what_another_detector_finds_is_gone(positives: list[corpus.Sample]) -> None:
    judged = 0
    for sample in positives:
        if sample.place not in ("plain", "log", "markdown", "curl"):
            continue
        seen = {secret for plugin in PLUGINS for secret in plugin.analyze_string(sample.text)}
        redacted = REDACTOR.text(sample.text)
        judged += bool(seen)
        assert not [secret for secret in seen if secret in redacted], sample
    assert judged > 80
