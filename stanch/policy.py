"""The policy folder in memory: one immutable snapshot, swapped when files change; a broken edit keeps the last good."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stanch.canonical import digest
from stanch.errors import ConfigError, StanchError
from stanch.guards import GuardPolicy, load_guards
from stanch.intake.config import Sources, load_sources
from stanch.inventory import ApiInventory, load_inventory
from stanch.playbooks.library import PlaybookSet
from stanch.routing import RouteTable, load_route_files, route_files
from stanch.settings import Settings
from stanch.sinks.terminal import safe_text
from stanch.texts import Texts, load_texts

RELOAD_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PolicySnapshot:
    """What was in the policy folder at one moment, loaded and checked as a whole."""

    routes: RouteTable
    playbooks: PlaybookSet
    guards: GuardPolicy | None
    sources: Sources
    inventory: ApiInventory
    texts: Texts
    digest: str


class PolicyStore:
    """Gives the newest good snapshot; looks for changed files at most once a second."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._stamp = self._stamps()
        self._looked = time.monotonic()
        self._snapshot = self._load()
        self.problem = ""

    @property
    def current(self) -> PolicySnapshot:
        """The newest good snapshot. `problem` says why a newer edit is not in use."""
        with self._lock:
            if time.monotonic() - self._looked >= RELOAD_SECONDS:
                self._looked = time.monotonic()
                self._reload_if_changed()
            return self._snapshot

    @property
    def texts(self) -> Texts:
        return self.current.texts

    def _reload_if_changed(self) -> None:
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._snapshot, self.problem = self._load(), ""
        except Exception as error:  # whatever an edit does to a loader, cases go on by the last good policy
            self.problem = _words(error)
            _log.warning("policy edit is not in use: %s", safe_text(self.problem, limit=400))

    def _files(self) -> Iterable[Path]:
        yield from sorted(self._settings.policy_dir.rglob("*.y*ml"))
        yield from sorted(self._settings.policy_dir.rglob("*.json"))
        yield from sorted((self._settings.policy_dir / "texts").glob("*.j2"))
        yield from sorted(self._settings.playbooks_dir.glob("*.y*ml"))

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        found: list[tuple[str, int, int]] = []
        for path in self._files():
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _load(self) -> PolicySnapshot:
        folder, settings = self._settings.policy_dir, self._settings
        texts = load_texts(folder / "texts")
        inputs = {name: entry.inputs for name, entry in settings.playbooks.items()}
        files = {str(path): path.read_text("utf-8") for path in self._files()}
        guards = folder / "guards.yaml"
        routes = load_route_files({str(path): _needed(path) for path in route_files(folder / "routes.yaml")})
        return PolicySnapshot(
            routes=routes,
            playbooks=PlaybookSet.load(settings.playbooks_dir, inputs=inputs, templates=texts.names),
            guards=load_guards(_needed(guards), str(guards)),
            sources=load_sources(folder / "sources.yaml"),
            inventory=load_inventory(folder / "inventory.yaml", routes=routes, sections=settings.inventory),
            texts=texts,
            digest=digest(files),
        )


def _needed(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise ConfigError(f"{path} is missing", code="C040", hint="copy the example from policy/") from None


def _words(error: Exception) -> str:
    if not isinstance(error, StanchError):
        return f"the files cannot be loaded ({type(error).__name__})"
    problems = getattr(error, "problems", ())
    return str(problems[0]) if problems else error.message
