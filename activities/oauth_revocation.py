"""Any authorization server that revokes tokens by RFC 7009."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from activities._addresses import https_address
from activities._client_auth import AuthMethod, ClientAuth
from activities._oauth_calls import RevocationEndpoint
from activities._section import read_section
from stanch.ports import Connector


class RevocationConfig(BaseModel):
    """Section of an `oauth_revocation` connector.

    Args:
        url: the revocation endpoint.
        introspection_url: the introspection endpoint; without it nothing is proven.
        issuer: `iss` of the tokens; a JWT of another is not sent there.
        auth: how the client proves itself.
        client_id: a client that may revoke tokens of others.
        client_secret: its secret, or its private key in PEM for private_key_jwt.
        audience: whom an assertion is for; the endpoint where empty.
        key_id: `kid` of the private key.
        token_type_hint: what tokens of findings are here.
        timeout, connect_timeout: seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    introspection_url: str = ""
    issuer: str = ""
    auth: AuthMethod = AuthMethod.BASIC
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    audience: str = ""
    key_id: str = ""
    token_type_hint: Literal["", "access_token", "refresh_token"] = "access_token"  # noqa: S105  a word of RFC 7009
    timeout: float = Field(default=10.0, gt=0, le=60)
    connect_timeout: float = Field(default=3.0, gt=0, le=30)

    @field_validator("url", "introspection_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return https_address(value, "https://id.example.com/oauth2/revoke") if value else value

    @model_validator(mode="after")
    def _proves(self) -> Self:
        self.client()
        return self

    def client(self) -> ClientAuth:
        """The client's proof."""
        secret = self.client_secret.get_secret_value()
        return ClientAuth(self.auth, self.client_id, secret, audience=self.audience, key_id=self.key_id)


def build(name: str, section: Mapping[str, Any]) -> RevocationEndpoint:
    """The endpoint from its section of stanch.toml."""
    config = read_section(RevocationConfig, name, section)
    return RevocationEndpoint(
        name,
        revoke=config.url,
        introspect=config.introspection_url,
        auth=config.client(),
        issuer=config.issuer,
        hint=config.token_type_hint,
        timeout=(config.connect_timeout, config.timeout),
    )


CONNECTOR = Connector(port="identity", kind="oauth_revocation", build=build)
