"""Amazon SNS: which messages are believed, which addresses are visited, and when a subscription is confirmed."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from proof_support import CERTIFICATE_URL, SENT, SNS, TOPIC, Web, judged, make_certificate

from stanch.errors import DependencyError, IntakeError
from stanch.findings import Assurance
from stanch.intake.config import parse_sources
from stanch.intake.deliveries import may_wait, open_delivery
from stanch.intake.handshakes import Handshake, HandshakeKind, confirm, handshake_of
from stanch.intake.proofs import CertificateCache, Scheme, Terms
from stanch.intake.proofs import certificates as cache
from stanch.intake.proofs.sns import canonical, subscribe_url
from stanch.intake.requests import Request

TERMS = Terms(Scheme.SNS, topics=(TOPIC,))
OLD = Terms(Scheme.SNS, topics=(TOPIC,), allow_sha1=True)
HEADERS = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
KEY, PEM = make_certificate(since=SENT - timedelta(days=30))
OWN_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def sample(name: str) -> bytes:
    return (SNS / f"{name}.json").read_bytes()


def message(key: RSAPrivateKey = KEY, **changes: Any) -> bytes:
    """A message that is signed after the changes; None takes a field away."""
    fields: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": "2026-11-20T10:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": OWN_URL,
    }
    if "Confirmation" in str(changes.get("Type")):
        url = f"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1"
        fields |= {"Token": "t1", "SubscribeURL": url}
    fields = {name: value for name, value in (fields | changes).items() if value is not None}
    signature = key.sign(canonical(fields) or b"", PKCS1v15(), hashes.SHA256())
    return json.dumps(fields | {"Signature": base64.b64encode(signature).decode()}).encode()


def earned(body: bytes, terms: Terms = TERMS, *, now: datetime = SENT, web: Web | None = None) -> Assurance | None:
    return judged(terms, body, HEADERS, now=now, web=web or Web())


def own(body: bytes, **more: Any) -> Assurance | None:
    return earned(body, web=Web({OWN_URL: PEM}), **more)


@pytest.mark.parametrize(
    ("name", "terms", "fine"),
    [
        ("notification_v2", TERMS, True),
        ("subscription_confirmation", TERMS, True),
        ("notification_v1_no_subject", TERMS, False),
        ("notification_v1_no_subject", OLD, True),
        ("notification_tampered", OLD, False),
        ("notification_foreign_topic", OLD, False),
        ("notification_bad_cert_host", OLD, False),
        ("subscription_confirmation_ssrf", OLD, False),
    ],
)
def test_the_samples(name: str, terms: Terms, fine: bool) -> None:
    web = Web()
    assert (earned(sample(name), terms, web=web) is Assurance.A) is fine
    assert set(web.asked) <= {CERTIFICATE_URL}


def test_a_foreign_topic_makes_us_fetch_nothing() -> None:
    web = Web()
    assert earned(sample("notification_foreign_topic"), web=web) is None
    assert earned(sample("notification_bad_cert_host"), web=web) is None
    assert web.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
        "https://user:pw@sns.us-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com:8443/x.pem",
        "https://sns.us-east-1.amazonaws.com:443@evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com\\@evil.example/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.pem?y=1",
        "https://sns.us-east-1.amazonaws.com/x.pem#y",
        "https://sns.us-east-1.amazonaws.com/a/x.pem",
        "https://sns.us-east-1.amazonaws.com/../x.pem",
        "https://sns.us-east-1.amazonaws.com/%2e%2e/x.pem",
        "https://sns.us-east-1.amazonaws.com/x.pem\n",
        "https://sns.us-east-1.amazonaws.com/x.txt",
        "https://snsxus-east-1.amazonaws.com/x.pem",
        "https://sns.us-east-1xamazonaws.com/x.pem",
        "https://bucket.s3.amazonaws.com/x.pem",
        "https://sns.s3.us-east-1.amazonaws.com/x.pem",
        "https://sns.amazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com.cn.evil.example/x.pem",
        "https://sns.us-east-1.аmazonaws.com/x.pem",
        "https://sns.us-east-1.amazonaws.com./x.pem",
        "https://169.254.169.254/x.pem",
        "file:///etc/x.pem",
        "//sns.us-east-1.amazonaws.com/x.pem",
        "",
        None,
        7,
        ["https://sns.us-east-1.amazonaws.com/x.pem"],
    ],
)
def test_certificates_come_from_amazon_only(url: Any) -> None:
    web = Web()
    body = json.dumps(json.loads(sample("notification_v2")) | {"SigningCertURL": url}).encode()
    assert earned(body, web=web) is None
    assert web.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0a.pem",
        "https://sns.ap-southeast-2.amazonaws.com:443/x.pem",
    ],
)
def test_every_region_has_its_host(url: str) -> None:
    assert earned(message(SigningCertURL=url), web=Web({url: PEM})) is Assurance.A


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": TOPIC + "x"},
        {"TopicArn": None},
        {"TopicArn": [TOPIC]},
        {"Type": "Other"},
        {"Type": None},
        {"Type": ["Notification"]},
        {"Message": None},
        {"Message": {"a": 1}},
        {"MessageId": None},
        {"SignatureVersion": "1"},
        {"SignatureVersion": 2},
        {"SignatureVersion": "3"},
        {"SignatureVersion": None},
        {"Timestamp": None},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-11-20T10:00:00"},
        {"Timestamp": "2026-13-40T10:00:00Z"},
        {"Timestamp": "2026-11-20T08:59:00Z"},
        {"Timestamp": "2026-11-20T10:11:00Z"},
        {"Type": "SubscriptionConfirmation", "Token": None},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": None},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://evil.example/"},
        {"Type": "UnsubscribeConfirmation", "Token": None},
    ],
)
def test_odd_messages_are_refused_though_they_are_signed(changes: dict[str, Any]) -> None:
    assert own(message(**changes)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Subject": "a subject"},
        {"Subject": ""},
        {"Message": "Type\nNotification\nTopicArn\nother\n"},
        {"Message": "ü 漢"},
        {"Timestamp": "2026-11-20T09:06:00Z"},
        {"Type": "SubscriptionConfirmation"},
        {"Type": "UnsubscribeConfirmation"},
    ],
)
def test_each_type_has_its_signed_fields(changes: dict[str, Any]) -> None:
    body = message(**changes)
    assert own(body) is Assurance.A
    for name in canonical_names(json.loads(body)):
        changed = json.loads(body) | {name: json.loads(body)[name] + "x"}
        assert own(json.dumps(changed).encode()) is None, name


def canonical_names(fields: dict[str, Any]) -> list[str]:
    always = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    return always + [name for name in ("Subject", "Token", "SubscribeURL") if name in fields]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"[{}, {}]", b'"x"', b"\xff", b"{}", b"[" * 9000, b'{"Type":1,"Type":2}']
)
def test_bodies_that_are_no_message_are_refused(body: bytes) -> None:
    assert own(body) is None


def test_raw_delivery_is_not_signed_and_is_refused() -> None:
    for said in ("true", "TRUE", " true", "yes"):
        headers = HEADERS | {"x-amz-sns-rawdelivery": said}
        assert judged(TERMS, message(), headers, now=SENT, web=Web({OWN_URL: PEM})) is None
    assert judged(TERMS, message(), HEADERS | {"x-amz-sns-rawdelivery": "false"}, now=SENT, web=Web({OWN_URL: PEM}))


@pytest.mark.parametrize(
    ("since", "bits"),
    [(SENT - timedelta(days=800), 2048), (SENT + timedelta(days=1), 2048), (SENT - timedelta(days=1), 1024)],
)
def test_expired_future_and_weak_certificates_are_refused(since: datetime, bits: int) -> None:
    key, pem = make_certificate(since=since, bits=bits)
    assert earned(message(key), web=Web({OWN_URL: pem})) is None


@pytest.mark.parametrize(
    "page", [b"", b"not a certificate", PEM[:200], b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_proves_nothing(page: bytes) -> None:
    assert earned(message(), web=Web({OWN_URL: page})) is None


# The certificates that are kept


def test_a_certificate_is_fetched_once_by_any_number_of_threads() -> None:
    web = Web({OWN_URL: PEM})
    kept = CertificateCache(web)
    threads = [threading.Thread(target=kept.get, args=(OWN_URL,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.get(OWN_URL) is not None
    assert web.asked == [OWN_URL]


def test_a_missing_certificate_is_asked_for_once_a_minute() -> None:
    web = Web({})
    kept = CertificateCache(web)
    assert [kept.get(OWN_URL) for _ in range(5)] == [None] * 5
    assert web.asked == [OWN_URL]


def test_the_cache_is_bounded_and_a_flood_of_failures_does_not_push_out_what_works() -> None:
    web = Web({OWN_URL: PEM} | {f"{OWN_URL}{number}": PEM for number in range(100)})
    kept = CertificateCache(web)
    kept.get(OWN_URL)
    for number in range(200):
        kept.get(f"https://nowhere/{number}")
    kept.get(OWN_URL)
    assert web.asked.count(OWN_URL) == 1
    for number in range(100):
        kept.get(f"{OWN_URL}{number}")
    assert len(kept._kept) <= cache.KEPT
    assert len(kept._failed) <= cache.KEPT


def test_an_unreachable_amazon_is_told_so_that_the_message_comes_again() -> None:
    asked = []

    def away(url: str) -> bytes:
        asked.append(url)
        raise DependencyError("away")

    kept = CertificateCache(away)
    for _ in range(5):
        with pytest.raises(IntakeError) as caught:
            kept.get(OWN_URL)
        assert (caught.value.status, caught.value.code) == (503, "I024")
    assert asked == [OWN_URL]


def test_a_slow_amazon_holds_up_one_thread_and_not_the_others() -> None:
    release = threading.Event()

    def slow(url: str) -> bytes:
        release.wait(20)
        return PEM

    kept = CertificateCache(slow)
    thread = threading.Thread(target=kept.get, args=(OWN_URL,))
    thread.start()
    started = time.monotonic()
    with pytest.raises(IntakeError):
        kept.get(OWN_URL)
    assert time.monotonic() - started < 5
    release.set()
    thread.join()
    assert kept.get(OWN_URL) is not None


# Subscriptions

SOURCES = """
version: sources/v1
sources:
  willing: {adapter: guardduty, auth: {scheme: sns, topics: [TOPIC], confirm: true}}
  waiting: {adapter: guardduty, auth: {scheme: sns, topics: [TOPIC]}}
