"""The OWASP API Security Top 10 (2023) in plain words, read from `categories.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from stanch.documents import load, validate


class Category(BaseModel):
    """One kind of weakness: why it matters, how to see it, how to fix it, how the fix is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = ""
    name: str = ""
    meaning: str
    harm: str
    reproduce: str
    fix: tuple[str, ...]
    check: str


class _File(BaseModel):
    unknown: Category
    categories: tuple[Category, ...]


@cache
def _file() -> _File:
    source = resources.files("stanch.texts") / "categories.yaml"
    return validate(_File, load(source.read_text("utf-8"), "categories.yaml"))


def category_of(code: str) -> Category:
    """The words for a category such as `API8:2023`, or those for a finding without one."""
    return next((category for category in _file().categories if category.code == code), _file().unknown)
