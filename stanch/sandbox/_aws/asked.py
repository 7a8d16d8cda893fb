"""A request as a web ACL sees it, and what the web ACL says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as WAF sees it."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes = b""
    peer: str = "127.0.0.1"

    def header(self, name: str) -> list[bytes]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True)
class Match:
    """A rule that matched, and where samples of it are found.

    Args:
        within: `group#rule` of a rule in a group, as samples name it.
    """

    metrics: tuple[str, ...]
    action: str
    within: str = ""


@dataclass
class Verdict:
    """What a web ACL says.

    Args:
        rule: that ended it, "" for the default action; `group` and `top`, the rule that refers to it, where it is one
            of a group.
        counted: rules that matched and only counted; `over` those that are the web ACL's own.
        groups: rule groups that were asked, as log lines have them.
    """

    action: str
    rule: str = ""
    group: str = ""
    top: str = ""
    status: int = 403
    headers: dict[str, str] = field(default_factory=dict[str, str])
    labels: list[str] = field(default_factory=list[str])
    counted: list[str] = field(default_factory=list[str])
    over: list[str] = field(default_factory=list[str])
    groups: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    matched: list[Match] = field(default_factory=list[Match])
