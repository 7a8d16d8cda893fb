"""What is blocked, for whom, until when: block specifications, leases and what a point reports of them."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

MAX_TTL_SECONDS = 7 * 24 * 3600


class Wire(BaseModel):
    """Base of what travels through Temporal: frozen, additive, tolerant."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Principal(Wire):
    """Who is blocked; every field given must match. A token is named by its id (claim `jti`), a user by `sub`."""

    token_id: str | None = None
    user_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    token_hash: str | None = None

    def claims(self) -> dict[str, str]:
        """The JWT claims a gateway can compare (RFC 7519 jti and sub, RFC 9068 client_id, OIDC sid)."""
        names = {"jti": self.token_id, "sub": self.user_id, "client_id": self.client_id, "sid": self.session_id}
        return {claim: value for claim, value in names.items() if value}

    @property
    def empty(self) -> bool:
        """True where nobody in particular is named."""
        return not self.claims() and not self.token_hash


class BlockSpec(Wire):
    """Which requests are denied: AND between host, path, methods, principal and addresses; OR inside each.

    `path` is an OpenAPI-style template (`/users/{id}`) or a subtree (`/mobile/**`); `/**` is every path.
    """

    kind: Literal["block"] = "block"
    host: str
    path: str = "/**"
    methods: tuple[str, ...] = ()
    principal: Principal | None = None
    ips: tuple[str, ...] = ()


class SuspendSpec(Wire):
    """A user who may not sign in at an identity provider."""

    kind: Literal["suspend"] = "suspend"
    user_id: str


class MemberSpec(Wire):
    """A member of a named list: an endpoint, or somebody. What a join denies is every pair of the two lists.

    Args:
        list: its name in lists.yaml.
        join: of the list when the lease was taken; no part of the target.
        host: of an endpoint; empty where the member is a principal or an address.
    """

    kind: Literal["member"] = "member"
    list: str
    join: str = ""
    host: str = ""
    path: str = "/**"
    methods: tuple[str, ...] = ()
    principal: Principal | None = None
    ips: tuple[str, ...] = ()

    @property
    def side(self) -> Literal["endpoints", "principals"]:
        """What it is one of."""
        return "endpoints" if self.host else "principals"


LeaseSpec = BlockSpec | SuspendSpec | MemberSpec


def target_of(spec: LeaseSpec) -> str:
    """The canonical identity of what a specification touches; two cases with the same target share one block."""
    plain = spec.model_dump(mode="json", exclude_none=True, exclude={"join"})
    body = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()[:32]


class ApprovalProof(Wire):
    """The consent an effect runs under: what was approved (digest) and by whom."""

    approval_id: str
    digest: str
    votes: tuple[tuple[str, str], ...] = ()  # (principal, verdict)
    step_up: bool = False  # one of the voters had just signed in again
    stood_in: tuple[tuple[str, str], ...] = ()  # (voter, the absent person whose seat that was)


class Lease(Wire):
    """One holder's claim on a target until a time.

    Args:
        lease_id: idempotency key of the effect that took it; naming it again changes nothing.
        point: the enforcement point that carries it out (a name from stanch.toml).
        expires_at: absolute, UTC.
    """

    lease_id: str
    case_id: str
    episode: str
    step: str
    point: str
    target: str
    spec: LeaseSpec
    expires_at: datetime
    playbook: str = ""
    plan_digest: str = ""
    mode: str = "auto"
    environment: str = "prod"
    source: str = ""
    approval: ApprovalProof | None = None
    requested_by: str = "system"


class LeaseState(StrEnum):
    """Where a lease stands at its point."""

    REQUESTED = "requested"
    HELD = "held"
    REFUSED = "refused"
    LIFTED = "lifted"
    EXPIRED = "expired"


class LeaseOutcome(Wire):
    """What a point tells the case that holds a lease, at least once."""

    lease_id: str
    case_id: str
    step: str
    state: LeaseState
    at: datetime
    code: str = ""
    reason: str = ""
    proof: dict[str, str] = {}


class Applied(Wire):
    """Result for one target of a reconcile."""

    target: str
    ok: bool
    code: str = ""
    reason: str = ""
    proof: dict[str, str] = {}
