"""The file Envoy reads its RBAC policies from: read whole, changed only in our own entries, replaced atomically."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities._envoy.join import collapse, entries_of
from activities._envoy.policy import PREFIX
from activities._envoy.tokens import Policy
from activities._own_file import locked, put_back, replace
from stanch.errors import Rejected

_RBAC_TYPE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
_MODES = {"block": ("rules", "rules"), "count": ("shadow_rules", "shadowRules")}


@dataclass(frozen=True)
class Entry:
    """One policy of ours: in force (`block`) or only counted (`count`)."""

    mode: str
    policy: Policy


Entries = Mapping[str, Entry]  # by policy name


class Document:
    """A discovery answer that holds RBAC filters, inside listeners or as a resource of their own."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.filters = list(_filters(body))
        if not self.filters:
            raise Rejected("the rules file holds no RBAC filter", hint="begin with the one in docs/connectors.md")
        for config in self.filters:
            _require_deny_list(config)

    @property
    def version(self) -> str:
        return str(self.body.get("version_info") or self.body.get("versionInfo") or "")

    @property
    def in_listener(self) -> bool:
        """The filter is part of a listener, so that open connections keep the old rules until they drain."""
        return any(str(resource.get("@type", "")).endswith(".Listener") for resource in self.body["resources"])

    def owned(self) -> dict[str, Entry]:
        """Our entries, by name, over all filters."""
        return {name: entry for _, name, entry in self._ours()}

    def holds(self, entries: Entries) -> bool:
        """Exactly these entries of ours stand, in every filter of the file."""
        ours = list(self._ours())
        return self.owned() == entries and len(ours) == len(entries) * len(self.filters)

    def with_entries(self, entries: Entries) -> Document:
        """A copy with exactly these entries of ours; everything else stays as it is, `version_info` aside."""
        body = copy.deepcopy(self.body)
        for config in _filters(body):
            for mode in _MODES:
                _replace(config, mode, {name: entry.policy for name, entry in entries.items() if entry.mode == mode})
        text = json.dumps(body["resources"], sort_keys=True)
        body.pop("versionInfo", None)
        body["version_info"] = f"{PREFIX}{time.time_ns()}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return Document(body)

    def _ours(self) -> Iterator[tuple[int, str, Entry]]:
        for place, config in enumerate(self.filters):
            for mode in _MODES:
                for name, policy in entries_of(_policies(config, mode)):
                    yield place, name, Entry(mode, policy)


class RulesFile:
    """One rules file and the lock that makes its writers take turns."""

    def __init__(self, path: Path, *, lock_seconds: float = 20.0) -> None:
        self.path = path
        self._lock_seconds = lock_seconds

    def read(self) -> Document:
        """The file as it is.

        Raises:
            Rejected: it is missing, not JSON, or holds no RBAC deny list.
        """
        try:
            body = json.loads(self.path.read_bytes(), object_pairs_hook=_unique)
        except OSError:
            raise Rejected("the Envoy rules file cannot be read", hint=f"check {self.path}") from None
        except ValueError:
            raise Rejected("the Envoy rules file is not clean JSON", hint=f"check {self.path}") from None
        if not isinstance(body, dict) or not isinstance(body.get("resources"), list):
            raise Rejected("the Envoy rules file is not a discovery answer", hint=f"check {self.path}")
        return Document(body)

    def write(self, document: Document) -> None:
        """Replace the file by rename, durably and under the lock; its mode is kept: the policies hold probe secrets."""
        replace(self.path, _bytes(document))

    def put_back(self, document: Document) -> None:
        """The same with the document that stood before, under the same lock."""
        put_back(self.path, _bytes(document))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file for one read-change-write.

        Raises:
            RetrySafe: another writer held it all the time.
        """
        with locked(self.path, what="the Envoy rules file", seconds=self._lock_seconds):
            yield


def _bytes(document: Document) -> bytes:
    return json.dumps(document.body, indent=1, ensure_ascii=True).encode()


def _filters(node: Any) -> Iterator[dict[str, Any]]:
    """Every RBAC filter configuration in the document, in document order."""
    if isinstance(node, dict):
        if node.get("@type") == _RBAC_TYPE:
            yield node
            return
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _filters(child)


def _policies(config: dict[str, Any], mode: str) -> dict[str, Policy]:
    for key in _MODES[mode]:
        if key in config:
            policies: dict[str, Policy] = config[key].get("policies") or {}
            return policies
    return {}


def _replace(config: dict[str, Any], mode: str, ours: dict[str, Policy]) -> None:
    key = next((key for key in _MODES[mode] if key in config), _MODES[mode][0])
    foreign = {name: policy for name, policy in _policies(config, mode).items() if not name.startswith(PREFIX)}
    if key not in config and not ours:
        return
    config.setdefault(key, {"action": "DENY"})["policies"] = foreign | collapse(ours)


def _require_deny_list(config: dict[str, Any]) -> None:
    """An entry in an allow list would let the attacker in, so anything but a deny list is refused."""
    for mode in _MODES.values():
        rules = next((config[key] for key in mode if key in config), None)
        if rules is not None and rules.get("action", "ALLOW") != "DENY":
            raise Rejected("the RBAC filter is not a deny list", hint="give Stanch an RBAC filter with action DENY")
    if "matcher" in config or "shadow_matcher" in config:
        raise Rejected("the RBAC filter uses matcher trees", hint="give Stanch an RBAC filter with rules")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found
