"""What every sink shares: characters that hide or move other characters are made visible, and length is bounded."""

from __future__ import annotations

import re

ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Fixed ranges rather than str.isprintable(): workflows render text, and Unicode tables differ between Python versions.
# Controls but tab and newline, soft hyphen, bidirectional marks, zero-width and filler characters, lone surrogates,
# interlinear and noncharacters, tags and variation supplements (used to smuggle text).
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Text with uniform newlines and every hidden or control character replaced by a visible mark.

    A mark, not nothing: what a person approves must not look the same with and without a hidden character.
    """
    return _HIDDEN.sub(REPLACEMENT, _BREAKS.sub("\n", text))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is shown by an ellipsis."""
    if len(text) <= limit:
        return text
    return text[: limit - 1] + ELLIPSIS if limit > 0 else ""


def one_line(text: str, *, limit: int = 200) -> str:
    """Cleaned text on one line, runs of white space made one space."""
    return shorten(_SPACES.sub(" ", clean(text)).strip(), limit)
