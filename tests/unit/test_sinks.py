"""Every sink encoder, judged by something that is not the encoder."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.sinks import slack, terminal
from stanch.sinks.text import clean, one_line, shorten

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
HOSTILE_PARTS = [
    *("<!channel>", "<!here|x>", "<@U123>", "<https://e.example|ok>", "&lt;!channel&gt;", "&amp;", "[link=http://e]"),
    *("\x1b[2J", "\x1b]8;;h\x07", "\u202e", "\u200b", "\ud800", "\r\n", "\x85", "\u2028", "\U0001f600", "a"),
]
HOSTILE = st.lists(st.sampled_from(HOSTILE_PARTS)).map("".join)
SLACK_TOKEN = re.compile(r"<([^>\n]*)>")
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def slack_decode(text: str) -> str:
    """What Slack shows for mrkdwn without tokens: the three entities decoded, once."""
    return re.sub("&(lt|gt|amp);", lambda hit: {"lt": "<", "gt": ">", "amp": "&"}[hit[1]], text)


@given(ANY_TEXT | HOSTILE)
def test_cleaned_text_holds_nothing_invisible(text: str) -> None:
    assert {char for char in clean(text) if unicodedata.category(char) in INVISIBLE} <= {"\n", "\t"} | PREPENDED


# Arabic, Kaithi and Egyptian signs that are drawn, although Unicode files them under "format".
PREPENDED = {
    chr(code)
    for code in (*range(0x600, 0x606), *range(0x13430, 0x13440), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)
}


@given(ANY_TEXT)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_hidden_character_leaves_a_mark() -> None:
    assert clean("pay\u200bments") != clean("payments")


@given(ANY_TEXT | HOSTILE, st.integers(0, 50))
def test_one_line_is_one_short_line(text: str, limit: int) -> None:
    line = one_line(text, limit=limit)
    assert len(line.splitlines()) <= 1
    assert len(line) <= limit


@given(ANY_TEXT, st.integers(0, 20))
def test_shorten_keeps_short_text_and_marks_a_cut(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or len(text) > limit


@given(ANY_TEXT | HOSTILE, st.booleans())
def test_a_terminal_gets_no_control_character(text: str, lines: bool) -> None:
    shown = terminal.safe_text(text, limit=80, lines=lines)
    assert len(shown) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert lines or "\n" not in shown
    shown.encode()


def test_terminal_text_keeps_ordinary_words() -> None:
    assert terminal.safe_text("Größe 世界 [link=x] 😀") == "Größe 世界 [link=x] 😀"
    assert terminal.safe_text("a\nb", lines=True) == "a\nb"


@given(ANY_TEXT | HOSTILE, st.integers(0, 120))
def test_mrkdwn_holds_no_token(text: str, limit: int) -> None:
    encoded = slack.escape(text, limit=limit)
    assert len(encoded) <= limit
    assert not SLACK_TOKEN.search(encoded)
    assert "<" not in encoded
    assert ">" not in encoded
    assert not re.search("&(?!lt;|gt;|amp;)", encoded)


@given(ANY_TEXT | HOSTILE)
def test_slack_shows_what_was_given(text: str) -> None:
    assert slack_decode(slack.escape(text, limit=10_000)) == clean(text)


@pytest.mark.parametrize("text", ["<!channel>", "<@U123>", "<https://e.example|click>", "<!subteam^S1>"])
def test_the_judge_itself_finds_tokens(text: str) -> None:
    assert SLACK_TOKEN.search(text)
    assert not SLACK_TOKEN.search(slack.escape(text))


@given(ANY_TEXT | HOSTILE, st.integers(10, 60))
def test_pieces_fit_and_lose_nothing(text: str, limit: int) -> None:
    pieces = slack.split(text, limit=limit)
    assert "".join(pieces) == clean(text)
    assert all(len(piece.encode("utf-16-le")) // 2 <= limit for piece in pieces)
    assert all(len(slack.escape(piece, limit=10_000)) <= limit * 2 for piece in pieces)


@given(ANY_TEXT | HOSTILE, st.integers(10, 60))
def test_plain_text_fits_however_slack_counts(text: str, limit: int) -> None:
    shown = slack.plain(text, limit=limit)
    assert len(shown.encode("utf-16-le")) // 2 <= limit
    assert len(slack.escape(shown, limit=10_000)) <= limit
