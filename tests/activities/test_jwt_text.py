"""Claims found in the text of tokens: every layout of the claim, and nothing but the claim."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities._jwt_text import claim_needles, claim_patterns, claims_named
from stanch.errors import Rejected
from stanch.leases import Principal

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
IDS = st.from_regex(r"[A-Za-z0-9_.|@-]{1,40}", fullmatch=True)
MORE = st.dictionaries(st.text(max_size=8), st.text(max_size=12) | st.integers() | st.booleans(), max_size=4)


def token(claims: dict[str, Any], *, tight: bool = True) -> str:
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    texts = [json.dumps(part, separators=(",", ":") if tight else None) for part in parts]
    encoded = [base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in texts]
    return ".".join([*encoded, "c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"])


def found(claims: dict[str, str], header: str) -> bool:
    """By expression, and by plain text: both must say the same."""
    by_pattern = all(re.search(pattern, header) for pattern in claim_patterns(claims))
    assert by_pattern == all(any(needle in header for needle in each) for each in claim_needles(claims))
    return by_pattern


@settings(max_examples=15, deadline=None)
@given(user=IDS, before=MORE, after=MORE, tight=st.booleans())
def test_the_claim_is_found_wherever_it_stands(
    user: str, before: dict[str, Any], after: dict[str, Any], tight: bool
) -> None:
    claims = {**before, "sub": user, **{key: value for key, value in after.items() if key != "sub"}}
    assert found({"sub": user}, f"Bearer {token(claims, tight=tight)}")


@settings(max_examples=15, deadline=None)
@given(user=IDS, other=IDS, more=MORE)
def test_nobody_else_is_found(user: str, other: str, more: dict[str, Any]) -> None:
    more.pop("sub", None)
    if other != user:
        assert not found({"sub": user}, f"Bearer {token({**more, 'aud': user, 'sub': other})}")


@pytest.mark.parametrize("other", ["user-10", "user-1!", "xuser-1", "user-1 ", "User-1"])
@pytest.mark.parametrize("lead", ["", "a", "ab"])
def test_the_edges_of_a_value_count(other: str, lead: str) -> None:
    assert found({"sub": "user-1"}, token({"x": lead, "sub": "user-1"}))
    assert not found({"sub": "user-1"}, token({"x": lead, "sub": other}))


def test_all_claims_must_be_there_in_any_order() -> None:
    asked = {"sub": "user-1", "client_id": "scraper"}
    assert found(asked, token({"sub": "user-1", "client_id": "scraper"}))
    assert found(asked, token({"client_id": "scraper", "scope": "x", "sub": "user-1"}))
    assert not found(asked, token({"sub": "user-1", "client_id": "app"}))
    assert not found(asked, token({"sub": "user-2", "client_id": "scraper"}))


def test_number_is_found_with_and_without_quotes() -> None:
    for value in (42, "42"):
        assert found({"client_id": "42"}, token({"client_id": value, "exp": 1}))
        assert found({"client_id": "42"}, token({"exp": 1, "client_id": value}))
    assert not found({"client_id": "42"}, token({"client_id": 421, "x": 42}))


def test_changing_what_is_not_signed_changes_nothing() -> None:
    """The last character of a signature, the scheme's case, blanks: all of them reach lenient verifiers."""
    plain = token({"sub": "user-1"})
    twins = [plain[:-1] + char for char in ALPHABET[::8]]
    for header in [f"bearer {plain}", f"BEARER   {plain}", f"Bearer\t{plain}", plain, *twins]:
        assert found({"sub": "user-1"}, header)


def test_text_that_looks_like_a_claim_is_not_one() -> None:
    assert not found({"sub": "user-1"}, token({"name": '"sub":"user-1"', "sub": "user-2"}))


@pytest.mark.parametrize(
    ("principal", "why"),
    [
        (Principal(token_hash="0" * 64), "by its hash"),
        (Principal(), "without saying who"),
        (Principal(user_id='a"b'), "spell its value differently"),
        (Principal(user_id="a/b/c"), "spell its value differently"),
        (Principal(user_id="a\\b\\c"), "spell its value differently"),
        (Principal(user_id="bjørn"), "spell its value differently"),
        (Principal(user_id="a<b>c"), "spell its value differently"),
        (Principal(user_id="a\nb"), "spell its value differently"),
        (Principal(user_id="x" * 129), "spell its value differently"),
    ],
)
def test_what_cannot_be_told_from_the_text_is_refused_with_a_way_out(principal: Principal, why: str) -> None:
    with pytest.raises(Rejected) as refused:
        claims_named(principal, gateway="nginx")
    assert why in refused.value.message
    assert refused.value.hint


def test_token_id_next_to_a_hash_is_enough() -> None:
    assert claims_named(Principal(token_id="jti-1", token_hash="0" * 64), gateway="x") == {"jti": "jti-1"}
    assert claims_named(None, gateway="x") == {}
