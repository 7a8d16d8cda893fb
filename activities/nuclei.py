"""Nuclei as a command with fixed arguments: one template on one URL, and only a run that reached it counts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from activities._command import Done, run, usable
from activities._scan_places import ScanPlaces, Target, cannot, rule_of, target_of
from activities._section import read_section
from stanch.errors import RetrySafe
from stanch.ports import Check, Connector, Look
from stanch.shapes import is_dict

TOOL = "nuclei"
MAX_DEPTH = 8
# The form that Nuclei itself demands of template ids.
_TEMPLATE_ID = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*", re.ASCII)
_FIXED = (
    "-jsonl",
    "-silent",
    "-no-color",
    "-disable-update-check",
    "-disable-redirects",
    "-stats",
    "-stats-json",
    "-stats-interval",
    "1",
)


class NucleiConfig(ScanPlaces):
    """Section of a `nuclei` scanner.

    Args:
        binary: full path of the program.
        templates: folder of templates; none is downloaded.
        args: further arguments of the operator's, such as a rate limit; never anything from a finding.
        timeout: seconds a run may take.
    """

    binary: str
    templates: Path
    args: tuple[str, ...] = ()
    timeout: float = Field(default=300.0, gt=0, le=540)


class Nuclei:
    """Implements ScannerPort."""

    def __init__(self, config: NucleiConfig) -> None:
        self._config = config

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Run the finding's own template on its own URL again.

        Raises:
            Rejected: V024, the finding is not for this scanner; V025, there is no such program.
            RetrySafe: the run proved nothing.
        """
        target = target_of(self._config, finding, tool=TOOL)
        template = rule_of(finding)
        if len(template) > 128 or not _TEMPLATE_ID.fullmatch(template):
            raise cannot("the finding names no template of nuclei")
        told = finding.get("api")
        if not target.path and is_dict(told) and told.get("path"):
            raise cannot("the finding has no plain path that could be called")
        done = run(self.command(target, template), seconds=self._config.timeout)
        return _look(done, template, target)

    def command(self, target: Target, template: str) -> list[str]:
        """Every argument; what comes from the finding are checked URLs and a checked id.

        A template adds its own path to the URL it is given, and which URL that was the result does not say: every
        beginning of the path is tried, so that the request that matched is surely sent again.

        Raises:
            Rejected: V024, the path is too deep for that.
        """
        config = self._config
        starts = [word for url in _beginnings(target) for word in ("-u", url)]
        return [config.binary, *_FIXED, *config.args, *starts, "-id", template, "-t", str(config.templates)]

    def doctor(self) -> Sequence[Check]:
        there = self._config.templates.is_dir()
        return [
            usable(self._config.binary),
            Check("templates", ok=there, detail=str(self._config.templates), fix="set `templates` to their folder"),
        ]


def _beginnings(target: Target) -> list[str]:
    parts = [part for part in target.path.split("/") if part]
    if len(parts) > MAX_DEPTH:
        raise cannot("the path of the finding is too deep")
    whole = [target.url] if parts else []
    return [target.base, *("/".join((target.base, *parts[:count])) for count in range(1, len(parts))), *whole]


def _is_here(item: Mapping[str, Any], target: Target) -> bool:
    """Whether a result is the finding's own; one that does not say where it matched counts."""
    try:
        path = urlsplit(str(item.get("matched-at") or "")).path
    except ValueError:
        return True
    return not item.get("matched-at") or path.rstrip("/") == target.path.rstrip("/")


def _look(done: Done, template: str, target: Target) -> Look:
    if done.status != 0:
        raise RetrySafe(f"nuclei ended with status {done.status}", code="V027", hint="run it by hand on that host")
    found = [item for item in _objects(done.stdout) if item.get("template-id") == template and _is_here(item, target)]
    if any(item.get("matcher-status") is not False for item in found):
        return Look(clean=False, why=f"nuclei's template {template} still matches")
    # Without a match nothing is proven unless requests were sent and answered.
    told = [item for item in _objects(done.stderr) if "requests" in item]
    stats: Mapping[str, Any] = told[-1] if told else {}
    if _number(stats, "templates") < 1 or _number(stats, "requests") < 1 or _number(stats, "errors") > 0:
        raise RetrySafe("nuclei sent no request that was answered, which proves nothing", code="V027")
    return Look(clean=True, why=f"nuclei's template {template} no longer matches at {target.host}{target.path}")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if is_dict(item):
            yield item


def _number(stats: Mapping[str, Any], name: str) -> int:
    text = str(stats.get(name, ""))
    return int(text) if text.isdecimal() and len(text) < 12 else -1


def build(name: str, section: Mapping[str, Any]) -> Nuclei:
    """The scanner from its section of stanch.toml."""
    return Nuclei(read_section(NucleiConfig, name, section))


CONNECTOR = Connector(port="scanner", kind="nuclei", build=build)
