"""Amazon Cognito: signing users out, and keeping them from signing in until a lease ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from activities._aws import AwsAccess, make_client
from activities._cognito_pool import Pool
from activities._section import read_section
from activities._user_point import SignsOut, UserPoint
from stanch.ports import Connector


class CognitoConfig(AwsAccess):
    """Section of a `cognito` or `cognito_user` connector.

    Args:
        user_pool_id: the pool whose users the findings name, by user name, alias or `sub`.
    """

    user_pool_id: str = Field(pattern=r"^[\w-]+_[0-9a-zA-Z]+$", max_length=55)


def _pool(name: str, section: Mapping[str, Any]) -> Pool:
    config = read_section(CognitoConfig, name, section)
    return Pool(make_client("cognito-idp", config), config.user_pool_id, title=name)


def _build_identity(name: str, section: Mapping[str, Any]) -> SignsOut:
    return SignsOut(name, _pool(name, section))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, _pool(name, section))


CONNECTORS = (
    Connector(port="identity", kind="cognito", build=_build_identity),
    Connector(port="point", kind="cognito_user", build=_build_point),
)
