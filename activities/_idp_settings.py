"""What the connectors of identity providers share in their configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from activities._addresses import https_address


class IdpSettings(BaseModel):
    """Section of an identity provider over HTTPS.

    Args:
        url: its address; plain http only on this machine, since credentials travel with every call.
        timeout: seconds to wait for an answer.
        connect_timeout: seconds to wait for a connection.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    timeout: float = Field(default=10.0, gt=0, le=60)
    connect_timeout: float = Field(default=3.0, gt=0, le=30)

    @property
    def waits(self) -> tuple[float, float]:
        """Seconds to connect, seconds for the answer."""
        return self.connect_timeout, self.timeout

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        return https_address(value, "https://example.okta.com")
