"""Short-lived HTTP clients that cost little: the trust store is loaded once."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def http_client(*, seconds: float, base_url: str = "") -> httpx.Client:
    """A client to be used in a `with` block: no redirects, no proxy settings from the environment."""
    return httpx.Client(base_url=base_url, timeout=seconds, verify=_trust(), trust_env=False, follow_redirects=False)
