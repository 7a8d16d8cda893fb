"""Where a scanner may look again: hosts that the operator names, plain paths, nothing that a finding could smuggle."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stanch.errors import Rejected
from stanch.findings.hosts import parse_host
from stanch.findings.paths import is_hostile
from stanch.shapes import is_dict

CANNOT_LOOK = "V024"
MAX_PATH = 1024
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII)
_TEMPLATE = re.compile(r"/(?:[A-Za-z0-9._~-]|\{[A-Za-z_][A-Za-z0-9_-]{0,63}\}|/)*", re.ASCII)
_METHOD = re.compile(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE", re.ASCII)


class ScanPlaces(BaseModel):
    """What the sections of scanners that reach an API have in common.

    Args:
        hosts: host names or patterns (`*.example.com`) that may be scanned; no other is.
        sources: findings of these sources only; without it, those of this scanner's own tool.
        scheme, port: how the hosts are reached.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = ()
    scheme: Literal["https", "http"] = "https"
    port: int | None = Field(default=None, ge=1, le=65535)


@dataclass(frozen=True)
class Target:
    """One operation as a scanner may address it; every part has been checked, none can be read as an option."""

    host: str
    base: str
    method: str
    path: str
    template: str

    @property
    def url(self) -> str:
        return self.base + self.path


def target_of(places: ScanPlaces, finding: Mapping[str, Any], *, tool: str = "") -> Target:
    """The operation of a finding, where this scanner may look at it.

    Args:
        places: of the scanner's section.
        finding: the view, with `tool` beside it.
        tool: id of the adapter whose findings this scanner is for; "" for any.

    Raises:
        Rejected: V024, it may not, or what the finding says is no plain host, method or path.
    """
    _is_ours(places, finding, tool)
    api = finding.get("api")
    told: Mapping[str, Any] = api if is_dict(api) else {}
    host = parse_host(str(told.get("host") or "")).name
    if not host or not any(fnmatch.fnmatchcase(host, pattern.lower()) for pattern in places.hosts):
        raise cannot("this scanner may not look at that host", "add it to `hosts` of the scanner, if it may")
    method = str(told.get("method") or "GET").upper()
    if not _METHOD.fullmatch(method):
        raise cannot("the finding names no plain method")
    path, template = str(told.get("path") or ""), str(told.get("path_template") or "")
    netloc = f"[{host}]" if ":" in host else host
    base = f"{places.scheme}://{netloc}" + (f":{places.port}" if places.port else "")
    return Target(host, base, method, path if _plain(path) else "", template if _TEMPLATE.fullmatch(template) else "")


def concrete(target: Target) -> Target:
    """The same, refused where there is no path that could be called.

    Raises:
        Rejected: V024.
    """
    if not target.path:
        raise cannot("the finding has no plain path that could be called")
    return target


def rule_of(finding: Mapping[str, Any]) -> str:
    """The tool's own name of the rule."""
    return str(told_by_tool(finding).get("rule") or finding.get("type") or "")


def told_by_tool(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = finding.get("tool")
    return tool if is_dict(tool) else {}


def cannot(message: str, hint: str = "") -> Rejected:
    """This scanner cannot judge this finding; another may."""
    return Rejected(message, code=CANNOT_LOOK, hint=hint)


def _is_ours(places: ScanPlaces, finding: Mapping[str, Any], tool: str) -> None:
    if places.sources:
        if finding.get("source") not in places.sources:
            raise cannot("findings of this source are not for this scanner")
    elif tool and told_by_tool(finding).get("adapter") != tool:
        raise cannot(f"this finding is not from {tool}")


def _plain(path: str) -> bool:
    return len(path) <= MAX_PATH and _PATH.fullmatch(path) is not None and not is_hostile(path)
