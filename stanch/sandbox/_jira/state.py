"""The data of the Jira stand-in: people, workflow graph, issues, and who changed what."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Person:
    account: str  # accountId on Cloud, user name on Data Center
    name: str
    email: str


@dataclass(frozen=True)
class Status:
    id: str
    name: str
    category: str  # new, indeterminate, done


@dataclass(frozen=True)
class Transition:
    id: str
    name: str
    to: Status
    requires: tuple[str, ...] = ()


TO_DO = Status("10000", "To Do", "new")
DOING = Status("3", "In Progress", "indeterminate")
DONE = Status("10001", "Done", "done")

START = Transition("21", "Start work", DOING)
STOP = Transition("11", "Put back", TO_DO)
RESOLVE = Transition("31", "Resolve", DONE)
REOPEN = Transition("51", "Reopen", DOING)

LOOSE_WORKFLOW = {TO_DO.id: (START, RESOLVE), DOING.id: (RESOLVE, STOP), DONE.id: (REOPEN,)}
# Done is only reached through work: what many teams configure.
STRICT_WORKFLOW = {TO_DO.id: (START,), DOING.id: (RESOLVE, STOP), DONE.id: (REOPEN,)}

RESOLUTIONS = {"10000": "Done", "10001": "Won't Do", "10002": "Duplicate", "10003": "Cannot Reproduce"}
PRIORITIES = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
LINK_TYPES = {
    "10000": ("Blocks", "is blocked by", "blocks"),
    "10001": ("Cloners", "is cloned by", "clones"),
    "10002": ("Duplicate", "is duplicated by", "duplicates"),
    "10003": ("Relates", "relates to", "relates to"),
}
STANDARD_FIELDS = (
    "project", "issuetype", "summary", "description", "labels", "priority", "assignee", "duedate", "parent",
    "components", "status", "resolution", "comment", "attachment", "issuelinks", "created", "updated",
)  # fmt: skip
ISSUE_TYPES = {"10001": "Task", "10002": "Bug"}

BOT = Person("stanch-bot", "Stanch", "stanch@example.com")
MARIA = Person("maria.k", "Maria K.", "maria.k@example.com")
TOM = Person("tom.b", "Tom B.", "tom.b@example.com")


@dataclass(frozen=True)
class CustomField:
    """A field of the create screen that this project adds."""

    id: str
    name: str
    required: bool = True
    options: tuple[str, ...] = ()
    has_default: bool = False


@dataclass
class Issue:
    id: str
    key: str
    fields: dict[str, Any]
    status: Status = TO_DO
    resolution: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    links: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    attachments: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    watchers: list[str] = field(default_factory=list[str])
    related: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    properties: dict[str, Any] = field(default_factory=dict[str, Any])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    indexed_labels: list[str] | None = None  # what search believes, where that is out of date
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def project(self) -> str:
        return self.key.rsplit("-", 1)[0]

    @property
    def priority(self) -> str:
        """The name of the priority, "" where none is set."""
        given: dict[str, Any] = self.fields.get("priority") or {}
        return PRIORITIES.get(str(given.get("id")), "") or str(given.get("name", ""))

    @property
    def components(self) -> list[dict[str, Any]]:
        return list(self.fields.get("components") or [])

    @property
    def parent(self) -> str:
        """Key or id of the parent, "" where there is none."""
        given: dict[str, Any] = self.fields.get("parent") or {}
        return str(given.get("key") or given.get("id") or "")

    @property
    def assignee(self) -> str:
        return str(self.fields.get("assignee") or "")


class JiraState:
    """Everything the stand-in remembers. Callers hold the stand-in's lock."""

    def __init__(self, *, projects: tuple[str, ...], workflow: dict[str, tuple[Transition, ...]]) -> None:
        self.projects = {key: str(10000 + index) for index, key in enumerate(projects)}
        self.workflow = workflow
        self.people = {person.account: person for person in (BOT, MARIA, TOM)}
        self.custom_fields: list[CustomField] = []
        self.components: dict[str, tuple[str, ...]] = {}
        self.issues: dict[str, Issue] = {}
        self.former: dict[str, str] = {}  # keys that moved issues had, to their ids
        self._ids = itertools.count(10100)
        self._numbers = {key: itertools.count(1) for key in projects}

    def next_id(self) -> str:
        return str(next(self._ids))

    def add_issue(self, project: str, fields: dict[str, Any]) -> Issue:
        issue = Issue(id=self.next_id(), key=f"{project}-{next(self._numbers[project])}", fields=fields)
        self.issues[issue.key] = issue
        return issue

    def find(self, key_or_id: str) -> Issue | None:
        wanted = self.former.get(key_or_id, key_or_id)
        by_id = (issue for issue in self.issues.values() if issue.id == wanted)
        return self.issues.get(key_or_id) or next(by_id, None)

    def move(self, issue: Issue, project: str) -> None:
        """Give the issue a key of another project; the old key leads to it from then on."""
        del self.issues[issue.key]
        self.former[issue.key] = issue.id
        issue.key = f"{project}-{next(self._numbers[project])}"
        self.issues[issue.key] = issue

    def transitions(self, issue: Issue) -> tuple[Transition, ...]:
        return self.workflow[issue.status.id]

    def record(self, issue: Issue, *, by: str, field_name: str, before: str, after: str) -> dict[str, Any]:
        """Note a change in the issue's history; returns the change as Jira lists it."""
        item = {"field": field_name, "fieldtype": "jira", "fromString": before, "toString": after}
        issue.updated = datetime.now(UTC)
        issue.history.append({"id": self.next_id(), "by": by, "at": issue.updated, "items": [item]})
        return item
