"""How a client proves itself at an endpoint of an authorization server (RFC 6749 2.3, RFC 7523, OIDC Core 9)."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = 60  # seconds an assertion may be used


class AuthMethod(StrEnum):
    """By the names of the authorization server's metadata (RFC 8414)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"


class ClientAuth:
    """Adds the proof to a form and its headers.

    Args:
        method: as the server knows this client.
        client_id: of this client.
        secret: its secret, or its private key in PEM (RSA of 2,048 bits and more, or P-256).
        audience: whom an assertion is for; servers want their issuer or the address that is called.
        key_id: `kid` of the key, where the server needs one.

    Raises:
        ValueError: the key is not one of those.
    """

    def __init__(
        self, method: AuthMethod, client_id: str, secret: str, *, audience: str = "", key_id: str = ""
    ) -> None:
        self._method, self._client, self._secret = method, client_id, secret
        self._audience, self._key_id = audience, key_id
        self._key = _private_key(secret) if method is AuthMethod.PRIVATE_KEY_JWT else None

    def __repr__(self) -> str:
        return f"ClientAuth({self._method.value!r}, {self._client!r})"

    def proof(self, address: str) -> tuple[dict[str, str], dict[str, str]]:
        """Members for the form, and headers."""
        if self._method is AuthMethod.BASIC:
            pair = f"{quote_plus(self._client)}:{quote_plus(self._secret)}"
            return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        if self._method is AuthMethod.POST:
            return {"client_id": self._client, "client_secret": self._secret}, {}
        assertion = self._assertion(self._audience or address)
        return {"client_id": self._client, "client_assertion_type": ASSERTION, "client_assertion": assertion}, {}

    def _assertion(self, audience: str) -> str:
        now = int(time.time())
        claims = {"iss": self._client, "sub": self._client, "aud": audience, "jti": uuid.uuid4().hex}
        head = {"typ": "JWT", "alg": "ES256" if isinstance(self._key, ec.EllipticCurvePrivateKey) else "RS256"}
        head |= {"kid": self._key_id} if self._key_id else {}
        signed = f"{_part(head)}.{_part({**claims, 'iat': now, 'exp': now + LIFE})}"
        return f"{signed}.{_encoded(self._sign(signed.encode()))}"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            first, second = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
            return first.to_bytes(32, "big") + second.to_bytes(32, "big")  # RFC 7518 3.4
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise TypeError("no key")
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def _private_key(pem: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("neither an RSA key of 2,048 bits and more nor one of P-256")


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
