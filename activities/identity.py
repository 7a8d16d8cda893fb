"""The verbs at identity providers that happen once and cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._run import Job
from activities._token_evidence import PROVEN, TokenRevoker, token_of
from activities._world import World
from stanch.actions.identity import Revoke, Revoked, SignOut
from stanch.errors import Rejected
from stanch.ports import IdentityPort


def _provider(world: World, at: str) -> IdentityPort:
    name = at or world.first("identity")
    if not name:
        raise Rejected("no identity provider is configured", code="V014", hint="add one under [identity]")
    port: IdentityPort = world.connector("identity", name)
    return port


def _sign_out(world: World, job: Job, params: SignOut) -> Revoked:
    return _revoked(_provider(world, params.at).sign_out(params.user_id))


def _revoke(world: World, job: Job, params: Revoke) -> Revoked:
    provider = _provider(world, params.at)
    if isinstance(provider, TokenRevoker):
        found = provider.revoke(token_of(world, job, params.token_id))
        return _revoked(found, proven=found.get("proof") == PROVEN)  # RFC 7009 says 200 to what it does not know, too
    return _revoked(provider.revoke_token(token_id=params.token_id, user_id=params.user_id))


def _revoked(found: Mapping[str, str], *, proven: bool = True) -> Revoked:
    told = "; ".join(f"{name}: {value}" for name, value in found.items() if value)
    return Revoked(revoked=proven, detail=told, live_until=found.get("live_until", ""))


IMPLEMENTATIONS: Mapping[str, Any] = {"user.sign_out": _sign_out, "token.revoke": _revoke}
