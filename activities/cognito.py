"""Amazon Cognito: signing users out, and keeping them from signing in until a lease ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from activities._aws import AwsAccess, make_client
from activities._cognito_pool import Pool
from activities._section import read_section
from activities._user_point import UserPoint, named
from stanch.errors import Rejected
from stanch.ports import Check, Connector

_LATER = (
    "access tokens that are already out keep working where they are verified offline; block them for their "
    "remaining life"
)


class CognitoConfig(AwsAccess):
    """Section of a `cognito` or `cognito_user` connector.

    Args:
        user_pool_id: the pool whose users the findings name, by user name, alias or `sub`.
    """

    user_pool_id: str = Field(pattern=r"^[\w-]+_[0-9a-zA-Z]+$", max_length=55)


class Cognito:
    """Implements IdentityPort."""

    def __init__(self, name: str, config: CognitoConfig) -> None:
        self.name = name
        self._pool = Pool(make_client("cognito-idp", config), config.user_pool_id, title=name)

    def sign_out(self, user_id: str) -> Mapping[str, str]:
        """Invalidate all refresh and access tokens of a user at Cognito.

        Cannot be undone. Safe to repeat: it signs out what was issued since.
        """
        user = self._pool.user(named(user_id))
        request = self._pool.sign_out(user.name)
        return {"user": user.name, "user_pool": self._pool.id, "request_id": request, "note": _LATER}

    def revoke_token(self, *, token_id: str, user_id: str) -> Mapping[str, str]:
        """Revoke what a token came from: Cognito knows tokens by user, so this signs the user out.

        Raises:
            Rejected: no user is named; an access token's id says nothing to Cognito.
        """
        if not user_id:
            raise Rejected(
                "Cognito revokes tokens by user, and no user is known for this token",
                hint="block the token at the gateway by its id instead",
            )
        return {**self.sign_out(user_id), "token_id": token_id, "scope": "every session of the user"}

    def doctor(self) -> Sequence[Check]:
        return [self._pool.obstacle() or Check(f"{self.name}: user pool {self._pool.id}", ok=True)]


def _build_identity(name: str, section: Mapping[str, Any]) -> Cognito:
    return Cognito(name, read_section(CognitoConfig, name, section))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    config = read_section(CognitoConfig, name, section)
    return UserPoint(name, Pool(make_client("cognito-idp", config), config.user_pool_id, title=name))


CONNECTORS = (
    Connector(port="identity", kind="cognito", build=_build_identity),
    Connector(port="point", kind="cognito_user", build=_build_point),
)
