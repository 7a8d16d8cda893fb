"""Okta: signing users out, and keeping them from signing in until a lease ends.

Facts from Okta's management API specification (Apache-2.0): only an ACTIVE user can be suspended, `oauthTokens=true`
also revokes refresh and access tokens that Okta issued, and 429 names its end in `X-Rate-Limit-Reset`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SecretStr

from activities._idp_settings import IdpSettings
from activities._outcomes import unusable
from activities._rest import Rest, path_of
from activities._section import read_section
from activities._user_note import Note, User
from activities._user_point import SignsOut, UserPoint
from stanch.errors import Gone
from stanch.ports import Check, Connector

_OUT = ("SUSPENDED", "DEPROVISIONED")
_SCHEMA = "/api/v1/meta/schemas/user/default"


class OktaConfig(IdpSettings):
    """Section of an `okta` or `okta_user` connector.

    Args:
        token: API token, or access token of a service app with `okta.users.manage` and `okta.schemas.read`.
        scheme: `SSWS` for an API token, `Bearer` for an access token.
        attribute: custom string attribute of the user profile for our note; users must not be able to write it.
    """

    token: SecretStr
    scheme: Literal["SSWS", "Bearer"] = "SSWS"
    attribute: str = Field(default="stanch_lease", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")


class OktaUsers:
    """The users of one Okta organisation; implements Directory."""

    vendor = "Okta"
    later = "access tokens that are already out keep working where they are verified offline"

    def __init__(self, name: str, config: OktaConfig) -> None:
        self._title = name
        self._attribute = config.attribute
        authorization = f"{config.scheme} {config.token.get_secret_value()}"
        self._rest = Rest(
            self.vendor,
            config.url,
            headers=lambda _: {"Authorization": authorization},
            timeout=config.waits,
            request_id="X-Okta-Request-Id",
        )

    @property
    def where(self) -> Mapping[str, str]:
        return {"okta": self._rest.base}

    def user(self, name: str) -> User:
        """By id or login. `me` would be the owner of our own token."""
        if name.strip().lower() == "me":
            raise Gone("`me` names no user", hint="check the finding's user id")
        call = self._rest.told("read the user", write=False)
        return self._read(self._rest.send("GET", f"/api/v1/users{path_of(name)}", call=call).mapping(call))

    def suspended(self) -> Iterator[User]:
        """Okta answers `filter` from its index, which may be seconds behind; who is named is read directly."""
        call = self._rest.told("list suspended users", write=False)
        params = {"filter": 'status eq "SUSPENDED"', "limit": "200"}
        for page in self._rest.pages("/api/v1/users", call=call, params=params):
            yield from (self._read(item) for item in page.listed(call) if item.get("status") == "SUSPENDED")

    def mark(self, name: str, note: Note) -> None:
        self._write_note(name, str(note))

    def unmark(self, name: str) -> None:
        self._write_note(name, None)

    def _write_note(self, name: str, text: str | None) -> None:
        """A POST changes only the members it names."""
        call = self._rest.told("write our note on the user", write=True)
        self._rest.send("POST", f"/api/v1/users{path_of(name)}", call=call, json={"profile": {self._attribute: text}})

    def suspend(self, name: str) -> None:
        call = self._rest.told("suspend the user (only who is active can be)", write=True)
        self._rest.send("POST", f"/api/v1/users{path_of(name)}/lifecycle/suspend", call=call)

    def resume(self, name: str) -> None:
        call = self._rest.told("end the suspension of the user", write=True)
        self._rest.send("POST", f"/api/v1/users{path_of(name)}/lifecycle/unsuspend", call=call)

    def sign_out(self, name: str) -> str:
        """End the user's sessions and revoke what Okta issued to them; gives Okta's name of the request."""
        call = self._rest.told("end the user's sessions", write=True)
        sessions = f"/api/v1/users{path_of(name)}/sessions"
        return self._rest.send("DELETE", sessions, call=call, params={"oauthTokens": "true"}, expect=(204,)).request_id

    def obstacle(self) -> Check | None:
        if self._property() is not None:
            return None
        detail = f"the user profile has no attribute {self._attribute}, so users cannot be suspended"
        fix = f"add a custom string attribute {self._attribute} to Okta's default user profile"
        return Check(f"{self._title}: users of {self._rest.base}", ok=False, detail=detail, fix=fix)

    def doctor(self) -> Sequence[Check]:
        permissions = (self._property() or {}).get("permissions") or []
        writable = any(item.get("principal") == "SELF" and item.get("action") == "READ_WRITE" for item in permissions)
        detail = "users can write it themselves" if writable else ""
        title = f"{self._title}: attribute {self._attribute}"
        return [Check(title, ok=not writable, detail=detail, fix="make it read-only or hidden for users")]

    def _property(self) -> dict[str, Any] | None:
        call = self._rest.told("read the schema of users", write=False)
        schema = self._rest.send("GET", _SCHEMA, call=call).mapping(call)
        custom = (schema.get("definitions") or {}).get("custom") or {}
        found = (custom.get("properties") or {}).get(self._attribute)
        return found if isinstance(found, dict) else None

    def _read(self, item: Mapping[str, Any]) -> User:
        call = self._rest.told("read the user", write=False)
        name, status = str(item.get("id", "")), item.get("status")
        if not re.fullmatch(r"[\w-]{1,100}", name) or not isinstance(status, str):
            raise unusable(call)
        profile = item.get("profile") or {}
        text = str(profile.get(self._attribute) or "")
        # Only an administrator brings a deactivated user back, and until then nobody may write their profile.
        out = status == "DEPROVISIONED" or (status == "SUSPENDED" and _since(text, item.get("statusChanged")))
        return User.read(name, enabled=status not in _OUT, text=text, out=out)


def _since(text: str, changed: object) -> bool:
    """Whether the status has changed after the end in our note, which is then of an earlier suspension."""
    note = Note.parse(text)
    try:
        return note is not None and datetime.fromisoformat(str(changed)).timestamp() > note.until
    except ValueError:
        return False


def _build_identity(name: str, section: Mapping[str, Any]) -> SignsOut:
    return SignsOut(name, OktaUsers(name, read_section(OktaConfig, name, section)))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, OktaUsers(name, read_section(OktaConfig, name, section)))


CONNECTORS = (
    Connector(port="identity", kind="okta", build=_build_identity),
    Connector(port="point", kind="okta_user", build=_build_point),
)
