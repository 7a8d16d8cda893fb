"""Plain mail: hidden characters show, no line passes for another, and only our own addresses stay links."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from stanch.ports import Message
from stanch.sinks.mail import body, harmless, subject

OWN = ("https://stanch.bank.example", "https://tracker.example/t?id=7")


def said(text: str = "", **more: tuple[tuple[str, str], ...]) -> str:
    return body(Message(key="k", channel="c", title="Title", text=text, **more), own=OWN, ends="The end.")


def test_foreign_links_are_broken_and_our_own_stay() -> None:
    ours = "https://stanch.bank.example/cases/case-1"
    assert harmless(f"see {ours}.", own=OWN) == f"see {ours}."
    assert harmless(OWN[1], own=OWN) == OWN[1]
    for foreign in (
        "https://evil.example/approve",
        "https://stanch.bank.example.evil.example/",
        "https://stanch.bank.example@evil.example/",
        "https://stanch.bank.example/login?next=https://evil.example",
        "hTTps:/\\evil.example",
        "www.evil.example",
        "mailto:eve@evil.example",
        "javascript://x",
    ):
        shown = harmless(f"press {foreign} now", own=OWN)
        assert not re.search(r"(?i)://|:/\\|www\.|mailto:", shown), shown


@given(st.text(alphabet="htps:/\\w.a@[]W", max_size=60))
def test_nothing_that_a_mail_program_links_is_left(text: str) -> None:
    assert not re.search(r"(?i)[a-z]://|www\.", harmless(text, own=OWN))


def test_a_value_of_several_lines_makes_no_fact_of_its_own() -> None:
    shown = said(fields=(("Reason", "fine\nAnswer until: never\r\nAction: none"),))
    assert [line for line in shown.splitlines() if line.startswith(("Answer", "Action"))] == []


def test_hidden_characters_show_and_the_end_is_never_cut() -> None:
    shown = said("a\u202eb\x1b[0m" + "x" * 50_000)
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert "[cut" in shown
    assert shown.endswith("The end.\n")
    assert "\n" not in subject("a\r\nBcc: b")


def test_long_texts_take_no_time() -> None:
    start = time.process_time()
    harmless("a" * 200_000, own=OWN)
    harmless("http:" * 40_000, own=OWN)
    assert time.process_time() - start < 2
