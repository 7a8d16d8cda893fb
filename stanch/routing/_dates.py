"""Months, days of the month and years to which opening hours can be limited."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from stanch.routing._words import FIRST_YEAR, LAST_YEAR

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = {
    name: number
    for number, names in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        start=1,
    )
    for name in (names, names[:3])
}
Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Dates:
    """Days that all of the given limits allow; an empty limit allows every day."""

    months: tuple[Range, ...] = ()
    days: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()

    def hold(self, day: date) -> bool:
        return (
            _within(day.month, self.months) and _within(day.year, self.years) and (not self.days or self._of_month(day))
        )

    def _of_month(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        return any(_counted(first, length) <= day.day <= _counted(last, length) for first, last in self.days)


ALWAYS = Dates()


def _within(value: int, ranges: tuple[Range, ...]) -> bool:
    return not ranges or any(first <= value <= last for first, last in ranges)


def _counted(day: int, length: int) -> int:
    """-1 is the last day of a month."""
    return day if day > 0 else length + 1 + day


def month_range(text: str) -> Range:
    """`jul` or `january:march`."""
    first, last = _halves(text)
    for name in (first, last):
        if name.lower() not in _FULL:
            raise ValueError(f"'{name}' is not a month; write for example jul or jan:mar")
    return _ordered(_FULL[first.lower()], _FULL[last.lower()], text)


def day_range(text: str) -> Range:
    """`1`, `1:7`, or from the end of the month: `-7:-1`."""
    first, last = (_number(half) for half in _halves(text))
    for day in (first, last):
        if day == 0 or not -31 <= day <= 31:
            raise ValueError(f"{day} is not a day of a month: 1 to 31, or -31 to -1 from its end")
    if first < 0 < last:
        raise ValueError(f"'{text}' starts at the end of a month and ends at its beginning")
    _ordered(_counted(first, 31), _counted(last, 31), text)
    return first, last


def year_range(text: str) -> Range:
    """`2026` or `2026:2028`."""
    first, last = (_number(half) for half in _halves(text))
    for year in (first, last):
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(f"the year {str(year)[:20]} is not within {FIRST_YEAR} to {LAST_YEAR}")
    return _ordered(first, last, text)


def _halves(text: str) -> tuple[str, str]:
    first, _, last = text.partition(":")
    return first.strip(), (last or first).strip()


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None


def _ordered(first: int, last: int, text: str) -> Range:
    if last < first:
        raise ValueError(f"'{text}' ends before it starts")
    return first, last


def _text(value: object) -> object:
    """YAML types a plain 2026; both forms are fine."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _checked_month(text: str) -> str:
    month_range(text)
    return text


def _checked_day(text: str) -> str:
    day_range(text)
    return text


def _checked_year(text: str) -> str:
    year_range(text)
    return text


MonthWords = Annotated[str, AfterValidator(_checked_month)]
DayWords = Annotated[str, BeforeValidator(_text), AfterValidator(_checked_day)]
YearWords = Annotated[str, BeforeValidator(_text), AfterValidator(_checked_year)]
