"""The Auth0 stand-in: users with `blocked` and `app_metadata`, changed member by member; from the documented API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.sandbox._idp import IdpStandin, Person, read
from stanch.sandbox._operations import Handler

_OPEN = frozenset({"blocked", "app_metadata", "user_metadata", "name", "nickname"})


class Auth0Standin(IdpStandin):
    """Auth0's Management API as far as containing a user needs it."""

    name = "auth0"

    def person(self, login: str) -> Person:
        return Person(id=f"auth0|{uuid.uuid4().hex[:24]}", login=login, notes={"plan": "gold"})

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        users = "/api/v2/users"
        return [
            ("POST", "/oauth/token", "token", self.grant),
            ("GET", users, "listUsers", self._list),
            ("GET", f"{users}/{{id}}", "getUser", self._get),
            ("PATCH", f"{users}/{{id}}", "patchUser", self._patch),
            ("DELETE", f"{users}/{{id}}/sessions", "deleteSessions", self._end),
            ("DELETE", f"{users}/{{id}}/refresh-tokens", "deleteRefreshTokens", self._revoke),
        ]

    def asked_well(self, form: Mapping[str, str]) -> bool:
        return form.get("audience") == f"{self.url}/api/v2/"

    def _shown(self, person: Person) -> dict[str, Any]:
        """`blocked` is only there once it has been set."""
        shown = {"user_id": person.id, "name": person.login, "app_metadata": dict(person.notes)}
        return shown if person.enabled else shown | {"blocked": True}

    def _list(self, request: Request, body: bytes) -> Response:
        blocked = [one for one in self.people.values() if not one.enabled]
        if "_exists_:app_metadata.stanch_lease" in request.query_params.get("q", ""):
            blocked = [one for one in blocked if "stanch_lease" in one.notes]
        size, number = (int(request.query_params.get(name, given)) for name, given in (("per_page", 50), ("page", 0)))
        return JSONResponse([self._shown(one) for one in blocked[number * size : (number + 1) * size]])

    def _get(self, request: Request, body: bytes) -> Response:
        person = self.people.get(request.path_params["id"])
        return _missing() if person is None else JSONResponse(self._shown(person))

    def _patch(self, request: Request, body: bytes) -> Response:
        person, asked = self.people.get(request.path_params["id"]), read(body)
        if person is None:
            return _missing()
        if set(asked) - _OPEN or not isinstance(asked.get("blocked", False), bool):
            return JSONResponse({"statusCode": 400, "error": "Bad Request", "message": "Payload validation error"}, 400)
        with self.lock:
            merged: dict[str, Any] = person.notes | (asked.get("app_metadata") or {})
            person.notes = {name: value for name, value in merged.items() if value is not None}
            if "blocked" in asked and asked["blocked"] == person.enabled:
                self.set_enabled(person, not asked["blocked"])
        return JSONResponse(self._shown(person))

    def _end(self, request: Request, body: bytes) -> Response:
        person = self.people.get(request.path_params["id"])
        if person is None:
            return _missing()
        self.sign_out(person)
        return Response(status_code=202)

    def _revoke(self, request: Request, body: bytes) -> Response:
        return _missing() if request.path_params["id"] not in self.people else Response(status_code=202)


def _missing() -> Response:
    return JSONResponse({"statusCode": 404, "error": "Not Found", "message": "The user does not exist."}, 404)
