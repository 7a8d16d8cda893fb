"""Our routes at one Kong, each with a plugin that ends the request; nothing without our tag is ever touched."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from activities._edge.rules import Entries, Entry
from activities._envoy.policy import PREFIX, parse_name
from activities._rest import Rest, path_of
from stanch.errors import Gone, Rejected

TAG = "stanch"
PLUGIN = "request-termination"
_SPACE = uuid.UUID("5b6d1b0e-6f4e-5f8e-9d3b-8f6f3f0f7a11")  # ours: the same name always has the same ids
_PAGES = 100


class KongRoutes:
    """Implements Rules with entities of Kong's Admin API, written by id so that a repeated write changes nothing."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def held(self) -> AbstractContextManager[None]:
        """See Rules; every entry is an entity of its own, so there is nothing to lose to another writer."""
        return contextlib.nullcontext()

    def read(self) -> Entries:
        """See Rules; a route whose plugin is missing or off is not the entry that we wrote."""
        plugins = {
            str((plugin.get("route") or {}).get("id")): plugin
            for plugin in self._list("plugins")
            if plugin.get("name") == PLUGIN and plugin.get("enabled") is True
        }
        found: dict[str, Entry] = {}
        for route in self._list("routes"):
            name = str(route.get("name") or "")
            if name.startswith(PREFIX):
                config = plugins.get(str(route.get("id")), {}).get("config") or {}
                entry = {key: route.get(key) for key in ("expression", "priority")}
                found[name] = {**entry, "status": config.get("status_code", 0)}
        return found

    def publish(self, entries: Entries) -> bool:
        """See Rules. New routes come first; a refused one takes the others of this call back with it.

        Raises:
            Rejected: this Kong cannot take routes of this kind at all.
        """
        standing = self.read()
        late = {name: entry for name, entry in entries.items() if standing.get(name) != entry}
        if late:
            self.fit()
        try:
            for name, entry in late.items():
                self._put(name, entry)
        except Rejected:
            for name in late.keys() - standing.keys():
                self._delete(name)
            return False
        for name in standing.keys() - entries.keys():
            self._delete(name)
        return True

    def fit(self) -> str:
        """The version of this Kong, if its database and router can hold our routes.

        Raises:
            Rejected: they cannot, with what to change.
        """
        call = self._rest.told("describe itself", write=False)
        about = self._rest.send("GET", "/", call=call).mapping(call)
        configured = about.get("configuration") or {}
        if configured.get("database") == "off":
            hint = "blocks need a database; with declarative configuration, block at a gateway in front of it"
            raise Rejected("this Kong has no database, so its routes can only be read", hint=hint)
        if configured.get("router_flavor") != "expressions":
            hint = "set router_flavor = expressions (Kong 3.4 or newer); routes written as JSON keep working"
            raise Rejected("this Kong's router can neither look at addresses nor put a block first", hint=hint)
        return str(about.get("version", ""))

    def _put(self, name: str, entry: Entry) -> None:
        tags = _tags(name)
        route = {
            "name": name,
            "expression": entry["expression"],
            "priority": entry["priority"],
            "protocols": ["http", "https"],
            "tags": tags,
        }
        self._write("PUT", "routes", _id("route", name), route, "put a route")
        plugin = {
            "name": PLUGIN,
            "route": {"id": _id("route", name)},
            "enabled": True,
            "config": {"status_code": entry["status"], "message": "Forbidden"},
            "tags": tags,
        }
        self._write("PUT", "plugins", _id("plugin", name), plugin, "put a plugin on its route")

    def _delete(self, name: str) -> None:
        """The plugin goes with its route."""
        with contextlib.suppress(Gone):
            self._write("DELETE", "routes", _id("route", name), None, "delete a route")

    def _write(self, method: str, kind: str, key: str, body: Mapping[str, Any] | None, action: str) -> None:
        call = self._rest.told(action, write=True)
        self._rest.send(method, path_of(kind, key), call=call, json=body, expect=(200, 201, 204))

    def _list(self, kind: str) -> Iterator[dict[str, Any]]:
        call = self._rest.told(f"list {kind}", write=False)
        params: dict[str, str] = {"tags": TAG, "size": "500"}
        for _ in range(_PAGES):
            page = self._rest.send("GET", f"/{kind}", call=call, params=params).mapping(call)
            yield from page.get("data") or ()
            if not page.get("offset"):
                return
            params = {**params, "offset": str(page["offset"])}
        raise Rejected("Kong lists more routes of ours than there can be", hint="see who uses the tag `stanch`")


def _tags(name: str) -> list[str]:
    owned = parse_name(name)
    if owned is None or owned.expires_at is None:
        return [TAG]
    return [TAG, f"case:{owned.case_id}", f"expires:{int(owned.expires_at.timestamp())}"]


def _id(kind: str, name: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{kind}:{name}"))
