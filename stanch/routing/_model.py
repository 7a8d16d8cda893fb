"""`routing/v1`: the ownership file, as it is written."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from stanch.documents import Duration
from stanch.routing._directory import Directory, Target
from stanch.routing._match import Match, checked_host
from stanch.routing._times import Lane, Office, Promise, Rung
from stanch.routing._words import Id, Instant, UserId, Words
from stanch.shapes import is_dict
from stanch.views import FindingView, Severity


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
        for key in _LOOSENING if is_dict(value) else ():
            if key in value:
                message = f"an overlay may only add or tighten; '{key}' belongs into a rule"
                raise PydanticCustomError("R303", "{message}", {"message": message})
        return value


class Grouping(Words):
    id: Id
    when: str | None = None
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


def _said(reason: str) -> str:
    if not reason.strip():
        raise PydanticCustomError("R301", "a silence needs a reason")
    return reason


class Silence(Words):
    id: Id
    match: Match | None = None
    when: str | None = None
    start: Instant = Field(alias="from")
    until: Instant
    keep: tuple[Literal["record", "ticket"], ...] = ("record",)
    reason: Annotated[str, AfterValidator(_said)]
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


def _readable(data: dict[str, Any]) -> dict[str, Any]:
    try:
        FindingView.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise PydanticCustomError("R000", "{place}: {why}", {"place": place, "why": first["msg"]}) from None
    return data


class Test(Words):
    """One example that the file must keep; `at` is when it happens."""

    __test__ = False

    name: str
    finding: Annotated[dict[str, Any], AfterValidator(_readable)]
    expect: Expect
    at: Instant | None = None


class _Common(Words):
    """What every ownership file may have."""

    version: Literal["routing/v1"]
    namespace: str = ""
    ignore_case: tuple[Annotated[str, AfterValidator(checked_host)], ...] = ()
    directory: Directory = Directory()
    calendars: dict[str, Office] = Field(default_factory=dict[str, Office])
    sla: dict[str, dict[Severity, Promise]] = Field(default_factory=dict[str, dict[Severity, Promise]])
    escalations: dict[str, tuple[Rung, ...]] = Field(default_factory=dict[str, tuple[Rung, ...]])
    rules: tuple[Rule, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    grouping: tuple[Grouping, ...] = ()
    inhibit: tuple[Inhibit, ...] = ()
    silences: tuple[Silence, ...] = ()
    tests: tuple[Test, ...] = ()


class RoutesPart(_Common):
    """One ownership file of several: the default owner is in one of them only."""

    default: Default | None = None


class RoutesFile(_Common):
    """The whole: one ownership file, or several put together."""

    default: Default
