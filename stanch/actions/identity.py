"""Verbs at identity providers; suspending is a lease, signing out cannot be taken back."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from stanch.actions.blocks import Held, Lift, Lifted, lift_of
from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass
from stanch.durations import Duration


class Suspend(Params):
    user_id: str
    ttl: Duration = timedelta(hours=4)
    at: str = ""


class SignOut(Params):
    user_id: str
    at: str = ""


class Revoke(Params):
    token_id: str
    user_id: str = ""
    at: str = ""


class Revoked(Outputs):
    """`live_until` is when a revoked token ends by itself: until then it works where it is verified offline.

    Where the provider was given the token itself, `revoked` says that introspection has shown it: active before, not
    active after.
    """

    revoked: bool = True
    detail: str = ""
    live_until: str = ""


_COGNITO = (
    "cognito-idp:AdminGetUser",
    "cognito-idp:AdminDisableUser",
    "cognito-idp:AdminEnableUser",
    "cognito-idp:AdminUserGlobalSignOut",
)
_SUSPENDING = MappingProxyType(
    {
        "cognito": _COGNITO,
        "okta": ("okta.users.manage", "okta.schemas.read"),
        "keycloak": ("manage-users", "view-realm"),
        "auth0": ("read:users", "update:users", "update:users_app_metadata"),
        "entra": ("User.ReadWrite.All", "User.EnableDisableAccount.All"),
        "iam": (
            "iam:GetAccessKeyLastUsed",
            "iam:ListAccessKeys",
            "iam:ListUsers",
            "iam:ListUserTags",
            "iam:TagUser",
            "iam:UntagUser",
            "iam:UpdateAccessKey",
        ),
    }
)
_SIGNING_OUT = MappingProxyType(
    {
        "cognito": _COGNITO,
        "okta": ("okta.users.manage",),
        "keycloak": ("manage-users",),
        "auth0": ("read:users", "delete:sessions", "delete:refresh_tokens"),
        "entra": ("User.ReadWrite.All", "User.RevokeSessions.All"),
        "oauth_revocation": ("a client that may revoke and introspect tokens of other clients",),
    }
)
_QUICK = timedelta(minutes=15)

ACTIONS = (
    ActionSpec(
        name="user.suspend",
        title="Suspend a user",
        effect=Effect.CHANGE,
        params=Suspend,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="user.resume",
        undo_with=lift_of,
        undo_class=UndoClass.FLIP_BACK_IF_OURS,
        leased=True,
        total=_QUICK,
        permissions=_SUSPENDING,
        example="{id: suspend, do: user.suspend, with: {user_id: mallory, ttl: 4h}}",
    ),
    ActionSpec(
        name="user.resume",
        title="Let a suspended user sign in again",
        effect=Effect.CHANGE,
        params=Lift,
        outputs=Lifted,
        queue=Queue.CONTAIN,
        leased=True,
        total=None,
        permissions=_SUSPENDING,
        example="{id: resume, do: user.resume, with: {lease_id: 0123456789abcdef}}",
    ),
    ActionSpec(
        name="user.sign_out",
        title="End a user's sessions",
        effect=Effect.IRREVERSIBLE,
        params=SignOut,
        outputs=Revoked,
        queue=Queue.CONTAIN,
        total=_QUICK,
        permissions=_SIGNING_OUT,
        example="{id: out, do: user.sign_out, with: {user_id: mallory}, irreversible: The user signs in again}",
    ),
    ActionSpec(
        name="token.revoke",
        title="Revoke a token",
        effect=Effect.IRREVERSIBLE,
        params=Revoke,
        outputs=Revoked,
        queue=Queue.CONTAIN,
        total=_QUICK,
        permissions=_SIGNING_OUT,
        example="{id: revoke, do: token.revoke, with: {token_id: t-1, user_id: mallory}, irreversible: Sign in again}",
    ),
)
