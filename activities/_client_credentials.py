"""Access tokens by the client credentials grant (RFC 6749 section 4.4), kept until shortly before they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import requests

from activities._outcomes import Call, no_answer, status_error, unusable
from stanch.errors import AuthBlocked

EARLY = 30.0  # seconds before its end at which a token is not used any more


class ClientCredentials:
    """Gives the header for calls. Safe to share between threads.

    Args:
        system: for messages.
        address: of the token endpoint.
        form: client_id, client_secret and whatever else the vendor wants.
        timeout: seconds to connect and to wait.
    """

    def __init__(self, system: str, address: str, form: Mapping[str, str], *, timeout: tuple[float, float]) -> None:
        self._call = Call(system=system, action="get an access token", write=False)
        self._address = address
        self._form = {"grant_type": "client_credentials", **form}
        self._timeout = timeout
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __repr__(self) -> str:
        return f"ClientCredentials({self._call.system!r})"

    def headers(self, renew: bool = False) -> dict[str, str]:
        """The Authorization header; `renew` where the token in use was refused."""
        with self._lock:
            if renew or time.monotonic() >= self._until:
                self._token, seconds = self._ask()
                self._until = time.monotonic() + max(0.0, seconds - EARLY)
            return {"Authorization": f"Bearer {self._token}"}

    def _ask(self) -> tuple[str, float]:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(self._address, data=self._form, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise no_answer(self._call, error) from None
        if answer.status_code in (400, 401, 403):  # RFC 6749 5.2: invalid_client and its like come with 400 too
            hint = "check the client id, its secret and what it may do"
            raise AuthBlocked(f"{self._call.system} did not accept the client", hint=hint)
        if answer.status_code != 200:
            raise status_error(self._call, answer.status_code, headers=answer.headers)
        return self._read(answer)

    def _read(self, answer: requests.Response) -> tuple[str, float]:
        try:
            body = answer.json()
            token, seconds = str(body["access_token"]), float(body.get("expires_in", 60))
        except (ValueError, TypeError, KeyError):
            raise unusable(self._call) from None
        if not token.isprintable() or not token.isascii():
            raise unusable(self._call)
        return token, seconds
