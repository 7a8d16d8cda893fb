"""The shell blocks of a page, with what the comments behind them say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$\n?(?P<after>(?:<!--.*?-->\n?)*)", re.M | re.S)
_COMMENT = re.compile(r"<!-- (?P<word>not run|shows|soon shows|test): (?P<text>.*?) -->")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        not_run: why it is not run; empty where it is.
        shows: texts that its output must have; `patient` where they may take a while.
        deed: what the test does in its place.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    shows: tuple[str, ...] = ()
    patient: bool = False
    deed: str = ""

    @property
    def is_shell(self) -> bool:
        return self.language in ("sh", "console", "bash", "shell")

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    text = path.read_text("utf-8")
    for found in _FENCE.finditer(text):
        said = [(item["word"], item["text"]) for item in _COMMENT.finditer(found["after"])]
        yield Block(
            page=path.name,
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"],
            text=found["text"],
            not_run=next((words for word, words in said if word == "not run"), ""),
            shows=tuple(words for word, words in said if word in ("shows", "soon shows")),
            patient=any(word == "soon shows" for word, _ in said),
            deed=next((words for word, words in said if word == "test"), ""),
        )
