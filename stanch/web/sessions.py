"""Sessions of the console as signed cookies, and the CSRF tokens that belong to them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

COOKIE = "stanch_session"
LIFE_SECONDS = 8 * 3600


@dataclass(frozen=True)
class Session:
    """A login.

    Args:
        principal: "" until the person has said who they are.
        until: when it ends.
        proven: when the token was last given for this person; 0 where it was not.
    """

    id: str
    principal: str
    until: int
    proven: int = 0


def new_session(principal: str = "", *, proven: int = 0) -> Session:
    return Session(secrets.token_urlsafe(18), principal, int(time.time()) + LIFE_SECONDS, proven)


def just_proven() -> int:
    """The moment of a proof that was given now."""
    return int(time.time())


def is_fresh(proven: int, within: timedelta) -> bool:
    """Whether a proof is young enough to stand for signing in again."""
    return 0 < proven <= time.time() + 1 < proven + within.total_seconds() + 1


def write_session(session: Session, key: bytes) -> str:
    """The cookie's value."""
    body = json.dumps([session.id, session.principal, session.until, session.proven]).encode()
    text = base64.urlsafe_b64encode(body).decode().rstrip("=")
    return f"{text}.{_mac(key, 'session', text)}"


def read_session(cookie: str, key: bytes) -> Session | None:
    """The session behind a cookie; None where it is not ours or is over."""
    text, _, mac = cookie.partition(".")
    if not text or not hmac.compare_digest(_mac(key, "session", text).encode(), mac.encode("utf-8", "replace")):
        return None
    session_id, principal, until, *more = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return Session(session_id, principal, until, *more[:1]) if until > time.time() else None


def csrf_token(session_id: str, key: bytes) -> str:
    """What every form of a session carries."""
    return _mac(key, "csrf", session_id)


def _mac(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}|{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def write_notice(text: str, key: bytes, *, bad: bool = False) -> str:
    """One line for the next page, signed: nobody else can make the console say something."""
    body = base64.urlsafe_b64encode(json.dumps([text[:500], bad]).encode()).decode().rstrip("=")
    return f"{body}.{_mac(key, 'notice', body)}"


def read_notice(cookie: str, key: bytes) -> tuple[str, bool] | None:
    """The line and whether it is bad news; None where there is none of ours."""
    body, _, mac = cookie.partition(".")
    if not body or not hmac.compare_digest(_mac(key, "notice", body).encode(), mac.encode("utf-8", "replace")):
        return None
    text, bad = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return str(text), bool(bad)
