"""A button decides only what we wrote into it, until its time."""

from __future__ import annotations

import base64
import random
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.errors import IntakeError
from stanch.slack.signing import Button, Verdict, button_token, read_button_token

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEYS = {"k1": "first secret", "k2": "second secret"}
BUTTON = Button(
    approval_id="case-x:block:1", verdict=Verdict.APPROVE, case_id="case-x", expires_at=NOW + timedelta(hours=1)
)
TOKEN = button_token(BUTTON, key_id="k1", secret=KEYS["k1"])


def status(token: str, *, keys: dict[str, str] = KEYS, now: datetime = NOW) -> int:
    with pytest.raises(IntakeError) as caught:
        read_button_token(token, secrets=keys, now=now)
    return caught.value.status


@given(st.sampled_from(Verdict), st.text(max_size=60), st.text(max_size=60), st.sampled_from(sorted(KEYS)))
def test_a_token_gives_back_what_went_in(verdict: Verdict, approval_id: str, option: str, key_id: str) -> None:
    button = Button(approval_id=approval_id, verdict=verdict, case_id="c", expires_at=BUTTON.expires_at, option=option)
    token = button_token(button, key_id=key_id, secret=KEYS[key_id])
    assert read_button_token(token, secrets=KEYS, now=NOW) == button
    assert len(token) <= 2000
    assert token.isascii()


def test_a_token_ends_at_its_expiry() -> None:
    read_button_token(TOKEN, secrets=KEYS, now=BUTTON.expires_at - timedelta(seconds=1))
    assert status(TOKEN, now=BUTTON.expires_at) == 410


def test_a_withdrawn_key_makes_its_tokens_worthless() -> None:
    assert status(TOKEN, keys={"k2": KEYS["k2"]}) == 401
    assert status(TOKEN, keys={"k1": ""}) == 401
    assert status(TOKEN, keys={}) == 401


def test_a_token_under_another_key_is_refused() -> None:
    assert status(button_token(BUTTON, key_id="k1", secret=KEYS["k2"])) == 401
    assert status(button_token(BUTTON, key_id="k1", secret="-"), keys={}) == 401


def test_one_verdict_cannot_be_grafted_onto_another_token() -> None:
    denied = button_token(
        Button(approval_id="a", verdict=Verdict.DENY, case_id="c", expires_at=BUTTON.expires_at),
        key_id="k1",
        secret=KEYS["k1"],
    )
    version, key_id, _, mac = denied.split(".")
    assert status(".".join([version, key_id, TOKEN.split(".")[2], mac])) == 401


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    """The last character of unpadded base64 has bits that decoding ignores."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    head, mac = TOKEN.rsplit(".", 1)
    respelled = mac[:-1] + alphabet[alphabet.index(mac[-1]) + 1]
    assert base64.urlsafe_b64decode(respelled + "=") == base64.urlsafe_b64decode(mac + "=")
    assert status(f"{head}.{respelled}") == 401


def test_a_thousand_tampered_tokens_are_refused() -> None:
    source = random.Random(11)
    alphabet = string.ascii_letters + string.digits + "-_.=\n é"
    for _ in range(1000):
        place = source.randrange(len(TOKEN))
        put = source.choice([char for char in alphabet if char != TOKEN[place]])
        kind = source.choice(["replace", "insert", "delete"])
        tampered = TOKEN[:place] + ("" if kind == "delete" else put) + TOKEN[place + (kind != "insert") :]
        assert status(tampered) == 401


@given(st.text())
def test_any_text_is_refused_in_one_way(text: str) -> None:
    assert status(text) == 401


@pytest.mark.parametrize("key_id", ["", "a.b", "k" * 33, "k\n"])
def test_a_malformed_key_id_is_our_own_mistake(key_id: str) -> None:
    with pytest.raises(ValueError, match="key id"):
        button_token(BUTTON, key_id=key_id, secret="s")


def test_a_token_without_secret_or_with_endless_ids_is_never_made() -> None:
    with pytest.raises(ValueError, match="secret"):
        button_token(BUTTON, key_id="k1", secret="")
    endless = Button(approval_id="a" * 3000, verdict=Verdict.DENY, case_id="c", expires_at=NOW)
    with pytest.raises(ValueError, match="too long"):
        button_token(endless, key_id="k1", secret="s")
