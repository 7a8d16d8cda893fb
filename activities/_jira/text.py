"""Untrusted text for Jira: document nodes on Cloud, a sealed `noformat` block on Data Center."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from stanch.sinks.text import clean

TEXT_LIMIT = 32_000  # Jira refuses above 32,767 characters; the wiki wrapper and the marker take some
SUMMARY_LIMIT = 255

_CODE = "    "
_GAP = re.compile(r"\n\s*\n")
# A zero-width space after the bracket: the text reads the same, but ends no block and mentions nobody.
_SEAL = "\u200b"
_ENDS_BLOCK = re.compile(r"\{(?=\s*/?\s*noformat)|\[(?=~)", re.IGNORECASE)


def adf(text: str) -> dict[str, Any]:
    """The text as paragraphs and blocks of code; only text nodes carry it, so nothing in it is markup."""
    blocks = [part for part in _GAP.split(clean(text).strip()) if part.strip()] or ["-"]
    content = [node for block in blocks for node in _nodes(block)]
    return {"type": "doc", "version": 1, "content": content}


def _nodes(block: str) -> Iterator[dict[str, Any]]:
    """Lines that are indented by four are code, all others a paragraph."""
    for is_code, lines in groupby(block.split("\n"), key=lambda line: line.startswith(_CODE) and bool(line.strip())):
        if is_code:
            code = "\n".join(line.removeprefix(_CODE) for line in lines)
            yield {"type": "codeBlock", "content": [{"type": "text", "text": code}]}
        else:
            yield _paragraph("\n".join(lines))


def _paragraph(block: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for line in block.split("\n"):
        if content:
            content.append({"type": "hardBreak"})
        if line:
            content.append({"type": "text", "text": line})
    return {"type": "paragraph", "content": content}


def wiki(text: str) -> str:
    """The text in a `noformat` block that nothing inside can end."""
    sealed = _ENDS_BLOCK.sub(lambda match: match.group(0) + _SEAL, clean(text).strip())
    return "{noformat}\n" + sealed + "\n{noformat}"


def holds(body: object, marker: str) -> bool:
    """True where a comment's body, a document or a string, has the marker in it."""
    return marker in (body if isinstance(body, str) else json.dumps(body))


def label(text: str) -> str:
    """A label without the characters that Jira refuses."""
    return re.sub(r"\s+", "-", clean(text).strip())[:255]