""".replace("TOPIC", TOPIC)


def handshake(name: str, body: bytes) -> Handshake | None:
    sources = parse_sources(SOURCES)
    request = Request(body, HEADERS | {"webhook-id": "changed", "idempotency-key": "changed"})
    web = Web({OWN_URL: PEM, CERTIFICATE_URL: (SNS / "signing_cert.pem").read_bytes()})
    delivery = open_delivery(name, request, sources=sources, resolve=str, now=SENT, certificates=CertificateCache(web))
    assert delivery.delivery_id == "sns-" + json.loads(body)["MessageId"]
    return handshake_of(sources.by_name[name].auth, request, delivery)


def test_a_subscription_is_confirmed_only_where_the_operator_said_so() -> None:
    body = sample("subscription_confirmation")
    url = json.loads(body)["SubscribeURL"]
    assert handshake("willing", body) == Handshake(HandshakeKind.CONFIRM, TOPIC, url)
    assert handshake("waiting", body) == Handshake(HandshakeKind.WAIT, TOPIC)
    assert handshake("willing", message(Type="UnsubscribeConfirmation")) == Handshake(HandshakeKind.GONE, TOPIC)
    assert handshake("willing", sample("notification_v2")) is None


def test_only_sns_may_wait_for_the_network() -> None:
    sources = parse_sources(SOURCES + "  own: {adapter: own, auth: {scheme: none}}\n")
    assert [may_wait(name, sources=sources) for name in ("willing", "own", "nosuch")] == [True, False, False]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/?Action=ConfirmSubscription",
        f"http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1",
        f"https://sns.us-east-1.amazonaws.com@evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1",
        f"https://evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1",
        f"https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn={TOPIC}&Token=t1",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t2",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}x&Token=t1",
        f"https://sns.us-east-1.amazonaws.com/x?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1&Extra=1",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1#x",
        f"https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t1&Extra=",
        "",
        7,
    ],
)
def test_only_amazons_own_confirmation_is_visited(url: Any) -> None:
    assert subscribe_url({"TopicArn": TOPIC, "Token": "t1", "SubscribeURL": url}) == ""
    assert own(message(Type="SubscriptionConfirmation", SubscribeURL=url)) is None


def test_the_outcome_of_a_confirmation_is_logged_without_its_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found = handshake("willing", sample("subscription_confirmation"))
    assert found is not None
    web = Web({found.url: b"<ConfirmSubscriptionResponse/>"})
    assert confirm(found, source="willing", visit=web)
    assert web.asked == [found.url]
    assert not confirm(found, source="willing", visit=Web({}))

    def away(url: str) -> bytes:
        raise DependencyError("away")

    assert not confirm(found, source="willing", visit=away)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert "Token" not in caplog.text
    assert "2336412f37f" not in caplog.text
