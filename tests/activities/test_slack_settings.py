"""Settings of the Slack connector: mistakes are named, secrets are not."""

from __future__ import annotations

from typing import Any

import pytest

from activities.slack import CONNECTOR
from stanch.errors import ConfigError

SECTION = {"token": "xoxb-canary-51c7", "signing_secrets": ["signing-canary-88aa"], "team_id": "T0SANDBOX"}


@pytest.mark.parametrize(
    "changed",
    [
        {"tokne": "x"},
        {"team_id": "sandbox"},
        {"base_url": "http://slack.example/api/"},
        {"base_url": "file:///etc/passwd"},
        {"signing_secrets": []},
        {"timeout": 0},
        {"token": None},
    ],
)
def test_wrong_settings_are_named_without_their_values(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        CONNECTOR.build("slack", {**SECTION, **changed})
    assert next(iter(changed)) in str(caught.value.problems[0])
    assert "canary" not in f"{caught.value} {caught.value.problems} {caught.value.__cause__}"


def test_secrets_are_in_no_representation() -> None:
    chat = CONNECTOR.build("slack", SECTION)
    assert "canary" not in f"{chat!r} {chat.config!r} {chat.config}"
