"""People as the file declares them: users, teams, schedules."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from stanch.documents import Duration
from stanch.routing._times import Hours
from stanch.routing._words import Instant, ScheduleId, TeamId, UserId, Words, Zone
from stanch.views import TicketTarget

Tracker: TypeAlias = Literal["jira", "servicenow"]


class Away(Words):
    """A span in which a person does not work, and who stands in."""

    start: Instant = Field(alias="from")
    until: Instant
    instead: UserId | None = None

    @model_validator(mode="after")
    def _ends(self) -> Away:
        return _ended(self)


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
    away: tuple[Away, ...] = ()


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
    known_as: dict[Tracker, str] = Field(default_factory=dict[Tracker, str])
    catalog: str = ""

    @property
    def home(self) -> str:
        """The tracker in which the team works, "" where the file names none."""
        return self.ticket.system if "ticket" in self.model_fields_set else ""


class Rotation(Words):
    """Who takes turns, from when on; `hours` limits it to times of the week, in the schedule's zone or its own."""

    start: Instant
    every: Annotated[Duration, Field(ge=timedelta(hours=1))]
    members: tuple[UserId, ...] = Field(min_length=1)
    hours: tuple[Hours, ...] = ()
    timezone: Zone | None = None


class Cover(Words):
    """Someone stands in for a while."""

    start: Instant = Field(alias="from")
    until: Instant
    user: UserId

    @model_validator(mode="after")
    def _ends(self) -> Cover:
        return _ended(self)


class Schedule(Words):
    """Who is on call: an override, else the first of its rotations that covers the time."""

    timezone: Zone = "UTC"
    rotation: Rotation | None = None
    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Cover, ...] = ()

    @model_validator(mode="after")
    def _turns(self) -> Schedule:
        if (self.rotation is None) == (not self.rotations):
            raise PydanticCustomError("R000", "write either 'rotation' or a list of 'rotations'")
        return self

    @property
    def turns(self) -> tuple[Rotation, ...]:
        return (self.rotation,) if self.rotation else self.rotations


Span = TypeVar("Span", Away, Cover)


def _ended(span: Span) -> Span:
    if span.until <= span.start:
        raise PydanticCustomError("R000", "it ends before it starts", {"hint": "'until' is later than 'from'"})
    return span


class Directory(Words):
    users: dict[UserId, User] = Field(default_factory=dict[str, User])
    teams: dict[TeamId, Team] = Field(default_factory=dict[str, Team])
    schedules: dict[ScheduleId, Schedule] = Field(default_factory=dict[str, Schedule])
