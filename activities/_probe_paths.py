"""Concrete paths for probes: one that a template matches, and one right beside it that it does not."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from activities._envoy.paths import path_regex

_FILL = "stanch-probe"
_PARAMETER = re.compile(r"\{[^{}/]+\}|\*\*?")


def filled(template: str) -> str:
    """A path that the template matches."""
    return quote(unquote(_PARAMETER.sub(_FILL, template)), safe="/-._~!$&'()*+,;=:@") or "/"


def beside(template: str) -> str:
    """A path next to the template that it does not match; empty where it matches every path."""
    outside = re.compile(path_regex(template, ignore_case=True))
    segments = [segment for segment in template.split("/") if segment]
    for place in range(len(segments) - 1, -1, -1):
        if not _PARAMETER.search(segments[place]):
            changed = [*segments[:place], f"{segments[place]}-{_FILL}", *segments[place + 1 :]]
            return filled("/" + "/".join(changed))
    deeper = "/" + "/".join([_FILL] * (len(segments) + 1))
    return "" if outside.fullmatch(deeper) else deeper
