"""How the web server is set up: no access log, since some senders can put their secret nowhere but into the URL."""

from __future__ import annotations

import logging

import uvicorn
from starlette.types import ASGIApp

from stanch.web.arrivals import Peers


def server_config(app: ASGIApp) -> uvicorn.Config:
    """The settings of uvicorn; proxies are told apart by `Peers` instead of by uvicorn itself."""
    config = uvicorn.Config(Peers(app), log_level="warning", access_log=False, server_header=False, proxy_headers=False)
    logging.getLogger("uvicorn.access").addFilter(_silent)  # uvicorn writes it for whoever else adds a handler
    return config


def _silent(record: logging.LogRecord) -> bool:
    return False
