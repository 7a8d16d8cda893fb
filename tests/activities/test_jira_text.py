"""Untrusted text for Jira, judged by readers that know only the markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticket_support import HOSTILE

from activities._jira.text import adf, holds, label, wiki
from activities._servicenow.text import journal
from stanch.sandbox._jira import adf as _jira_adf

FRAGMENTS = st.sampled_from(
    ["{noformat}", "{ noformat }", "{/noformat}", "{NoFormat:title=x}", "{", "}", "[~", "[", "~", "code", "[code]", "]"]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=8), max_size=12).map("".join)


def wiki_parts(text: str) -> list[tuple[str, str]]:
    """What a wiki renderer sees: (`raw` or `markup`, content), a noformat block ending at the next noformat tag."""
    pieces = re.split(r"\{\s*/?\s*noformat[^}]*\}", text, flags=re.IGNORECASE)
    return [("raw" if index % 2 else "markup", piece) for index, piece in enumerate(pieces) if piece.strip()]


@given(TEXTS)
def test_a_document_is_valid_and_holds_only_text(text: str) -> None:
    document = adf(text)
    assert _jira_adf.valid(document)
    assert {node["type"] for node in _jira_adf.nodes(document)} <= {
        "doc",
        "paragraph",
        "text",
        "hardBreak",
        "codeBlock",
    }


@given(TEXTS)
def test_wiki_text_is_one_raw_block(text: str) -> None:
    kinds = [kind for kind, _ in wiki_parts(wiki(text))]
    assert kinds in ([], ["raw"])
    assert not re.search(r"\[~", wiki(text))


@given(TEXTS)
def test_a_journal_has_no_code_tag(text: str) -> None:
    assert not re.search(r"\[\s*/?\s*code", journal(text), flags=re.IGNORECASE)


def test_the_readers_can_tell() -> None:
    assert [kind for kind, _ in wiki_parts("{noformat}\nx {noformat} h1. out\n{noformat}")] == ["raw", "markup"]
    assert not _jira_adf.valid("plain")
    assert not _jira_adf.valid({"type": "doc", "version": 1, "content": [{"type": "text", "text": "x"}]})
    assert not _jira_adf.valid({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{}]}]})


@pytest.mark.parametrize("text", HOSTILE)
def test_the_words_stay_readable(text: str) -> None:
    words = re.findall(r"\w+", text)
    inside = wiki(text).removeprefix("{noformat}").removesuffix("{noformat}")
    for shown in (_jira_adf.plain(adf(text)), inside, journal(text)):
        assert re.findall(r"\w+", shown.replace("\u200b", "")) == words


def test_paragraphs_and_lines_are_kept() -> None:
    document = adf("one\ntwo\n\nthree")
    assert _jira_adf.plain(document) == "one\ntwo\nthree"
    assert len(document["content"]) == 2


def test_a_marker_is_found_in_either_form() -> None:
    assert holds(adf("x\n\n[stanch ab]"), "[stanch ab]")
    assert holds(wiki("x\n\n[stanch ab]"), "[stanch ab]")
    assert not holds(adf("x"), "[stanch ab]")


def test_a_label_has_no_spaces() -> None:
    assert label(" api  security\n") == "api-security"
    assert len(label("x" * 300)) == 255
