"""Words that all parts of an ownership file share: ids, zones, instants."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

FIRST_YEAR, LAST_YEAR = 1970, 2500  # what is counted from them must not leave the calendar


class Words(BaseModel):
    """Base of everything a person writes here: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads the whole time zone database


def _zone(name: str) -> str:
    if name not in _zones():
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
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year {value.year} is not within {FIRST_YEAR} to {LAST_YEAR}")
    return value


Instant = Annotated[datetime, AfterValidator(_aware)]
