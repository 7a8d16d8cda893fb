"""An ownership file in the making: what an import has found, as YAML that loads, or that says what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stanch.errors import ConfigError
from stanch.learning.writing import flow
from stanch.routing import People, load_routes
from stanch.views import ApiView, FindingView

NOBODY = "user:fill-in"
NO_TEAM = "team:fill-in"
WHEN = datetime(2026, 1, 7, 10, tzinfo=UTC)
_NOT_ID = re.compile(r"[^a-z0-9_-]+")
_NOT_NAME = re.compile(r"[^a-z0-9._-]+")


@dataclass
class DraftRoutes:
    """Everything that goes into the file.

    Args:
        people: of the directory that exists already, if there is one; its entries are taken over.
        notes: for the person who imports: what could not be said, and why.
        missing: what a person must fill in before the file is used.
    """

    people: People | None = None
    users: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    teams: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    default: str = ""
    default_cc: list[str] = field(default_factory=list[str])
    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    overlays: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    notes: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])
    remarks: dict[str, str] = field(default_factory=dict[str, str])  # rule id or name -> comment
    _given: dict[str, str] = field(default_factory=dict[str, str])

    def note(self, text: str) -> None:
        self.notes.append(" ".join(text.split())[:300])

    def owner(self, given: str, *, kind: str, name: str, known: str = "", remark: str = "") -> str:
        """Our name for an owner of the file that is imported; the same owner gets the same name every time.

        Args:
            given: as that file names them.
            kind: team or user.
            name: what our name is made from.
            known: their name in the directory that exists.
            remark: a comment beside a new entry.
        """
        if given not in self._given:
            wanted = f"{kind}:{_NOT_NAME.sub('-', name.lower()).strip('-._') or 'unknown'}"
            is_known = self.people is not None and self.people.known(wanted)
            ref = known or (wanted if is_known else self._free(wanted))
            self._given[given] = ref
            self._enter(ref, name, remark)
        return self._given[given]

    def _free(self, wanted: str) -> str:
        taken = set(self._given.values())
        return next(name for n in range(1, 100_000) if (name := f"{wanted}-{n}" if n > 1 else wanted) not in taken)

    def _enter(self, ref: str, name: str, remark: str) -> None:
        if self.people is not None and self.people.known(ref):
            return self._take_over(ref, self.people)
        entries = self.users if ref.startswith("user:") else self.teams
        entries.setdefault(ref, {"name": name} if ref.startswith("user:") else {})
        if remark:
            self.remarks[ref] = remark
        return None

    def _take_over(self, ref: str, people: People) -> None:
        """An entry of the directory that exists, with the people it names."""
        team, user = people.team(ref), people.user(ref)
        if team is not None:
            self.teams[ref] = team.model_dump(mode="json", exclude_defaults=True)
            for name in (team.lead, *team.members):
                self._take_over(name, people)
        elif user is not None:
            self.users[ref] = user.model_dump(mode="json", exclude_defaults=True)

    def rule_id(self, text: str) -> str:
        """An id for a rule, made from some text; new each time."""
        words = _NOT_ID.sub("-", text.lower()).strip("-_")[:60].strip("-_") or "everything"
        name = words if words[0].isalpha() else f"path-{words}"
        taken = {rule["id"] for rule in self.rules} | {"default"}
        return next(each for n in range(1, 100_000) if (each := f"{name}-{n}" if n > 1 else name) not in taken)

    def complete(self) -> None:
        """Give every team a lead and the file a default, and say where that was invented."""
        if not self.default:
            self.default = NO_TEAM
            self.teams.setdefault(NO_TEAM, {})
            self.missing.append("default: nobody is named for what no rule is about")
        for name, team in self.teams.items():
            if "lead" not in team:
                members = [each for each in team.get("members", ()) if each in self.users]
                team["lead"] = members[0] if members else NOBODY
                self.missing.append(f"{name}: who leads it")
        if any(NOBODY in (team["lead"], *team.get("members", ())) for team in self.teams.values()):
            self.users.setdefault(NOBODY, {"name": "Fill in"})

    def data(self) -> dict[str, Any]:
        made: dict[str, Any] = {"version": "routing/v1"}
        made["directory"] = {"users": self.users, "teams": self.teams}
        made["default"] = self._default()
        lists = {"rules": self.rules, "overlays": self.overlays, "tests": self.tests}
        return made | {name: items for name, items in lists.items() if items}

    def _default(self) -> dict[str, Any]:
        return {"id": "default", "owner": self.default} | ({"cc": self.default_cc} if self.default_cc else {})

    def text(self) -> str:
        """The file. It loads, or its head says what keeps it from loading."""
        body = self.body()
        problems = problems_of(body)
        head = [
            "# yaml-language-server: $schema=../schemas/routes.json",
            "# Imported. Read it, then `stanch route check`.",
        ]
        if self.missing or problems:
            head.append("# DRAFT: not to be used before this is filled in:")
            head += [f"#   {_comment(each)}" for each in (*self.missing, *problems)]
        head += [f"# left out: {_comment(each)}" for each in self.notes]
        return "\n".join([*head, body])

    def body(self) -> str:
        """The file without the words at its head."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "version: routing/v1"
        yield "directory:"
        for name, entries in (("users", self.users), ("teams", self.teams)):
            if entries:
                yield f"  {name}:"
                yield from (f"    {ref}: {flow(words)}{self._remark(ref)}" for ref, words in entries.items())
        yield f"default: {flow(self._default())}"
        for name, items in (("rules", self.rules), ("overlays", self.overlays), ("tests", self.tests)):
            if items:
                yield f"{name}:"
                for item in items:
                    yield from self._item(item)

    def _item(self, item: Mapping[str, Any]) -> Iterator[str]:
        mark = "- "
        for name, value in item.items():
            remark = self._remark(str(value)) if name == "id" else ""
            yield f"  {mark}{name}: {flow(value)}{remark}"
            mark = "  "

    def _remark(self, key: str) -> str:
        return f"  # {_comment(self.remarks[key])}" if key in self.remarks else ""


