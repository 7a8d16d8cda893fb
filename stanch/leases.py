"""What is blocked, for whom, until when: block specifications, leases and what a point reports of them."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

MAX_TTL_SECONDS = 7 * 24 * 3600
MAX_CLAIM = 256
COUNT: Literal["count"] = "count"
NAMED_CLAIMS = {"jti": "token_id", "sub": "user_id", "client_id": "client_id", "sid": "session_id"}
EVICTED = "L018"  # code of a block that had to make room at its point, or found none


class Wire(BaseModel):
    """Base of what travels through Temporal: frozen, additive, tolerant."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def claim_path(name: str) -> tuple[str, ...]:
    """Where a claim is: at the top under its name, or, for a name with a slash in front, down a JSON pointer."""
    if not name.startswith("/"):
        return (name,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/"))


class Credential(Wire):
    """An opaque credential by the SHA-256 of its whole value, in hex, so that no block holds the credential itself.

    Args:
        name: the header or cookie that carries it.
    """

    name: str = Field(min_length=1, max_length=64)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class BodyValue(Wire):
    """A value in a JSON body, by its JSON pointer (RFC 6901)."""

    pointer: str = Field(pattern=r"^/", max_length=512)
    value: str = Field(min_length=1, max_length=200)


class Principal(Wire):
    """Who is blocked; every field given must match. A token is named by its id (claim `jti`), a user by `sub`.

    `jwt_claims` are other claims of a verified token, by name or JSON pointer (`tenant`, `/realm_access/roles`); a list
    has a value when one of its elements is that. `api_key` is the id of a key at the gateway that gave it out, never
    the key itself. What a point cannot compare it refuses (`stanch/fitting.py`).
    """

    token_id: str | None = None
    user_id: str | None = None
    client_id: str | None = None
    session_id: str | None = None
    token_hash: str | None = None
    jwt_claims: Annotated[dict[str, str], Field(min_length=1, max_length=4)] | None = None
    header: Credential | None = None
    cookie: Credential | None = None
    body: BodyValue | None = None
    api_key: str | None = None

    @field_validator("jwt_claims")
    @classmethod
    def _own_names_first(cls, given: dict[str, str] | None) -> dict[str, str] | None:
        """What has a name of its own goes under it, so that every guard knows it."""
        for name, value in (given or {}).items():
            if name.lstrip("/") in NAMED_CLAIMS:
                raise ValueError(f"claim {name} has a name of its own: {NAMED_CLAIMS[name.lstrip('/')]}")
            if not (0 < len(name) <= MAX_CLAIM and 0 < len(value) <= MAX_CLAIM) or "" in claim_path(name):
                raise ValueError(f"a claim and its value have 1 to {MAX_CLAIM} characters")
        return given

    def claims(self) -> dict[str, str]:
        """The JWT claims a gateway can compare (RFC 7519 jti and sub, RFC 9068 client_id, OIDC sid, and others)."""
        names = {"jti": self.token_id, "sub": self.user_id, "client_id": self.client_id, "sid": self.session_id}
        return {claim: value for claim, value in names.items() if value} | (self.jwt_claims or {})

    @property
    def empty(self) -> bool:
        """True where nobody in particular is named."""
        return not self.claims() and not self.token_hash and not self.in_request and not self.api_key

    @property
    def in_request(self) -> bool:
        """True where the request itself is looked at (header, cookie, body), which not every point can do."""
        return bool(self.header or self.cookie or self.body)


class BlockSpec(Wire):
    """Which requests are denied: AND between host, path, methods, principal and addresses; OR inside each.

    `path` is an OpenAPI-style template (`/users/{id}`) or a subtree (`/mobile/**`); `/**` is every path. With
    `effect` "count" nothing is denied: the point only counts what would be (it is another target than the block).
    """

    kind: Literal["block"] = "block"
    host: str
    path: str = "/**"
    methods: tuple[str, ...] = ()
    principal: Principal | None = None
    ips: tuple[str, ...] = ()
    effect: Literal["count"] | None = None

    @property
    def counting(self) -> BlockSpec:
        """The same block, only counted."""
        return self.model_copy(update={"effect": COUNT})


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


class LimitSpec(Wire):
    """Requests that may come only so often, counted for each client apart; scoped as a block is.

    Args:
        requests: at most so many in `seconds`.
        by: what tells clients apart: `ip`, or `header:NAME`.
    """

    kind: Literal["limit"] = "limit"
    host: str
    path: str = "/**"
    methods: tuple[str, ...] = ()
    principal: Principal | None = None
    ips: tuple[str, ...] = ()
    requests: int
    seconds: int = 60
    by: str = "ip"


class KeySpec(Wire):
    """An API key that opens nothing any more, or, where a usage plan is named, not what that plan covers."""

    kind: Literal["key"] = "key"
    key_id: str
    plan_id: str = ""


LeaseSpec = BlockSpec | SuspendSpec | LimitSpec | KeySpec | MemberSpec


def is_item(spec: LeaseSpec) -> bool:
    """True where each target is an entry of its own at its point, with a writer of its own; requests are one set."""
    return isinstance(spec, SuspendSpec | KeySpec)


def verb_of(spec: LeaseSpec) -> str:
    """The action that halts, guards and breakers of this kind of lease are named after; `block.ip` is `block.scope`."""
    match spec:
        case SuspendSpec():
            return "user.suspend"
        case KeySpec():
            return "apigw.remove_key_from_plan" if spec.plan_id else "key.disable"
        case LimitSpec():
            return "limit.rate"
        case MemberSpec():
            return "list.add"
        case BlockSpec():
            return "block.count" if spec.effect == COUNT else "block.scope"


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
    expires_at: AwareDatetime
    playbook: str = ""
    plan_digest: str = ""
    mode: str = "auto"
    environment: str = "prod"
    source: str = ""
    approval: ApprovalProof | None = None
    requested_by: str = "system"
    severity: str = ""  # of the finding; decides who stays where a point has no room for all


class LeaseState(StrEnum):
    """Where a lease stands at its point."""

    REQUESTED = "requested"
    HELD = "held"
    REFUSED = "refused"
    LIFTED = "lifted"
    EXPIRED = "expired"


LIVE = (LeaseState.REQUESTED, LeaseState.HELD)


class LeaseOutcome(Wire):
    """What a point tells the case that holds a lease, at least once.

    Args:
        target: what must stand for this to be true, where that is still open.
    """

    lease_id: str
    case_id: str
    step: str
    state: LeaseState
    at: datetime
    code: str = ""
    reason: str = ""
    proof: dict[str, str] = {}
    target: str = ""


class Applied(Wire):
    """Result for one target of a reconcile."""

    target: str
    ok: bool
    code: str = ""
    reason: str = ""
    proof: dict[str, str] = {}
