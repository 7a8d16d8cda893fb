"""What every code means and what to do about it, read from the page that documents them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

_ROW = re.compile(r"^\| `([A-Z]\d{3})` \| (.+?) \| (.+?) \|$", re.MULTILINE)
_PAGE = "errors.md"


class Meaning(NamedTuple):
    """What a code says, and the next step, as one line of Markdown each."""

    means: str
    next_step: str


@cache
def meanings() -> dict[str, Meaning]:
    """Every documented code; empty where the page was not installed."""
    here = Path(__file__).parent
    pages = (here / _PAGE, here.parent / "docs" / _PAGE)  # in a wheel, in a checkout
    text = next((page.read_text("utf-8") for page in pages if page.is_file()), "")
    return {code: Meaning(means.replace("\\|", "|"), step.replace("\\|", "|")) for code, means, step in _rows(text)}


def _rows(text: str) -> list[tuple[str, str, str]]:
    return _ROW.findall(text)


def plain(markdown: str) -> str:
    """A line of Markdown without links and code marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")
