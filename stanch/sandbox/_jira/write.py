"""What the Jira stand-in does to its data, with Jira's own refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from stanch.sandbox._jira import adf
from stanch.sandbox._jira.state import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, Issue, JiraState, Transition
from stanch.shapes import is_dict, is_list

TEXT_LIMIT = 32_767
SUMMARY_LIMIT = 255


class JiraRefusal(Exception):
    """Jira's answer to a bad request: a status, messages, and messages by field."""

    def __init__(
        self,
        status: int,
        *messages: str,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers or {})
        self.body = {"errorMessages": list(messages), "errors": dict(fields or {})}


def check_create(state: JiraState, fields: dict[str, Any], *, cloud: bool) -> str:
    """The project a create request is for.

    Raises:
        JiraRefusal: with every field that is wrong.
    """
    project = _project(state, fields.get("project"))
    errors: dict[str, str] = {} if project else {"project": "Specify a valid project ID or key"}
    kind: dict[str, Any] = fields.get("issuetype") or {}
    if kind.get("id") not in ISSUE_TYPES and kind.get("name") not in ISSUE_TYPES.values():
        errors["issuetype"] = "Specify an issue type"
    errors |= _summary_errors(fields.get("summary"))
    errors |= _value_errors(state, fields, project=project, cloud=cloud)
    errors |= _missing_errors(state, fields)
    if errors:
        raise JiraRefusal(400, fields=errors)
    return project


def check_edit(state: JiraState, issue: Issue, fields: dict[str, Any], *, cloud: bool) -> None:
    """Raises JiraRefusal with every field of an edit that is wrong."""
    errors = _summary_errors(fields["summary"]) if "summary" in fields else {}
    errors |= _value_errors(state, fields, project=issue.project, cloud=cloud)
    if frozen := {"project", "issuetype"} & set(fields):
        errors |= {name: f"Field '{name}' cannot be set. It is not on the appropriate screen." for name in frozen}
    if errors:
        raise JiraRefusal(400, fields=errors)


def _value_errors(state: JiraState, fields: dict[str, Any], *, project: str, cloud: bool) -> dict[str, str]:
    """What is wrong with values that a create and an edit share."""
    errors = _label_errors(fields.get("labels") or []) | _unknown_errors(state, fields)
    if fields.get("description") is not None and not text_ok(fields["description"], cloud=cloud):
        errors["description"] = (
            "Operation value must be an Atlassian Document" if cloud else "Operation value must be a string"
        )
    if fields.get("assignee") and person_of(state, fields["assignee"]) is None:
        errors["assignee"] = "Account is not a valid user"
    if fields.get("priority") and not named(fields["priority"], PRIORITIES):
        errors["priority"] = "The priority selected is invalid."
    known = dict(enumerate_ids(state.components.get(project, ())))
    components: list[Any] = fields.get("components") or []
    if not all(named(each, known) for each in components):
        errors["components"] = "Component name is not valid."
    parent: dict[str, Any] = fields.get("parent") or {}
    if parent and state.find(str(parent.get("key") or parent.get("id"))) is None:
        errors["parent"] = "Could not find issue by id or key."
    return errors


