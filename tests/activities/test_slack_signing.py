"""Only what Slack signed, just now and once, is accepted; the third party that signs here is slack_sdk."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from stanch.errors import IntakeError
from stanch.slack.signing import sign, verify

VECTORS = json.loads((Path(__file__).parents[1] / "data/slack/slack-signature-vectors.json").read_text())
SECRET = VECTORS["signing_secret"]
BODY = VECTORS["body"].encode()
AT = datetime.fromtimestamp(int(VECTORS["timestamp"]), tz=UTC)
HEADERS = {"X-Slack-Request-Timestamp": VECTORS["timestamp"], "X-Slack-Signature": VECTORS["signature"]}


def never(_signature: str) -> bool:
    return False


def remembering(known: set[str]) -> Callable[[str], bool]:
    def seen(signature: str) -> bool:
        repeated = signature in known
        known.add(signature)
        return repeated

    return seen


def accept(
    body: bytes = BODY,
    headers: dict[str, str] = HEADERS,
    *,
    now: datetime = AT,
    secrets: tuple[str, ...] = (SECRET,),
    seen: Callable[[str], bool] = never,
) -> None:
    verify(body, headers, secrets=secrets, now=now, seen=seen)


def refusal(body: bytes = BODY, headers: dict[str, str] = HEADERS, *, now: datetime = AT) -> tuple[object, ...]:
    with pytest.raises(IntakeError) as caught:
        accept(body, headers, now=now)
    return caught.value.status, caught.value.message, caught.value.code, caught.value.hint


UNIFORM = refusal(headers={})


def test_the_documented_vector_is_accepted() -> None:
    accept()


def test_header_names_come_in_any_case() -> None:
    accept(headers={name.lower(): value for name, value in HEADERS.items()})
    accept(headers={name.upper(): value for name, value in HEADERS.items()})


@pytest.mark.parametrize(
    ("skew", "accepted"),
    [
        (300, VECTORS["edge_cases_measured_on_slack_sdk_3_47"]["clock_skew_plus_300"]),
        (301, VECTORS["edge_cases_measured_on_slack_sdk_3_47"]["clock_skew_plus_301"]),
        (-300, VECTORS["edge_cases_measured_on_slack_sdk_3_47"]["clock_skew_minus_300"]),
        (-301, "rejected"),
    ],
)
def test_the_window_is_five_minutes_both_ways(skew: int, accepted: str) -> None:
    if accepted == "accepted":
        accept(now=AT + timedelta(seconds=skew))
    else:
        assert refusal(now=AT + timedelta(seconds=skew)) == UNIFORM


@pytest.mark.parametrize(
    "changed",
    [
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "1531420618.0"},
        {"X-Slack-Request-Timestamp": "١٥٣١٤٢٠٦١٨"},
        {"X-Slack-Request-Timestamp": "-1531420618"},
        {"X-Slack-Request-Timestamp": "9" * 400},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Signature": "v0=é"},
        {"X-Slack-Signature": "\x00\ud800"},
        {"X-Slack-Signature": VECTORS["signature"].upper()},
        {"X-Slack-Signature": VECTORS["signature"].replace("v0", "v1")},
        {"X-Slack-Signature": VECTORS["signature"] + "\n"},
        {"X-Slack-Signature": ""},
    ],
)
def test_odd_headers_are_refused_like_forged_ones(changed: dict[str, str]) -> None:
    assert refusal(headers={**HEADERS, **changed}) == UNIFORM


@pytest.mark.parametrize("missing", list(HEADERS))
def test_a_missing_header_is_refused(missing: str) -> None:
    assert refusal(headers={name: value for name, value in HEADERS.items() if name != missing}) == UNIFORM


def test_a_header_sent_twice_is_refused() -> None:
    assert refusal(headers={**HEADERS, "x-slack-signature": VECTORS["signature"]}) == UNIFORM


def test_a_body_that_is_no_text_is_judged_by_its_bytes() -> None:
    assert refusal(body=b"\xff\xfe") == UNIFORM


def test_a_repeated_request_is_refused() -> None:
    known: set[str] = set()
    accept(seen=remembering(known))
    with pytest.raises(IntakeError):
        accept(seen=remembering(known))


def test_a_forged_request_leaves_no_trace_in_the_replay_memory() -> None:
    known: set[str] = set()
    with pytest.raises(IntakeError):
        accept(b"other", seen=remembering(known))
    assert known == set()


def test_two_secrets_serve_while_one_replaces_the_other() -> None:
    accept(secrets=("new", SECRET))
    accept(secrets=(SECRET, "old"))


@pytest.mark.parametrize("secrets", [(), ("",), ("other",)])
def test_without_the_right_secret_nothing_is_accepted(secrets: tuple[str, ...]) -> None:
    with pytest.raises(IntakeError):
        accept(secrets=secrets)


@pytest.mark.parametrize("secret", ["", " "])
def test_an_empty_secret_never_verifies(secret: str) -> None:
    signature = sign(BODY, timestamp=VECTORS["timestamp"], secret=secret)
    with pytest.raises(IntakeError):
        accept(headers={**HEADERS, "X-Slack-Signature": signature}, secrets=(secret,))


@given(body=st.text().map(str.encode), secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_what_the_sdk_signs_is_accepted(body: bytes, secret: str) -> None:
    signature = str(SignatureVerifier(secret).generate_signature(timestamp=VECTORS["timestamp"], body=body))
    accept(body, {**HEADERS, "X-Slack-Signature": signature}, secrets=(secret,))


@given(body=st.binary(), timestamp=st.text(), signature=st.text())
def test_nothing_but_the_uniform_refusal_is_ever_raised(body: bytes, timestamp: str, signature: str) -> None:
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    assert refusal(body, headers) == UNIFORM


def test_a_thousand_tampered_requests_are_refused() -> None:
    random_source = random.Random(7)
    for _ in range(1000):
        body, headers = _tampered(random_source)
        assert refusal(body, headers) == UNIFORM


def _tampered(source: random.Random) -> tuple[bytes, dict[str, str]]:
    what = source.choice(["body", "X-Slack-Request-Timestamp", "X-Slack-Signature"])
    if what == "body":
        place = source.randrange(len(BODY))
        flipped = BODY[place] ^ (1 << source.randrange(8))
        return BODY[:place] + bytes([flipped]) + BODY[place + 1 :], HEADERS
    value = HEADERS[what]
    place = source.randrange(len(value))
    other = source.choice([char for char in "0123456789abcdef" if char != value[place]])
    return BODY, {**HEADERS, what: value[:place] + other + value[place + 1 :]}
