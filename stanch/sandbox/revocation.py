"""The stand-in of an authorization server that revokes and introspects tokens of the sandbox's issuer."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stanch.sandbox._operations import Handler, faulting
from stanch.sandbox._server import Standin
from stanch.sandbox.issuer import Issuer

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class RevocationStandin(Standin):
    """RFC 7009 and RFC 7662 over one issuer. `deaf` answers 200 and revokes nothing."""

    name = "issuer"

    def __init__(self, *, issuer: Issuer | None = None, ledger: Path | None = None, port: int = 0) -> None:
        super().__init__(ledger=ledger, port=port)
        self.issuer = issuer or Issuer()
        self.client, self.secret = "stanch:soc", "s3cret with blanks & more"
        self.public_key = ""  # PEM of the client's key, for assertions
        self.deaf = False
        self.opaque: set[str] = set()  # active tokens without structure
        self.revoked: set[str] = set()
        self._used: set[str] = set()
        routes = [("/revoke", "revoke", self._revoke), ("/introspect", "introspect", self._introspect)]
        self.app = Starlette(routes=[self._route(*line) for line in routes])

    def section(self) -> dict[str, str]:
        """A connector's section of stanch.toml for this stand-in."""
        where = {"url": f"{self.url}/revoke", "introspection_url": f"{self.url}/introspect"}
        return {**where, "issuer": self.issuer.issuer, "client_id": self.client, "client_secret": self.secret}

    def active(self, token: str) -> bool:
        """Whether the server still takes it; a gateway that verifies offline does not ask."""
        claims = self.issuer.verify(token)
        identity = str(claims["jti"]) if claims else token
        return (claims is not None or token in self.opaque) and identity not in self.revoked

    def _route(self, path: str, operation: str, handler: Handler) -> Route:
        def seen(request: Request, body: bytes) -> Response:
            form = dict(parse_qsl(body.decode()))
            if not self._known(request.headers.get("authorization", ""), form, f"{self.url}{path}"):
                return JSONResponse({"error": "invalid_client"}, 401)
            return handler(request, body)

        return Route(path, faulting(self, operation, seen), methods=["POST"])

    def _known(self, header: str, form: Mapping[str, str], address: str) -> bool:
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (self.client, self.secret)
        if form.get("client_assertion_type") == ASSERTION and self.public_key:
            return self._asserted(form.get("client_assertion", ""), address)
        return (form.get("client_id"), form.get("client_secret")) == (self.client, self.secret)

    def _asserted(self, assertion: str, address: str) -> bool:
        try:
            claims = jwt.decode(assertion, self.public_key, algorithms=["RS256", "ES256"], audience=address)
        except jwt.PyJWTError:
            return False
        fresh = claims["jti"] not in self._used
        self._used.add(claims["jti"])
        return fresh and claims["iss"] == claims["sub"] == self.client

    def _revoke(self, request: Request, body: bytes) -> Response:
        token = dict(parse_qsl(body.decode())).get("token", "")
        claims = self.issuer.verify(token)
        if self.active(token) and not self.deaf:
            self.revoked.add(str(claims["jti"]) if claims else token)
            self.ledger.append("issuer.revoked", {"jti": str(claims["jti"]) if claims else ""})
        return Response(status_code=200)  # also for a token it does not know (RFC 7009 2.2)

    def _introspect(self, request: Request, body: bytes) -> Response:
        token = dict(parse_qsl(body.decode())).get("token", "")
        return JSONResponse({"active": self.active(token)})
