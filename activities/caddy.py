"""Caddy as an enforcement point: leases become routes in a group of ours, in front of all others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from pydantic import Field

from activities._access_log import Line, read_log
from activities._caddy_admin import ADDRESS, CaddyAdmin
from activities._caddy_routes import BLOCK_HEADER, CaddyRoutes, compile_block
from activities._edge.gateway import EdgeSection, Gateway
from activities._edge.point import EdgePoint
from activities._envoy.paths import DECODED_TEXT
from activities._envoy.policy import Dialect, Hops
from activities._section import read_section
from stanch.errors import ConnectorError
from stanch.ports import Check, Connector


class CaddyConfig(EdgeSection):
    """Section of a `caddy` connector.

    Args:
        admin: where its admin endpoint listens: `unix//run/caddy/admin.sock` or an address on this machine.
        server: name of the HTTP server in Caddy's configuration (`srv0` for a Caddyfile).
        hops: `direct` matches the TCP peer, `trusted` what Caddy derives through `trusted_proxies` (2.7 and newer).
        timeout: seconds to wait for the admin endpoint.
    """

    admin: str = Field(default="unix//run/caddy/admin.sock", pattern=f"^(?:{ADDRESS.pattern})$")
    server: str = Field(default="srv0", pattern=r"^[\w.-]{1,64}$")
    hops: Hops = Hops.DIRECT
    timeout: float = Field(default=10.0, gt=0, le=30)


def build(name: str, section: Mapping[str, Any]) -> EdgePoint:
    """The point from its section of stanch.toml."""
    config = read_section(CaddyConfig, name, section)
    routes = CaddyRoutes(CaddyAdmin(config.admin, seconds=config.timeout), server=config.server)
    compiled = partial(
        compile_block, hops=config.hops, token_header=config.token_header, ignore_case=config.ignore_case
    )
    gateway = Gateway(
        title="Caddy",
        rules=routes,
        compile_block=compiled,
        read=lambda since: read_log(config.access_log, since=since, parse=parse_line),
        checks=lambda: _checks(routes),
        dialect=Dialect(hops=config.hops, ignore_case=config.ignore_case, spelling=DECODED_TEXT),
    )
    return EdgePoint(name, config, gateway)


def parse_line(raw: bytes) -> Line | None:
    """One line of Caddy's JSON access log; None where it is not one."""
    try:
        body = json.loads(raw)
        request = body["request"]
        return Line(
            at=datetime.fromtimestamp(float(body["ts"]), tz=UTC),
            method=str(request["method"]),
            host=str(request["host"]),
            path=_cleaned(unquote(str(request["uri"]).split("?", 1)[0])),
            status=int(body["status"]),
            client=str(request.get("client_ip") or request.get("remote_ip") or ""),
            peer=str(request.get("remote_ip") or ""),
            claims={},
            policy=_first(body.get("resp_headers"), BLOCK_HEADER),
            agent=_first(request.get("headers"), "User-Agent"),
            duration_ms=float(body.get("duration") or 0) * 1000,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError):
        return None


def _cleaned(path: str) -> str:
    """As Caddy compares it, which is not as it is in the log: slashes merged, dots resolved."""
    kept: list[str] = []
    for part in path.split("/"):
        kept = kept[:-1] if part == ".." else [*kept, part] if part not in ("", ".") else kept
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _first(headers: Mapping[str, Sequence[str]] | None, name: str) -> str:
    return str(next(iter((headers or {}).get(name) or ()), ""))


def _checks(routes: CaddyRoutes) -> Sequence[Check]:
    try:
        detail = f"{len(routes.read())} entries of ours; they outlive a restart only with `caddy run --resume`"
        first = routes.first()
    except ConnectorError as error:
        return [Check("admin endpoint", ok=False, detail=error.message, fix=error.hint)]
    fix = "" if first else "the next block moves them; see what inserts routes at index 0"
    return [Check("admin endpoint", ok=True, detail=detail), Check("our routes come first", ok=first, fix=fix)]


CONNECTOR = Connector(port="point", kind="caddy", build=build)
