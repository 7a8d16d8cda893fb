"""Where a change is made that no lease holds, by the name of its section: a halt of that name must stop it, too."""

from __future__ import annotations

import fnmatch

from activities._world import World
from stanch.catalog import Params, catalog
from stanch.errors import Rejected

_SEPARATOR = "::"  # between the section and the rest, in names of attachments and changes
_PORTS = {"policy": "policy", "waf": "policy", "token": "identity", "user": "identity"}


def place_of(world: World, action: str, params: Params) -> str:
    """The section that a change of this action goes to; "" for a lease, for no change, or where nobody can tell."""
    spec = catalog()[action]
    if spec.leased or not spec.effect.mutates:
        return ""
    family = action.partition(".")[0]
    named = _named(family, params)
    if named:
        return named
    host = str(getattr(params, "host", ""))
    if family == "apigw":
        return _gateway(world, host)
    port = _PORTS.get(family, "")
    if port == "identity":
        return world.first(port)
    try:
        return world.serving(port, host) if port else ""
    except Rejected:
        return ""


def _named(family: str, params: Params) -> str:
    """By the step itself, or by what an earlier step has made."""
    word = "to" if family == "webhook" else "at"
    made = (str(getattr(params, name, "")).partition(_SEPARATOR) for name in ("change", "attachment"))
    earlier = next((section for section, separator, _ in made if separator), "")
    return str(getattr(params, word, "")) or earlier


def _gateway(world: World, host: str) -> str:
    """The API Gateway of a host, or the only one."""
    found = {name: item for name, item in world.sections("point").items() if item.get("kind") == "api_gateway"}
    if host:
        return next((name for name, item in found.items() if _serves(item.get("apis") or {}, host)), "")
    return next(iter(found), "") if len(found) == 1 else ""


def _serves(hosts: object, host: str) -> bool:
    return isinstance(hosts, dict) and any(fnmatch.fnmatchcase(host, str(pattern)) for pattern in hosts)
