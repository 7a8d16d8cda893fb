"""Intake: strict bodies, proof of sender, sources files, delivery ids."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import ConfigError, IntakeError
from stanch.findings import Assurance
from stanch.intake.bodies import Limits, decompress, parse_documents
from stanch.intake.config import Sources, load_sources, parse_sources
from stanch.intake.deliveries import Delivery, Request, delivery_id, extract_delivery, open_delivery
from stanch.intake.redaction import Redactor
from stanch.intake.signatures import Scheme, sign, usable, verify
from stanch.sources import Reason

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"another key of 24 bytes!").decode()
BODY = b'{"title":"No policy","type":"missing_security_policy","severity":"high","api":{"host":"shop.example.com"}}'


@pytest.mark.parametrize(
    ("body", "documents"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b'[{"a": 1}, {"b": 2}]', [{"a": 1}, {"b": 2}]),
        (b'{"a": 1}\n{"b": 2}\r\n\n', [{"a": 1}, {"b": 2}]),
        (b'\xef\xbb\xbf {"a": 1}', [{"a": 1}]),
        (b'{\n "a": {\n }\n}', [{"a": {}}]),
        ('{"a": "ü"}'.encode(), [{"a": "ü"}]),
    ],
)
def test_bodies_become_documents(body: bytes, documents: list[Any]) -> None:
    assert parse_documents(body) == documents


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b'{"a": 1} x',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"[" * 100_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
        b"1" * 6000,
        b'{"a": 1}\n{"b": 2, "b": 3}',
        b"{'a': 1}",
    ],
)
def test_unclear_bodies_are_refused_with_400(body: bytes) -> None:
    with pytest.raises(IntakeError) as caught:
        parse_documents(body)
    assert caught.value.status == 400


def test_the_line_of_a_bad_ndjson_item_is_named() -> None:
    with pytest.raises(IntakeError) as caught:
        parse_documents(b'{"a": 1}\n{"b":')
    assert caught.value.place == "line 2"


@pytest.mark.parametrize(
    ("body", "limits", "status"),
    [
        (b" " * 2000, Limits(delivery=1000), 413),
        (b"[" + b"1," * 10 + b"1]", Limits(items=10), 413),
    ],
)
def test_large_bodies_are_refused(body: bytes, limits: Limits, status: int) -> None:
    with pytest.raises(IntakeError) as caught:
        parse_documents(body, limits=limits)
    assert caught.value.status == status


@pytest.mark.parametrize("media", ["text/html", "multipart/form-data; boundary=x", "image/png"])
def test_other_media_types_are_refused_with_415(media: str) -> None:
    with pytest.raises(IntakeError) as caught:
        parse_documents(b"{}", media)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "media",
    ["application/json; charset=utf-8", "application/cloudevents+json", "text/plain", "application/x-ndjson", ""],
)
def test_json_comes_under_many_names(media: str) -> None:
    assert parse_documents(b"{}", media) == [{}]


def test_gzip_is_unpacked_within_ratio_and_size() -> None:
    plain = json.dumps({"a": [hashlib.sha256(bytes([n])).hexdigest() for n in range(100)]}).encode()
    assert decompress(gzip.compress(plain), "gzip") == plain
    assert decompress(plain, "") == plain
    bomb = gzip.compress(b"0" * 900_000)
    for body, encoding, status in (
        (bomb, "gzip", 413),
        (gzip.compress(plain)[:-4], "gzip", 400),
        (gzip.compress(plain) + b"x", "gzip", 400),
        (plain, "gzip", 400),
        (plain, "br", 415),
        (b"0" * 2_000_000, "", 413),
    ):
        with pytest.raises(IntakeError) as caught:
            decompress(body, encoding)
        assert caught.value.status == status


@given(st.binary(max_size=200))
def test_no_body_crashes_the_parser(body: bytes) -> None:
    try:
        parse_documents(body)
        decompress(body, "gzip")
    except IntakeError:
        pass


@given(body=st.binary(max_size=300), key=st.binary(min_size=24, max_size=64))
def test_signatures_agree_with_the_reference_library(body: bytes, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = standardwebhooks.Webhook(secret)
    now = datetime.now(UTC)
    text = body.hex()
    ours = sign(text.encode(), secret=secret, delivery_id="msg_1", now=now)
    assert ours["webhook-signature"] == theirs.sign("msg_1", now, text)
    assert verify(text.encode(), ours, scheme=Scheme.STANDARD_WEBHOOKS, secrets=[secret], now=now) is Assurance.A


def signed(body: bytes = BODY, *, secret: str = SECRET, when: datetime = NOW, name: str = "msg_1") -> dict[str, str]:
    return sign(body, secret=secret, delivery_id=name, now=when)


def accepted(headers: dict[str, str], *secrets: str, body: bytes = BODY) -> bool:
    try:
        verify(body, headers, scheme=Scheme.STANDARD_WEBHOOKS, secrets=secrets or (SECRET,), now=NOW)
    except IntakeError:
        return False
    return True


def test_two_secrets_serve_a_rotation() -> None:
    assert accepted(signed(secret=OTHER), SECRET, OTHER)
    assert accepted(signed(secret=SECRET), SECRET, OTHER)
    assert not accepted(signed(secret=OTHER), SECRET)


@pytest.mark.parametrize(("seconds", "fine"), [(-301, False), (-299, True), (299, True), (301, False)])
def test_the_window_is_five_minutes_both_ways(seconds: int, fine: bool) -> None:
    assert accepted(signed(when=NOW + timedelta(seconds=seconds))) is fine


def test_every_signed_part_is_bound() -> None:
    headers = signed()
    assert accepted({name.upper(): value for name, value in headers.items()})
    assert not accepted(headers, body=BODY + b" ")
    assert not accepted(headers | {"webhook-id": "msg_2"})
    assert not accepted(headers | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)})


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,ü"},
        {"webhook-signature": "v1,====="},
        {"webhook-signature": ", ,v1"},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "١٢٣"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": ""},
        {"webhook-id": ""},
    ],
)
def test_odd_headers_are_refused_not_raised(change: dict[str, str]) -> None:
    assert not accepted(signed() | change)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whpk_AAAA", "ü"])
def test_an_unusable_secret_matches_nothing(secret: str) -> None:
    empty_key = hmac.new(b"", b"msg_1." + str(int(NOW.timestamp())).encode() + b"." + BODY, hashlib.sha256).digest()
    forged = signed() | {"webhook-signature": "v1," + base64.b64encode(empty_key).decode()}
    assert not accepted(forged, secret)
    assert not usable(Scheme.STANDARD_WEBHOOKS, secret)
    with pytest.raises(ConfigError):
        signed(secret=secret)


@pytest.mark.parametrize(
    ("scheme", "headers", "fine"),
    [
        (Scheme.BEARER, {"Authorization": "Bearer s3cret"}, True),
        (Scheme.BEARER, {"authorization": "bearer s3cret"}, True),
        (Scheme.BEARER, {"Authorization": "Bearer other"}, False),
        (Scheme.BEARER, {"Authorization": "Basic s3cret"}, False),
        (Scheme.BEARER, {}, False),
        (Scheme.BASIC, {"Authorization": "Basic " + base64.b64encode(b"s3cret").decode()}, True),
        (Scheme.BASIC, {"Authorization": "Basic s3cret"}, False),
        (Scheme.HEADER, {"X-Token": "s3cret"}, True),
        (Scheme.HEADER, {"X-Token": ""}, False),
        (Scheme.HEADER, {"X-Other": "s3cret"}, False),
        (Scheme.GITHUB, {"X-Hub-Signature-256": "sha256=ü"}, False),
        (Scheme.GITHUB, {"X-Hub-Signature-256": ""}, False),
    ],
)
def test_static_proof_earns_assurance_b(scheme: Scheme, headers: dict[str, str], fine: bool) -> None:
    def earned() -> Assurance:
        return verify(BODY, headers, scheme=scheme, secrets=["s3cret"], now=NOW, header="X-Token")

    if fine:
        assert earned() is Assurance.B
        return
    with pytest.raises(IntakeError) as caught:
        earned()
    assert caught.value.status == 401


def test_no_secret_at_all_lets_nobody_in() -> None:
    for scheme in set(Scheme) - {Scheme.NONE}:
        with pytest.raises(IntakeError):
            verify(
                BODY,
                {"Authorization": "Bearer ", "X-Token": ""},
                scheme=scheme,
                secrets=[""],
                now=NOW,
                header="X-Token",
            )


SOURCES = """\
version: sources/v1
sources:
  own:
    adapter: own
    auth: {scheme: standard_webhooks, secrets: [secret://env/NEW, secret://env/OLD]}
  capped:
    adapter: own
    auth: {scheme: standard_webhooks, secrets: [secret://env/NEW]}
    assurance: C
    kinds: [attack]
    cidrs: [192.0.2.0/24, 2001:db8::/32]
  waf:
    adapter: wallarm
    auth: {scheme: header, header: X-Token, secrets: [secret://env/NEW]}
    max_bytes: 2048
  off:
    adapter: own
    auth: {scheme: none}
    state: disabled
  gone:
    adapter: own
    auth: {scheme: none}
    state: retired
"""
VAULT = {"secret://env/NEW": SECRET, "secret://env/OLD": OTHER}


def sources() -> Sources:
    return parse_sources(SOURCES, "sources.yaml")


def opened(name: str, headers: dict[str, str], body: bytes = BODY, remote: str = "192.0.2.7") -> Delivery:
    request = Request(body=body, headers=headers, remote=remote)
    return open_delivery(name, request, sources=sources(), resolve=VAULT.__getitem__, now=NOW)


def test_a_signed_delivery_is_opened_and_extracted() -> None:
    delivery = opened("own", signed())
    assert (delivery.delivery_id, delivery.assurance, delivery.source_id) == ("msg_1", Assurance.A, "own")
    assert delivery.body_digest == hashlib.sha256(BODY).hexdigest()
    found = extract_delivery(delivery, sources=sources(), redactor=Redactor(b"k"))
    metadata = found.findings[0].metadata
    assert (metadata.source_id, metadata.delivery_id, metadata.assurance) == ("own", "msg_1", Assurance.A)
    assert metadata.received_time == NOW
    again = extract_delivery(opened("own", signed()), sources=sources(), redactor=Redactor(b"k"))
    assert again.findings[0].uid == found.findings[0].uid


def test_slices_of_a_delivery_give_what_the_whole_gives() -> None:
    body = b"\n".join([BODY] * 5)
    delivery, redactor = opened("own", signed(body), body), Redactor(b"k")
    whole = extract_delivery(delivery, sources=sources(), redactor=redactor)
    parts = [extract_delivery(delivery, sources=sources(), redactor=redactor, start=n, stop=n + 2) for n in (0, 2, 4)]
    assert [finding.uid for part in parts for finding in part.findings] == [finding.uid for finding in whole.findings]
    assert [index for part in parts for index in part.indexes] == [0, 1, 2, 3, 4]
    assert len({finding.uid for finding in whole.findings}) == 5


def test_gzip_is_verified_as_sent() -> None:
    packed = gzip.compress(BODY)
    delivery = opened("own", signed(packed) | {"content-encoding": "gzip"}, packed)
    assert delivery.documents == (json.loads(BODY),)


def test_whatever_cannot_be_proven_gets_one_answer() -> None:
    answers = set()
    for name, headers, remote in (
        ("nosuch", signed(), "192.0.2.7"),
        ("own", signed(secret="whsec_" + base64.b64encode(b"x" * 24).decode()), "192.0.2.7"),
        ("own", {}, "192.0.2.7"),
        ("own", signed(when=NOW - timedelta(hours=1)), "192.0.2.7"),
        ("capped", signed(), "198.51.100.1"),
        ("capped", signed(), "unknown"),
    ):
        with pytest.raises(IntakeError) as caught:
            opened(name, headers, remote=remote)
        answers.add((caught.value.status, caught.value.message, caught.value.code, caught.value.hint))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 401


def test_a_source_may_lower_assurance_and_kinds() -> None:
    delivery = opened("capped", signed(), remote="::ffff:192.0.2.9")
    assert delivery.assurance is Assurance.C
    found = extract_delivery(delivery, sources=sources(), redactor=Redactor(b"k"))
    assert [item.reason for item in found.quarantined] == [Reason.NOT_ALLOWED]


@pytest.mark.parametrize(("name", "status"), [("off", 403), ("gone", 410)])
def test_closed_sources(name: str, status: int) -> None:
    with pytest.raises(IntakeError) as caught:
        opened(name, {})
    assert caught.value.status == status


def test_the_size_of_a_source_is_its_own() -> None:
    with pytest.raises(IntakeError) as caught:
        opened("waf", {"X-Token": SECRET}, b" " * 3000)
    assert caught.value.status == 413


def test_a_missing_second_secret_does_not_stop_the_first() -> None:
    def resolve(reference: str) -> str:
        if reference.endswith("OLD"):
            raise ConfigError("missing")
        return SECRET

    request = Request(body=BODY, headers=signed())
    assert open_delivery("own", request, sources=sources(), resolve=resolve, now=NOW).delivery_id == "msg_1"

    def nothing(reference: str) -> str:
        raise ConfigError("missing")

    with pytest.raises(ConfigError) as caught:
        open_delivery("own", request, sources=sources(), resolve=nothing, now=NOW)
    assert caught.value.code == "I026"
    assert "secret://" not in caught.value.message + caught.value.hint


def test_secrets_and_bodies_are_not_in_repr() -> None:
    assert SECRET not in repr(Request(body=SECRET.encode(), headers={"x": SECRET}))
    assert "shop.example.com" not in repr(opened("own", signed()))


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Webhook-Id": "msg_9", "Idempotency-Key": "k"}, {}, "msg_9"),
        ({"ce-id": "1", "ce-source": "/a"}, {}, "/a#1"),
        ({"X-GitHub-Delivery": "g-1"}, {}, "g-1"),
        ({"X-Snyk-Transport-ID": "s-1"}, {}, "s-1"),
        ({"Idempotency-Key": "k"}, {}, "k"),
        ({}, {"specversion": "1.0", "source": "/a", "id": "1"}, "/a#1"),
        ({}, {"Type": "Notification", "TopicArn": "arn", "MessageId": "m"}, "sns-m"),
        ({}, {"detail-type": "x", "id": "e"}, "eventbridge-e"),
    ],
)
def test_delivery_ids(headers: dict[str, str], body: dict[str, Any], expected: str) -> None:
    request = Request(body=json.dumps(body).encode(), headers=headers)
    assert delivery_id(request, [body], now=NOW) == expected


def test_a_delivery_without_an_id_is_known_by_its_body_for_ten_minutes() -> None:
    def of(body: bytes, when: datetime) -> str:
        return delivery_id(Request(body=body, headers={}), [1], now=when)

    assert of(b"a", NOW) == of(b"a", NOW + timedelta(minutes=9))
    assert of(b"a", NOW) != of(b"a", NOW + timedelta(minutes=11))
    assert of(b"a", NOW) != of(b"b", NOW)


def test_strange_delivery_ids_are_digested() -> None:
    found = delivery_id(Request(body=b"", headers={"webhook-id": "x" * 500}), [], now=NOW)
    assert len(found) < 80
    assert found.isascii()


def test_the_shipped_sources_file_loads() -> None:
    shipped = load_sources(Path(__file__).parents[2] / "policy" / "sources.yaml")
    assert {"own", "wallarm", "zap", "noname", "ocsf", "guardduty"} <= set(shipped.by_name)


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("adapter: wallarm", "adapter: walarm", "S009", 13),
        ("scheme: header, header: X-Token", "scheme: header", "S007", 14),
        ("scheme: standard_webhooks, secrets: [secret://env/NEW]", "scheme: bearer", "S007", 8),
        ("secret://env/NEW, ", "plain-text-secret, ", "S001", 5),
        ("192.0.2.0/24", "192.0.2.7/24", "S008", 11),
        ("kinds: [attack]", "kinds: [attacks]", "S001", 10),
        ("max_bytes: 2048", "max_size: 2048", "S002", 15),
        ("sources/v1", "sources/v2", "S001", 1),
    ],
)
def test_mistakes_in_a_sources_file_have_a_line(old: str, new: str, code: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sources(SOURCES.replace(old, new, 1), "sources.yaml")
    assert (code, line) in [(problem.code, problem.line) for problem in caught.value.problems]
    assert "plain-text-secret" not in str([str(problem) for problem in caught.value.problems])
