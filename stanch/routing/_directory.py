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


_SYSTEM_OF = {"components": "jira", "parent": "jira", "problem": "servicenow", "category": "servicenow"}
FieldValue = str | int | float | bool | tuple[str, ...]


class Target(Words):
    """Where a team's tickets go, and what they are made with; same fields as the view has.

    `project`, `type`, `components` and `parent` are Jira's; `group`, `problem` and `category` are ServiceNow's.
    `fields` are values by the tracker's own field ids.
    """

    system: Literal["board", "jira", "servicenow"] = "board"
    project: str = ""
    type: str = ""
    group: str = ""
    labels: tuple[Annotated[str, Field(pattern=r"^\S{1,255}$")], ...] = ()
    components: tuple[str, ...] = ()
    parent: str = Field(default="", pattern=r"^([A-Z][A-Z0-9_]*-[0-9]+)?$")
    problem: str = Field(default="", pattern=r"^([A-Z]{2,8}[0-9]{4,12})?$")
    category: str = ""
    fields: dict[str, FieldValue] = Field(default_factory=dict[str, FieldValue])

    @model_validator(mode="after")
    def _of_its_system(self) -> Target:
        foreign = [word for word in _SYSTEM_OF if getattr(self, word) and _SYSTEM_OF[word] != self.system]
        if foreign:
            message = f"{', '.join(foreign)}: {_SYSTEM_OF[foreign[0]]} has this, {self.system} does not"
            raise PydanticCustomError("R206", "{message}", {"message": message})
        return self

    @property
    def view(self) -> TicketTarget:
        return TicketTarget.model_validate(self.model_dump())


class Team(Words):
    lead: UserId
    members: tuple[UserId, ...] = ()
    slack: str = ""
    email: str = ""
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
