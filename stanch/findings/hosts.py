"""Host names in one normal form, and where a subdomain ends and the registrable domain begins."""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import idna
from publicsuffixlist import PublicSuffixList

_ASCII_HOST = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MAX_HOST = 253


class Host(NamedTuple):
    """A host in normal form; `name` is empty where the text is no host."""

    name: str = ""
    port: int | None = None
    subdomain: str = ""
    base_domain: str = ""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def parse_host(text: str, scheme: str = "") -> Host:
    """Lower-case A-label without trailing dot; the default port of the scheme is dropped.

    Accepts `host`, `host:port`, `[v6]:port` and a URL.
    """
    parts = _authority(text.strip(), scheme)
    if parts is None:
        return Host()
    raw, port, scheme = parts
    name = _canonical_name(raw)
    if port in (0, _DEFAULT_PORTS.get(scheme)) or (not scheme and port in (80, 443)):
        port = None
    return Host(name, port, *_domains(name)) if name else Host()


def _authority(text: str, scheme: str) -> tuple[str, int | None, str] | None:
    if not text or any(char.isspace() for char in text):
        return None
    try:
        parsed = urlsplit(text if "//" in text else f"//{_bracketed(text)}")
        return parsed.hostname or "", parsed.port, (parsed.scheme or scheme).lower()
    except ValueError:
        return None


def _bracketed(text: str) -> str:
    return f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text


def _canonical_name(raw: str) -> str:
    name = raw.rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    return name if len(name) <= _MAX_HOST and _ASCII_HOST.fullmatch(name) else ""


def _domains(name: str) -> tuple[str, str]:
    bare = name.removeprefix("*.")
    if not bare or ":" in bare or bare.replace(".", "").isdigit():
        return "", ""
    base = _suffixes().privatesuffix(bare) or bare
    return bare[: -len(base)].rstrip(".") if bare != base else "", base
