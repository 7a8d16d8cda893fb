"""Entra ID (Microsoft Graph v1.0): signing users out, and keeping them from signing in until a lease ends.

Our note is an open extension of the user. Graph says that revoking sessions takes minutes and does not reach users
from outside, whose sessions are at home.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import SecretStr, field_validator

from activities._addresses import https_address
from activities._client_credentials import ClientCredentials
from activities._idp_settings import IdpSettings
from activities._outcomes import Call, unusable
from activities._rest import PAGES, Rest, path_of
from activities._section import read_section
from activities._user_note import Note, User
from activities._user_point import SignsOut, UserPoint
from stanch.errors import Rejected
from stanch.ports import Check, Connector

EXTENSION = "stanch.lease"
_TYPE = "microsoft.graph.openTypeExtension"
_SELECT = "id,userPrincipalName,accountEnabled,userType"


class EntraConfig(IdpSettings):
    """Section of an `entra` or `entra_user` connector.

    Args:
        tenant_id: of the directory.
        client_id: of an app registration with the application permissions `User.ReadWrite.All`,
            `User.EnableDisableAccount.All` and `User.RevokeSessions.All`.
        client_secret: of that registration.
        login_url: where tokens come from.
    """

    url: str = "https://graph.microsoft.com"
    login_url: str = "https://login.microsoftonline.com"
    tenant_id: UUID
    client_id: UUID
    client_secret: SecretStr

    @field_validator("login_url")
    @classmethod
    def _login_address(cls, value: str) -> str:
        return https_address(value, "https://login.microsoftonline.com")


class EntraUsers:
    """The users of one directory; implements Directory. Findings name them by object id (`oid`) or principal name."""

    vendor = "Entra ID"
    later = "this takes minutes, and access tokens that are already out keep working until they end"

    def __init__(self, config: EntraConfig) -> None:
        self._tenant = str(config.tenant_id)
        form = {
            "client_id": str(config.client_id),
            "client_secret": config.client_secret.get_secret_value(),
            "scope": f"{config.url}/.default",
        }
        address = f"{config.login_url}/{self._tenant}/oauth2/v2.0/token"
        client = ClientCredentials(self.vendor, address, form, timeout=config.waits)
        base = f"{config.url}/v1.0"
        self._rest = Rest(self.vendor, base, headers=client.headers, timeout=config.waits, request_id="request-id")

    @property
    def where(self) -> Mapping[str, str]:
        return {"tenant": self._tenant}

    def user(self, name: str) -> User:
        call = self._rest.told("read the user", write=False)
        return _read(self._whole(name, call), call)

    def _whole(self, name: str, call: Call) -> dict[str, Any]:
        asked = {"$select": _SELECT, "$expand": "extensions"}
        return self._rest.send("GET", f"/users{path_of(name)}", call=call, params=asked).mapping(call)

    def suspended(self) -> Iterator[User]:
        call = self._rest.told("list disabled users", write=False)
        asked: Mapping[str, str] | None = {
            "$filter": "accountEnabled eq false",
            "$select": _SELECT,
            "$expand": "extensions",
            "$top": "100",
        }
        path = "/users"
        for _ in range(PAGES):
            page = self._rest.send("GET", path, call=call, params=asked).mapping(call)
            listed = page.get("value")
            if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
                raise unusable(call)  # an error in a 200 is not an empty list
            yield from (_read(item, call) for item in listed if item.get("accountEnabled") is False)
            following = page.get("@odata.nextLink")
            if not following:
                return
            path, asked = self._rest.inside(str(following), call), None
        raise unusable(call)  # what was not seen must not pass for not there

    def mark(self, name: str, note: Note) -> None:
        """Graph changes an extension that is there, and makes one where it is not."""
        call = self._rest.told("write our note on the user", write=True)
        body = {"@odata.type": _TYPE, "extensionName": EXTENSION, "note": str(note)}
        extensions = f"/users{path_of(name)}/extensions"
        expect = (200, 204, 404)
        changed = self._rest.send("PATCH", f"{extensions}/{EXTENSION}", call=call, json=body, expect=expect)
        if changed.status == 404:
            self._rest.send("POST", extensions, call=call, json=body, expect=(201,))

    def unmark(self, name: str) -> None:
        call = self._rest.told("take our note off the user", write=True)
        extension = f"/users{path_of(name)}/extensions/{EXTENSION}"
        self._rest.send("DELETE", extension, call=call, expect=(204, 404))

    def suspend(self, name: str) -> None:
        self._enable(name, False, "disable the user")

    def resume(self, name: str) -> None:
        self._enable(name, True, "enable the user")

    def _enable(self, name: str, enabled: bool, action: str) -> None:
        call = self._rest.told(action, write=True)
        self._rest.send("PATCH", f"/users{path_of(name)}", call=call, json={"accountEnabled": enabled}, expect=(204,))

    def sign_out(self, name: str) -> str:
        if str(self._whole(name, self._rest.told("read the user", write=False)).get("userType")).lower() == "guest":
            hint = "ask their own organisation, or suspend them here"
            raise Rejected("the sessions of a guest are at home and cannot be ended here", hint=hint)
        call = self._rest.told("end the user's sessions", write=True)
        return self._rest.send("POST", f"/users{path_of(name)}/revokeSignInSessions", call=call).request_id

    def obstacle(self) -> Check | None:
        call = self._rest.told("list users", write=False)
        self._rest.send("GET", "/users", call=call, params={"$select": "id", "$top": "1"})
        return None

    def doctor(self) -> Sequence[Check]:
        return []


def _read(item: Mapping[str, Any], call: Call) -> User:
    name, enabled = item.get("id"), item.get("accountEnabled")
    if not isinstance(name, str) or not name or not isinstance(enabled, bool):
        raise unusable(call)
    ours = [one for one in item.get("extensions") or [] if EXTENSION in (one.get("extensionName"), one.get("id"))]
    return User.read(name, enabled=enabled, text=str(ours[0].get("note") or "") if ours else "")


def _build_identity(name: str, section: Mapping[str, Any]) -> SignsOut:
    return SignsOut(name, EntraUsers(read_section(EntraConfig, name, section)))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, EntraUsers(read_section(EntraConfig, name, section)))


CONNECTORS = (
    Connector(port="identity", kind="entra", build=_build_identity),
    Connector(port="point", kind="entra_user", build=_build_point),
)
