"""Texts of tickets and messages: Jinja templates that hold fields, filled with data that stays data."""

from __future__ import annotations

from stanch.texts.library import Texts, load_texts, shipped
from stanch.texts.rendering import Text

__all__ = ["Text", "Texts", "load_texts", "render", "shipped"]


def render(template: str, context: dict[str, object]) -> Text:
    """Render one of the shipped templates; see `Texts.render`."""
    return shipped().render(template, context)
