"""The manifest of the Slack app: exactly the scopes and features that are used, over either way in."""

from __future__ import annotations

from typing import Any

# What each scope is for; the connector's doctor compares them with those that were granted.
SCOPES = {
    "chat:write": "cards and messages",
    "commands": "the /stanch command",
    "im:write": "messages to a person",
    "users:read": "who has clicked: a member, a guest, a bot",
}
GROUP_SCOPES = {"usergroups:read": "who is in the group of `deciders`"}


def scopes_of(*, groups: bool) -> tuple[str, ...]:
    """Bot scopes, in order; with `groups` those of the setting `deciders` too."""
    return tuple(sorted(SCOPES | (GROUP_SCOPES if groups else {})))


def manifest(*, socket: bool, groups: bool = False, url: str = "https://stanch.example.com") -> dict[str, Any]:
    """The app as Slack's "Create an app from a manifest" takes it.

    Args:
        socket: Slack is called by us (Socket Mode); otherwise it calls `url`.
        groups: user groups are read (`deciders`).
        url: where Stanch is reached, without a slash at the end.
    """
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "Stanch",
            "description": "Security findings about your APIs, seen through to a proven fix",
            "background_color": "#16324f",
        },
        "features": _features(url, socket=socket),
        "oauth_config": {"scopes": {"bot": list(scopes_of(groups=groups))}},
        "settings": {
            "event_subscriptions": {
                **_at("request_url", url, "/v1/slack/events", socket=socket),
                "bot_events": ["app_home_opened"],
            },
            "interactivity": {
                "is_enabled": True,
                **_at("request_url", url, "/v1/slack/interactions", socket=socket),
            },
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }


def _features(url: str, *, socket: bool) -> dict[str, Any]:
    return {
        # Without the messages tab an app may not write to people at all.
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": True,
        },
        "bot_user": {"display_name": "Stanch", "always_online": False},
        "slash_commands": [
            {
                "command": "/stanch",
                **_at("url", url, "/v1/slack/commands", socket=socket),
                "description": "Cases: list, show, assign, snooze; halt changes",
                "usage_hint": "help",
                "should_escape": True,
            }
        ],
    }


def _at(name: str, url: str, path: str, *, socket: bool) -> dict[str, str]:
    return {} if socket else {name: url + path}
