"""Checks every link of an Envoy point and names the fix for each broken one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from activities._envoy.admin import EnvoyAdmin
from activities._envoy.file import Document, RulesFile
from activities._envoy.policy import JWT_FILTER
from activities._http import http_client
from stanch.errors import ConnectorError
from stanch.ports import Check

_LOOSE = {
    "normalize_path": "set normalize_path: true, or /%75sers passes a rule on /users",
    "merge_slashes": "set merge_slashes: true, or //users passes a rule on /users",
    "path_with_escaped_slashes_action": "set path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT or REJECT_REQUEST",
}


def examine(file: RulesFile, admin: EnvoyAdmin, *, base_url: str) -> Sequence[Check]:
    """One line for each link, in the order in which they depend on each other."""
    return [_rules(file), *_running(file, admin), _reachable(base_url)]


def _rules(file: RulesFile) -> Check:
    try:
        document = file.read()
        with file.locked():
            return Check("rules file", ok=True, detail=f"{len(document.owned())} entries of ours{_place_of(document)}")
    except ConnectorError as error:
        return Check("rules file", ok=False, detail=error.message, fix=error.hint)
    except OSError:
        return Check("rules file", ok=False, detail="the directory is not writable", fix=f"chown {file.path.parent}")


def _place_of(document: Document) -> str:
    if not document.in_listener:
        return ""
    return "; inside a listener, so open connections drain first: config_discovery for the filter avoids that"


def _running(file: RulesFile, admin: EnvoyAdmin) -> Iterator[Check]:
    try:
        loaded = admin.loaded()
        managers = admin.managers()
        current = file.read().version in loaded.versions
    except ConnectorError as error:
        yield Check("admin endpoint", ok=False, detail=error.message, fix=error.hint)
        return
    yield Check("admin endpoint", ok=True)
    fix = "" if current else "point lds_config or config_discovery at the file, with watched_directory"
    yield Check("file is loaded", ok=current, fix=fix)
    yield _strict(managers)
    yield _ordered(managers)


def _strict(managers: Sequence[Mapping[str, Any]]) -> Check:
    missing = [fix for key, fix in _LOOSE.items() if any(not manager.get(key) for manager in managers)]
    return Check("paths are normalised", ok=bool(managers) and not missing, fix="; ".join(missing))


def _ordered(managers: Sequence[Mapping[str, Any]]) -> Check:
    """Claims exist only after jwt_authn, so it must come first; blocks on addresses work without it."""
    names = [[str(entry.get("name", "")) for entry in manager["http_filters"]] for manager in managers]
    first = all(JWT_FILTER in chain and chain.index(JWT_FILTER) < _place(chain) for chain in names)
    fix = "" if first else f"put {JWT_FILTER} before the RBAC filter, or blocks of tokens and users match nobody"
    return Check("tokens are verified before the rules", ok=first, fix=fix)


def _place(chain: Sequence[str]) -> int:
    return next((index for index, name in enumerate(chain) if "rbac" in name), len(chain))


def _reachable(base_url: str) -> Check:
    try:
        with http_client(seconds=5.0) as client:
            client.get(base_url)
    except httpx.HTTPError:
        return Check("probe address", ok=False, fix="check base_url: probes send their requests there")
    return Check("probe address", ok=True)
