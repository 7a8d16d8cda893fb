"""Keycloak: signing users out, and keeping them from signing in until a lease ends.

Its admin API replaces a user as a whole (`PUT`), so what was read is sent back with one member changed; a change that
somebody else makes within those milliseconds is lost, as in Keycloak's own console.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import Field, SecretStr

from activities._client_credentials import ClientCredentials
from activities._idp_settings import IdpSettings
from activities._outcomes import Call, unusable
from activities._rest import PAGES, Rest, path_of
from activities._section import read_section
from activities._user_note import Note, User
from activities._user_point import SignsOut, UserPoint
from stanch.errors import Gone
from stanch.ports import Check, Connector

ATTRIBUTE = "stanch_lease"
_PAGE = 100


class KeycloakConfig(IdpSettings):
    """Section of a `keycloak` or `keycloak_user` connector.

    Args:
        realm: whose users the findings name, by id (the `sub` of their tokens) or user name.
        client_id: of a confidential client with a service account that has `manage-users` and `view-realm` of
            `realm-management`.
        client_secret: of that client.
    """

    realm: str = Field(pattern=r"^[\w.-]{1,100}$")
    client_id: str
    client_secret: SecretStr


class KeycloakUsers:
    """The users of one realm; implements Directory."""

    vendor = "Keycloak"
    later = "access tokens that are already out keep working where they are verified offline"

    def __init__(self, name: str, config: KeycloakConfig) -> None:
        self._title = name
        self._realm = config.realm
        realm = path_of("realms", config.realm)
        form = {"client_id": config.client_id, "client_secret": config.client_secret.get_secret_value()}
        address = f"{config.url}{realm}/protocol/openid-connect/token"
        client = ClientCredentials(self.vendor, address, form, timeout=config.waits)
        self._rest = Rest(self.vendor, f"{config.url}/admin{realm}", headers=client.headers, timeout=config.waits)

    @property
    def where(self) -> Mapping[str, str]:
        return {"realm": self._realm}

    def user(self, name: str) -> User:
        call = self._rest.told("read the user", write=False)
        return _read(self._whole(name, call), call)

    def suspended(self) -> Iterator[User]:
        call = self._rest.told("list disabled users", write=False)
        asked = {"enabled": "false", "briefRepresentation": "false", "max": str(_PAGE)}
        for number in range(PAGES):
            page = self._rest.send("GET", "/users", call=call, params={**asked, "first": str(number * _PAGE)})
            listed = page.listed(call)
            yield from (_read(item, call) for item in listed if item.get("enabled") is False)
            if len(listed) < _PAGE:
                return
        raise unusable(call)  # what was not seen must not pass for not there

    def mark(self, name: str, note: Note) -> None:
        self._note(name, [str(note)])

    def unmark(self, name: str) -> None:
        self._note(name, [])

    def _note(self, name: str, values: list[str]) -> None:
        whole = self._now(name)
        attributes = {key: value for key, value in (whole.get("attributes") or {}).items() if key != ATTRIBUTE}
        self._put({**whole, "attributes": attributes | ({ATTRIBUTE: values} if values else {})}, "write our note")

    def suspend(self, name: str) -> None:
        self._put({**self._now(name), "enabled": False}, "disable the user")

    def resume(self, name: str) -> None:
        self._put({**self._now(name), "enabled": True}, "enable the user")

    def _put(self, whole: Mapping[str, Any], action: str) -> None:
        call = self._rest.told(action, write=True)
        self._rest.send("PUT", f"/users{path_of(str(whole['id']))}", call=call, json=whole, expect=(204,))

    def sign_out(self, name: str) -> str:
        call = self._rest.told("end the user's sessions", write=True)
        self._rest.send("POST", f"/users{path_of(name)}/logout", call=call, expect=(204,))
        return ""

    def obstacle(self) -> Check | None:
        if self._policy() in (None, "ENABLED", "ADMIN_EDIT"):
            return None
        detail = f"the realm keeps no attribute {ATTRIBUTE}, so users cannot be suspended"
        fix = f"declare {ATTRIBUTE} in the realm's user profile, writable by admins only, or allow them to edit others"
        return Check(f"{self._title}: realm {self._realm}", ok=False, detail=detail, fix=fix)

    def doctor(self) -> Sequence[Check]:
        writable = self._policy() == "ENABLED"
        detail = "users can write it themselves" if writable else ""
        fix = "set the realm's unmanaged attributes to `Only administrators can write`"
        return [Check(f"{self._title}: attribute {ATTRIBUTE}", ok=not writable, detail=detail, fix=fix)]

    def _policy(self) -> str | None:
        """Who may write our attribute: None where it is declared, else the realm's word for those that are not."""
        call = self._rest.told("read the realm's user profile", write=False)
        answer = self._rest.send("GET", "/users/profile", call=call, expect=(200, 404))
        if answer.status == 404:  # before version 24 every attribute was kept, and only admins could write it
            return None
        profile = answer.mapping(call)
        declared = [item.get("name") for item in profile.get("attributes") or []]
        return None if ATTRIBUTE in declared else str(profile.get("unmanagedAttributePolicy") or "DISABLED")

    def _now(self, name: str) -> dict[str, Any]:
        return self._whole(name, self._rest.told("read the user", write=False))

    def _whole(self, name: str, call: Call) -> dict[str, Any]:
        if _is_id(name):
            answer = self._rest.send("GET", f"/users{path_of(name)}", call=call, expect=(200, 404))
            if answer.status == 200:
                return answer.mapping(call)
        asked = {"username": name, "exact": "true", "briefRepresentation": "false"}
        listed = self._rest.send("GET", "/users", call=call, params=asked).listed(call)
        found = [item for item in listed if str(item.get("username", "")).lower() == name.lower()]
        if len(found) != 1:
            raise Gone("Keycloak knows no such user", hint="findings name users by id or user name")
        return found[0]


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name.lower()
    except ValueError:
        return False


def _read(item: Mapping[str, Any], call: Call) -> User:
    name = str(item.get("id", ""))
    if not re.fullmatch(r"[\w:.-]{1,100}", name) or not isinstance(item.get("enabled"), bool):
        raise unusable(call)
    values = (item.get("attributes") or {}).get(ATTRIBUTE) or [""]
    return User.read(name, enabled=item["enabled"], text=str(values[0]))


def _build_identity(name: str, section: Mapping[str, Any]) -> SignsOut:
    return SignsOut(name, KeycloakUsers(name, read_section(KeycloakConfig, name, section)))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, KeycloakUsers(name, read_section(KeycloakConfig, name, section)))


CONNECTORS = (
    Connector(port="identity", kind="keycloak", build=_build_identity),
    Connector(port="point", kind="keycloak_user", build=_build_point),
)
