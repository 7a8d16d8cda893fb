"""People as the file declares them: users, teams, schedules."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from stanch.documents import Duration
from stanch.routing._words import Instant, ScheduleId, TeamId, UserId, Words, Zone
from stanch.views import TicketTarget


class User(Words):
    """A person, and the names other systems know them by."""

    name: str
    role: str = ""
    slack: str = ""
    jira: str = ""
    servicenow: str = ""
    email: str = ""
    console: str = ""
    timezone: Zone = "UTC"
    active: bool = True


class Target(Words):
    """Where a team's tickets go; same fields as the view has."""

    system: Literal["board", "jira", "servicenow"] = "board"
    project: str = ""
    type: str = ""
    group: str = ""

    @property
    def view(self) -> TicketTarget:
        return TicketTarget(system=self.system, project=self.project, type=self.type, group=self.group)


class Team(Words):
    lead: UserId
    members: tuple[UserId, ...] = ()
    slack: str = ""
    ticket: Target = Target()
    catalog: str = ""


class Rotation(Words):
    start: Instant
    every: Annotated[Duration, Field(ge=timedelta(hours=1))]
    members: tuple[UserId, ...] = Field(min_length=1)


class Cover(Words):
    """Someone stands in for a while."""

    start: Instant = Field(alias="from")
    until: Instant
    user: UserId


class Schedule(Words):
    timezone: Zone = "UTC"
    rotation: Rotation
    overrides: tuple[Cover, ...] = ()


class Directory(Words):
    users: dict[UserId, User] = Field(default_factory=dict[str, User])
    teams: dict[TeamId, Team] = Field(default_factory=dict[str, Team])
    schedules: dict[ScheduleId, Schedule] = Field(default_factory=dict[str, Schedule])
