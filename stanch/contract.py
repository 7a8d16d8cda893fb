"""The names and messages on the wire between web, CLI, workflows and activities; additive only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stanch.approvals import ApprovalRequest, ApprovalState, Vote
from stanch.leases import ApprovalProof, Wire
from stanch.noise.words import Noise
from stanch.plan import Mode, Plan
from stanch.views import ActorView, FindingView, RouteView
from stanch.wire_tickets import TicketWord

CASE_WORKFLOW = "Case"
ENFORCEMENT_WORKFLOW = "Enforcement"
SWEEP_WORKFLOW = "Sweep"
INTAKE_WORKFLOW = "Intake"
BREAKER_WORKFLOW = "BreakerNews"
TICKET_NEWS_WORKFLOW = "TicketNews"
TICKET_POLL_WORKFLOW = "TicketPoll"
TICKET_FOLLOW_WORKFLOW = "TicketFollow"
TICKET_RECONCILE_WORKFLOW = "TicketReconcile"

# signals, updates and queries of a case
REPORT = "report"
LEASE_OUTCOME = "lease_outcome"
TICKET_CHANGED = "ticket_changed"
DECIDE_LATER = "decide_later"
CASE_COMMAND = "case_command"
DECIDE = "decide"
VIEW = "view"

# signals and queries of an enforcement point
HOLD = "hold"
RELEASE = "release"
LEASES = "leases"

# activities that are not actions
RESOLVE = "policy.resolve"
RECORD = "records.append"
SHOW_APPROVAL = "approval.show"
CLOSE_APPROVAL = "approval.close"
RECONCILE = "point.reconcile"
ANNOUNCE = "point.announce"
LOOK = "points.look"
PAGE = "points.page"
BREAKER_TELL = "breaker.tell"
SWEEP = "records.sweep"
DELIVER = "intake.deliver"
TELL_HELD = "intake.tell_held"
TICKETS_TELL = "tickets.tell"
TICKETS_POLL = "tickets.poll"
TICKETS_FOLLOW = "tickets.follow"
TICKETS_RECONCILE = "tickets.reconcile"

# signal of a TicketFollow workflow
TICKET_HINT = "ticket_hint"

SEARCH_ATTRIBUTES = {
    "StanchState": "Keyword",
    "StanchOwner": "Keyword",
    "StanchSource": "Keyword",
    "StanchSeverity": "Int",
    "StanchDeadline": "Datetime",
    "StanchTags": "KeywordList",
}

QUEUE_PREFIX = "stanch."


def queue(name: str) -> str:
    """Task queue of a trust domain (`core`, `tickets`, `chat`, `probe`, `contain`)."""
    return QUEUE_PREFIX + name


def enforcement_id(point: str, shard: str = "") -> str:
    """Workflow id of a point's single writer; `shard` is a target for points with one writer per target."""
    return f"enforce-{point}" + (f"-{shard}" if shard else "")


class FindingReport(Wire):
    """One delivery of a finding to its case. The finding is already redacted.

    Args:
        content: equal for reports that say the same.
        folded: ids of further deliveries of the same that this one speaks for; its finding counts them all.
        basis: how the source says that it is resolved: "" by an event, `absence` by full reports without it.
    """

    delivery_id: str
    source: str
    finding: FindingView
    status: Literal["open", "resolved"] = "open"
    assurance: Literal["A", "B", "C"] = "A"
    requested_by: str = ""
    content: str = ""
    folded: tuple[str, ...] = ()
    basis: str = ""


class TicketChange(Wire):
    """What changed at a ticket, after it was read again.

    Args:
        home: the tracker of the team that `group` names, where that is not this ticket's.
        version: grows with each change of the ticket; 0 where the tracker has none.
        was: the key under which the case knows the ticket, where it has another one now.
        gone: the tracker has it no more, or shows it no more; then the state says nothing.
        words: what people have written on it and the case has not been told.
    """

    event_id: str
    key: str
    state: str
    assignee: str = ""
    group: str = ""
    resolution: str = ""
    by: str = ""
    home: str = ""
    version: int = 0
    was: str = ""
    url: str = ""
    priority: str = ""
    gone: bool = False
    words: tuple[TicketWord, ...] = ()


class Decision(Wire):
    """A vote on its way to a case; its digest names the request as the person saw it."""

    vote: Vote


class CaseCommand(Wire):
    """A person's word to a case: comment, attest, assign, close, reopen, cancel, signal.

    Args:
        to: of an assign: `user:` or `team:` of the directory. lead: who leads that team.
        via: how it was said: console, cli, api or slack.
        resolution: of a close: fixed, false_positive, risk_accepted or duplicate; all but fixed suppress until `until`.
        to_group: said to a group, which sees to its ticket and to whoever has to hear of it.
        home: of an assign: the tracker in which that team works, "" where it names none.
    """

    kind: str
    by: str
    text: str = ""
    to: str = ""
    lead: str = ""
    via: str = ""
    command_id: str
    resolution: str = ""
    until: datetime | None = None
    to_group: bool = False
    home: str = ""


class LedgerNote(Wire):
    """A ledger line that waits in case state until an activity carries it to records."""

    number: int
    at: datetime
    event: str
    step: str = ""
    actor: str = "stanch"
    data: dict[str, Any] = Field(default_factory=dict)


class Resolve(Wire):
    """Ask for route and plan, or for the route alone."""

    case_id: str
    finding: FindingView
    assurance: str
    now: datetime
    route_only: bool = False


