"""What the tracker connectors share in their configuration: validation, addresses and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from activities._addresses import https_address
from activities._ticket.common import Patience
from stanch.errors import ConfigError, Problem


class TrackerSettings(BaseModel):
    """A tracker's section of stanch.toml.

    Args:
        url: base address; plain http only on this machine, since credentials travel with every call.
        timeout: seconds to wait for an answer.
        connect_timeout: seconds to wait for a connection.
        settle: seconds after the longest possible create in which only a lookup may find its ticket.
        poll: seconds between those lookups.
        hold: seconds of that time for which a worker's thread waits; for the rest Temporal does. With both timeouts it
            must stay below the 20 seconds that one attempt at `ticket.create` has.
        proxy: address of an HTTP proxy; the environment is not asked.
        changes_every: how often to look for changes, such as `60s`, where the tracker cannot call back.
        ca_file: certificates to trust instead of the usual ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: str = ""
    url: str
    timeout: float = Field(default=5.0, gt=0)
    connect_timeout: float = Field(default=3.0, gt=0)
    settle: float = Field(default=120.0, ge=0, le=900)
    poll: float = Field(default=1.0, gt=0)
    hold: float = Field(default=5.0, ge=0, le=15)
    proxy: str = ""
    ca_file: str = ""
    changes_every: str = ""

    @property
    def patience(self) -> Patience:
        """How long "not found" is doubted, counted from when an uncertain create may have begun."""
        return Patience(window=self.connect_timeout + self.timeout + self.settle, poll=self.poll, hold=self.hold)

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return https_address(value, "https://example.atlassian.net")

    @classmethod
    def read(cls, name: str, section: Mapping[str, Any]) -> Self:
        """The section, validated.

        Raises:
            ConfigError: with one problem per mistake, never with a value.
        """
        return validated(cls, name, section)


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], name: str, section: Mapping[str, Any]) -> Model:
    """The section as the model, or ConfigError naming each bad key."""
    try:
        return model.model_validate(dict(section))
    except ValidationError as error:
        problems = [
            Problem(code="C010", message=f"{name}.{'.'.join(str(part) for part in each['loc'])}: {each['msg']}")
            for each in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    raise ConfigError(
        f"the section {name} of stanch.toml is wrong: {problems[0].message}",
        problems=problems,
        code="C010",
        hint="docs/connectors.md lists the keys of each tracker",
    )


def secrets_of(*values: SecretStr) -> tuple[bytes, ...]:
    """The keys that are set, current first."""
    return tuple(value.get_secret_value().encode() for value in values if value.get_secret_value())
