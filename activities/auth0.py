"""Auth0: signing users out, and keeping them from signing in until a lease ends.

A user is blocked by a member of their own record, and our note is in `app_metadata`, which users cannot write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from activities._client_credentials import ClientCredentials
from activities._idp_settings import IdpSettings
from activities._outcomes import Call, unusable
from activities._rest import Rest, path_of
from activities._section import read_section
from activities._user_note import Note, User
from activities._user_point import SignsOut, UserPoint
from stanch.ports import Check, Connector

MEMBER = "stanch_lease"
_PAGE = 100
_OURS = f"_exists_:app_metadata.{MEMBER} AND blocked:true"
_PAGES = 10  # Auth0 gives no more than 1,000 results of a search


class Auth0Config(IdpSettings):
    """Section of an `auth0` or `auth0_user` connector.

    Args:
        client_id: of a machine-to-machine application with `read:users`, `update:users`, `update:users_app_metadata`,
            `delete:sessions` and `delete:refresh_tokens` of the Management API.
        client_secret: of that application.
    """

    client_id: str
    client_secret: SecretStr


class Auth0Users:
    """The users of one tenant; implements Directory. Findings name them by `user_id`, which is the `sub` of tokens."""

    vendor = "Auth0"
    later = "access tokens that are already out keep working until they end"

    def __init__(self, config: Auth0Config) -> None:
        form = {
            "client_id": config.client_id,
            "client_secret": config.client_secret.get_secret_value(),
            "audience": f"{config.url}/api/v2/",
        }
        client = ClientCredentials(self.vendor, f"{config.url}/oauth/token", form, timeout=config.waits)
        self._rest = Rest(self.vendor, f"{config.url}/api/v2", headers=client.headers, timeout=config.waits)

    @property
    def where(self) -> Mapping[str, str]:
        return {"tenant": self._rest.base.removesuffix("/api/v2")}

    def user(self, name: str) -> User:
        call = self._rest.told("read the user", write=False)
        return _read(self._rest.send("GET", f"/users{path_of(name)}", call=call).mapping(call), call)

    def suspended(self) -> Iterator[User]:
        """From Auth0's search, which may be seconds behind; who is named is read directly."""
        call = self._rest.told("list blocked users", write=False)
        asked = {"q": _OURS, "search_engine": "v3", "per_page": str(_PAGE)}
        for number in range(_PAGES):
            listed = self._rest.send("GET", "/users", call=call, params={**asked, "page": str(number)}).listed(call)
            yield from (_read(item, call) for item in listed if item.get("blocked") is True)
            if len(listed) < _PAGE:
                return
        raise unusable(call)  # what was not seen must not pass for not there

    def mark(self, name: str, note: Note) -> None:
        self._change(name, {"app_metadata": {MEMBER: str(note)}}, "write our note on the user")

    def unmark(self, name: str) -> None:
        """A member that is null is taken out; the others of `app_metadata` stay."""
        self._change(name, {"app_metadata": {MEMBER: None}}, "take our note off the user")

    def suspend(self, name: str) -> None:
        self._change(name, {"blocked": True}, "block the user")

    def resume(self, name: str) -> None:
        self._change(name, {"blocked": False}, "unblock the user")

    def _change(self, name: str, members: Mapping[str, Any], action: str) -> None:
        call = self._rest.told(action, write=True)
        self._rest.send("PATCH", f"/users{path_of(name)}", call=call, json=members)

    def sign_out(self, name: str) -> str:
        call = self._rest.told("end the user's sessions", write=True)
        for what in ("sessions", "refresh-tokens"):
            self._rest.send("DELETE", f"/users{path_of(name)}/{what}", call=call, expect=(202, 204))
        return ""

    def obstacle(self) -> Check | None:
        call = self._rest.told("list blocked users", write=False)
        asked = {"q": _OURS, "search_engine": "v3", "per_page": "1"}
        self._rest.send("GET", "/users", call=call, params=asked)
        return None

    def doctor(self) -> Sequence[Check]:
        return []


def _read(item: Mapping[str, Any], call: Call) -> User:
    name = item.get("user_id")
    if not isinstance(name, str) or not name:
        raise unusable(call)
    text = str((item.get("app_metadata") or {}).get(MEMBER) or "")
    return User.read(name, enabled=item.get("blocked") is not True, text=text)


def _build_identity(name: str, section: Mapping[str, Any]) -> SignsOut:
    return SignsOut(name, Auth0Users(read_section(Auth0Config, name, section)))


def _build_point(name: str, section: Mapping[str, Any]) -> UserPoint:
    return UserPoint(name, Auth0Users(read_section(Auth0Config, name, section)))


CONNECTORS = (
    Connector(port="identity", kind="auth0", build=_build_identity),
    Connector(port="point", kind="auth0_user", build=_build_point),
)
