"""Finds the token a finding was about: only its keyed hash is in the case, the token itself is in the sealed original.

What is found never leaves the activity: no output, error or ledger line holds it, and each look has its own line.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast, runtime_checkable

from activities._run import Job
from activities._world import World
from stanch.errors import IntakeError, Rejected
from stanch.intake.redaction import Redactor

PROVEN = "introspection: active before, not active after"
MAX_BODY = 8 * 1024 * 1024
MAX_ORIGINALS = 5
MAX_TOKENS = 2000
MAX_TOKEN = 16384
_JWT = re.compile(r"[A-Za-z0-9_.-]{20,}")  # one run of characters at a time: linear, whatever an attacker sends
_WORD = re.compile(r"[^\s\"'\\,;:{}\[\]<>()=&?]{12,16384}")


@dataclass(frozen=True)
class Token:
    """A credential; never shown."""

    text: str = field(repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def ends(self) -> datetime | None:
        """When it ends by itself; None where it does not say."""
        value = self.claims.get("exp")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**11:
            return None
        return datetime.fromtimestamp(int(value), tz=UTC)


@runtime_checkable
class TokenRevoker(Protocol):
    """A provider that needs the token itself; `proof` in its answer is PROVEN where it saw that it has revoked it."""

    def revoke(self, token: Token) -> Mapping[str, str]: ...


def token_of(world: World, job: Job, token_id: str) -> Token:
    """The token that has this id (`jti`), or this hash as findings give it.

    Originals hold what attackers wrote, and anybody can write a token with any id that nobody signed. So the keyed hash
    decides wherever it is found; the id alone does only where it leaves no choice.

    Raises:
        Rejected: V047, no original of the case that can still be opened holds it, or several tokens claim this id.
    """
    redactor = Redactor(world.keys.redaction)
    actor = job.scene.actor
    known = {token_id} | ({actor.token_hash} if actor and actor.token_id == token_id and actor.token_hash else set())
    claiming: dict[str, Token] = {}
    for body in _bodies(world, job):
        for token in _tokens(body):
            if redactor.token_hash(token.text) in known:
                return token
            if token.claims.get("jti") == token_id:
                claiming[token.text] = token
    return _only(claiming)


def _only(claiming: Mapping[str, Token]) -> Token:
    if len(claiming) == 1:
        return next(iter(claiming.values()))
    if claiming:
        hint = "which of them is real cannot be told without its hash; revoke it at the issuer by hand"
        raise Rejected(f"{len(claiming)} different tokens in the originals claim this id", code="V047", hint=hint)
    hint = "originals are kept as long as `keep_originals` says; revoke it at the issuer by hand"
    raise Rejected("no kept original of the case holds this token", code="V047", hint=hint)


def _bodies(world: World, job: Job) -> Iterator[str]:
    """The newest originals, opened one after the other."""
    for row in reversed(world.records.originals_of(job.scene.case_id)[-MAX_ORIGINALS:]):
        try:
            found = world.records.open_original(
                row["source"],
                row["delivery_id"],
                actor="stanch",
                reason=f"{job.spec.name} by step {job.call.path}",
                at=datetime.now(UTC),
                keys=world.keys.sealing,
            )
        except IntakeError:
            continue  # gone by now
        yield _unpacked(found.body).decode("utf-8", "replace")


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    try:
        return zlib.decompressobj(31).decompress(body, MAX_BODY)
    except zlib.error:
        return b""


def _tokens(text: str) -> Iterator[Token]:
    """What may be a token: JWTs wherever they stand, then every word long enough to be one."""
    seen: set[str] = set()
    text = text.replace("\\/", "/")
    for pattern in (_JWT, _WORD):
        for found in pattern.finditer(text):
            word = found[0]
            claims = claims_of(word) if pattern is _JWT else {}
            if word not in seen and (claims or pattern is _WORD):
                seen.add(word)
                yield Token(word, claims)
            if len(seen) > MAX_TOKENS:
                return


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says, unverified; empty for anything else."""
    parts = token.split(".") if len(token) <= MAX_TOKEN and token.count(".") == 2 else []
    if len(parts) != 3:
        return {}
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
