"""Text for terminals: nothing in it can move the cursor, colour, link, hide or start a line of its own."""

from __future__ import annotations

from stanch.sinks.text import clean, one_line, shorten


def safe_text(text: str, *, limit: int = 200, lines: bool = False) -> str:
    """Text that a terminal shows and never obeys.

    Rich markup is not touched: pass the result as `rich.text.Text`, never as a markup string.

    Args:
        text: untrusted text.
        limit: most characters that are returned.
        lines: keep newlines; otherwise all white space becomes single spaces.
    """
    if not lines:
        return one_line(text, limit=limit)
    return shorten(clean(text).replace("\t", "    "), limit)
