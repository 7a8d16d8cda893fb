"""Encoded queries from checked values: a value can neither end its part nor be run by the instance."""

from __future__ import annotations

import re
from typing import Any

from stanch.errors import Rejected

# No `^` (ends the part), no line break, no comma; `javascript:` at the start is evaluated by the instance.
_VALUE = re.compile(r"[\w .@:+'&/()-]{1,100}")
_SYS_ID = re.compile(r"[0-9A-Za-z_-]{1,32}")  # most are 32 hex digits; some that ship with the product are words
_NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{4,12}")


def equals(**parts: str) -> str:
    """`field=value` for each, joined by AND.

    Raises:
        Rejected: a value has characters that could change the query.
    """
    return "^".join(f"{field}={_checked(value)}" for field, value in parts.items())


def _checked(value: str) -> str:
    if not _VALUE.fullmatch(value) or "javascript:" in value.lower():
        raise Rejected("this name cannot be looked up in ServiceNow", hint="check the user or group in the directory")
    return value


def plain(value: Any) -> str:
    """A field's value; references come as an object in some answers."""
    if isinstance(value, dict):
        value = value.get("value")
    return "" if value is None else str(value)


def is_sys_id(text: str) -> bool:
    return bool(_SYS_ID.fullmatch(text))


def is_number(text: str) -> bool:
    """True for a record number such as INC0010023."""
    return bool(_NUMBER.fullmatch(text))
