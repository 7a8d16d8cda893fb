"""The Entra ID stand-in: users with `accountEnabled` and open extensions; from the documented Graph v1.0."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.sandbox._idp import IdpStandin, Person, read
from stanch.sandbox._operations import Handler

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"


class EntraStandin(IdpStandin):
    """Graph as far as containing a user needs it; pages hold two users."""

    name = "entra"
    page = 2

    def person(self, login: str) -> Person:
        return Person(id=str(uuid.uuid4()), login=login)

    def section(self) -> dict[str, Any]:
        self.client = CLIENT
        return super().section() | {"login_url": self.url, "tenant_id": TENANT}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        user = "/v1.0/users/{id}"
        return [
            ("POST", f"/{TENANT}/oauth2/v2.0/token", "token", self.grant),
            ("GET", "/v1.0/users", "listUsers", self._list),
            ("GET", user, "getUser", self._get),
            ("PATCH", user, "patchUser", self._patch),
            ("POST", f"{user}/revokeSignInSessions", "revokeSignInSessions", self._end),
            ("POST", f"{user}/extensions", "addExtension", self._add),
            ("PATCH", f"{user}/extensions/{{extension}}", "patchExtension", self._change),
            ("DELETE", f"{user}/extensions/{{extension}}", "deleteExtension", self._remove),
        ]

    def asked_well(self, form: Mapping[str, str]) -> bool:
        return form.get("scope") == f"{self.url}/.default"

    def _shown(self, request: Request, person: Person) -> dict[str, Any]:
        """Extensions are only told where they are asked for, and only what `$select` names."""
        whole = {
            "id": person.id,
            "userPrincipalName": f"{person.login}@example.com",
            "accountEnabled": person.enabled,
            "userType": "Guest" if person.kind == "guest" else "Member",
        }
        names = request.query_params.get("$select", "id,userPrincipalName").split(",")
        shown: dict[str, Any] = {name: value for name, value in whole.items() if name in names}
        if request.query_params.get("$expand") == "extensions":
            shown["extensions"] = [
                {"@odata.type": "#microsoft.graph.openTypeExtension", "id": name, "extensionName": name, **values}
                for name, values in person.notes.items()
            ]
        return shown

    def _person(self, request: Request) -> Person | None:
        return self.find(str(request.path_params["id"]).removesuffix("@example.com"))

    def _list(self, request: Request, body: bytes) -> Response:
        asked = request.query_params
        people = sorted(self.people.values(), key=lambda one: one.login)
        if asked.get("$filter") == "accountEnabled eq false":
            people = [one for one in people if not one.enabled]
        first = int(asked.get("$skiptoken", 0))
        shown: dict[str, Any] = {
            "value": [self._shown(request, one) for one in people[first : first + self.page]],
        }
        if len(people) > first + self.page:
            shown["@odata.nextLink"] = str(request.url.include_query_params(**{"$skiptoken": first + self.page}))
        return JSONResponse(shown)

    def _get(self, request: Request, body: bytes) -> Response:
        person = self._person(request)
        return _missing() if person is None else JSONResponse(self._shown(request, person))

    def _patch(self, request: Request, body: bytes) -> Response:
        person, asked = self._person(request), read(body)
        if person is None:
            return _missing()
        if set(asked) != {"accountEnabled"} or not isinstance(asked["accountEnabled"], bool):
            return JSONResponse({"error": {"code": "Request_BadRequest", "message": "Invalid property"}}, 400)
        if person.enabled != asked["accountEnabled"]:
            self.set_enabled(person, asked["accountEnabled"])
        return Response(status_code=204)

    def _end(self, request: Request, body: bytes) -> Response:
        person = self._person(request)
        if person is None:
            return _missing()
        self.sign_out(person)
        return JSONResponse({"value": True}, headers={"request-id": str(uuid.uuid4())})

    def _add(self, request: Request, body: bytes) -> Response:
        person, asked = self._person(request), read(body)
        name = str(asked.get("extensionName", ""))
        if person is None:
            return _missing()
        if name in person.notes:
            return JSONResponse({"error": {"code": "NameConflict", "message": "Already exists"}}, 409)
        person.notes[name] = _values(asked)
        return JSONResponse({"id": name, "extensionName": name, **person.notes[name]}, 201)

    def _change(self, request: Request, body: bytes) -> Response:
        person, name = self._person(request), request.path_params["extension"]
        if person is None or name not in person.notes:
            return _missing()
        person.notes[name] |= _values(read(body))
        return Response(status_code=204)

    def _remove(self, request: Request, body: bytes) -> Response:
        person, name = self._person(request), request.path_params["extension"]
        if person is None or name not in person.notes:
            return _missing()
        del person.notes[name]
        return Response(status_code=204)


def _values(asked: Any) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if name not in ("@odata.type", "extensionName", "id")}


def _missing() -> Response:
    return JSONResponse({"error": {"code": "Request_ResourceNotFound", "message": "Does not exist"}}, 404)