def problems_of(text: str) -> list[str]:
    """What keeps a file from loading."""
    try:
        load_routes(text, "routes.yaml")
    except ConfigError as error:
        return [str(problem) for problem in error.problems] or [error.message]
    return []


def add_examples(draft: DraftRoutes) -> None:
    """Each rule gets an example that it answers, as a test; where none is found a person must write one."""
    try:
        table = load_routes(draft.body())
    except ConfigError:
        return  # the head of the draft says what is wrong
    for rule in draft.rules:
        places = rule["match"].get("any") or [rule["match"]]
        finding = FindingView(api=ApiView(host=_host_in(places[0]["host"]), path=_path_in(places[0]["path"])))
        if table.route(finding, WHEN).rule == rule["id"]:
            shown = {"api": {"host": finding.api.host, "path": finding.api.path}}
            expect = {"rule": rule["id"], "owner": rule["owner"]}
            draft.tests.append({"name": f"example of {rule['id']}", "finding": shown, "expect": expect})
        else:
            draft.note(f"rule {rule['id']}: no example was found that it answers: write a test for it")


def _host_in(pattern: str) -> str:
    """A host that a pattern meets."""
    if pattern == "*":
        return "api.example.com"
    return ".".join("x" if label == "*" or label.startswith("{") else label for label in pattern.split("."))


def _path_in(pattern: str) -> str:
    """A short path that a pattern meets."""
    parts = [part for part in pattern.split("/")[1:] if part != "**"]
    return "/" + "/".join("x" if part.startswith("{") else part.replace("*", "x") for part in parts)


def _comment(text: str) -> str:
    """Any text as the rest of one comment line."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:300]
