"""What the Jira stand-in does to its data, with Jira's own refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stanch.sandbox import _jira_adf as adf
from stanch.sandbox._jira_state import ISSUE_TYPES, RESOLUTIONS, Issue, JiraState, Transition
from stanch.shapes import is_dict

TEXT_LIMIT = 32_767
SUMMARY_LIMIT = 255


class JiraRefusal(Exception):
    """Jira's answer to a bad request: a status, messages, and messages by field."""

    def __init__(self, status: int, *messages: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
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
    if "description" in fields and not text_ok(fields["description"], cloud=cloud):
        errors["description"] = (
            "Operation value must be an Atlassian Document" if cloud else "Operation value must be a string"
        )
    errors |= _label_errors(fields.get("labels", []))
    errors |= _custom_errors(state, fields)
    if fields.get("assignee") and person_of(state, fields["assignee"]) is None:
        errors["assignee"] = "Account is not a valid user"
    if errors:
        raise JiraRefusal(400, fields=errors)
    return project


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


def _custom_errors(state: JiraState, fields: Mapping[str, Any]) -> dict[str, str]:
    known = {"project", "issuetype", "summary", "description", "labels", "priority", "assignee", "duedate"}
    known |= {each.id for each in state.custom_fields}
    message = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
    errors = {name: message.format(name) for name in fields if name not in known}
    for each in state.custom_fields:
        if each.required and not each.has_default and not fields.get(each.id):
            errors[each.id] = f"{each.name} is required."
    return errors


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