def enumerate_ids(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Components with the ids they have."""
    return ((str(10200 + index), name) for index, name in enumerate(names))


def named(given: object, known: Mapping[str, str]) -> str:
    """The name of what a reference by id or name means, "" where there is no such thing."""
    if not is_dict(given):
        return ""
    if "id" in given:
        return known.get(str(given["id"]), "")
    return str(given.get("name", "")) if given.get("name") in known.values() else ""


def _project(state: JiraState, given: object) -> str:
    if not is_dict(given):
        return ""
    wanted = {given.get("key"), given.get("id")}
    return next((key for key, number in state.projects.items() if {key, number} & wanted), "")


def _summary_errors(summary: object) -> dict[str, str]:
    if not isinstance(summary, str) or not summary.strip():
        return {"summary": "You must specify a summary of the issue."}
    if "\n" in summary or "\r" in summary:
        return {"summary": "The summary is invalid because it contains newline characters."}
    if len(summary) > SUMMARY_LIMIT:
        return {"summary": "Summary can't exceed 255 characters."}
    return {}


def _label_errors(labels: list[str]) -> dict[str, str]:
    if any(" " in label for label in labels):
        return {"labels": "The label contains spaces which is invalid."}
    return {"labels": "The label is too long."} if any(len(label) > 255 for label in labels) else {}


def _unknown_errors(state: JiraState, fields: Mapping[str, Any]) -> dict[str, str]:
    known = {"project", "issuetype", "summary", "description", "labels", "priority", "assignee", "duedate", "parent"}
    known |= {each.id for each in state.custom_fields} | ({"components"} if state.components else set())
    message = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
    return {name: message.format(name) for name in fields if name not in known}


def _missing_errors(state: JiraState, fields: Mapping[str, Any]) -> dict[str, str]:
    required = (each for each in state.custom_fields if each.required and not each.has_default)
    return {each.id: f"{each.name} is required." for each in required if not fields.get(each.id)}


def text_ok(value: object, *, cloud: bool) -> bool:
    """True where this deployment takes the value as rich text."""
    if cloud:
        return adf.valid(value) and len(adf.plain(value)) <= TEXT_LIMIT
    return isinstance(value, str) and len(value) <= TEXT_LIMIT


def person_of(state: JiraState, given: object) -> str | None:
    """The account that a user reference names, None where there is no such user."""
    if not is_dict(given):
        return None
    account = given.get("accountId") or given.get("id") or given.get("name") or ""
    return account if account in state.people else None


def clean_fields(state: JiraState, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a create request as they are kept."""
    kept = {name: value for name, value in fields.items() if name not in ("project", "assignee")}
    kept["assignee"] = person_of(state, fields.get("assignee")) or ""
    kind = fields["issuetype"]
    number = next(n for n, name in ISSUE_TYPES.items() if kind.get("id") == n or kind.get("name") == name)
    kept["issuetype"] = {"id": number, "name": ISSUE_TYPES[number], "subtask": False}
    kept.setdefault("labels", [])
    return kept


def add_comment(state: JiraState, issue: Issue, *, by: str, body: object) -> dict[str, Any]:
    now = datetime.now(UTC)
    comment = {"id": state.next_id(), "by": by, "at": now, "body": body}
    issue.comments.append(comment)
    issue.updated = now
    return comment


def move(
    state: JiraState, issue: Issue, transition: Transition, *, by: str, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Follow a transition; the resolution is kept with done and cleared otherwise."""
    missing = [name for name in transition.requires if not fields.get(name)]
    if missing:
        raise JiraRefusal(400, fields={name: f"{name.title()} is required." for name in missing})
    if set(fields) - ({"resolution"} if transition.to.category == "done" else set()):
        raise JiraRefusal(400, fields=dict.fromkeys(fields, "Field cannot be set. It is not on the screen."))
    resolution = _resolution(fields.get("resolution"))
    item = state.record(issue, by=by, field_name="status", before=issue.status.name, after=transition.to.name)
    issue.status = transition.to
    issue.resolution = (resolution or "Done") if transition.to.category == "done" else ""
    return item


def _resolution(given: object) -> str:
    if not is_dict(given):
        return ""
    names = {**RESOLUTIONS, **{name: name for name in RESOLUTIONS.values()}}
    found = names.get(str(given.get("id") or given.get("name")), "")
    if not found:
        raise JiraRefusal(400, fields={"resolution": "Resolution is not valid."})
    return found


def reassign(state: JiraState, issue: Issue, *, by: str, account: str) -> dict[str, Any]:
    before = issue.assignee
    issue.fields["assignee"] = account
    return state.record(issue, by=by, field_name="assignee", before=before, after=account)


def edit(state: JiraState, issue: Issue, fields: Mapping[str, Any], *, by: str) -> list[dict[str, Any]]:
    """Set fields that were checked; returns the changes, none for a field that keeps its value."""
    items: list[dict[str, Any]] = []
    for name, given in fields.items():
        value = (person_of(state, given) or "") if name == "assignee" else given
        before = issue.fields.get(name)
        if before != value:
            issue.fields[name] = value
            items.append(state.record(issue, by=by, field_name=name, before=_word(before), after=_word(value)))
    return items


def _word(value: object) -> str:
    if is_dict(value) and "name" in value:
        return str(value["name"])
    return adf.plain(value) if is_dict(value) or not is_list(value) else " ".join(_word(each) for each in value)
