"""`[inventory."HOST"]` of stanch.toml: the short form, which speaks where the file is silent."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Protocol


class Section(Protocol):
    """One section, as the settings hold it."""

    @property
    def criticality(self) -> str: ...
    @property
    def business_owner(self) -> str: ...
    @property
    def health_path(self) -> str: ...


def section_of(sections: Mapping[str, Section], host: str) -> Section | None:
    """The section of a host: its own, else the first pattern that matches."""
    if host in sections:
        return sections[host]
    return next((entry for name, entry in sections.items() if fnmatch.fnmatchcase(host, name)), None)
