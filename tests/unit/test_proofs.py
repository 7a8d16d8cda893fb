"""Proof of sender by shared secrets: published vectors, odd headers, rotation, and what each scheme earns."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding as Form
from cryptography.hazmat.primitives.serialization import PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_support import NOW, SENT, SNS, TOPIC, VECTORS, Web, judged

from stanch.errors import IntakeError
from stanch.findings import Assurance
from stanch.intake.config import parse_sources
from stanch.intake.deliveries import open_delivery
from stanch.intake.proofs import CHECKS, Encoding, Scheme, Terms, sign
from stanch.intake.requests import Request
from stanch.intake.signatures import usable

SCHEMES = {
    "standard-webhooks": Scheme.STANDARD_WEBHOOKS,
    "github": Scheme.GITHUB,
    "slack": Scheme.SLACK,
    "stripe": Scheme.STRIPE,
}
SECRET, OTHER = "a secret of some length", "another secret of a length"
SHARED = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
BODY = b'{"title": "Orders give out card numbers"}'
SECONDS = str(int(NOW.timestamp()))


def mac(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def slack(secret: str = SECRET, *, at: str = SECONDS) -> dict[str, str]:
    signature = "v0=" + mac(secret, b"v0:" + at.encode() + b":" + BODY).hex()
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}


def stripe(secret: str = SECRET, *, at: str = SECONDS) -> dict[str, str]:
    return {"Stripe-Signature": f"t={at},v1={mac(secret, at.encode() + b'.' + BODY).hex()},v0={'0' * 64}"}


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def good(scheme: Scheme, secret: str) -> tuple[Terms, dict[str, str], dict[str, str]]:
    """Terms, headers and query of a delivery that is proven by a secret."""
    terms = Terms(scheme, (secret,), header="x-proof", prefix="sha256=")
    headers = {
        Scheme.SLACK: slack(secret),
        Scheme.GITHUB: {"X-Hub-Signature-256": "sha256=" + mac(secret, BODY).hex()},
        Scheme.HMAC: {"X-Proof": "sha256=" + mac(secret, BODY).hex()},
        Scheme.BEARER: {"Authorization": f"Bearer {secret}"},
        Scheme.BASIC: basic(secret),
        Scheme.HEADER: {"X-Proof": secret},
    }
    if scheme is Scheme.STRIPE:
        return Terms(scheme, (secret,)), stripe(secret), {}
    return terms, headers.get(scheme, {}), {"token": secret} if scheme is Scheme.URL_TOKEN else {}


SECRETS = [
    scheme for scheme in Scheme if scheme not in (Scheme.NONE, Scheme.SNS, Scheme.MTLS, Scheme.STANDARD_WEBHOOKS)
]
EARNED = {Scheme.SLACK: Assurance.A, Scheme.STRIPE: Assurance.A, Scheme.URL_TOKEN: Assurance.C}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["source"])[:40])
def test_published_vectors(vector: dict[str, Any]) -> None:
    now = datetime.fromtimestamp(vector.get("now", 0), UTC)
    terms = Terms(SCHEMES[vector["scheme"]], (vector["secret"],))
    earned = judged(terms, vector["body"].encode(), vector["headers"], now=now)
    assert (earned is not None) is vector["valid"]


@pytest.mark.parametrize("scheme", SECRETS)
def test_what_a_secret_earns_and_that_only_it_does(scheme: Scheme) -> None:
    terms, headers, query = good(scheme, SECRET)
    assert judged(terms, BODY, headers, query=query) is EARNED.get(scheme, Assurance.B)
    both = Terms(scheme, (OTHER, SECRET), header=terms.header, prefix=terms.prefix)
    assert judged(both, BODY, headers, query=query) is EARNED.get(scheme, Assurance.B)
    for secrets in ((OTHER,), (), ("",), (" ",)):
        assert (
            judged(Terms(scheme, secrets, header=terms.header, prefix=terms.prefix), BODY, headers, query=query) is None
        )
    assert judged(terms, BODY, {}, query={}) is None


@pytest.mark.parametrize("scheme", SECRETS)
def test_an_empty_secret_opens_nothing(scheme: Scheme) -> None:
    for secret in ("", " "):
        terms, headers, query = good(scheme, secret)
        assert judged(terms, BODY, headers, query=query) is None


@pytest.mark.parametrize("scheme", SECRETS)
def test_names_of_headers_have_any_case_and_two_values_are_none(scheme: Scheme) -> None:
    terms, headers, query = good(scheme, SECRET)
    assert judged(terms, BODY, {name.swapcase(): value for name, value in headers.items()}, query=query)
    pairs = [*headers.items(), *headers.items()]
    assert judged(terms, BODY, pairs, query=[*query.items(), *query.items()])
    for name in headers:
        assert judged(terms, BODY, [*headers.items(), (name.upper(), "another")], query=query) is None
        assert judged(terms, BODY, [(name.upper(), "another"), *headers.items()], query=query) is None
    for name in query:
        assert judged(terms, BODY, headers, query=[*query.items(), (name, "another")]) is None


@pytest.mark.parametrize(
    ("header", "encoding", "prefix", "value"),
    [
        ("x-semgrep-signature-256", Encoding.HEX, "", mac(SECRET, BODY).hex()),
        ("x-hub-signature", Encoding.HEX, "sha256=", "sha256=" + mac(SECRET, BODY).hex()),
        ("x-sfx-signature", Encoding.BASE64, "", base64.b64encode(mac(SECRET, BODY)).decode()),
        ("x-semgrep-signature-256", Encoding.HEX, "", mac(SECRET, BODY).hex().upper()),
    ],
)
def test_lookalikes_of_github_name_header_encoding_and_prefix(
    header: str, encoding: Encoding, prefix: str, value: str
) -> None:
    terms = Terms(Scheme.HMAC, (SECRET,), header=header, encoding=encoding, prefix=prefix)
    assert judged(terms, BODY, {header: value}) is Assurance.B
    for wrong in (value[:-2], value + "0", "sha1=" + value, "sha256=" + value, value.removeprefix("sha256=")[:40], "ü"):
        assert judged(terms, BODY, {header: wrong}) is None
    assert judged(terms, BODY + b" ", {header: value}) is None
    assert judged(terms, BODY, {"x-other": value}) is None


@pytest.mark.parametrize("make", [slack, stripe])
@pytest.mark.parametrize(("seconds", "fine"), [(-301, False), (-299, True), (299, True), (301, False)])
def test_the_window_is_five_minutes_both_ways(make: Any, seconds: int, fine: bool) -> None:
    at = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
    scheme = Scheme.SLACK if make is slack else Scheme.STRIPE
    assert (judged(Terms(scheme, (SECRET,)), BODY, make(at=at)) is not None) is fine


ODD_TIMES = [
    "",
    "now",
    "-1",
    "+" + SECONDS,
    " " + SECONDS,
    SECONDS + ".0",
    "9" * 400,
    "1e9",
    "١٢٣",
    "٠" * 10,
    "0x10",
    "²",
]


@pytest.mark.parametrize("at", ODD_TIMES)
def test_times_that_are_no_plain_seconds_are_refused_even_if_signed(at: str) -> None:
    assert judged(Terms(Scheme.SLACK, (SECRET,)), BODY, slack(at=at)) is None
    assert judged(Terms(Scheme.STRIPE, (SECRET,)), BODY, stripe(at=at)) is None
    key = base64.b64decode(SHARED.removeprefix("whsec_"))
    signature = hmac.new(key, b"m." + at.encode() + b"." + BODY, hashlib.sha256).digest()
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }
    assert judged(Terms(Scheme.STANDARD_WEBHOOKS, (SHARED,)), BODY, headers) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value + f",t={SECONDS}",
        lambda value: f"t=1,{value}",
        lambda value: value.replace("v1=", "v0="),
        lambda value: value.replace("v1=", "v1 ="),
        lambda value: value.replace("t=", "T="),
        lambda value: ",".join(["v1=00"] * 16) + "," + value,
        lambda value: "",
        lambda value: ",,,=,==",
    ],
)
def test_stripes_header_has_one_time_and_known_names(change: Any) -> None:
    headers = {"Stripe-Signature": change(stripe()["Stripe-Signature"])}
    assert judged(Terms(Scheme.STRIPE, (SECRET,)), BODY, headers) is None


def test_stripe_may_sign_with_two_keys() -> None:
    value = stripe()["Stripe-Signature"].replace("v1=", f"v1={'0' * 64},v1=")
    assert judged(Terms(Scheme.STRIPE, (SECRET,)), BODY, {"Stripe-Signature": value}) is Assurance.A


# Standard Webhooks with a public key


def pair() -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Form.Raw, PublicFormat.Raw)
    return private, "whpk_" + base64.b64encode(public).decode()


def signed(private: Ed25519PrivateKey, *, name: str = "msg_1", at: str = SECONDS, body: bytes = BODY) -> dict[str, str]:
    signature = base64.b64encode(private.sign(f"{name}.{at}.".encode() + body)).decode()
    return {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": f"v1a,{signature}"}


def test_a_public_key_proves_and_stands_beside_a_shared_secret() -> None:
    private, public = pair()
    headers = signed(private)
    terms = Terms(Scheme.STANDARD_WEBHOOKS, (SHARED, public))
    assert judged(terms, BODY, headers) is Assurance.A
    assert judged(terms, BODY, sign(BODY, secret=SHARED, delivery_id="m", now=NOW)) is Assurance.A
    mixed = "v1,AAAA v2,x v1a junk " + headers["webhook-signature"] + " v1a,AAAA"
    assert judged(terms, BODY, headers | {"webhook-signature": mixed}) is Assurance.A
    assert judged(Terms(Scheme.STANDARD_WEBHOOKS, (pair()[1],)), BODY, headers) is None
    assert judged(terms, BODY + b" ", headers) is None
    assert judged(terms, BODY, headers | {"webhook-id": "msg_2"}) is None


def test_a_public_key_is_never_taken_for_a_shared_one() -> None:
    _, public = pair()
    key = base64.b64decode(public.removeprefix("whpk_"))
    made = hmac.new(key, b"m." + SECONDS.encode() + b"." + BODY, hashlib.sha256).digest()
    forged = "v1," + base64.b64encode(made).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": SECONDS, "webhook-signature": forged}
    assert judged(Terms(Scheme.STANDARD_WEBHOOKS, (public,)), BODY, headers) is None


def test_a_signature_has_one_spelling() -> None:
    """Base64 of 32 or 64 bytes has spare bits at its end; a changed letter that means the same is a changed letter."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private, public = pair()
    for headers in (sign(BODY, secret=SHARED, delivery_id="m", now=NOW), signed(private)):
        value = headers["webhook-signature"]
        last = len(value.rstrip("=")) - 1
        twin = value[:last] + alphabet[alphabet.index(value[last]) ^ 1] + value[last + 1 :]
        terms = Terms(Scheme.STANDARD_WEBHOOKS, (SHARED, public))
        assert judged(terms, BODY, headers)
        for other in (twin, value.rstrip("="), value + "=", value.replace("+", "-").replace("/", "_") + " "):
            assert judged(terms, BODY, headers | {"webhook-signature": other}) is None


