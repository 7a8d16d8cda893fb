"""Checks every link of an nginx point and names the fix for each broken one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import httpx

from activities._http import http_client
from activities._nginx.file import NginxRules
from stanch.errors import ConnectorError
from stanch.ports import Check

_ABSOLUTE = r'add: if ($request ~ "^\S+ +[A-Za-z][A-Za-z0-9+.-]*://") { return 400; }'


def examine(rules: NginxRules, *, probe: tuple[str, str], error_log: Path) -> Sequence[Check]:
    """One line for each link, in the order in which they depend on each other."""
    return [_file(rules), _tested(rules), _loaded(rules), _one_host(*probe), _words(error_log)]


def _file(rules: NginxRules) -> Check:
    try:
        with rules.held():
            return Check("rules file", ok=True, detail=f"{len(rules.read())} entries of ours")
    except ConnectorError as error:
        return Check("rules file", ok=False, detail=error.message, fix=error.hint)
    except OSError:
        return Check("rules file", ok=False, detail="the directory is not writable", fix=f"chown {rules.path.parent}")


def _tested(rules: NginxRules) -> Check:
    fix = "run `test` by hand, as the worker's user"
    try:
        ok = rules.tested()
    except ConnectorError as error:
        return Check("configuration test", ok=False, detail=error.message, fix=fix)
    return Check("configuration test", ok=ok, fix="" if ok else fix)


def _loaded(rules: NginxRules) -> Check:
    try:
        if not rules.path.read_bytes():
            return Check("file is loaded", ok=True, detail="nothing written yet; the first block shows it")
        ok = rules.loaded()
    except (OSError, ConnectorError):
        ok = False
    fix = "" if ok else "include it by modsecurity_rules_file with `modsecurity on`, and reload nginx"
    return Check("file is loaded", ok=ok, fix=fix)


def _one_host(url: str, host: str) -> Check:
    """A request line with an address of its own overrules `Host` for nginx, and ModSecurity only sees `Host`."""
    try:
        with http_client(seconds=5.0) as client:
            target = f"http://{host}/".encode()
            answer = client.get(url, headers={"host": "elsewhere.invalid"}, extensions={"target": target})
    except httpx.HTTPError:
        return Check("one host per request", ok=False, detail="nginx does not answer", fix="check base_url")
    ok = answer.status_code == 400
    return Check("one host per request", ok=ok, fix="" if ok else _ABSOLUTE)


def _words(error_log: Path) -> Check:
    ok = os.access(error_log, os.R_OK)
    return Check("error log", ok=ok, fix="" if ok else f"let the worker read {error_log}, at level error or finer")
