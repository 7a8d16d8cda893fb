"""What the model alone cannot see: names that exist nowhere, conditions, order, dead branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from difflib import get_close_matches

from pydantic import BaseModel

from stanch.errors import Problem
from stanch.expressions import ExpressionError
from stanch.routing._checks_places import place_problems
from stanch.routing._conditions import CODES, checked
from stanch.routing._dead import dead_branches
from stanch.routing._deadlines import calendar_of
from stanch.routing._model import RoutesFile
from stanch.routing._people import People
from stanch.routing._times import Office
from stanch.routing._written import Found, Path, Written
from stanch.shapes import is_dict
from stanch.views import FindingView, RouteView

_PEOPLE = ("owner", "assignee", "cc", "notify", "only", "lead", "members", "user", "by", "instead")
_ROLES = ("owner", "owner.lead", "assignee")


def problems_of(file: RoutesFile, written: Written) -> list[Problem]:
    """Every mistake of a file whose form is right."""
    found = [written.problem(each) for each in _found(file, written)]
    return [*found, *_conditions(written)]


def _found(file: RoutesFile, written: Written) -> Iterator[Found]:
    yield from _references(file, written)
    yield from _unique_ids(written)
    yield from dead_branches(file)
    yield from _calendars(file)
    yield from _test_words(file)
    yield from _noise_words(file)
    yield from place_problems(file)


def _references(file: RoutesFile, written: Written) -> Iterator[Found]:
    """R001 and R006: every id that is used must be declared."""
    people, rules = People(file.directory), [rule.id for rule in file.rules]
    tables = {"sla": list(file.sla), "escalation": list(file.escalations), "calendar": list(file.calendars)}
    for path, text in written.strings:
        name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        if path[0] in ("tests", "namespace", "version") or "learned" in path:
            continue
        if name in tables and path[0] in ("rules", "default", "overlays") and text not in tables[name]:
            yield _unknown(name, text, path, tables[name])
        elif name == "wins_over" and text not in rules:
            yield _unknown("rule", text, path, rules)
        elif name in _PEOPLE and path[0] != "grouping":
            yield from _person(text, path, people, name)


def _person(text: str, path: Path, people: People, name: str) -> Iterator[Found]:
    if text in _ROLES and name in ("cc", "notify", "only"):
        return
    directory = people.directory
    if not people.known(text):
        yield _unknown("name", text, path, [*directory.users, *directory.teams, *directory.schedules])
    elif name == "owner" and text.startswith("schedule:"):
        yield Found("R001", "a schedule cannot own; name a team or a user", path)
    elif (user := people.user(text)) and not user.active:
        yield Found("R006", f"{text} is not active", path, "name someone else")


def _unknown(kind: str, text: str, path: Path, known: Iterable[str]) -> Found:
    close = get_close_matches(text, list(known), n=1, cutoff=0.6)
    hint = f"did you mean '{close[0]}'?" if close else "declare it, or name one that is declared"
    return Found("R001", f"unknown {kind} '{text[:80]}'", path, hint)


def _unique_ids(written: Written) -> Iterator[Found]:
    first: dict[tuple[str, str], Path] = {}
    for path, text in written.strings:
        if path[-1] == "id" and path[0] in ("rules", "default", "overlays", "grouping", "inhibit", "silences"):
            if "legal_clock" in path:
                continue
            scope = str(("rules",) if path[0] == "default" else path[:-2])
            if (scope, text) in first:
                message = f"id '{text}' is used twice"
                yield Found("R001", message, path, "rename one", also=first[scope, text])
            first.setdefault((scope, text), path)


def _calendars(file: RoutesFile) -> Iterator[Found]:
    for name, office in file.calendars.items():
        if not office.open:
            yield Found("R203", f"calendar '{name}' is never open", ("calendars", name), "add opening hours")
        elif not _ever_open(office):
            why = f"calendar '{name}' is never open: no day is within its months, days and years"
            yield Found("R203", why, ("calendars", name), "add opening hours")
        for index, hours in enumerate(office.open):
            if hours.closes <= hours.opens and hours.closes.isoformat() != "00:00:00":
                yield Found("R203", "closes before it opens", ("calendars", name, "open", index), "split at midnight")


def _ever_open(office: Office) -> bool:
    """Within the four years that deadlines look ahead from the years it names."""
    calendar = calendar_of(office)
    years = [first for hours in office.open for first, _ in hours.dates.years] or [2024]
    days = (date(year, 1, 1) + timedelta(days=offset) for year in years for offset in range(4 * 366))
    return any(calendar.spans(day) for day in days)


def _test_words(file: RoutesFile) -> Iterator[Found]:
    """A misspelt word in a test's finding would test something else."""
    for index, test in enumerate(file.tests):
        yield from _fields(FindingView, test.finding, ("tests", index, "finding"))


def _noise_words(file: RoutesFile) -> Iterator[Found]:
    """What grouping and inhibition compare: fields of the finding, or words of its route."""
    known = [*_dotted(FindingView), *_dotted(RouteView)]
    named = [("grouping", index, "by", each.by) for index, each in enumerate(file.grouping)]
    named += [("inhibit", index, "equal", each.equal) for index, each in enumerate(file.inhibit)]
    for section, index, key, words in named:
        for position, word in enumerate(words):
            if word not in known:
                yield _unknown("field", word, (section, index, key, position), known)


def _dotted(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield name
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from (f"{name}.{inner}" for inner in _dotted(info.annotation))


def _fields(model: type, data: object, path: Path) -> Iterator[Found]:
    known = getattr(model, "model_fields", {})
    for key, value in data.items() if is_dict(data) else ():
        if key not in known:
            yield Found("R001", f"unknown field '{key}'", (*path, key), _closest(key, known), key=True)
        elif is_dict(value):
            yield from _fields(known[key].annotation, value, (*path, key))


def _closest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else ""


def _conditions(written: Written) -> Iterator[Problem]:
    for path, text in written.strings:
        if path[-1] == "when" and path[0] in ("rules", "overlays", "grouping", "inhibit", "silences"):
            try:
                checked(text)
            except ExpressionError as error:
                yield from written.of_expression(path, error, CODES)