ODD_LISTS = ["", "v1", "v1,", "v1a,", ",", " ", "v1,ü", "v1a,\udc80", "v1a," + "A" * 88, "v1,=====", "v1a,AAAA"]


@pytest.mark.parametrize("listed", [*ODD_LISTS, " ".join(["v1a,AAAA"] * 500)])
def test_odd_lists_of_signatures_are_refused_not_raised(listed: str) -> None:
    terms = Terms(Scheme.STANDARD_WEBHOOKS, (SHARED, pair()[1]))
    headers = sign(BODY, secret=SHARED, delivery_id="m", now=NOW) | {"webhook-signature": listed}
    assert judged(terms, BODY, headers) is None


def test_only_sixteen_signatures_are_looked_at() -> None:
    headers = sign(BODY, secret=SHARED, delivery_id="m", now=NOW)
    value, terms = headers["webhook-signature"], Terms(Scheme.STANDARD_WEBHOOKS, (SHARED,))
    for before, fine in ((15, True), (16, False)):
        listed = "v1,AAAA " * before + value
        assert (judged(terms, BODY, headers | {"webhook-signature": listed}) is not None) is fine


@pytest.mark.parametrize(
    ("scheme", "secret", "fine"),
    [
        (Scheme.STANDARD_WEBHOOKS, SHARED, True),
        (Scheme.STANDARD_WEBHOOKS, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", True),
        (Scheme.STANDARD_WEBHOOKS, "whpk_" + base64.b64encode(b"x" * 31).decode(), False),
        (Scheme.STANDARD_WEBHOOKS, "whpk_", False),
        (Scheme.STANDARD_WEBHOOKS, "whsk_" + base64.b64encode(b"x" * 64).decode(), False),
        (Scheme.STANDARD_WEBHOOKS, "whsec_AAAA", False),
        (Scheme.BASIC, "stanch:a long password", True),
        (Scheme.BASIC, "a password without a user", False),
        (Scheme.BEARER, "short", False),
        (Scheme.URL_TOKEN, "x" * 16, True),
        (Scheme.MTLS, "ab" * 32, True),
        (Scheme.MTLS, "AB:" * 19 + "AB", True),
        (Scheme.MTLS, "CN=scanner, O=Example", False),
    ],
)
def test_the_form_of_a_secret_is_checked(scheme: Scheme, secret: str, fine: bool) -> None:
    assert usable(scheme, secret) is fine


# Whatever arrives

TEXT = st.text(max_size=80) | st.sampled_from(
    ["", "v1,", "v0=", "t=,v1=", "sha256=", "Bearer ", "Basic ", "\x00", "\udcff"]
)
NAMES = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-slack-request-timestamp",
    "x-slack-signature",
    "stripe-signature",
    "x-hub-signature-256",
    "authorization",
    "x-proof",
    "x-forwarded-client-cert",
    "x-amz-sns-rawdelivery",
]
SAMPLE = (SNS / "notification_v2.json").read_bytes()


