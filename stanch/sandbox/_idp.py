"""What the stand-ins of identity providers share: people with sessions, one credential, a ledger of effects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._operations import Handler, Spoils, faulting
from stanch.sandbox._server import Standin


@dataclass
class Person:
    """A user of the provider.

    Args:
        id: the provider's own.
        login: what people sign in with.
        enabled: may sign in.
        notes: attributes as the provider keeps them.
        sessions: how many are open.
    """

    id: str
    login: str
    enabled: bool = True
    notes: dict[str, Any] = field(default_factory=dict[str, Any])
    sessions: int = 1
    kind: str = "member"


class IdpStandin(Standin):
    """A provider with people in it. `observe` sees each exchange, for contract checks."""

    def __init__(
        self,
        *,
        logins: tuple[str, ...] = ("alice", "bob", "mallory"),
        token: str = "idp-token",  # noqa: S107  the stand-in's own, opens nothing else
        ledger: Path | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(ledger=ledger, port=port)
        self.token = token
        self.client, self.secret = "stanch", "client-secret"
        self.token_life = 300
        self.lock = RLock()
        self.people = {person.id: person for person in map(self.person, logins)}
        self.app = Starlette(routes=[self._route(*line) for line in self.routes()])

    def person(self, login: str) -> Person:
        """A new person; providers differ in their ids."""
        return Person(id=f"00u{uuid.uuid4().hex[:17]}", login=login)

    def section(self) -> dict[str, Any]:
        """A connector's section of stanch.toml for this stand-in."""
        return {"url": self.url, "client_id": self.client, "client_secret": self.secret}

    def asked_well(self, form: Mapping[str, str]) -> bool:
        """The token is asked for as the vendor wants it, beside the credentials."""
        return True

    def grant(self, request: Request, body: bytes) -> Response:
        """An access token by the client credentials grant; the last one given is the only one that is accepted."""
        form = dict(parse_qsl(body.decode()))
        asked = [form.get(name) for name in ("grant_type", "client_id", "client_secret")]
        if asked != ["client_credentials", self.client, self.secret]:
            return JSONResponse({"error": "invalid_client"}, 401)
        if not self.asked_well(form):
            return JSONResponse({"error": "invalid_request"}, 400)
        self.token = f"at-{uuid.uuid4().hex}"
        self.ledger.append("idp.token", {"client": self.client})
        return JSONResponse({"access_token": self.token, "token_type": "Bearer", "expires_in": self.token_life})

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """Method, path, operation and handler of each call that is known."""
        return []

    def allowed(self, request: Request) -> bool:
        """Whether the credential is right."""
        return request.headers.get("authorization") == f"Bearer {self.token}"

    def by_login(self, login: str) -> Person:
        """For tests and demos; KeyError where there is none."""
        return {person.login: person for person in self.people.values()}[login]

    def find(self, name: str) -> Person | None:
        """By id, else by login."""
        with self.lock:
            return self.people.get(name) or next((one for one in self.people.values() if one.login == name), None)

    def sign_in(self, login: str) -> bool:
        """What the person does: True where it opens a session."""
        with self.lock:
            person = self.by_login(login)
            person.sessions += person.enabled
            return person.enabled

    def set_enabled(self, person: Person, enabled: bool, *, by: str = "api") -> None:
        with self.lock:
            person.enabled = enabled
            self.ledger.append("idp.enabled" if enabled else "idp.disabled", {"user": person.login, "by": by})

    def sign_out(self, person: Person) -> None:
        with self.lock:
            person.sessions = 0
            self.ledger.append("idp.signed_out", {"user": person.login})

    def _route(self, method: str, path: str, operation: str, handler: Handler) -> Route:
        def seen(request: Request, body: bytes) -> Response:
            may = handler == self.grant or self.allowed(request)
            return handler(request, body) if may else self.denied()

        spoils = Spoils(slow_down=self.slow_down)
        return Route(path, faulting(self, operation, seen, spoils=spoils), methods=[method])

    def slow_down(self) -> Mapping[str, str]:
        """The vendor's own headers of a 429."""
        return {}

    def denied(self) -> Response:
        return JSONResponse({"error": "unauthorized"}, 401)


def read(body: bytes) -> dict[str, Any]:
    """A JSON object, empty where the body is none."""
    try:
        found: Any = json.loads(body or b"{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
