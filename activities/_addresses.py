"""Addresses of vendors in settings: what credentials may be sent to."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def https_address(value: str, example: str) -> str:
    """The address without a last slash; plain http only on this machine.

    Raises:
        ValueError: it is no such address; `example` shows one.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError(f"must be an address such as {example}, without user or query")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must be https, since credentials travel with every call")
    return value.rstrip("/")
