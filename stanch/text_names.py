"""Names of the shipped text templates, without loading what renders them."""

from __future__ import annotations

from functools import cache
from importlib import resources

SUFFIX = ".j2"


@cache
def shipped_names() -> frozenset[str]:
    """Templates that a playbook may name; those with a leading underscore are parts of others."""
    folder = resources.files("stanch") / "texts" / "templates"
    names = (item.name for item in folder.iterdir())
    return frozenset(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX) and not name.startswith("_"))
