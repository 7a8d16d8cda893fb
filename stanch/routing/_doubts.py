"""Promises, people and silences that will not do what their author thinks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from stanch.routing._literals import cases, implies
from stanch.routing._model import RoutesFile
from stanch.routing._rota import gap
from stanch.routing._written import Found
from stanch.views import SEVERITIES


def doubts(file: RoutesFile, now: datetime | None) -> Iterator[Found]:
    """R006, R201, R202, R205, R301 and R302, all as warnings."""
    yield from _strangers(file)
    yield from _promises(file)
    yield from _ladders(file)
    yield from _rotas(file)
    yield from _inhibitions(file)
    if now is not None:
        yield from _over(file, now)


def _strangers(file: RoutesFile) -> Iterator[Found]:
    teams = file.directory.teams.values()
    in_team = {person for team in teams for person in (team.lead, *team.members)}
    for name, user in file.directory.users.items():
        if user.active and name not in in_team:
            path = ("directory", "users", name)
            hint = "add them to a team, or set active: false"
            yield Found("R006", f"{name} is in no team: nobody follows when they are away", path, hint, "warning", True)


def _promises(file: RoutesFile) -> Iterator[Found]:
    for name, table in file.sla.items():
        missing = [severity for severity in SEVERITIES if severity not in table]
        if missing:
            message = f"sla '{name}' has no deadline for {', '.join(missing)}"
            yield Found("R201", message, ("sla", name), "add them; fix: none is allowed", "warning", True)


def _ladders(file: RoutesFile) -> Iterator[Found]:
    for name, ladder in file.escalations.items():
        if not ladder or not any(each.startswith("schedule:") for each in ladder[-1].notify):
            path = ("escalations", name, len(ladder) - 1) if ladder else ("escalations", name)
            message = f"escalation '{name}' does not end at a schedule"
            yield Found("R202", message, path, "someone should always be on call", "warning")


def _rotas(file: RoutesFile) -> Iterator[Found]:
    users = file.directory.users
    for name, schedule in file.directory.schedules.items():
        path = ("directory", "schedules", name)
        since = max(rotation.start for rotation in schedule.turns)
        nobody = gap(schedule, since)
        if nobody:
            message = f"{name} covers nobody at {nobody:%Y-%m-%dT%H:%MZ}, and likely every week"
            yield Found("R205", message, path, "add a rotation without hours at the end of rotations", "warning", True)
        named = {member for rotation in schedule.turns for member in rotation.members}
        if all(person in users and not users[person].active for person in named):
            yield Found("R205", f"everybody in {name} has left", path, "name somebody who is active", "warning", True)


def _inhibitions(file: RoutesFile) -> Iterator[Found]:
    for index, rule in enumerate(file.inhibit):
        if implies(cases(rule.source.when), cases(rule.target.when)):
            message = f"inhibition '{rule.id}' can inhibit itself: each of its sources is a target as well"
            hint = "exclude the source from the target's condition"
            yield Found("R302", message, ("inhibit", index, "target"), hint, "warning")


def _over(file: RoutesFile, now: datetime) -> Iterator[Found]:
    for index, silence in enumerate(file.silences):
        if silence.until <= now:
            path = ("silences", index, "until")
            yield Found("R301", f"silence '{silence.id}' is over", path, "remove it", "warning")