@settings(max_examples=300, deadline=None)
@given(
    scheme=st.sampled_from([scheme for scheme in Scheme if scheme is not Scheme.NONE]),
    body=st.binary(max_size=200) | st.sampled_from([SAMPLE[:-7], b"[" * 5000, b'{"Type":"Notification"}']),
    headers=st.lists(st.tuples(st.sampled_from(NAMES), TEXT), max_size=8),
    query=st.lists(st.tuples(st.just("token"), TEXT), max_size=3),
    secrets=st.lists(TEXT, max_size=2),
)
def test_nothing_that_arrives_raises_anything_else(
    scheme: Scheme, body: bytes, headers: list[tuple[str, str]], query: list[tuple[str, str]], secrets: list[str]
) -> None:
    strangers = tuple(f"{secret}: nobody sends this one" for secret in secrets)
    terms = Terms(scheme, strangers, header="x-proof", topics=(TOPIC,), proxies=("10.0.0.0/8",), subjects=("CN=a",))
    assert judged(terms, body, headers, query=query, peer="10.1.1.1", web=Web(), now=SENT) is None


def test_every_scheme_has_its_row() -> None:
    assert set(CHECKS) == set(Scheme)


# Replays under another name


def delivered(scheme: str, headers: dict[str, str]) -> str:
    sources = parse_sources(f"version: sources/v1\nsources: {{s: {{adapter: own, auth: {{{scheme}}}}}}}")
    request = Request(BODY, headers)
    return open_delivery("s", request, sources=sources, resolve=lambda name: SECRET, now=NOW).delivery_id


