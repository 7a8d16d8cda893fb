"""What `stanch doctor` asks a Jira."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from activities._jira_client import JiraClient
from activities._jira_fields import CreateScreens
from activities._jira_settings import JiraSettings
from activities._jira_view import account_of
from stanch.errors import ConnectorError
from stanch.ports import Check

PERMISSIONS = (
    "BROWSE_PROJECTS",
    "CREATE_ISSUES",
    "EDIT_ISSUES",
    "TRANSITION_ISSUES",
    "ADD_COMMENTS",
    "ASSIGN_ISSUES",
    "CREATE_ATTACHMENTS",
)


def examine(client: JiraClient, screens: CreateScreens, *, settings: JiraSettings) -> Sequence[Check]:
    """Sign-in first; the rest only where that works."""
    signed_in = _guarded("jira sign-in", lambda: _sign_in(client, settings))
    checks = [signed_in, _webhook(settings)]
    if not signed_in.ok:
        return checks
    projects = sorted({project for project in (settings.project, *settings.project_fields) if project})
    for project in projects:
        checks.append(_guarded(f"jira permissions {project}", partial(_permissions, client, project)))
        checks.append(_guarded(f"jira fields {project}", partial(_fields, screens, settings, project)))
    return checks


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
    found = (client.get("mypermissions", action="read the permissions", params=query) or {}).get("permissions", {})
    missing = [name for name in PERMISSIONS if not found.get(name, {}).get("havePermission")]
    fix = f"grant {', '.join(missing)} in {project}" if missing else ""
    return Check(name=f"jira permissions {project}", ok=not missing, detail=", ".join(missing) or "all", fix=fix)


def _fields(screens: CreateScreens, settings: JiraSettings, project: str) -> Check:
    """Every required field without a default has a configured value."""
    given = settings.fields_for(project)
    missing = [name for name in screens.get(project, settings.type).required if name not in given]
    fix = f"give {', '.join(missing)} a value under fields or project_fields.{project}" if missing else ""
    detail = f"required without a value: {', '.join(missing)}" if missing else "every required field has a value"
    return Check(name=f"jira fields {project}", ok=not missing, detail=detail, fix=fix)
