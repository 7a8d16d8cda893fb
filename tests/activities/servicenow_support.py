"""How tests connect to the ServiceNow stand-in."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import pytest

from activities._servicenow.settings import pysnow_installed
from activities.servicenow import CONNECTOR, ServiceNowTickets
from stanch.sandbox.servicenow import ServiceNowStandin

PASSWORD = "now-password"
needs_pysnow = pytest.mark.skipif(not pysnow_installed(), reason="pysnow does not install on this Python")
TRANSPORTS = ["requests", pytest.param("pysnow", marks=needs_pysnow)]


class Connect(Protocol):
    """Makes a connector for a stand-in."""

    def __call__(self, now: ServiceNowStandin, **changes: Any) -> ServiceNowTickets: ...


def through(transport: str) -> Connect:
    return partial(connect, transport=transport)


def connect(now: ServiceNowStandin, **changes: Any) -> ServiceNowTickets:
    section: dict[str, Any] = {
        "url": changes.get("url") or now.url,
        "user": "stanch",
        "password": PASSWORD,
        "transport": "requests",
        "timeout": 2.0,
        "connect_timeout": 0.2,
        "settle": 0.3,
        "poll": 0.02,
    }
    tickets = CONNECTOR.build("now", {**section, **changes})
    assert isinstance(tickets, ServiceNowTickets)
    return tickets
