"""The files that users write: strict YAML with a place for every key, and models checked against it."""

from __future__ import annotations

from stanch.documents._tree import Document
from stanch.documents._validate import Codes, validate
from stanch.documents._yaml import load
from stanch.durations import Duration, format_duration
from stanch.durations import parse_duration as duration

__all__ = ["Codes", "Document", "Duration", "duration", "format_duration", "load", "validate"]
