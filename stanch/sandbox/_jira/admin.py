"""The Jira stand-in's settings at run time, and its issues in short, as the control interface speaks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stanch.sandbox._jira.rules import PERMISSIONS, JiraRules
from stanch.sandbox._jira.state import CustomField, Issue
from stanch.shapes import is_dict, is_list

if TYPE_CHECKING:
    from stanch.sandbox.jira import JiraStandin


def view(jira: JiraStandin) -> dict[str, Any]:
    """The settings; the token is not among them."""
    rules = jira.rules
    return {
        "denied": sorted(rules.denied),
        "archived": sorted(rules.archived),
        "without_transitions": sorted(rules.without_transitions),
        "attachment_limit": rules.attachment_limit,
        "issue_writes": list(rules.issue_writes) if rules.issue_writes else None,
        "required_fields": [asdict(each) for each in jira.state.custom_fields],
        "components": {project: list(names) for project, names in jira.state.components.items()},
        "index_lag": jira.index_lag,
    }


def change(jira: JiraStandin, order: Mapping[str, Any]) -> None:
    """Set what the order names, all of it or nothing.

    Raises:
        ValueError: with what is wrong.
    """
    if unknown := set(order) - {*view(jira), "token"}:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    rules = _rules(jira.rules, order, projects=jira.state.projects)
    fields = _custom_fields(order["required_fields"]) if "required_fields" in order else jira.state.custom_fields
    components = _components(order.get("components", jira.state.components), jira.state.projects)
    lag, token = order.get("index_lag", jira.index_lag), order.get("token", jira.token)
    if not isinstance(lag, int | float) or not isinstance(token, str):
        raise ValueError("index_lag is a number of seconds, token a text")
    jira.rules, jira.state.custom_fields, jira.state.components = rules, fields, components
    jira.index_lag, jira.token = float(lag), token
    jira.ledger.append("jira.settings", {"changed": sorted(order)})


def brief(issue: Issue) -> dict[str, Any]:
    """One issue for a judge."""
    return {
        "key": issue.key,
        "id": issue.id,
        "summary": issue.fields["summary"],
        "state": issue.status.category,
        "resolution": issue.resolution,
        "assignee": issue.assignee,
        "priority": issue.priority,
        "labels": issue.fields["labels"],
        "comments": len(issue.comments),
        "links": sorted(issue.links),
        "attachments": [entry["filename"] for entry in issue.attachments],
    }


def _components(given: object, projects: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    if not is_dict(given) or not set(given) <= set(projects):
        raise ValueError("components is an object from project to names")
    return {str(project): tuple(str(name) for name in names) for project, names in given.items()}


def _rules(rules: JiraRules, order: Mapping[str, Any], *, projects: Mapping[str, str]) -> JiraRules:
    """The rules with what a control request sets.

    Raises:
        ValueError: with what is wrong.
    """
    denied = _names(order, "denied", rules.denied, known=PERMISSIONS)
    archived = _names(order, "archived", rules.archived, known=projects)
    lost = _names(order, "without_transitions", rules.without_transitions)
    limit, pace = order.get("attachment_limit", rules.attachment_limit), order.get("issue_writes", rules.issue_writes)
    if not isinstance(limit, int) or limit < 0:
        raise ValueError("attachment_limit is a number of bytes")
    if is_list(pace):
        if len(pace) != 2 or not all(isinstance(part, int | float) and part > 0 for part in pace):
            raise ValueError("issue_writes is [writes, seconds] or null")
        pace = (int(pace[0]), float(pace[1]))
    return JiraRules(frozenset(denied), frozenset(archived), frozenset(lost), limit, pace)


def _names(order: Mapping[str, Any], name: str, now: frozenset[str], *, known: Any = None) -> list[str]:
    given: Any = order.get(name, sorted(now))
    if not is_list(given) or not all(isinstance(each, str) and (known is None or each in known) for each in given):
        raise ValueError(f"{name} is a list of {'names' if known is None else ', '.join(sorted(known))}")
    return given


def _custom_fields(given: object) -> list[CustomField]:
    """The fields of a control request.

    Raises:
        ValueError: with what is wrong.
    """
    if not is_list(given) or not all(is_dict(each) and {"id", "name"} <= set(each) for each in given):
        raise ValueError("required_fields is a list of objects with id and name")
    return [
        CustomField(
            id=str(each["id"]),
            name=str(each["name"]),
            required=bool(each.get("required", True)),
            options=tuple(str(option) for option in each.get("options", ())),
            has_default=bool(each.get("has_default", False)),
        )
        for each in given
    ]
