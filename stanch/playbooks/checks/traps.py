"""What looks like an expression and is none: braces of another language in a text that nothing would fill in."""

from __future__ import annotations

import re

from stanch.documents import Document
from stanch.playbooks.report import Report

_BRACES = re.compile(r"(?<![$\w{])\{\{-?\s*(finding|route|inputs|vars|steps|run|now|item)\b")
_BLOCK = re.compile(r"\{%-?\s*(if|for|set|endif|endfor|else|elif)\b")
_FILLED = frozenset({"steps", "finally", "vars", "outputs", "concurrency"})


def check_traps(document: Document, report: Report) -> None:
    """P301: a text with `{{ finding... }}` would be sent as it stands."""
    for path, text in document.strings():
        if not path or path[0] not in _FILLED or "when" in path[-1:]:
            continue
        found, block = _BRACES.search(text), _BLOCK.search(text)
        if found is not None:
            hint = "write ${{ }} with a dollar sign"
            _add(document, report, path, found.start(), "{{ }} without a dollar sign is not filled in", hint)
        elif block is not None:
            hint = "use when, choose or the conditional a ? b : c; long texts belong into a text template"
            _add(document, report, path, block.start(), "{% %} is not evaluated in a playbook", hint)


def _add(document: Document, report: Report, path: tuple[str | int, ...], offset: int, message: str, hint: str) -> None:
    line, column = document.inside(path, offset)
    report.add_at("P301", (line, column), message, hint=hint)
