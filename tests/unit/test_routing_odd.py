"""Odd but well-formed words are told to their author, never a traceback, and never a rule that applies everywhere."""

from __future__ import annotations

import pytest

from stanch.errors import ConfigError
from stanch.routing import check, lint, load_routes

HEAD = """version: routing/v1
directory:
  users: {user:u: {name: U}}
  teams: {team:a: {lead: user:u}}
"""
DEFAULT = "default: {id: d, owner: team:a}\n"
OPEN = "calendars: {c: {timezone: Europe/Berlin, open: [{days: [mon], from: '09:00', to: '17:00', years: ['%s']}]}}\n"
TURNS = "  schedules: {schedule:s: {rotation: {start: %s, every: 7d, members: [user:u]}}}\n"


@pytest.mark.parametrize("years", ["0", "1:9999", "99999999999", "1969", "2501", "9" * 4_000])
def test_years_that_no_calendar_counts_to(years: str) -> None:
    refused(HEAD + DEFAULT + OPEN % years, "R000")


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "9999-12-31T23:00:00Z", "9999-12-31T23:00:00+14:00"])
def test_times_at_the_ends_of_the_calendar(start: str) -> None:
    refused(HEAD + TURNS % start + DEFAULT, "R000")
    refused(HEAD + DEFAULT + f"tests: [{{name: x, at: {start}, finding: {{}}, expect: {{owner: team:a}}}}]\n", "R000")


@pytest.mark.parametrize("start", ["1970-01-01T00:00:00Z", "2500-12-31T23:59:59-12:00"])
def test_the_first_and_the_last_year_count(start: str) -> None:
    table = load_routes(HEAD + TURNS % start + DEFAULT + OPEN % "1970:2500")
    assert lint(table, check(table)) == []


def test_an_empty_list_of_places_is_not_every_place() -> None:
    refused(HEAD + DEFAULT + "rules: [{id: r, match: {any: []}, owner: team:a}]\n", "R005")


def refused(text: str, code: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_routes(text)
    assert [problem.code for problem in error.value.problems] == [code]
