"""The manifest asks for exactly what is used, and its copy in deploy/ is the one that is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stanch.cli.slack import app
from stanch.slack.manifest import manifest, scopes_of

ROOT = Path(__file__).parents[2]
# What Slack says each method needs (docs.slack.dev); views.* and auth.test need none.
NEEDS = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "users_info": "users:read",
    "usergroups_users_list": "usergroups:read",
    "views_open": "",
    "views_update": "",
    "views_publish": "",
    "auth_test": "",
    "apps_connections_open": "",
}


def test_scopes_are_those_of_the_methods_that_are_called() -> None:
    speaking = [ROOT / "activities" / "slack.py", *(ROOT / "activities" / "_slack").rglob("*.py")]
    source = "".join(path.read_text("utf-8") for path in speaking)
    called = set(re.findall(r"(?:_client|_web)\.([a-z_]+)[(,]", source)) - {"api_call", "is_connected", "connect"}
    called |= set(re.findall(r'"(chat\.[A-Za-z]+)"', source))
    methods = {name for name in called if "_" in name or "." in name} - {
        "message_listeners",
        "send_socket_mode_response",
    }
    assert methods == set(NEEDS)
    beyond = {"commands", "im:write"}  # the slash command; a message to a person opens their conversation
    assert set(scopes_of(groups=True)) == {NEEDS[name] for name in methods if NEEDS[name]} | beyond
    assert set(scopes_of(groups=True)) - set(scopes_of(groups=False)) == {"usergroups:read"}


def test_the_copy_is_what_is_printed() -> None:
    printed = CliRunner().invoke(app, ["manifest"])
    assert printed.exit_code == 0
    assert printed.output == (ROOT / "deploy/slack-manifest.json").read_text("utf-8")
    assert json.loads(printed.output) == manifest(socket=True)


def test_over_http_every_address_is_ours() -> None:
    result = CliRunner().invoke(app, ["manifest", "--http", "--groups", "--url", "https://stanch.shop.example/"])
    made = json.loads(result.output)
    assert re.findall(r'"(https://[^"]*)"', result.output) == [
        "https://stanch.shop.example/v1/slack/commands",
        "https://stanch.shop.example/v1/slack/events",
        "https://stanch.shop.example/v1/slack/interactions",
    ]
    assert not made["settings"]["socket_mode_enabled"]
    assert "usergroups:read" in made["oauth_config"]["scopes"]["bot"]


@pytest.mark.parametrize("url", ["http://stanch.example.com", "stanch.example.com"])
def test_over_http_an_address_must_be_encrypted(url: str) -> None:
    result = CliRunner().invoke(app, ["manifest", "--http", "--url", url])
    assert "C037" in f"{getattr(result.exception, 'code', '')}"
