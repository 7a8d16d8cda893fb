"""A token issuer for the sandbox: one RSA key for each start, JWTs signed with it, and its JWKS."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://id.example.com"
_KEY_ID = "sandbox-1"


class Issuer:
    """Mints access tokens (RFC 9068 claims) that the sandbox gateway and API both verify."""

    def __init__(self, *, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def mint(
        self,
        sub: str,
        *,
        jti: str = "",
        client_id: str = "shop-app",
        session_id: str = "",
        ttl: float = 3600.0,
    ) -> str:
        """A signed access token.

        Args:
            sub: the user.
            jti: token id; a new one where none is given.
            client_id: the application the token was issued to.
            session_id: OIDC `sid`, left out where empty.
            ttl: seconds until it expires; negative makes an expired token.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": sub,
            "jti": jti or uuid.uuid4().hex,
            "client_id": client_id,
            "iat": now,
            "exp": now + int(ttl),
        }
        if session_id:
            claims["sid"] = session_id
        return self.sign(claims)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with exactly these claims, for issuers that do not keep to the standard."""
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers={"kid": _KEY_ID, "typ": "at+jwt"})

    def jwks(self) -> str:
        """The public key set as JSON text (RFC 7517)."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**key, "kid": _KEY_ID, "use": "sig", "alg": "RS256"}]})

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a valid token of this issuer, None for anything else."""
        try:
            return jwt.decode(token, self._key.public_key(), algorithms=["RS256"], issuer=self.issuer)
        except jwt.PyJWTError:
            return None
