"""How `auth` is written in sources.yaml: what fits which scheme, told with line, column and what to write instead."""

from __future__ import annotations

import base64

import pytest

from stanch.errors import ConfigError
from stanch.intake.config import parse_sources
from stanch.intake.doctor import examine_sources

TOPIC = "arn:aws:sns:us-east-1:111122223333:findings"
SECRETS = "secrets: [secret://env/X]"
GOOD = [
    f"scheme: standard_webhooks, {SECRETS}",
    f"scheme: slack, {SECRETS}",
    f"scheme: stripe, {SECRETS}",
    f"scheme: stripe, header: X-Vendor-Signature, {SECRETS}",
    f"scheme: github, {SECRETS}",
    f"scheme: hmac, header: X-SFX-Signature, encoding: base64, {SECRETS}",
    f"scheme: hmac, header: X-Hub-Signature, prefix: 'sha256=', {SECRETS}",
    f"scheme: header, header: cf-webhook-auth, {SECRETS}",
    f"scheme: bearer, {SECRETS}",
    f"scheme: basic, {SECRETS}",
    f"scheme: url_token, {SECRETS}",
    f"scheme: sns, topics: ['{TOPIC}'], confirm: true, allow_sha1: true",
    f"scheme: sns, topics: ['{TOPIC}.fifo', 'arn:aws-cn:sns:cn-north-1:111122223333:x']",
    "scheme: mtls, proxies: [10.0.0.0/24, '2001:db8::/64'], subjects: ['spiffe://x/y']",
    f"scheme: mtls, proxies: [10.0.0.7/32], header: X-Client-DN, {SECRETS}",
    "scheme: none",
]


def text(auth: str, more: str = "") -> str:
    return f"version: sources/v1\nsources:\n  s:\n    adapter: own\n    auth: {{{auth}}}\n{more}"


@pytest.mark.parametrize("auth", GOOD)
def test_each_scheme_has_its_words(auth: str) -> None:
    assert parse_sources(text(auth)).get("s")


@pytest.mark.parametrize(
    ("auth", "code", "words", "hint"),
    [
        ("scheme: slack", "S007", "needs 'secrets'", "secret://env/NAME"),
        (f"scheme: hmac, {SECRETS}", "S007", "needs 'header'", "header: X-Signature"),
        (f"scheme: github, header: X-A, {SECRETS}", "S007", "'header' does not belong to the scheme", "hmac"),
        (f"scheme: github, encoding: base64, {SECRETS}", "S007", "'encoding'", "belongs to: hmac"),
        (f"scheme: sns, topics: ['{TOPIC}'], {SECRETS}", "S007", "'secrets' does not belong", ""),
        ("scheme: sns", "S007", "needs 'topics'", "arn:aws:sns"),
        (f"scheme: bearer, confirm: true, {SECRETS}", "S007", "'confirm'", "sns"),
        ("scheme: mtls, subjects: [CN=a]", "S007", "needs 'proxies'", "proxies: [10.0.0.0/24]"),
        ("scheme: mtls, proxies: [10.0.0.0/24]", "S007", "needs 'subjects' or 'secrets'", "spiffe://"),
        (f"scheme: none, {SECRETS}", "S007", "'secrets'", ""),
        ("scheme: sns, topics: [findings]", "S010", "ARN", "arn:aws:sns"),
        ("scheme: sns, topics: ['arn:aws:sns:*:*:*']", "S010", "ARN", "arn:aws:sns"),
        ("scheme: mtls, proxies: [10.0.0.7/24], subjects: [CN=a]", "S008", "not a network", "zero"),
        (f"scheme: header, header: 'X Signature', {SECRETS}", "S011", "name of a header", "X-Signature"),
        (f"scheme: header, header: 'X-Signature:', {SECRETS}", "S011", "name of a header", "X-Signature"),
        (f"scheme: hmac, header: X-A, prefix: 'sha256= ', {SECRETS}", "S011", "start with", "sha256="),
        (f"scheme: url-token, {SECRETS}", "S001", "must be one of", "url_token"),
        ("scheme: bearer, secrets: [a-secret-in-the-file]", "S001", "secret://", ""),
        (f"scheme: bearer, {SECRETS}, topic: x", "S002", "unknown key 'topic'", "topics"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(auth: str, code: str, words: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sources(text(auth), "sources.yaml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == (code, 5)
    assert problem.column >= 11
    assert words in problem.message
    assert hint in problem.hint
    assert "a-secret-in-the-file" not in str(problem)


def test_all_that_does_not_fit_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sources(text("scheme: sns, header: X-A, prefix: x"))
    message = caught.value.problems[0].message
    assert [word in message for word in ("'topics'", "'header'", "'prefix'")] == [True] * 3


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("    origins: ['https://eventgrid.azure.net']\n", "S012"),
        ("    origins: ['*.azure.net']\n", "S012"),
        ('    origins: ["a\\r\\nx: y"]\n', "S012"),
        ("    rate: 0\n", "S001"),
    ],
)
def test_origins_are_names(more: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sources(text(GOOD[0], more))
    assert [(problem.code, problem.line) for problem in caught.value.problems] == [(code, 6)]
    assert parse_sources(text(GOOD[0], "    origins: [eventgrid.azure.net, '*']\n    rate: 600\n")).get("s")


SOURCES = """
version: sources/v1
sources:
  fine: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/SHARED, secret://env/PUBLIC]}}
  half: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/SHARED, secret://env/PLAIN]}}
  away: {adapter: own, auth: {scheme: bearer, secrets: [secret://env/AWAY]}}
  user: {adapter: own, auth: {scheme: basic, secrets: [secret://env/PLAIN]}}
  link: {adapter: own, auth: {scheme: url_token, secrets: [secret://env/PLAIN]}}
  topic: {adapter: guardduty, auth: {scheme: sns, topics: ["arn:aws:sns:us-east-1:111122223333:x"]}}
  off: {adapter: own, state: disabled, auth: {scheme: bearer, secrets: [secret://env/AWAY]}}
"""
VAULT = {
    "secret://env/SHARED": "whsec_" + base64.b64encode(b"k" * 24).decode(),
    "secret://env/PUBLIC": "whpk_" + base64.b64encode(b"k" * 32).decode(),
    "secret://env/PLAIN": "a-plain-secret-of-some-length",
}


def test_doctor_looks_at_every_secret_and_shows_none() -> None:
    def resolve(reference: str) -> str:
        if reference not in VAULT:
            raise ConfigError(f"{reference} is empty or missing", code="C022")
        return VAULT[reference]

    checks = {check.name: check for check in examine_sources(parse_sources(SOURCES), resolve)}
    assert {name: check.ok for name, check in checks.items()} == {
        "source fine": True,
        "source half": False,
        "source away": False,
        "source user": False,
        "source link": True,
        "source topic": True,
    }
    assert "whsec_" in checks["source half"].detail
    assert "secret://env/AWAY" in checks["source away"].detail
    assert "user:password" in checks["source user"].detail
    assert "tickets only" in checks["source link"].detail
    shown = " ".join(check.detail + check.fix for check in checks.values())
    assert not [secret for secret in VAULT.values() if secret in shown]
