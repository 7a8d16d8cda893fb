"""The directory: who is in a team, who is on call, and what other systems call them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from stanch.routing._directory import Away, Directory, Schedule, Team, User
from stanch.routing._rota import on_call


@dataclass(frozen=True)
class People:
    """Answers about people; unknown or inactive ones never count."""

    directory: Directory

    def resolve(self, ref: str, now: datetime) -> tuple[str, ...]:
        """User ids behind `user:`, `team:` (lead first) or `schedule:`, in the order in which to ask.

        Empty where nobody is. Whoever is away comes last, behind those who are written to stand in: absence takes
        nobody's say away.
        """
        kind = ref.partition(":")[0]
        if kind == "team":
            team = self.team(ref)
            return self._ordered((team.lead, *team.members), now) if team else ()
        if kind == "schedule":
            schedule = self.directory.schedules.get(ref)
            return self._on_call(schedule, now) if schedule else ()
        return self._ordered((ref,), now)

    def _on_call(self, schedule: Schedule, now: datetime) -> tuple[str, ...]:
        """One person: whose turn it is or who stands in, else the next who is there."""
        return self._ordered(on_call(schedule, now), now)[:1]

    def away(self, ref: str, now: datetime) -> Away | None:
        """The absence of a user at a time."""
        user = self.user(ref)
        return next((span for span in user.away if span.start <= now < span.until), None) if user else None

    def present(self, ref: str, now: datetime) -> str:
        """The active user, or whoever stands in for them at this time; '' where nobody is there."""
        seen = set[str]()
        while ref and ref not in seen:
            seen.add(ref)
            user, span = self.user(ref), self.away(ref, now)
            if user and user.active and span is None:
                return ref
            ref = (span.instead or "") if user and user.active and span else ""
        return ""

    def _ordered(self, refs: Iterable[str], now: datetime) -> tuple[str, ...]:
        active = self._active(refs)
        there = [person for ref in active if (person := self.present(ref, now))]
        return tuple(dict.fromkeys((*there, *active)))

    def contact(self, ref: str, system: str, now: datetime | None = None) -> str:
        """What `slack`, `jira`, `servicenow`, `email` or `console` calls a user or team, '' when unknown.

        For a team: its Slack channel, its address, its Jira project or its ServiceNow group. For a schedule: the
        person on call at `now`.
        """
        user, team = self.user(ref), self.team(ref)
        if user:
            return _name_in(user, system)
        if team:
            return _team_in(team, system)
        on_call = self.resolve(ref, now) if now and ref.startswith("schedule:") else ()
        return self.contact(on_call[0], system) if on_call else ""

    def who(self, system: str, name: str) -> str:
        """The active user that a system knows by this name, '' when there is none or more than one."""
        known = [ref for ref, user in self.directory.users.items() if user.active and _name_in(user, system) == name]
        return known[0] if name and len(known) == 1 else ""

    def place(self, account: str, system: str) -> str:
        """The user or team behind an account of a system; where there is none, or more than one, the account itself."""
        person = self.who(system, account)
        if person or not account:
            return person
        teams = [
            name
            for name, team in self.directory.teams.items()
            if account in (_team_in(team, system), _also(team, system))
        ]
        return teams[0] if len(teams) == 1 else account

    def user(self, ref: str) -> User | None:
        return self.directory.users.get(ref)

    def team(self, ref: str) -> Team | None:
        return self.directory.teams.get(ref)

    def home(self, ref: str) -> str:
        """The tracker in which a team works; "" for people, and for teams without one."""
        team = self.team(ref)
        return team.home if team else ""

    def home_elsewhere(self, ref: str, kind: str) -> str:
        """The same, "" where a tracker of that kind is the team's: teams name a tracker or the kind of one."""
        home = self.home(ref)
        return "" if home == kind else home

    def lead(self, ref: str) -> str:
        """Who leads: a team's lead, or the person themselves."""
        team = self.team(ref)
        return team.lead if team else ref if self.user(ref) else ""

    @property
    def names(self) -> frozenset[str]:
        """Every user, team and schedule."""
        directory = self.directory
        return frozenset((*directory.users, *directory.teams, *directory.schedules))

    def known(self, ref: str) -> bool:
        directory = self.directory
        return ref in directory.users or ref in directory.teams or ref in directory.schedules

    def _active(self, refs: Iterable[str]) -> tuple[str, ...]:
        return tuple(ref for ref in dict.fromkeys(refs) if (user := self.user(ref)) and user.active)


def _name_in(user: User, system: str) -> str:
    names = {
        "slack": user.slack,
        "jira": user.jira,
        "servicenow": user.servicenow,
        "email": user.email,
        "console": user.console,
    }
    return names.get(system, "")


def _team_in(team: Team, system: str) -> str:
    if system in ("slack", "email"):
        return team.slack if system == "slack" else team.email
    if system != team.ticket.system:
        return ""
    return team.ticket.project if system == "jira" else team.ticket.group


def _also(team: Team, system: str) -> str:
    """What a tracker other than its own calls the team."""
    return next((name for known, name in team.known_as.items() if known == system), "")
