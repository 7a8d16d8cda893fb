"""What `stanch doctor` says of a connector's section: which one, which key, and where its keys are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from glue import Glue

from activities._doctor import _connector
from activities._section import read_section
from activities._waf.config import WafPointConfig
from activities._webhook.settings import Device
from stanch.errors import ConfigError
from stanch.ports import Check

AWS = {"region": "eu-west-1", "endpoint_url": "http://127.0.0.1:9", "access_key_id": "x", "secret_access_key": "y"}


def test_a_connector_is_named_once(tmp_path: Path) -> None:
    with Glue(tmp_path, points={"edge": {"kind": "aws_waf", **AWS, "web_acls": {"*.example.com": "shop"}}}) as made:
        point = made.world.connector("point", "edge")
        made.world._built["point", "edge"] = Said([Check("edge: rule groups", ok=True), Check("client", ok=True)])
        lines = [check.name for check in _connector(made.world, "point", "edge")]
    assert point.name == "edge"
    assert lines == ["edge: rule groups", "edge: client"]


class Said:
    """A connector that has looked already."""

    def __init__(self, checks: list[Check]) -> None:
        self._checks = checks

    def doctor(self) -> list[Check]:
        return self._checks


@pytest.mark.parametrize(
    ("model", "section", "place"),
    [
        (WafPointConfig, {**AWS, "web_acls": {}}, "edge.web_acls: "),
        (Device, {"url": "http://fw.example.com", "secret": "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZg=="}, "edge.url: must"),
    ],
)
def test_a_wrong_key_is_named_with_the_page_of_keys(model: Any, section: Mapping[str, Any], place: str) -> None:
    with pytest.raises(ConfigError) as found:
        read_section(model, "edge", section)
    assert found.value.message.startswith(f"the section of connector edge is wrong: {place}")
    assert "docs/connectors.md" in found.value.hint
