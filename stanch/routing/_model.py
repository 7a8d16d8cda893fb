"""`routing/v1`: the ownership file, as it is written."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from stanch.documents import Duration, duration
from stanch.routing._match import Match
from stanch.views import Severity, TicketTarget


class Words(BaseModel):
    """Base of everything a person writes here: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _zone(name: str) -> str:
    if name not in available_timezones():
        message = (
            f"'{name}' is not an IANA time zone; write for example Europe/Berlin (offsets change with summer time)"
        )
        raise PydanticCustomError("R204", "{message}", {"message": message})
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
UserId = Annotated[str, Field(pattern=r"^user:[a-z0-9][a-z0-9._-]*$")]
TeamId = Annotated[str, Field(pattern=r"^team:[a-z0-9][a-z0-9._-]*$")]
ScheduleId = Annotated[str, Field(pattern=r"^schedule:[a-z0-9][a-z0-9._-]*$")]


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its zone; write for example 2026-02-01T00:00:00Z")
    return value


Instant = Annotated[datetime, AfterValidator(_aware)]


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
    every: Duration
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


class Hours(Words):
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    opens: time = Field(alias="from")
    closes: time = Field(alias="to")


class Freeze(Words):
    start: Instant = Field(alias="from")
    until: Instant
    reason: str = Field(min_length=1)


class Office(Words):
    timezone: Zone
    open: tuple[Hours, ...] = ()
    closed: tuple[date, ...] = ()
    freeze: tuple[Freeze, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def _or_none(value: object) -> object:
    return None if value == "none" else value


Lane = Literal["emergency_patch", "next_sprint", "backlog"]


class Promise(Words):
    """Deadlines of one severity; `business` counts only the open hours of the rule's calendar."""

    acknowledge: Duration | None = None
    contain: Duration | None = None
    fix: Annotated[Duration | None, BeforeValidator(_or_none)]
    clock: Literal["elapsed", "business"] = "elapsed"
    lane: Lane = "backlog"


def _moment(value: object) -> object:
    """`50%` of the running deadline as a fraction, anything else as a duration."""
    if isinstance(value, str) and value.endswith("%"):
        share = value.removesuffix("%")
        if not share.isdecimal() or int(share) > 1_000:
            raise ValueError(f"'{value}' is not a share; write for example 50%")
        return int(share) / 100
    return duration(value) if isinstance(value, str) else value


class Rung(Words):
    """One step of an escalation."""

    after: Annotated[timedelta | float, BeforeValidator(_moment)]
    notify: tuple[str, ...] = Field(min_length=1)
    repeat: Duration | None = None
    times: int = Field(default=1, ge=1, le=20)


class Only(Words):
    """Replaces a list where a bare list is added to it."""

    only: tuple[str, ...]


Names = tuple[str, ...] | Only


class Bound(Words):
    severity: Severity


class Decided(Words):
    """What a rule or one of its branches may settle besides the owner; None leaves it as it is."""

    id: Id
    assignee: str | None = None
    cc: Names = ()
    notify: Names = ()
    ticket: Target | None = None
    sla: str | None = None
    escalation: str | None = None
    calendar: str | None = None


class Branch(Decided):
    """A branch of a rule: the first whose condition is true applies."""

    when: str
    owner: str | None = None
    ceiling: Bound | None = None
    learned: dict[str, Any] | None = None
    refine: tuple[Branch, ...] = ()


class Rule(Decided):
    match: Match
    owner: str
    ceiling: Bound | None = None
    wins_over: tuple[str, ...] = ()
    refine: tuple[Branch, ...] = ()


class Default(Decided):
    owner: str


class LegalClock(Words):
    id: str
    starts: Literal["confirmed", "detected"] = "confirmed"
    duration: Duration


_LOOSENING = ("owner", "assignee", "ceiling", "ticket")


class Overlay(Words):
    """Adds or tightens wherever its condition is true."""

    id: Id
    when: str
    cc: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    floor: Bound | None = None
    sla: str | None = None
    legal_clock: LegalClock | None = None
    tags: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _only_tightens(cls, value: Any) -> Any:
        for key in _LOOSENING if isinstance(value, dict) else ():
            if key in value:
                message = f"an overlay may only add or tighten; '{key}' belongs into a rule"
                raise PydanticCustomError("R303", "{message}", {"message": message})
        return value


class Grouping(Words):
    id: Id
    by: tuple[str, ...] = Field(min_length=1)
    wait: Duration = timedelta(0)
    add_for: Duration = timedelta(hours=24)
    max: int = Field(default=200, ge=1, le=10_000)


class Condition(Words):
    when: str


class Inhibit(Words):
    id: Id
    source: Condition
    target: Condition
    equal: tuple[str, ...] = Field(min_length=1)


class Silence(Words):
    id: Id
    match: Match | None = None
    when: str | None = None
    start: Instant = Field(alias="from")
    until: Instant
    keep: tuple[Literal["record", "ticket"], ...] = ("record",)
    reason: str = Field(min_length=1)
    by: UserId

    @model_validator(mode="after")
    def _ends(self) -> Silence:
        if not timedelta(0) < self.until - self.start <= timedelta(days=30):
            raise PydanticCustomError("R301", "a silence ends after it starts, and within 30 days")
        return self


class Expect(Words):
    """What a test asks for; only what is written is compared."""

    rule: str | None = None
    owner: str | None = None
    assignee: str | None = None
    cc: tuple[str, ...] | None = None
    notify: tuple[str, ...] | None = None
    ticket: str | None = None
    severity: Severity | None = None
    lane: Lane | None = None
    legal_clock: str | None = None
    tags: tuple[str, ...] | None = None
    due: Instant | None = None


class Test(Words):
    """One example that the file must keep; `at` is when it happens."""

    __test__ = False

    name: str
    finding: dict[str, Any]
    expect: Expect
    at: Instant | None = None


class RoutesFile(Words):
    """The whole file."""

    version: Literal["routing/v1"]
    namespace: str = ""
    directory: Directory = Directory()
    calendars: dict[str, Office] = Field(default_factory=dict[str, Office])
    sla: dict[str, dict[Severity, Promise]] = Field(default_factory=dict[str, dict[Severity, Promise]])
    escalations: dict[str, tuple[Rung, ...]] = Field(default_factory=dict[str, tuple[Rung, ...]])
    default: Default
    rules: tuple[Rule, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    grouping: tuple[Grouping, ...] = ()
    inhibit: tuple[Inhibit, ...] = ()
    silences: tuple[Silence, ...] = ()
    tests: tuple[Test, ...] = ()