@pytest.mark.parametrize("make", [slack, stripe])
def test_an_unsigned_id_does_not_make_a_new_delivery_of_a_signed_one(make: Any) -> None:
    scheme = f"scheme: {make.__name__}, secrets: [secret://env/X]"
    first = delivered(scheme, make() | {"webhook-id": "one"})
    assert first == delivered(scheme, make() | {"webhook-id": "two", "idempotency-key": "three"})
    later = str(int(SECONDS) + 1)
    assert first != delivered(scheme, make(at=later))
    if make is stripe:
        value = make()["Stripe-Signature"] + f",v1={'0' * 64}"
        assert first == delivered(scheme, {"Stripe-Signature": value})


# The same answer, for the same work

SOURCES = """
version: sources/v1
sources:
  signed: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/SHARED]}}
  both: {adapter: own, auth: {scheme: standard_webhooks, secrets: [secret://env/SHARED, secret://env/OTHER]}}
  slack: {adapter: own, auth: {scheme: slack, secrets: [secret://env/PLAIN]}}
  stripe: {adapter: own, auth: {scheme: stripe, secrets: [secret://env/PLAIN]}}
  github: {adapter: own, auth: {scheme: github, secrets: [secret://env/PLAIN]}}
  bearer: {adapter: own, auth: {scheme: bearer, secrets: [secret://env/PLAIN]}}
  basic: {adapter: own, auth: {scheme: basic, secrets: [secret://env/PLAIN]}}
  link: {adapter: own, auth: {scheme: url_token, secrets: [secret://env/PLAIN]}}
  mtls: {adapter: own, auth: {scheme: mtls, proxies: [10.0.0.0/8], subjects: [CN=a]}}
  sns: {adapter: own, auth: {scheme: sns, topics: ["arn:aws:sns:us-east-1:111122223333:x"]}}
  away: {adapter: own, cidrs: [192.0.2.0/24], auth: {scheme: bearer, secrets: [secret://env/PLAIN]}}
  off: {adapter: own, state: disabled, auth: {scheme: bearer, secrets: [secret://env/PLAIN]}}
"""
VAULT = {"secret://env/SHARED": SHARED, "secret://env/OTHER": SHARED, "secret://env/PLAIN": SECRET}
LONG = b'{"a": "' + b"x" * 100_000 + b'"}'


def test_no_refusal_can_be_told_from_another_by_its_words_or_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    real = hmac.digest

    def counted(key: bytes, message: bytes, digest: str) -> bytes:
        passes.append(len(message) // len(LONG))
        return real(key, message, digest)

    monkeypatch.setattr(hmac, "digest", counted)
    sources = parse_sources(SOURCES)
    stale = sign(LONG, secret=SHARED, delivery_id="m", now=NOW - timedelta(hours=1))
    wrong = sign(LONG + b" ", secret=SHARED, delivery_id="m", now=NOW)
    seen = set()
    for name in [*sources.by_name, "nosuch", "", "SIGNED"]:
        for headers in ({}, stale, wrong, {"authorization": "Bearer x"}, {"x-hub-signature-256": "sha256=00"}):
            passes.clear()
            with pytest.raises(IntakeError) as caught:
                open_delivery(name, Request(LONG, headers), sources=sources, resolve=VAULT.__getitem__, now=NOW)
            error = caught.value
            seen.add((error.status, error.code, error.message, error.hint, error.place, sum(passes)))
    assert len(seen) == 1
    (only,) = seen
    assert (only[0], only[-1]) == (401, 2)
