"""The Okta stand-in: users with Okta's states, custom attributes, sessions; checked against Okta's specification."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.sandbox._idp import IdpStandin, Person, read
from stanch.sandbox._operations import Handler

_ERRORS = {
    400: ("E0000001", "Api validation failed: Cannot perform this operation"),
    401: ("E0000011", "Invalid token provided"),
    403: ("E0000038", "This operation is not allowed in the user's current status."),
    404: ("E0000007", "Not found: Resource not found: (User)"),
}
SINCE = "2026-01-01T00:00:00.000Z"


class OktaStandin(IdpStandin):
    """Okta as far as containing a user needs it. `attributes` are the custom ones its profile has."""

    name = "okta"
    attributes: tuple[str, ...] = ("stanch_lease",)
    self_writable = False
    page = 200

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.changed: dict[str, str] = {}  # when a person's status changed last, by id

    def section(self) -> dict[str, Any]:
        return {"url": self.url, "token": self.token}

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        users = "/api/v1/users"
        return [
            ("GET", users, "listUsers", self._list),
            ("GET", f"{users}/{{id}}", "getUser", self._get),
            ("POST", f"{users}/{{id}}", "updateUser", self._update),
            ("POST", f"{users}/{{id}}/lifecycle/suspend", "suspendUser", self._suspend),
            ("POST", f"{users}/{{id}}/lifecycle/unsuspend", "unsuspendUser", self._unsuspend),
            ("DELETE", f"{users}/{{id}}/sessions", "revokeUserSessions", self._end),
            ("GET", "/api/v1/meta/schemas/user/default", "getUserSchema", self._schema),
        ]

    def allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") in (f"SSWS {self.token}", f"Bearer {self.token}")

    def slow_down(self) -> Mapping[str, str]:
        return {"X-Rate-Limit-Reset": str(int(time.time()) + 30)}

    def denied(self) -> Response:
        return _error(401)

    def status(self, person: Person) -> str:
        """Okta's word; tests set another one in `notes`."""
        return str(person.notes.get("status") or ("ACTIVE" if person.enabled else "SUSPENDED"))

    def _shown(self, person: Person) -> dict[str, Any]:
        kept = {name: value for name, value in person.notes.items() if name in self.attributes}
        login = f"{person.login}@example.com"
        profile = {"login": login, "email": login, "firstName": "A", "lastName": "B"}
        times = dict.fromkeys(("created", "activated", "lastUpdated"), SINCE)
        changed = self.changed.get(person.id, SINCE)
        return {
            "id": person.id,
            "status": self.status(person),
            **times,
            "statusChanged": changed,
            "profile": profile | kept,
        }

    def _person(self, request: Request) -> Person | None:
        """`me` is the owner of the token that asks."""
        name = str(request.path_params["id"]).removesuffix("@example.com")
        return next(iter(self.people.values())) if name == "me" else self.find(name)

    def _list(self, request: Request, body: bytes) -> Response:
        after = request.query_params.get("after", "")
        out = sorted((one for one in self.people.values() if self.status(one) == "SUSPENDED"), key=lambda one: one.id)
        rest = [one for one in out if one.id > after]
        headers: dict[str, str] = {}
        if len(rest) > self.page:
            following = request.url.include_query_params(after=rest[self.page - 1].id)
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse([self._shown(one) for one in rest[: self.page]], headers=headers)

    def _get(self, request: Request, body: bytes) -> Response:
        person = self._person(request)
        return _error(404) if person is None else JSONResponse(self._shown(person))

    def _update(self, request: Request, body: bytes) -> Response:
        person = self._person(request)
        profile: dict[str, Any] = read(body).get("profile") or {}
        if person is None:
            return _error(404)
        if set(profile) - set(self.attributes):
            return _error(400)
        if self.status(person) == "DEPROVISIONED":
            return _error(403)
        with self.lock:
            person.notes |= profile
            self.ledger.append("okta.profile", {"user": person.login, "names": sorted(profile)})
        return JSONResponse(self._shown(person))

    def _suspend(self, request: Request, body: bytes) -> Response:
        return self._switch(request, wanted="ACTIVE", enabled=False)

    def _unsuspend(self, request: Request, body: bytes) -> Response:
        return self._switch(request, wanted="SUSPENDED", enabled=True)

    def _switch(self, request: Request, *, wanted: str, enabled: bool) -> Response:
        person = self._person(request)
        if person is None:
            return _error(404)
        with self.lock:
            if self.status(person) != wanted:
                return _error(400)
            self.set_enabled(person, enabled)
            self.changed[person.id] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return Response()

    def _end(self, request: Request, body: bytes) -> Response:
        person = self._person(request)
        if person is None:
            return _error(404)
        self.sign_out(person)
        return Response(status_code=204, headers={"X-Okta-Request-Id": f"req-{datetime.now(UTC).timestamp()}"})

    def _schema(self, request: Request, body: bytes) -> Response:
        action = "READ_WRITE" if self.self_writable else "READ_ONLY"
        field = {"title": "Lease", "type": "string", "permissions": [{"principal": "SELF", "action": action}]}
        return JSONResponse({"definitions": {"custom": {"properties": dict.fromkeys(self.attributes, field)}}})


def _error(status: int) -> Response:
    code, summary = _ERRORS[status]
    body: dict[str, Any] = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oae0",
        "errorCauses": [],
    }
    return JSONResponse(body, status)
