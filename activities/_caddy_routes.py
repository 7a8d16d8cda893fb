"""Compiles a block into a Caddy route, and keeps the group of them in front of everybody else's routes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from activities._caddy_admin import CaddyAdmin
from activities._edge.gateway import Block
from activities._edge.rules import Entries, Entry
from activities._envoy.paths import DECODED_TEXT, host_body, loose, path_regex
from activities._envoy.policy import CANARY_HEADER, OVERRIDES, PREFIX, Hops, asked_pattern, methods_of
from activities._jwt_text import claim_patterns, claims_named
from activities._networks import networks_of, spelt
from stanch.errors import Rejected, Uncertain

CASE_HEADER, BLOCK_HEADER = "X-Stanch-Case", "X-Stanch-Block"
_GROUP = "stanch-blocks"
_MAYBE_SLASH = r"^[^?]*(?:\x5c|%(?:2[Ff]|5[Cc]))"

Condition = dict[str, Any]  # a matcher set


def compile_block(block: Block, *, hops: Hops, token_header: str, ignore_case: bool) -> Entry:
    """A route that answers 403 to whom the block means, and to our probe on the same endpoint.

    Raises:
        Rejected: Caddy cannot match what the specification asks for, or was asked to count.
    """
    if block.count:
        raise Rejected("Caddy cannot count a block without denying", hint="use an estimate, or block at once")
    spec = block.spec
    host = _variable("{http.request.hostport}", rf"^(?i:{host_body(spec.host)})?$")
    methods = [_asked_by(methods_of(spec.methods))] if spec.methods else []
    who = [*_addresses(spec.ips, hops), *_claims(block, token_header)]
    callers = [who, [{"header": {CANARY_HEADER: [block.canary]}}]] if who else [[]]
    matches = [
        _all([host, *methods, *caller, *path])
        for caller in callers
        for path in _paths(spec.path, ignore_case=ignore_case)
    ]
    told = {CASE_HEADER: [block.case_id], BLOCK_HEADER: [block.seal]}
    denied = {"handler": "static_response", "status_code": 403, "headers": told}
    return {"@id": block.name, "match": matches, "handle": [denied], "terminal": True}


class CaddyRoutes:
    """Implements Rules with one group of routes, the first of a server; no other route is ever sent back to Caddy.

    Args:
        server: name under `apps.http.servers`.
    """

    def __init__(self, admin: CaddyAdmin, *, server: str) -> None:
        self._admin = admin
        self._place = f"/config/apps/http/servers/{server}/routes"
        self._id = f"{_GROUP}-{server}"

    def held(self) -> AbstractContextManager[None]:
        """See Rules; the version of what was read keeps other writers out."""
        return contextlib.nullcontext()

    def read(self) -> Entries:
        """See Rules.

        Raises:
            Rejected: the server is not there, or its group of ours holds what is not ours.
        """
        routes, _ = self._routes()
        found: dict[str, Entry] = {}
        for place in self._ours(routes):
            for entry in _inside(routes[place]):
                found[str(entry.get("@id", ""))] = entry
        if any(not name.startswith(PREFIX) for name in found):
            raise Rejected(f"somebody else's route is in {self._id}", hint="move it out: this group is only for Stanch")
        return found

    def publish(self, entries: Entries) -> bool:
        """See Rules: Caddy loads a change before it answers."""
        routes, version = self._routes()
        places = self._ours(routes)
        if places == ([0] if entries else []) and (not entries or self._holds(routes, entries)):
            return True
        if not self._write(routes, places, entries, version):
            return False
        for _ in places:  # of an older group that others have pushed back
            routes, version = self._routes()
            if old := self._ours(routes)[1 if entries else 0 :]:
                self._admin.write("DELETE", f"{self._place}/{old[-1]}", version=version)
        if self.read() != entries:
            raise Uncertain("Caddy does not show the routes it has taken", hint="see who else changes it")
        return True

    def first(self) -> bool:
        """No route comes before ours."""
        routes, _ = self._routes()
        return self._ours(routes) in ([], [0])

    def _write(self, routes: Sequence[Any], places: Sequence[int], entries: Entries, version: str) -> bool:
        """One change that brings all new entries into force at once."""
        group = self._group(entries)
        if not entries:
            return self._admin.write("DELETE", f"{self._place}/{places[-1]}", version=version)
        if places[:1] == [0]:
            return self._admin.write("PATCH", f"{self._place}/0", value=group, version=version)
        if routes:
            return self._admin.write("PUT", f"{self._place}/0", value=group, version=version)
        return self._admin.write("POST", self._place, value=[group], version=version)

    def _routes(self) -> tuple[list[Any], str]:
        routes, version = self._admin.read(self._place)
        return routes or [], version

    def _ours(self, routes: Sequence[Any]) -> list[int]:
        return [place for place, route in enumerate(routes) if isinstance(route, dict) and route.get("@id") == self._id]

    def _group(self, entries: Entries) -> Entry:
        inside = [entries[name] for name in sorted(entries)]
        return {"@id": self._id, "handle": [{"handler": "subroute", "routes": inside}]}

    def _holds(self, routes: Sequence[Any], entries: Entries) -> bool:
        return bool(routes[0] == self._group(entries))


def _inside(group: Mapping[str, Any]) -> Iterator[Entry]:
    for handler in group.get("handle") or ():
        yield from handler.get("routes") or ()


def _all(conditions: Sequence[Condition]) -> Condition:
    """All of them: one kind of matcher may stand only once in a set, and its members are then alternatives."""
    return {"not": [{"not": [condition]} for condition in conditions]}


def _any(conditions: Sequence[Condition]) -> Condition:
    """One of them."""
    return {"not": [{"not": list(conditions)}]}


def _asked_by(methods: Sequence[str]) -> Condition:
    """The method itself, or one that the request asks to be taken for."""
    pattern = f"^{asked_pattern(methods)}$"
    instead = [{"header_regexp": {name: {"pattern": pattern}}} for name in OVERRIDES]
    return _any([_variable("{http.request.method}", pattern), *instead])


def _variable(name: str, pattern: str) -> Condition:
    return {"vars_regexp": {name: {"pattern": pattern}}}


def _paths(template: str, *, ignore_case: bool) -> list[list[Condition]]:
    """Caddy matches the path decoded and cleaned; with escaped slashes or backslashes it may be another to the API."""
    if template == "/**":
        return [[]]
    flags = "(?is)" if ignore_case else "(?s)"
    strict = {"path_regexp": {"pattern": f"{flags}^(?:{path_regex(template, spelling=DECODED_TEXT)})$"}}
    mixed = {"path_regexp": {"pattern": f"{flags}^(?:{path_regex(template, spelling=loose(DECODED_TEXT))})$"}}
    return [[strict], [mixed, _variable("{http.request.uri}", _MAYBE_SLASH)]]


def _addresses(ips: Sequence[str], hops: Hops) -> Iterator[Condition]:
    if ips:
        kind = "remote_ip" if hops is Hops.DIRECT else "client_ip"
        yield {kind: {"ranges": [str(one) for network in networks_of(tuple(ips)) for one in spelt(network)]}}


def _claims(block: Block, token_header: str) -> Iterator[Condition]:
    """A token wherever APIs look for one; queries and cookies may be escaped."""
    claims = claims_named(block.spec.principal, gateway="Caddy")
    headers = dict.fromkeys((token_header.title(), "Authorization"))
    for plain, escaped in zip(claim_patterns(claims), claim_patterns(claims, escaped=True), strict=True):
        in_header = [{"header_regexp": {name: {"pattern": plain}}} for name in headers]
        in_cookie = {"header_regexp": {"Cookie": {"pattern": escaped}}}
        yield _any([*in_header, in_cookie, _variable("{http.request.uri.query}", escaped)])
