"""The section of stanch.toml for a ServiceNow instance."""

from __future__ import annotations

import importlib.util
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from activities._ticket.settings import TrackerSettings
from stanch.ports import TicketState

_NONE: SecretStr = SecretStr("")
Table = Literal["incident", "sn_si_incident"]

# The first of each is the one Stanch sets. The incident values are the product's own; those of security incidents
# differ between process definitions and are meant to be configured.
_STATES: dict[str, dict[TicketState, tuple[str, ...]]] = {
    "incident": {
        TicketState.NEW: ("1",),
        TicketState.IN_PROGRESS: ("2", "3"),
        TicketState.DONE: ("6", "7", "8"),
    },
    "sn_si_incident": {
        TicketState.NEW: ("10",),
        TicketState.IN_PROGRESS: ("16", "18", "19", "20", "100"),
        TicketState.DONE: ("3", "7"),
    },
}
_CODES: dict[str, dict[str, str]] = {
    "incident": {
        "fixed": "Solution provided",
        "risk_accepted": "Known error",
        "false_positive": "No resolution provided",
        "duplicate": "Duplicate",
    },
    "sn_si_incident": {
        "fixed": "Threat mitigated",
        "risk_accepted": "Not resolved",
        "false_positive": "False positive",
        "duplicate": "Investigation completed",
    },
}


class ServiceNowSettings(TrackerSettings):
    """How to reach an instance and how its process is set up.

    Args:
        user: the integration user, whose changes are not told back to us.
        password: of that user.
        table: `incident` or `sn_si_incident`.
        transport: `pysnow` (Python below 3.13) or `requests`; empty takes pysnow where it is installed.
        states: values of `state` by ours; the first of each is set, the others are read. Replaces the default whole.
        close_codes: `close_code` by our resolution; what is missing is the table's usual one.
        fields: values for other fields on creation, such as what a data policy asks for.
        urgency: `urgency` (and `impact`) by severity; empty sends none.
        group: assignment group of tickets whose route names none.
        callback_secret: verifies callbacks (Standard Webhooks); without it every callback is refused.
        callback_secret_old: the key before, accepted while it is being rotated.
        description_limit: length of the table's `description`; longer texts would be cut without a word.
        summary_limit: length of its `short_description`.
    """

    kind: Literal["servicenow"] = "servicenow"
    timeout: float = Field(default=10.0, gt=0)
    # A table has no index that lags; but the instance may work on a request for a minute after we gave it up.
    settle: float = Field(default=60.0, ge=0, le=900)
    user: str = Field(min_length=1)
    password: SecretStr
    table: Table = "incident"
    transport: Literal["", "pysnow", "requests"] = ""
    states: dict[TicketState, tuple[str, ...]] = Field(default_factory=dict)
    close_codes: dict[str, str] = Field(default_factory=dict)
    fields: dict[str, Any] = Field(default_factory=dict)
    urgency: dict[str, str] = Field(
        default_factory=lambda: {"critical": "1", "high": "1", "medium": "2", "low": "3", "info": "3"}
    )
    group: str = ""
    callback_secret: SecretStr = _NONE
    callback_secret_old: SecretStr = _NONE
    description_limit: int = Field(default=4000, ge=500)
    summary_limit: int = Field(default=160, ge=40)

    @model_validator(mode="after")
    def _complete(self) -> ServiceNowSettings:
        if not self.password.get_secret_value():
            raise ValueError("password is empty")
        if self.states and (set(self.states) != set(TicketState) or not all(self.states.values())):
            raise ValueError("states must give at least one value for each of new, in_progress and done")
        if self.transport == "pysnow" and not pysnow_installed():
            raise ValueError('pysnow is not installed here; use transport = "requests"')
        return self

    @property
    def state_values(self) -> dict[TicketState, tuple[str, ...]]:
        return self.states or _STATES[self.table]

    @property
    def codes(self) -> dict[str, str]:
        """`close_code` by our resolution."""
        return {**_CODES[self.table], **self.close_codes}


def pysnow_installed() -> bool:
    """Pysnow does not install on Python 3.13 and newer."""
    return importlib.util.find_spec("pysnow") is not None
