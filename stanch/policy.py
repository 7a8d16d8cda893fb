"""The policy folder in memory: one immutable snapshot, swapped when files change; a broken edit keeps the last good."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from stanch.departures import departed
from stanch.errors import ConfigError, StanchError
from stanch.guards import GuardPolicy, load_guards
from stanch.intake.config import Sources, load_sources
from stanch.inventory import ApiInventory, load_inventory
from stanch.lists import ListsFile, load_lists
from stanch.playbooks.library import PlaybookSet
from stanch.policy_files import NotNow, PolicyFiles, Stamp, look
from stanch.policy_state import PolicyState, PolicyUse
from stanch.routing import RouteTable, load_route_files, route_files
from stanch.settings import Settings
from stanch.sinks.terminal import safe_text
from stanch.texts import Texts, load_texts

RELOAD_SECONDS = 0.5
REST_SECONDS = 30.0  # so long an edit may take; who saves without end is told that nothing of it is in use
TELL_SECONDS = 15.0
Exchange = Callable[[PolicyState], Sequence[PolicyUse]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PolicySnapshot:
    """What was in the policy folder at one moment, loaded and checked as a whole."""

    routes: RouteTable
    playbooks: PlaybookSet
    guards: GuardPolicy | None
    sources: Sources
    inventory: ApiInventory
    lists: ListsFile
    texts: Texts
    digest: str

    @property
    def strangers(self) -> tuple[str, ...]:
        """Names that playbooks ask and the directory does not have, each with its place: nobody answers for them."""
        return tuple(str(problem) for problem in self.playbooks.warnings if problem.code == "P210")


class PolicyStore:
    """Gives the newest good snapshot.

    Files are taken as a whole, and only when nothing has changed between two looks and while they were read: whoever
    saves two files in turn, or writes one slowly, is waited for.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._judged = self._seen = (files := look(settings)).stamps
        self._moving_since = 0.0
        self._snapshot = self._load(files)
        self._loaded_at = datetime.now(UTC)
        self._refused = self._restless = ""
        self._gone = frozenset[str]()
        self._failures = 0
        self._is_watched = False
        self._closed = threading.Event()
        self.fellows: tuple[PolicyUse, ...] = ()

    @property
    def current(self) -> PolicySnapshot:
        """The newest good snapshot. `problem` says why a newer edit is not in use."""
        if not self._is_watched:
            with self._lock:
                if time.monotonic() - self._looked >= RELOAD_SECONDS:
                    self._look()
        return self._snapshot

    @property
    def texts(self) -> Texts:
        return self.current.texts

    @property
    def problem(self) -> str:
        """What keeps the newest edit out of use, with its place; empty where it is in use."""
        return self._restless or self._refused

    @property
    def state(self) -> PolicyState:
        """What this process uses, for people and other processes."""
        snapshot = self._snapshot
        return PolicyState(snapshot.digest, self._loaded_at, self.problem, self._failures, snapshot.strangers)

    def watch(self, exchange: Exchange) -> None:
        """Look in a thread of its own from now on, so that a large policy keeps no reader waiting while it loads.

        Args:
            exchange: tells the other processes what this one uses, and gives what they use (`fellows`).
        """
        self._is_watched = True
        threading.Thread(target=self._keep_looking, args=(exchange,), name="policy", daemon=True).start()

    def close(self) -> None:
        """Look no more; the snapshot stays."""
        self._closed.set()

    def _keep_looking(self, exchange: Exchange) -> None:
        told, told_at = None, 0.0
        while not self._closed.is_set():
            with self._lock:
                self._look()
            if self.state != told or time.monotonic() - told_at > TELL_SECONDS:
                told, told_at = self.state, time.monotonic()
                try:
                    self.fellows = tuple(exchange(told))
                except Exception as error:  # records are away: the policy in force does not depend on them
                    _log.info("cannot say which policy is in use: %s", safe_text(_words(error), limit=200))
            self._closed.wait(RELOAD_SECONDS)

    def _look(self) -> None:
        self._looked = time.monotonic()
        try:
            files = look(self._settings)
        except Exception as error:  # nothing may end the looking
            self._wait(_words(error))
            return
        if files.stamps == self._judged:
            self._rest(files.stamps)
        elif files.stamps != self._seen:
            self._move(files.stamps)
        else:
            self._judge(files)

    def _judge(self, files: PolicyFiles) -> None:
        try:
            self._take(files)
        except (NotNow, OSError) as error:
            self._wait(_words(error))
        except Exception as error:  # whatever an edit does to a loader, cases go on by the last good policy
            if not self._has_moved(files):
                self._judged = files.stamps
                self._rest(files.stamps)
                out = self._let_go()
                self._refused = self._say(f"{_words(error)}{out}", unless=self._refused)

    def _let_go(self) -> str:
        """Who has left has left, whatever else an edit gets wrong: a mistake elsewhere keeps nobody's vote."""
        routes = self._snapshot.routes
        try:
            texts = [_needed(path) for path in route_files(self._settings.policy_dir / "routes.yaml")]
        except (StanchError, OSError, UnicodeDecodeError):
            return ""
        if gone := departed(routes.people, texts):
            self._snapshot = replace(self._snapshot, routes=routes.without(gone))
            self._gone |= frozenset(gone)
        return f"; out all the same: {', '.join(sorted(self._gone))}" if self._gone else ""

    def _has_moved(self, files: PolicyFiles) -> bool:
        """Whether they were written to while they were read."""
        try:
            after = look(self._settings).stamps
        except StanchError:
            return True  # the next look says why
        if after != files.stamps:
            self._move(after)
        return after != files.stamps

    def _rest(self, stamps: Mapping[str, Stamp]) -> None:
        self._seen, self._moving_since, self._restless = stamps, 0.0, ""

    def _move(self, stamps: Mapping[str, Stamp]) -> None:
        self._seen = stamps
        self._moving_since = self._moving_since or time.monotonic()
        if time.monotonic() - self._moving_since > REST_SECONDS:
            self._wait("the files change all the time; they are taken when they rest")

    def _wait(self, words: str) -> None:
        """Look again later; what is wrong may pass without an edit."""
        self._restless = self._say(words, unless=self._restless)

    def _say(self, words: str, *, unless: str) -> str:
        said = safe_text(words, limit=400)
        if said != unless:
            self._failures += 1
            _log.warning("policy edit is not in use: %s", said)
        return said

    def _take(self, files: PolicyFiles) -> None:
        snapshot = self._load(files)
        if self._snapshot.playbooks.entries and not snapshot.playbooks.entries:
            hint = "leave one, or restart to run without any"
            raise ConfigError(f"no playbook is left in {self._settings.playbooks_dir}", code="C042", hint=hint)
        if self._has_moved(files):
            return
        self._judged = files.stamps
        self._rest(files.stamps)
        was_refused, self._refused, self._gone = self._refused, "", frozenset[str]()
        self._snapshot, self._loaded_at = snapshot, datetime.now(UTC)
        _log.log(logging.WARNING if was_refused else logging.INFO, "policy %s is in use", snapshot.digest[:12])
        for stranger in snapshot.strangers:
            _log.warning("%s", safe_text(stranger, limit=400))

    def _load(self, files: PolicyFiles) -> PolicySnapshot:
        digest = files.digest()
        folder, settings = self._settings.policy_dir, self._settings
        texts = load_texts(folder / "texts")
        inputs = {name: entry.inputs for name, entry in settings.playbooks.items()}
        guards, sources = folder / "guards.yaml", folder / "sources.yaml"
        routes = load_route_files({str(path): _needed(path) for path in route_files(folder / "routes.yaml")})
        _needed(sources)
        people = routes.people.names
        playbooks = PlaybookSet.load(settings.playbooks_dir, inputs=inputs, templates=texts.names, people=people)
        return PolicySnapshot(
            routes=routes,
            playbooks=playbooks,
            guards=load_guards(_needed(guards), str(guards)),
            sources=load_sources(sources),
            inventory=load_inventory(folder / "inventory.yaml", routes=routes, sections=settings.inventory),
            lists=load_lists(folder / "lists.yaml"),
            texts=texts,
            digest=digest,
        )


def _needed(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing", code="C040", hint="copy the example from policy/") from None


def _words(error: Exception) -> str:
    """The first problem with its place, and how many more there are."""
    if not isinstance(error, StanchError):
        return f"the files cannot be loaded ({type(error).__name__})"
    problems = getattr(error, "problems", ())
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}" if problems else f"{error.code} {error.message}"
