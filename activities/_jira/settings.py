"""The section of stanch.toml for a Jira."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from activities._ticket.settings import TrackerSettings
from stanch.ports import TicketState

_NONE: SecretStr = SecretStr("")


class JiraSettings(TrackerSettings):
    """How to reach a Jira and how its projects are set up.

    Args:
        deployment: `cloud` (REST v3) or `server` (Data Center, REST v2).
        email: the account's e-mail for an API token on Cloud; empty sends the token as Bearer (Data Center).
        token: API token or personal access token.
        webhook_secret: verifies callbacks; without it every callback is refused.
        webhook_secret_old: the key before, accepted while it is being rotated.
        account_id: our own accountId (Cloud) or user name (Data Center), whose changes are not told back to us.
        project: project of tickets whose route names none.
        type: issue type of tickets whose route names none.
        fields: values for required custom fields, by field id.
        project_fields: the same for one project, by project key.
        priorities: priority name by severity; a severity that is missing leaves the priority to Jira.
        transitions: transition id by state, where the workflow has several.
        transition_fields: fields to send with the transition to a state.
        resolutions: name of Jira's resolution by ours (fixed, risk_accepted, false_positive, duplicate, other).
        group_field: id of the field that holds the team, where there is one.
        epic_field: id of the field that holds the epic on Data Center; without it `parent` of a route is the parent.
        duplicate_link: name of the link type between a ticket that was made twice and the one that is kept.
    """

    kind: Literal["jira"] = "jira"
    deployment: Literal["cloud", "server"] = "cloud"
    email: str = ""
    token: SecretStr
    webhook_secret: SecretStr = _NONE
    webhook_secret_old: SecretStr = _NONE
    account_id: str = ""
    project: str = Field(default="", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    type: str = "Task"
    fields: dict[str, Any] = Field(default_factory=dict)
    project_fields: dict[str, dict[str, Any]] = Field(default_factory=dict)
    priorities: dict[str, str] = Field(default_factory=dict)
    transitions: dict[TicketState, str] = Field(default_factory=dict)
    transition_fields: dict[TicketState, dict[str, Any]] = Field(default_factory=dict)
    resolutions: Mapping[str, str] = {
        "fixed": "Done",
        "risk_accepted": "Won't Do",
        "false_positive": "Cannot Reproduce",
        "duplicate": "Duplicate",
    }
    group_field: str = ""
    epic_field: str = ""
    duplicate_link: str = "Duplicate"

    @property
    def cloud(self) -> bool:
        return self.deployment == "cloud"

    @model_validator(mode="after")
    def _credentials(self) -> JiraSettings:
        if not self.token.get_secret_value():
            raise ValueError("token is empty")
        if self.cloud and not self.email:
            raise ValueError("email is needed beside an API token on Jira Cloud")
        return self

    def fields_for(self, project: str) -> dict[str, Any]:
        """Configured field values for a ticket of the project."""
        return {**self.fields, **self.project_fields.get(project, {})}
