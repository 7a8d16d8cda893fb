"""Token revocation (RFC 7009), proven by introspection (RFC 7662) where the server offers it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from activities._client_auth import ClientAuth
from activities._fence import before_write
from activities._outcomes import Call, no_answer, status_error, unusable
from activities._token_evidence import PROVEN, Token
from stanch.errors import AuthBlocked, ConnectorError, Rejected, Uncertain
from stanch.ports import Check

MAX_ANSWER = 65536
_DENIED = ("invalid_client", "unauthorized_client")


@dataclass(frozen=True)
class Answer:
    """What came back; the body may hold anything, so it is never shown."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes | None = field(repr=False)


class RevocationEndpoint:
    """Implements TokenRevoker for one authorization server. Safe to share between threads."""

    def __init__(
        self,
        name: str,
        *,
        revoke: str,
        introspect: str,
        auth: ClientAuth,
        issuer: str,
        hint: str,
        timeout: tuple[float, float],
    ) -> None:
        self.name = name
        self._revoke, self._introspect = revoke, introspect
        self._auth, self._issuer, self._hint = auth, issuer, hint
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"RevocationEndpoint({self.name!r})"

    def revoke(self, token: Token) -> Mapping[str, str]:
        """Revoke a token. Cannot be undone; safe to repeat, also after an answer that did not come.

        Raises:
            Rejected: V046, it is another issuer's token, which is nobody else's business.
            Uncertain: V045, the server says that it is still active.
        """
        if self._issuer and token.claims and token.claims.get("iss") != self._issuer:
            raise Rejected("the token is of another issuer", code="V046", hint="name its provider with `at`")
        ends = token.ends
        told = {"live_until": ends.isoformat() if ends else ""}
        # "Not active" is also what a server says of a token that this client may not see, so it is sent nevertheless.
        before = self._active(token) if self._introspect else False
        call = Call(system=self.name, action="revoke the token", write=True)
        answer = self._post(self._revoke, token, call)
        if answer.status_code != 200:
            raise self._refusal(answer, call)
        if not self._introspect:
            return {**told, "proof": "none: the answer is the same for a token that the server does not know"}
        if self._active(token):
            message = f"{self.name} took the revocation and says that the token is still active"
            raise Uncertain(message, code="V045", retry_after=5.0, hint="block it at the gateway; look at the server")
        if not before:
            return {**told, "proof": "introspection: not active before and after: dead already, or not shown to us"}
        return {**told, "proof": PROVEN}

    def sign_out(self, user_id: str) -> Mapping[str, str]:
        raise Rejected(
            f"{self.name} revokes tokens, it does not sign users out", hint="name another provider with `at`"
        )

    def revoke_token(self, *, token_id: str, user_id: str) -> Mapping[str, str]:
        raise Rejected(f"{self.name} needs the token itself", code="V047", hint="use token.revoke in a case")

    def doctor(self) -> Sequence[Check]:
        """Asks about a token that cannot be one; whether the client is accepted shows, nothing is revoked."""
        title = "client at the introspection endpoint"
        if not self._introspect:
            fix = "set `introspection_url`, where the server has one"
            return [Check("proof by introspection", ok=False, detail="none: a 200 proves nothing", fix=fix)]
        try:
            active = self._active(Token("stanch-doctor-asks"))
        except ConnectorError as error:
            return [Check(title, ok=False, detail=error.message, fix=error.hint)]
        return [Check(title, ok=not active, detail="a word that is no token counts as active" if active else "")]

    def _active(self, token: Token) -> bool:
        call = Call(system=self.name, action="introspect the token", write=False)
        answer = self._post(self._introspect, token, call)
        if answer.status_code != 200:
            raise self._refusal(answer, call)
        found = _object(answer)
        if not isinstance(found.get("active"), bool):
            raise unusable(call)
        return bool(found["active"])

    def _post(self, address: str, token: Token, call: Call) -> Answer:
        form, headers = self._auth.proof(address)
        form |= {"token": token.text} | ({"token_type_hint": self._hint} if self._hint else {})
        if call.write:
            before_write()
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    address,
                    data=form,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity", **headers},
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                return Answer(answer.status_code, answer.headers, self._body(answer))
        except requests.RequestException as error:
            raise no_answer(call, error) from None

    def _body(self, answer: requests.Response) -> bytes | None:
        """None where it is too large, or comes too slowly: neither says anything."""
        end = time.monotonic() + self._timeout[1]
        body = b""
        for piece in answer.iter_content(1):  # byte by byte: a larger read waits for all of it, however slowly it comes
            body += piece
            if len(body) > MAX_ANSWER or time.monotonic() > end:
                return None
        return body

    def _refusal(self, answer: Answer, call: Call) -> Exception:
        """RFC 6749 5.2 says who is to blame in the body; its texts are the server's and go nowhere."""
        said = str(_object(answer).get("error", "")) if answer.status_code in (400, 401) else ""
        if said in _DENIED:
            hint = "check `client_id`, its secret or key, and `auth`"
            return AuthBlocked(f"{self.name} did not accept the client", hint=hint)
        if said == "unsupported_token_type":
            return Rejected(f"{self.name} does not revoke tokens of this kind", hint="block it at the gateway instead")
        return status_error(call, answer.status_code, headers=answer.headers)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found: Any = json.loads(answer.body or b"")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
