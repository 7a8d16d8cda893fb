"""How the Jira stand-in shows its data: the JSON shapes of REST v3 and v2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from stanch.sandbox._jira import adf, write
from stanch.sandbox._jira.state import (
    ISSUE_TYPES,
    LINK_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    CustomField,
    Issue,
    JiraState,
    Person,
    Status,
    Transition,
)

_CATEGORIES = {
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}
_STANDARD_FIELDS = (
    ("summary", "Summary", True, "string"),
    ("issuetype", "Issue Type", True, "issuetype"),
    ("project", "Project", True, "project"),
    ("description", "Description", False, "string"),
    ("labels", "Labels", False, "array"),
    ("priority", "Priority", False, "priority"),
    ("assignee", "Assignee", False, "user"),
    ("duedate", "Due date", False, "date"),
    ("parent", "Parent", False, "issuelink"),
)


class JiraViews:
    """Views for one base URL and one API version."""

    def __init__(self, state: JiraState, *, base: str, cloud: bool) -> None:
        self._state = state
        self._cloud = cloud
        self._api = f"{base}/rest/api/{3 if cloud else 2}"

    def person(self, person: Person) -> dict[str, Any]:
        shown = {"displayName": person.name, "active": True, "emailAddress": person.email, "timeZone": "Etc/UTC"}
        if self._cloud:
            link = f"{self._api}/user?accountId={person.account}"
            return {**shown, "self": link, "accountId": person.account, "accountType": "atlassian"}
        link = f"{self._api}/user?username={person.account}"
        return {**shown, "self": link, "name": person.account, "key": person.account}

    def account(self, account: str) -> dict[str, Any] | None:
        person = self._state.people.get(account)
        return self.person(person) if person is not None else None

    def status(self, status: Status) -> dict[str, Any]:
        number, name, colour = _CATEGORIES[status.category]
        category = {"id": number, "key": status.category, "name": name, "colorName": colour}
        link = f"{self._api}/status/{status.id}"
        category["self"] = f"{self._api}/statuscategory/{number}"
        return {"id": status.id, "name": status.name, "self": link, "description": "", "statusCategory": category}

    def issue(self, issue: Issue, *, fields: tuple[str, ...] = (), changelog: bool = False) -> dict[str, Any]:
        known = self._fields(issue)
        shown = known if not fields or "*all" in fields else {name: known[name] for name in fields if name in known}
        view = {
            "id": issue.id,
            "key": issue.key,
            "self": f"{self._api}/issue/{issue.id}",
            "expand": "",
            "fields": shown,
        }
        if changelog:
            histories = [self._history(entry) for entry in reversed(issue.history)]
            view["changelog"] = {
                "startAt": 0, "maxResults": len(histories), "total": len(histories), "histories": histories,
            }  # fmt: skip
        return view

    def _fields(self, issue: Issue) -> dict[str, Any]:
        return {
            **{name: value for name, value in issue.fields.items() if name not in ("priority", "components", "parent")},
            **self._references(issue),
            "description": self.text(issue.fields.get("description")),
            "assignee": self.account(issue.assignee),
            "project": self.project(issue.project),
            "status": self.status(issue.status),
            "resolution": self._resolution(issue.resolution),
            "created": stamp(issue.created),
            "updated": stamp(issue.updated),
            "attachment": [self.attachment(entry) for entry in issue.attachments],
            "comment": self.comments(issue, issue.comments, start=0, limit=50),
        }

    def _references(self, issue: Issue) -> dict[str, Any]:
        known = dict(write.enumerate_ids(self._state.components.get(issue.project, ())))
        parent = self._state.find(issue.parent)
        return {
            "priority": self.named("priority", issue.priority, PRIORITIES),
            "components": [self.named("component", write.named(each, known), known) for each in issue.components],
            "issuelinks": [self._relation(each) for each in issue.related],
            **({"parent": self._brief(parent)} if parent is not None else {}),
        }

    def named(self, kind: str, name: str, known: Mapping[str, str]) -> dict[str, Any] | None:
        """Something that has an id and a name."""
        number = next((number for number, each in known.items() if each == name), "")
        return {"id": number, "name": name, "self": f"{self._api}/{kind}/{number}"} if name else None

    def _brief(self, issue: Issue) -> dict[str, Any]:
        fields = {"summary": issue.fields["summary"], "status": self.status(issue.status)}
        return {"id": issue.id, "key": issue.key, "self": f"{self._api}/issue/{issue.id}", "fields": fields}

    def _relation(self, related: dict[str, Any]) -> dict[str, Any]:
        other = self._state.find(related["other"])
        number, words = next(each for each in LINK_TYPES.items() if each[1][0] == related["type"])
        kind = {"id": number, "name": words[0], "inward": words[1], "outward": words[2]}
        shown = {related["side"]: self._brief(other)} if other is not None else {}
        return {"id": related["id"], "self": f"{self._api}/issueLink/{related['id']}", "type": kind, **shown}

    def text(self, value: object) -> object:
        """Rich text as this version speaks it."""
        return value if self._cloud else adf.plain(value) or None

    def project(self, key: str) -> dict[str, Any]:
        number = self._state.projects[key]
        return {"id": number, "key": key, "name": key, "self": f"{self._api}/project/{number}"}

    def _resolution(self, name: str) -> dict[str, Any] | None:
        number = next((number for number, known in RESOLUTIONS.items() if known == name), "")
        return {"id": number, "name": name, "self": f"{self._api}/resolution/{number}"} if name else None

    def _history(self, entry: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": entry["id"],
            "author": self.account(entry["by"]),
            "created": stamp(entry["at"]),
            "items": entry["items"],
        }

    def comment(self, issue: Issue, comment: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": comment["id"],
            "self": f"{self._api}/issue/{issue.id}/comment/{comment['id']}",
            "author": self.account(comment["by"]),
            "body": self.text(comment["body"]),
            "created": stamp(comment["at"]),
            "updated": stamp(comment["at"]),
        }

    def comments(self, issue: Issue, found: list[dict[str, Any]], *, start: int, limit: int) -> dict[str, Any]:
        page = [self.comment(issue, comment) for comment in found[start : start + limit]]
        return {"startAt": start, "maxResults": limit, "total": len(found), "comments": page}

    def attachment(self, entry: dict[str, Any]) -> dict[str, Any]:
        link = f"{self._api}/attachment/{entry['id']}"
        return {
            "id": entry["id"],
            "self": link,
            "filename": entry["filename"],
            "author": self.account(entry["by"]),
            "created": stamp(entry["at"]),
            "size": len(entry["content"]),
            "mimeType": "application/octet-stream",
            "content": f"{self._api}/attachment/content/{entry['id']}",
        }

    def transitions(self, ways: Iterable[Transition]) -> dict[str, Any]:
        options = [{"id": number, "name": name} for number, name in RESOLUTIONS.items()]
        shown: list[dict[str, Any]] = []
        for each in ways:
            field = {
                "required": "resolution" in each.requires, "name": "Resolution", "key": "resolution",
                "schema": {"type": "resolution", "system": "resolution"}, "operations": ["set"],
                "allowedValues": options,
            }  # fmt: skip
            fields = {"resolution": field} if each.to.category == "done" else {}
            view = {"id": each.id, "name": each.name, "to": self.status(each.to), "hasScreen": bool(fields)}
            shown.append({**view, "isAvailable": True, "fields": fields})
        return {"expand": "transitions", "transitions": shown}

    def issue_types(self) -> dict[str, Any]:
        types = [
            {"id": number, "name": name, "self": f"{self._api}/issuetype/{number}", "subtask": False, "description": ""}
            for number, name in ISSUE_TYPES.items()
        ]
        page = {"startAt": 0, "maxResults": 50, "total": len(types)}
        return {**page, ("issueTypes" if self._cloud else "values"): types}

    def create_fields(self, project: str) -> dict[str, Any]:
        fields = [create_field(CustomField(*row[:3]), kind=row[3]) for row in _STANDARD_FIELDS]
        fields += [
            create_field(each, kind="option" if each.options else "string") for each in self._state.custom_fields
        ]
        if components := self._state.components.get(project):
            shown = create_field(CustomField("components", "Components", required=False), kind="array")
            fields.append({**shown, "allowedValues": [{"name": name} for name in components]})
        page = {"startAt": 0, "maxResults": 50, "total": len(fields)}
        return {**page, ("fields" if self._cloud else "values"): fields}


def create_field(field: CustomField, *, kind: str) -> dict[str, Any]:
    view: dict[str, Any] = {
        "fieldId": field.id,
        "key": field.id,
        "name": field.name,
        "required": field.required,
        "hasDefaultValue": field.has_default,
        "operations": ["set"],
        "schema": {"type": kind},
    }
    if field.options:
        view["allowedValues"] = [{"value": option} for option in field.options]
    return view


def stamp(moment: datetime) -> str:
    """A time as Jira writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
