"""What a stand-in workspace holds: people, channels and messages."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

SCOPES = ("chat:write", "commands", "users:read", "users:read.email", "usergroups:read", "im:write")


@dataclass(frozen=True)
class Person:
    """An account of the workspace, or one that is seen in it."""

    id: str
    name: str
    email: str = ""
    team_id: str = ""  # "" is the home workspace
    is_bot: bool = False
    is_guest: bool = False
    deleted: bool = False
    is_stranger: bool = False  # seen through a shared channel
    enterprise_id: str = ""
    teams: tuple[str, ...] = ()  # workspaces of that organisation


@dataclass
class Channel:
    id: str
    name: str
    archived: bool = False
    member: bool = True  # whether our bot is in it
    person: str = ""  # for a direct message


@dataclass(frozen=True)
class App:
    """Our app as installed: what it may do and how its requests are signed."""

    token: str
    signing_secret: str
    team_id: str
    app_id: str = "A0STANCH"
    bot_user: str = "U0STANCH"
    bot_id: str = "B0STANCH"
    app_token: str = ""  # for Socket Mode
    enterprise_id: str = ""


@dataclass
class Shown:
    """A view that somebody sees."""

    id: str
    user: str
    view: dict[str, Any]
    hash: str
    closed: bool = False

    def whole(self) -> dict[str, Any]:
        return {**self.view, "id": self.id, "hash": self.hash}


@dataclass
class Response:
    """An address to which an app may answer what a person did: five times in half an hour."""

    user: str
    made: float
    uses: int = 0


@dataclass
class Workspace:
    """The state behind the Web API; every access holds `lock`."""

    app: App
    people: dict[str, Person] = field(default_factory=dict[str, Person])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    messages: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    scopes: tuple[str, ...] = SCOPES
    revoked: bool = False
    pace: float = 0.0  # seconds between messages of one channel, beyond which they are refused; 0 takes all
    last_post: dict[str, float] = field(default_factory=dict[str, float])
    triggers: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])
    views: dict[str, Shown] = field(default_factory=dict[str, Shown])
    homes: dict[str, Shown] = field(default_factory=dict[str, Shown])
    responses: dict[str, Response] = field(default_factory=dict[str, Response])
    lock: threading.RLock = field(default_factory=threading.RLock)
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add_person(self, person: Person) -> None:
        with self.lock:
            self.people[person.id] = person

    def add_channel(self, channel: Channel) -> None:
        with self.lock:
            self.channels[channel.id] = channel

    def direct_message(self, person_id: str) -> Channel:
        """The conversation between our bot and a person, opened when it is first needed."""
        with self.lock:
            channel_id = "D" + person_id[1:]
            name = self.people[person_id].name
            return self.channels.setdefault(channel_id, Channel(id=channel_id, name=name, person=person_id))

    def next_ts(self) -> str:
        """A message's name: the time with a counter that makes it unique."""
        return f"{int(time.time())}.{next(self._count):06d}"

    def trigger(self, user: str = "") -> str:
        """A new id with which one dialog may be opened."""
        with self.lock:
            trigger = f"{next(self._count)}.{int(time.time())}.0a1b2c3d"
            self.triggers[trigger] = (time.monotonic(), user)
            return trigger

    def response(self, user: str) -> str:
        """The path of a new address for answers to this person."""
        with self.lock:
            name = secrets.token_hex(8)
            self.responses[name] = Response(user, time.monotonic())
            return f"/respond/{name}"

    def delete(self, channel_id: str, ts: str) -> None:
        """Somebody removes a message."""
        with self.lock:
            del self.messages[channel_id, ts]

    def history(self, channel_id: str) -> list[dict[str, Any]]:
        """Messages of a channel, oldest first."""
        with self.lock:
            return [dict(message) for (channel, _), message in self.messages.items() if channel == channel_id]
