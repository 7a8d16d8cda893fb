"""Amazon API Gateway (REST APIs): blocks by resource policy and API key, and changes of throttling and methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._apigw.places import ApiGatewayConfig
from activities._apigw.point import GatewayPoint
from activities._section import read_section
from stanch.ports import Connector


def _build(name: str, section: Mapping[str, Any]) -> GatewayPoint:
    return GatewayPoint(name, read_section(ApiGatewayConfig, name, section))


CONNECTOR = Connector(port="point", kind="api_gateway", build=_build)
