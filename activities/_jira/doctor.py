"""What `stanch doctor` asks a Jira."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from activities._jira.client import JiraClient
from activities._jira.screens import CreateScreen, CreateScreens, ScreenField
from activities._jira.settings import JiraSettings
from activities._jira.shapes import example, words_of
from activities._jira.view import account_of
from stanch.errors import ConnectorError
from stanch.ports import Check
from stanch.sinks.text import one_line
from stanch.views import TicketTarget

PERMISSIONS = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "ADD_COMMENTS",
    "ASSIGN_ISSUES",
    "CREATE_ATTACHMENTS",
    "LINK_ISSUES",
)


def examine(
    client: JiraClient, screens: CreateScreens, *, settings: JiraSettings, targets: Sequence[TicketTarget]
) -> Sequence[Check]:
    """Sign-in first; the rest only where that works."""
    signed_in = _guarded("jira sign-in", lambda: _sign_in(client, settings))
    checks = [signed_in, _webhook(settings)]
    if not signed_in.ok:
        return checks
    wanted = _wanted(settings, targets)
    for project in sorted({project for project, _ in wanted}):
        checks.append(_guarded(f"jira permissions {project}", partial(_permissions, client, project)))
    for (project, kind), given in sorted(wanted.items()):
        name = f"jira fields {project}" if kind == settings.type else f"jira fields {project}/{one_line(kind)}"
        checks.append(_guarded(name, partial(_fields, screens, (project, kind), given, name=name)))
    return checks


def _wanted(settings: JiraSettings, targets: Sequence[TicketTarget]) -> dict[tuple[str, str], dict[str, Any]]:
    """Every project and type that a ticket may be made in, with the values configured for it."""
    defaults = {project for project in (settings.project, *settings.project_fields) if project}
    found = {(project, settings.type): settings.fields_for(project) for project in defaults}
    for target in targets:
        project, kind = target.project or settings.project, target.type or settings.type
        if project:
            # Where several routes meet, only what each of them gives is there for all.
            given = {**settings.fields_for(project), **target.fields}
            before = found.get((project, kind), given)
            found[project, kind] = {name: value for name, value in given.items() if name in before}
    return found


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ConnectorError as error:
        return Check(name=name, ok=False, detail=error.message, fix=error.hint)


def _sign_in(client: JiraClient, settings: JiraSettings) -> Check:
    account = account_of(client.get("myself", action="sign in"))
    if settings.account_id and account != settings.account_id:
        fix = f"set account_id to {account}, or Stanch answers to its own changes"
        return Check(name="jira sign-in", ok=False, detail="account_id is another account", fix=fix)
    return Check(name="jira sign-in", ok=bool(account), detail=account)


def _webhook(settings: JiraSettings) -> Check:
    ready = bool(settings.webhook_secret.get_secret_value())
    fix = "" if ready else "set webhook_secret, and the same secret at the webhook in Jira"
    return Check(name="jira webhook secret", ok=ready, detail="set" if ready else "every callback is refused", fix=fix)


def _permissions(client: JiraClient, project: str) -> Check:
    query = {"permissions": ",".join(PERMISSIONS), "projectKey": project}
    found = client.get("mypermissions", action="read the permissions", params=query).get("permissions")
    shown = found if isinstance(found, dict) else {}
    missing = [name for name in PERMISSIONS if not _granted(shown.get(name))]
    fix = f"grant {', '.join(missing)} in {project}" if missing else ""
    return Check(name=f"jira permissions {project}", ok=not missing, detail=", ".join(missing) or "all", fix=fix)


def _granted(permission: object) -> bool:
    return isinstance(permission, dict) and permission.get("havePermission") is True


def _fields(screens: CreateScreens, place: tuple[str, str], given: Mapping[str, Any], *, name: str) -> Check:
    """Every required field without a default has a value, and every value a field that takes it."""
    screen = screens.get(*place)
    missing = [each for each in screen.required if each.id not in given]
    problems = [*_missing(missing), *_odd(screen, given)]
    lines = "; ".join(example(each) for each in missing)
    fix = f"write under fields, project_fields.{place[0]} or the route's ticket.fields: {lines}" if missing else ""
    if problems and not fix:
        fix = "put the field on the create screen, or correct its value"
    detail = "; ".join(problems) or "every required field has a value"
    return Check(name=name, ok=not problems, detail=detail, fix=fix)


def _missing(fields: Sequence[ScreenField]) -> Iterator[str]:
    if fields:
        yield "required without a value: " + ", ".join(f"{each.id} ({_described(each)})" for each in fields)


def _described(each: ScreenField) -> str:
    kind = f"{each.items} list" if each.kind == "array" else each.kind
    values = f", one of {', '.join(one_line(name, limit=40) for name in each.allowed[:10])}" if each.allowed else ""
    return f"{one_line(each.name, limit=60)}, {kind or 'any'}{values}"


def _odd(screen: CreateScreen, given: Mapping[str, Any]) -> Iterator[str]:
    if "labels" not in screen.fields:
        yield "labels is not on the create screen; Stanch finds its tickets by them"
    for name, value in sorted(given.items()):
        field = screen.fields.get(name)
        if field is None:
            yield f"{name} is not on the create screen and is left out"
        elif field.allowed and not takes(field, value):
            yield f"{name} does not take the configured value"


def takes(field: ScreenField, value: Any) -> bool:
    """Whether the field offers each value; what is named by its id cannot be told, and of a cascade the first part."""
    given = value if isinstance(value, list | tuple) else [value]
    names = [name for each in given if not (isinstance(each, Mapping) and "id" in each) for name in words_of(each)]
    if field.kind == "option-with-child":
        names = [name.partition(">")[0].strip() for name in names]
    return set(names) <= set(field.allowed)
