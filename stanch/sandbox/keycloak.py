"""The Keycloak stand-in: one realm, whose users are replaced as a whole; written from the documented admin API."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.sandbox._idp import IdpStandin, Person, read
from stanch.sandbox._operations import Handler

REALM = "shop"


class KeycloakStandin(IdpStandin):
    """Keycloak as far as containing a user needs it. `policy` is the realm's word for attributes not declared."""

    name = "keycloak"
    policy = "ADMIN_EDIT"

    def person(self, login: str) -> Person:
        return Person(id=str(uuid.uuid4()), login=login, notes={"department": ["sales"]})

    def section(self) -> dict[str, Any]:
        return super().section() | {"realm": REALM}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        admin = f"/admin/realms/{REALM}/users"
        return [
            ("POST", f"/realms/{REALM}/protocol/openid-connect/token", "token", self.grant),
            ("GET", admin, "listUsers", self._list),
            ("GET", f"{admin}/profile", "getProfile", self._profile),
            ("GET", f"{admin}/{{id}}", "getUser", self._get),
            ("PUT", f"{admin}/{{id}}", "putUser", self._put),
            ("POST", f"{admin}/{{id}}/logout", "logout", self._logout),
        ]

    def _shown(self, person: Person) -> dict[str, Any]:
        shown = {"id": person.id, "username": person.login, "enabled": person.enabled, "firstName": "A"}
        return shown | {"email": f"{person.login}@example.com", "attributes": dict(person.notes), "totp": False}

    def _list(self, request: Request, body: bytes) -> Response:
        asked = request.query_params
        people = sorted(self.people.values(), key=lambda one: one.login)
        if "username" in asked:
            people = [one for one in people if one.login == asked["username"].lower()]
        if "enabled" in asked:
            people = [one for one in people if one.enabled == (asked["enabled"] == "true")]
        first = int(asked.get("first", 0))
        shown = [self._shown(one) for one in people[first : first + int(asked.get("max", 100))]]
        if asked.get("briefRepresentation", "true") != "false":
            shown = [{name: value for name, value in one.items() if name != "attributes"} for one in shown]
        return JSONResponse(shown)

    def _profile(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"attributes": [{"name": "username"}], "unmanagedAttributePolicy": self.policy})

    def _get(self, request: Request, body: bytes) -> Response:
        person = self.people.get(request.path_params["id"])
        return _missing() if person is None else JSONResponse(self._shown(person))

    def _put(self, request: Request, body: bytes) -> Response:
        """What is not sent is lost, as a whole is put in place of what was there."""
        person, whole = self.people.get(request.path_params["id"]), read(body)
        if person is None:
            return _missing()
        with self.lock:
            person.notes = dict(whole.get("attributes") or {}) if self.policy != "DISABLED" else {}
            person.login = str(whole.get("username") or "")
            if person.enabled != bool(whole.get("enabled")):
                self.set_enabled(person, bool(whole.get("enabled")))
        return Response(status_code=204)

    def _logout(self, request: Request, body: bytes) -> Response:
        person = self.people.get(request.path_params["id"])
        if person is None:
            return _missing()
        self.sign_out(person)
        return Response(status_code=204)


def _missing() -> Response:
    return JSONResponse({"error": "User not found"}, 404)
