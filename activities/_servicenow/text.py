"""Untrusted text for ServiceNow: fields are plain, journals would show HTML between code tags."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stanch.sinks.text import clean, one_line

_SEAL = "\u200b"
# Journal fields render what stands between [code] and [/code] as HTML; a zero-width space makes the tag plain text.
_CODE = re.compile(r"\[(?=\s*/?\s*code)", re.IGNORECASE)


def journal(text: str) -> str:
    """The text for a journal or description field, with nothing in it that the instance renders."""
    return _CODE.sub("[" + _SEAL, clean(text))


def remark(field: str, name: str) -> str:
    """What a ticket says of a name that the instance does not know."""
    if field == "problem_id":
        return f"Belongs to problem {one_line(name)}, which ServiceNow does not show."
    return f"Meant for {one_line(name)}, whom ServiceNow does not know."


def moment(due: datetime) -> str:
    """A time as the Table API takes it, in UTC."""
    return due.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
