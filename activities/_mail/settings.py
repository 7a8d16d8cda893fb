"""The section of a mail server in stanch.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from stanch.mailing import is_address

LOOPBACK = "127.0.0.1"
_Host = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252})\z")]


class MailConfig(BaseModel):
    """Where mail is handed over, and in whose name.

    Args:
        tls: `starttls` on the plain port, `tls` from the first byte, `none` only for 127.0.0.1.
        sender: the address that mail comes from.
        timeout: seconds for each answer of the server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: _Host
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr = SecretStr("")
    sender: str
    sender_name: Annotated[str, Field(max_length=80)] = "Stanch"
    ca_file: str = ""
    timeout: Annotated[float, Field(gt=0, le=10)] = 5.0

    @field_validator("sender")
    @classmethod
    def _sends(cls, address: str) -> str:
        if not is_address(address):
            raise ValueError("must be one plain address such as stanch@example.com")
        return address

    @field_validator("user")
    @classmethod
    def _plain_user(cls, name: str) -> str:
        return _plain(name)

    @field_validator("password")
    @classmethod
    def _plain_password(cls, password: SecretStr) -> SecretStr:
        _plain(password.get_secret_value())
        return password

    @model_validator(mode="after")
    def _protected(self) -> MailConfig:
        if self.tls == "none" and self.host != LOOPBACK:
            raise ValueError("tls is needed (none only for 127.0.0.1)")
        if bool(self.user) != bool(self.password.get_secret_value()):
            raise ValueError("user and password belong together")
        return self

    @property
    def domain(self) -> str:
        """Of the sender; Message-IDs and the name that we greet with are in it."""
        return self.sender.rpartition("@")[2]

    @property
    def name_here(self) -> str:
        return self.domain


def _plain(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII")
    return text
