"""Times as the file declares them: opening hours, deadlines, escalations."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from stanch.documents import Duration, duration
from stanch.routing._dates import Dates, DayWords, MonthWords, YearWords, day_range, month_range, year_range
from stanch.routing._words import Instant, Words, Zone


class Hours(Words):
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = Field(min_length=1)
    opens: time = Field(alias="from")
    closes: time = Field(alias="to")
    months: tuple[MonthWords, ...] = ()
    days_of_month: tuple[DayWords, ...] = ()
    years: tuple[YearWords, ...] = ()

    @property
    def dates(self) -> Dates:
        """What the hours are limited to besides days of the week."""
        return Dates(
            tuple(month_range(each) for each in self.months),
            tuple(day_range(each) for each in self.days_of_month),
            tuple(year_range(each) for each in self.years),
        )


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
    fix: Annotated[Duration | None, BeforeValidator(_or_none, json_schema_input_type=Duration | Literal["none"])]
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


Share = Annotated[str, Field(pattern=r"^\d{1,4}%$", examples=["50%", "100%"])]


class Rung(Words):
    """One step of an escalation."""

    after: Annotated[timedelta | float, BeforeValidator(_moment, json_schema_input_type=Duration | Share)]
    notify: tuple[str, ...] = Field(min_length=1)
    repeat: Duration | None = None
    times: int = Field(default=1, ge=1, le=20)
