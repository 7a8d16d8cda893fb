"""The OWASP API Security Top 10 (2023), kinds of findings and of data in plain words, read from `categories.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from stanch.documents import load, validate
from stanch.views import Kind


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


class Nature(BaseModel):
    """One kind of finding: what it is, and what looking, fixing and proof need besides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead: str
    look: str = ""
    check: str = ""
    fix: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Mapping[Kind, Nature]
    data: Mapping[str, str]
    unknown: Category
    categories: tuple[Category, ...]


@cache
def _file() -> _File:
    source = resources.files("stanch.texts") / "categories.yaml"
    return validate(_File, load(source.read_text("utf-8"), "categories.yaml"))


def category_of(code: str) -> Category:
    """The words for a category such as `API8:2023`, or those for a finding without one."""
    return next((category for category in _file().categories if category.code == code), _file().unknown)


def nature_of(kind: Kind) -> Nature:
    """The words for a kind of finding."""
    return _file().kinds[kind]


def data_words(classes: Iterable[str]) -> tuple[str, ...]:
    """What is at stake with data of these classes, one sentence each; unknown classes have none."""
    words = _file().data
    return tuple(words[name] for name in dict.fromkeys(classes) if name in words)
