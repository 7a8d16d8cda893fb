"""What the connectors of identity providers share in their configuration."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


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
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("must be an address such as https://example.okta.com, without user or query")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError("must be https, since credentials travel with every call")
        return value.rstrip("/")
