"""How a stand-in workspace refuses, and how it reads structured parameters."""

from __future__ import annotations

import json
from typing import Any


class SlackError(Exception):
    """An `ok: false` answer; with `retry_after` it is a 429."""

    def __init__(self, code: str, *, retry_after: int = 0, **details: Any) -> None:
        super().__init__(code)
        self.answer: dict[str, Any] = {"ok": False, "error": code, **details}
        self.retry_after = retry_after


def structure(value: Any) -> Any:
    """Lists and objects come as JSON, or as JSON inside a form field."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError("invalid_arguments") from None
