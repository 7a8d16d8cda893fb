"""Sections of stanch.toml that are the same for every deployment; those of connectors are with the connectors."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stanch.durations import Duration


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(Section):
    """Where the HTTP edge listens. `public_url` is what links in tickets and cards point at.

    Args:
        step_up: for how long a token given at the console stands for signing in again; 0 wants it with each answer.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    public_url: str = ""
    login: str = "token"
    step_up: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=15))] = timedelta(minutes=5)

    @property
    def url(self) -> str:
        """Where it listens, as an address; IPv6 is in brackets there (RFC 3986, 3.2.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class Inventory(Section):
    """What is known of a host: how critical it is and who answers for it in the business."""

    criticality: Literal["", "low", "medium", "high", "critical"] = ""
    business_owner: str = ""
    health_path: str = "/healthz"


class PlaybookSettings(Section):
    """Values of a playbook's inputs for this deployment."""

    inputs: dict[str, Any] = Field(default_factory=dict)