class LinkedCase(Wire):
    """Another case of the same story, as it was when the run began.

    Args:
        evidence: of a weakness behind an attack: lines to read, redacted.
        accepted: words of an accepted risk that still stands.
    """

    case_id: str
    kind: str = ""
    category: str = ""
    title: str = ""
    owner: str = ""
    why: str = ""
    accepted: str = ""
    evidence: tuple[str, ...] = ()


class Resolved(Wire):
    """Route, plan and people as they were when the run began; pinned in history.

    Args:
        plan: None where no playbook applies; then the case only has an owner and a ticket on the board.
        people: approver names to user ids. verify_window: seconds the case stays open after the fix.
        quiet: there is nothing to do and nobody to ask; the case ends by itself.
        links: cases of the same story.
        calls_off: cases whose runs must end before this one begins.
        noise: how much people hear of it.
        texts: digest of the templates of that moment; later messages of the run use the same words.
        asks: which form requests have: 1 names targets and who each line means; 2 keeps facts whole, and what is filled
            in on its line, and waits for clicks in time to arrive; 0 is that of runs before it was there.
    """

    route: RouteView
    plan: Plan | None = None
    mode: Mode = Mode.MANUAL
    inputs: dict[str, Any] = Field(default_factory=dict)
    people: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    policy_digest: str = ""
    why: str = ""
    trace: tuple[str, ...] = ()
    verify_window: float = 7 * 86400.0
    quiet: bool = False
    links: tuple[LinkedCase, ...] = ()
    calls_off: tuple[str, ...] = ()
    noise: Noise = Noise()
    texts: str = ""
    asks: int = 0


class Scene(Wire):
    """What every activity of a case is told besides its own parameters.

    Args:
        holder: who was given the case since it was routed, "" for whom the route names.
        moved: the ticket is where a person's word has brought it, whatever tracker the route names.
        actor: of the finding; the guard must know whose token or address it is.
        severity: of the finding as it is now; decides who stays where a point has no room for all.
        finding, route, links: only for those that write to people or read evidence; others get names alone.
        texts: digest of the templates that the run began with.
        changes: the plan's own limit (how many, in how many seconds), for when its playbook is there no more.
    """

    case_id: str
    episode: str
    playbook: str = ""
    plan_digest: str = ""
    mode: str = "manual"
    environment: str = "prod"
    source: str = ""
    host: str = ""
    severity: str = ""
    requested_by: str = ""
    ticket_system: str = ""
    ticket_key: str = ""
    ticket_url: str = ""
    moved: bool = False
    thread: str = ""
    holder: str = ""
    actor: ActorView | None = None
    finding: FindingView | None = None
    route: RouteView | None = None
    links: tuple[LinkedCase, ...] = ()
    texts: str = ""
    changes: tuple[int, float] | None = None
    outbox: tuple[LedgerNote, ...] = ()


class ActionCall(Wire):
    """One action to be carried out. `consent` is the full request that `approval` speaks of."""

    action: str
    params: dict[str, Any]
    ref: str
    path: str
    purpose: str
    key: str
    scene: Scene
    approval: ApprovalProof | None = None
    consent: ApprovalRequest | None = None
    subject: dict[str, Any] = Field(default_factory=dict)


class ActionReply(Wire):
    """What an action gave."""

    outputs: dict[str, Any] = Field(default_factory=dict)


class PutAway(Wire):
    """The problem of a case counts as settled until a day, because a person has said so.

    Args:
        kind: false_positive, risk_accepted or duplicate.
    """

    kind: str
    until: datetime
    reason: str
    by: str
    at: datetime


class CaseSummary(Wire):
    """The case as lists show it; kept in records, never read to decide."""

    case_id: str
    episode: str
    version: int = 0
    state: str
    severity: str
    title: str
    source: str
    category: str
    host: str
    path: str
    method: str
    owner: str
    assignee: str
    rule: str
    playbook: str
    mode: str
    opened: datetime
    updated: datetime
    due: datetime | None = None
    closed: datetime | None = None
    waiting_on: str = ""
    findings: int = 1
    deliveries: int = 1
    ticket_system: str = ""
    ticket_key: str = ""
    ticket_url: str = ""
    ticket_state: str = ""
    problems: tuple[str, ...] = ()
    resolution: str = ""
    put_away: PutAway | None = None
    group_id: str = ""
    muted: str = ""
    muted_until: datetime | None = None


class Recording(Wire):
    """Lines for the ledger, the newest summary, and open approvals with the votes that they have so far."""

    scene: Scene
    summary: CaseSummary | None = None
    approvals: tuple[ApprovalState, ...] = ()


class ApprovalCall(Wire):
    """Show an approval, or rewrite what was shown."""

    scene: Scene
    request: ApprovalRequest
    outcome: str = ""
    by: tuple[str, ...] = ()
    reason: str = ""
    stood_in: tuple[tuple[str, str], ...] = ()
    cards: tuple[tuple[str, str], ...] = ()


class ApprovalShown(Wire):
    """Where cards are: (channel, reference)."""

    cards: tuple[tuple[str, str], ...] = ()


class CaseInput(Wire):
    """Start of a case; `carried` is its state after continue-as-new."""

    case_id: str
    carried: dict[str, Any] | None = None


class ApprovalView(Wire):
    """An open approval as the case has it, for consoles and modals."""

    path: str
    request: ApprovalRequest
    votes: tuple[Vote, ...] = ()
    open_lines: tuple[str, ...] = ()
    settled: str = ""


class CaseView(Wire):
    """A case as its workflow knows it now."""

    summary: CaseSummary
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)
    approvals: tuple[ApprovalView, ...] = ()
    changes: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    route: RouteView = RouteView()
    finding: FindingView = FindingView()
    why: str = ""
    links: tuple[LinkedCase, ...] = ()
    requested_by: str = ""
    noise: Noise = Noise()
