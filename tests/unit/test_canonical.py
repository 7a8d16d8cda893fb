"""The canonical form is one per value and agrees with ECMAScript on numbers."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stanch.canonical import canonical, digest, rfc3339


class Colour(StrEnum):
    RED = "red"


class Sample(BaseModel):
    name: str
    when: datetime


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (4.5, "4.5"),
        (0.002, "0.002"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (333333333.33333329, "333333333.3333333"),
        (-1.5e300, "-1.5e+300"),
        (5e-324, "5e-324"),
        (2**70, "1180591620717411303424"),
        ('€\n\x0f"\\/', '"€\\n\\u000f\\"\\\\/"'),
        ({"b": 1, "a": (1, 2)}, '{"a":[1,2],"b":1}'),
        # An astral letter sorts below U+FB33 by UTF-16 code units, above it by code point.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
        (Colour.RED, '"red"'),
        (timedelta(hours=1), "3600"),
        (datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))), '"2026-03-01T12:00:00Z"'),
        (NOON.replace(microsecond=250000), '"2026-03-01T12:00:00.250000Z"'),
        (Sample(name="x", when=NOON), '{"name":"x","when":"2026-03-01T12:00:00Z"}'),
    ],
)
def test_known_forms(value: object, text: str) -> None:
    assert canonical(value).decode() == text


@pytest.mark.parametrize("value", [math.nan, math.inf, datetime(2026, 1, 1), "\ud800"])
def test_values_without_one_form_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"canonical form|surrogates"):
        canonical(value)


@pytest.mark.parametrize("value", [b"x", {1: 2}, {1, 2}, object()])
def test_types_without_a_json_form_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_it_is_json_and_reading_it_back_changes_nothing(value: object) -> None:
    encoded = canonical(value)
    assert canonical(json.loads(encoded)) == encoded


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_itself(value: float) -> None:
    assert float(canonical(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=6))
def test_order_of_keys_means_nothing(value: dict[str, int]) -> None:
    assert digest(dict(reversed(value.items()))) == digest(value)


def test_rfc3339_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        rfc3339(datetime(2026, 1, 1))
