"""Approval requests, votes, and the state in which they are counted."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from stanch.canonical import digest
from stanch.leases import Wire

APPROVE = "approve"
DENY = "deny"

Via = Literal["slack", "console", "cli", "api"]


class Outcome(StrEnum):
    """How an approval ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CHOSEN = "chosen"
    EXPIRED = "expired"


class Code(StrEnum):
    """What became of a vote; stable, listed in docs/errors.md."""

    RECORDED = "A000"
    OTHER_APPROVAL = "A001"
    STALE = "A002"
    SETTLED = "A003"
    TOO_LATE = "A004"
    EXCLUDED = "A005"
    NOT_AN_APPROVER = "A006"
    NOT_OFFERED = "A007"
    ALREADY_VOTED = "A008"
    NEEDS_REASON = "A009"
    NEEDS_STEP_UP = "A010"
    FOREIGN_DECISION = "A011"
    NO_LONGER = "A014"


class Need(Wire):
    """One line of an approval: `count` different people out of `from_` (resolved principals, such as `user:ana`).

    Args:
        label: the line as it is written, such as `route.owner or team:appsec`.
        names: the users, teams and schedules that the written names stood for when it was asked.
    """

    from_: tuple[str, ...]
    count: int = 1
    label: str = ""
    names: tuple[str, ...] = ()


class Bound(Wire):
    """One effect that people consent to: the action with exactly these parameters."""

    action: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class ApprovalRequest(Wire):
    """What people are asked, complete: nobody consents to anything that is not in here.

    Args:
        step: the approving step; `action` and `params` (rendered JSON) are what it consents to, `also` further effects.
        targets: what the effects touch, as it was when it was asked.
        ttl: how long the effect stands, in words; `undo`: how it is taken back.
        excluded: principals who may not vote: requester, last editor of the playbook.
        needs: lines that must all be met; one person fills one line.
        options: names to choose from; empty means approve or deny.
        on_timeout: `reject`, or one of the options.
        shown: facts for the approver as label and value.
        high_impact: two different people, or one who has signed in again in the console.
        reason_for: verdicts that need a reason.
    """

    approval_id: str
    case_id: str
    episode: str
    step: str
    question: str
    action: str = ""
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    also: tuple[Bound, ...] = ()
    targets: tuple[str, ...] = ()
    ttl: str = ""
    undo: str = ""
    requester: str = ""
    excluded: tuple[str, ...] = ()
    needs: tuple[Need, ...]
    options: tuple[str, ...] = ()
    created_at: AwareDatetime
    expires_at: AwareDatetime
    on_timeout: str = "reject"
    shown: tuple[tuple[str, str], ...] = ()
    high_impact: bool = False
    reason_for: tuple[str, ...] = ()
    playbook: str = ""
    plan_digest: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over the whole request.

        Fields at their default are left out, so that a field added in a later release does not change the digest of
        an approval that is already open.
        """
        return digest(self.model_dump(exclude_defaults=True))

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The answers that are offered."""
        return self.options or (APPROVE, DENY)

    @property
    def alone(self) -> bool:
        """Whether one person alone decides about high impact, and so has to prove once more who they are to consent."""
        return self.high_impact and len(self.approvers()) == 1

    def lines(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Each seat to be filled by one person: label and who may take it, without the excluded."""
        barred = frozenset(self.excluded)
        seats = ((need.label, frozenset(need.from_) - barred, need.count) for need in self.needs)
        return tuple((label, people) for label, people, count in seats for _ in range(count))

    def approvers(self) -> frozenset[str]:
        """Everybody whose vote may count."""
        return frozenset(person for need in self.needs for person in need.from_) - frozenset(self.excluded)


class Vote(Wire):
    """One person's answer.

    Args:
        digest: of the request as that person saw it.
        decision_id: unique per click; the same id again gives the first outcome.
        step_up: the person has just signed in again.
        for_: the absent person whose seat the voter takes; "" for the voter's own.
        lapsed: the directory, as it is at the vote, gives the voter no seat (any more).
        timed: `at` is the moment of the click, so that it still counts when it could only be worked on later.
    """

    approval_id: str
    digest: str
    principal: str
    verdict: str
    reason: str = ""
    via: Via
    decision_id: str
    at: AwareDatetime
    step_up: bool = False
    for_: str = ""
    lapsed: bool = False
    timed: bool = False

    @property
    def seat(self) -> str:
        """Whose say this is: nobody's counts twice, however many people speak for them."""
        return self.for_ or self.principal


class Settled(Wire):
    """The one end of an approval.

    Args:
        choice: the option chosen by people or by the timeout.
        by: who made it so, in the order of their votes.
        stood_in: of those, who spoke for whom.
    """

    outcome: Outcome
    at: AwareDatetime
    choice: str = ""
    by: tuple[str, ...] = ()
    reason: str = ""
    stood_in: tuple[tuple[str, str], ...] = ()


class Verdict(Wire):
    """What a voter is told.

    Args:
        fresh: the state has changed (a vote or a first refusal), so that there is something for the ledger; a refusal
            that is not fresh may be turned away before it enters history.
        settled: the end of the approval, where it has one now.
    """

    accepted: bool
    code: Code
    message: str
    settled: Settled | None = None
    fresh: bool = False


class Refusal(Wire):
    """The first refusal of one principal for one reason."""

    principal: str
    code: Code
    via: Via
    at: AwareDatetime


class Decided(Wire):
    """A decision that has had its answer."""

    decision_id: str
    principal: str
    verdict: str
    answer: Verdict


class ApprovalState(Wire):
    """An approval and everything said about it; one JSON value, carried over continue-as-new."""

    request: ApprovalRequest
    votes: tuple[Vote, ...] = ()
    settled: Settled | None = None
    refusals: tuple[Refusal, ...] = ()
    decided: tuple[Decided, ...] = ()
