"""Any other device as an enforcement point, as its section of stanch.toml declares it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._section import read_section
from activities._webhook.point import PointConfig, WebhookPoint
from stanch.ports import Connector


def build(name: str, section: Mapping[str, Any]) -> WebhookPoint:
    """The point from its section of stanch.toml."""
    return WebhookPoint(name, read_section(PointConfig, name, section))


CONNECTOR = Connector(port="point", kind="webhook_point", build=build)
