"""What activities work with: settings, records, policy, connectors built once, and the way back to Temporal."""

from __future__ import annotations

import asyncio
import fnmatch
import importlib
import pkgutil
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from stanch.errors import ConfigError, DependencyError, Rejected
from stanch.keys import Keys
from stanch.policy import PolicyStore
from stanch.ports import Connector
from stanch.records import Records
from stanch.routing import People
from stanch.settings import Settings, with_secrets
from stanch.texts import Texts

_T = TypeVar("_T")
CALL_SECONDS = 15.0

SECTIONS = {"tickets": "trackers", "chat": "chat", "point": "points", "policy": "policies"}
SECTIONS |= {"identity": "identity", "scanner": "scanners", "mail": "mail", "webhook": "webhooks"}


def connectors() -> dict[tuple[str, str], Connector]:
    """Every connector found in this package, by port and kind."""
    import activities

    found: dict[tuple[str, str], Connector] = {}
    for info in pkgutil.iter_modules(activities.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"activities.{info.name}")
        for item in _declared(module):
            if (item.port, item.kind) in found:
                raise ConfigError(f"two connectors are called {item.kind} for {item.port}", code="C030")
            found[item.port, item.kind] = item
    return found


def _declared(module: Any) -> tuple[Connector, ...]:
    one = getattr(module, "CONNECTOR", None)
    return tuple(getattr(module, "CONNECTORS", ())) + ((one,) if one is not None else ())


class World:
    """Shared by all activities of a process; connectors are built when first asked for, with their secrets."""

    def __init__(self, *, settings: Settings, records: Records, policy: PolicyStore, keys: Keys) -> None:
        self.settings = settings
        self.records = records
        self.policy = policy
        self.keys = keys
        self.client: Client | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.kept_texts: dict[str, Texts] = {}
        self._kinds = connectors()
        self._built: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self.button_secret = keys.buttons

    @property
    def people(self) -> People:
        """The directory as it is now."""
        return self.policy.current.routes.people

    def name_of(self, person: str) -> str:
        user = self.people.user(person)
        return user.name if user is not None else person

    def call(self, work: Callable[[Client], Coroutine[Any, Any, _T]]) -> _T:
        """Run something with the Temporal client from an activity's thread.

        Raises:
            DependencyError: Temporal did not answer, or not in time; it may have taken it all the same.
        """
        if self.client is None or self.loop is None:
            raise ConfigError("this process has no Temporal client", code="C031")
        waiting = asyncio.run_coroutine_threadsafe(work(self.client), self.loop)
        try:
            return waiting.result(CALL_SECONDS)
        except (RPCError, TimeoutError):
            waiting.cancel()
            raise DependencyError("Temporal does not answer", code="D010", hint="it is tried again") from None

    def sections(self, port: str) -> Mapping[str, Mapping[str, Any]]:
        """The configured connectors of a port, by name."""
        found: Mapping[str, Mapping[str, Any]] = getattr(self.settings, SECTIONS[port])
        return found

    def connector(self, port: str, name: str) -> Any:
        """The connector of that name.

        Raises:
            ConfigError: C032, no such section or kind.
        """
        with self._lock:
            if (port, name) not in self._built:
                self._built[port, name] = self._build(port, name)
            return self._built[port, name]

    def _build(self, port: str, name: str) -> Any:
        if port == "tickets" and name == "board":
            from activities.board import BoardTickets

            return BoardTickets(self.records, self.settings.public_url)
        section = self.sections(port).get(name)
        kind = str((section or {}).get("kind", ""))
        connector = self._kinds.get((port, kind))
        if section is None or connector is None:
            hint = f"add [{SECTIONS[port]}.{name}] with a known kind to stanch.toml"
            raise ConfigError(f"no {port} connector called {name!r}", code="C032", hint=hint)
        plain = {key: value for key, value in section.items() if key not in ("kind", "serves")}
        return connector.build(name, with_secrets(plain))

    def first(self, port: str) -> str:
        """The name of the one connector of a port, or "" where none is configured."""
        return next(iter(self.sections(port)), "")

    def tracker_name(self, wanted: str) -> str:
        """The tracker a route wants, or the built-in board where it is not configured."""
        return wanted if wanted in self.sections("tickets") else "board"

    def kind_of(self, tracker: str) -> str:
        """What kind of tracker it is; the directory knows accounts by kind."""
        return str(self.sections("tickets").get(tracker, {}).get("kind", tracker))

    def serving(self, port: str, host: str, *, at: str = "") -> str:
        """Which point or policy serves a host: the one named, else the first whose patterns match.

        Raises:
            Rejected: none does; nothing is guessed.
        """
        sections = self.sections(port)
        if at:
            if at in sections:
                return at
            raise Rejected(f"there is no {port} called {at}", code="L010")
        for name, section in sections.items():
            if any(fnmatch.fnmatchcase(host, pattern) for pattern in _patterns(section)):
                return name
        raise Rejected(f"no {port} serves {host}", code="L010", hint=f"add it to `hosts` in [{SECTIONS[port]}]")


def _patterns(section: Mapping[str, Any]) -> tuple[str, ...]:
    """What a section answers for: `serves` (users are `user:*`), else its hosts, ACLs' or APIs' hosts."""
    named = section.get("serves") or section.get("hosts") or section.get("web_acls")
    if not named and section.get("apis"):
        named = (*section["apis"], "key:*")  # a gateway that gives out keys answers for them
    return tuple(named or ())
