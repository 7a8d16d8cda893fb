"""What a foreign step asks of a person: its commands quoted, credentials left out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from stanch.shapes import is_list, is_mapping
from stanch.sinks.text import clean, one_line, shorten

_LONGEST = 1500
_SECRET = re.compile(r"(?i)auth|token|secret|cookie|key|password|credential|session")


def instruction_of(step: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, list[str]]:
    """The instruction, and notes about what a person has to look at."""
    if step.get("type") == "playbook-action":
        return f"Run the CACAO playbook {one_line(str(step.get('playbook_id', '')), limit=80)}.", ["another playbook"]
    commands = step.get("commands")
    told: list[str] = [one_line(str(step.get("description", "")), limit=500)]
    notes: list[str] = []
    for command in commands if is_list(commands) else ():
        if is_mapping(command):
            kind = one_line(str(command.get("type", "")), limit=40)
            told.append(_command(command, kind))
            notes += [] if kind in ("manual", "http-api") else [f"a {kind or 'nameless'} command, quoted for a person"]
    told.append(_where(step, names))
    text = "\n".join(part for part in told if part)
    return text or "Nothing is said about what to do.", notes


def _where(step: Mapping[str, Any], names: Mapping[str, str]) -> str:
    given = step.get("targets")
    targets = [str(item) for item in given] if is_list(given) else []
    shown = [names.get(name) or name.partition("--")[0] for name in targets]
    return f"On: {one_line(', '.join(shown), limit=200)}" if shown else ""


def _command(command: Mapping[str, Any], kind: str) -> str:
    text = _quoted(command)
    if kind == "manual":
        return f"By hand: {text}"
    if kind == "http-api":
        return "\n".join(("Send this HTTP request:", text, *_headers(command), *_content(command)))
    return f"Command of the kind {kind or 'unknown'}, not run by Stanch: {text}"


def _quoted(command: Mapping[str, Any]) -> str:
    given = command.get("command")
    if given is None and command.get("command_b64") is not None:
        given = _decoded(str(command["command_b64"]))
    return shorten(clean(str(given or "(empty)")).strip(), _LONGEST)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return f"(base64 that is no text) {text[:80]}"


def _headers(command: Mapping[str, Any]) -> list[str]:
    """Names with values, where the name does not sound like a credential."""
    headers = command.get("headers")
    found: list[str] = []
    for name, values in list(headers.items())[:20] if is_mapping(headers) else ():
        value = ", ".join(map(str, values)) if is_list(values) else str(values)
        shown = "(left out)" if _SECRET.search(str(name)) else one_line(value, limit=200)
        found.append(f"{one_line(str(name), limit=60)}: {shown}")
    return found


def _content(command: Mapping[str, Any]) -> list[str]:
    given = command.get("content")
    if given is None and command.get("content_b64") is not None:
        given = _decoded(str(command["content_b64"]))
    return [shorten(clean(str(given)), _LONGEST)] if given else []
