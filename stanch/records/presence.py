"""Whether records are there, for commands that must not make new ones."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


def is_missing(url: str) -> bool:
    """Whether the file of this URL is not there; of any other database, and of what is no URL, opening it tells."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return False
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()
