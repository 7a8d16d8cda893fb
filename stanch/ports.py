"""What Stanch needs from other systems, as protocols; `activities/` implements each, one connector a file.

A connector module in `activities/` exposes `CONNECTOR = Connector(port=..., kind=..., build=...)` and is found by its
presence; `build` gets the connector's section of stanch.toml with secrets resolved. All calls are blocking and may run
in several threads at once; each ends CONFIRMED (returns) or raises Rejected, AuthBlocked, RetrySafe or Uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from stanch.leases import Applied, BlockSpec, Lease
from stanch.sightings import Estimate as Estimate
from stanch.sightings import Excerpt as Excerpt
from stanch.sightings import Usage as Usage
from stanch.views import TicketTarget

MOST_NOTES = 20


class TicketState(StrEnum):
    """State by category; the tracker's own names are configuration."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    DONE = "done"


@dataclass(frozen=True)
class TicketDraft:
    """A ticket to be made. `key` is our own idempotency key (hex), found again by lookup.

    `body` is plain text in short paragraphs; each connector encodes it for its own markup.
    """

    key: str
    case_id: str
    summary: str
    body: str
    assignee: str = ""  # the tracker's own user name, already mapped from the directory
    group: str = ""
    project: str = ""
    type: str = ""
    severity: str = "medium"
    lane: str = "backlog"
    labels: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    due: datetime | None = None
    components: tuple[str, ...] = ()
    parent: str = ""  # key of the Jira issue or epic it belongs to
    problem: str = ""  # number of the ServiceNow problem it belongs to
    category: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])  # by the tracker's own field ids


@dataclass(frozen=True)
class Ticket:
    """A ticket as its tracker has it now.

    `version` only grows while the ticket changes, so that an older look at it never counts after a newer one; 0 where
    the tracker gives nothing of the kind.
    """

    key: str  # the tracker's key that people use, such as MOBP-7 or INC0010023
    id: str  # the tracker's internal id (Jira id, ServiceNow sys_id)
    system: str
    url: str
    state: TicketState
    state_name: str = ""
    assignee: str = ""
    group: str = ""
    resolution: str = ""  # "", fixed, risk_accepted, false_positive, duplicate, other
    summary: str = ""
    changed_by: str = ""
    version: int = 0
    priority: str = ""  # the tracker's own word
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class TicketEvent:
    """A verified hint that a ticket changed; the ticket is read again before anything acts.

    `ticket_id` is the tracker's internal id, which stays when a ticket moves and its key changes.
    """

    system: str
    ticket_key: str
    event_id: str
    actor: str = ""
    ticket_id: str = ""
    version: int = 0  # of the ticket, where the hint says it
    at: datetime | None = None  # when it changed, by the tracker's clock


@dataclass(frozen=True)
class TicketNote:
    """What a person has written on a ticket, as the tracker has it: untrusted text."""

    id: str
    author: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class Swept:
    """What a sweep for duplicates found and did."""

    kept: str = ""  # "" where no ticket has the key
    closed: tuple[str, ...] = ()  # linked to the kept one, commented and closed now
    left: tuple[str, ...] = ()  # open again by a person after a sweep, or not to be closed by us


@dataclass(frozen=True)
class Check:
    """One line of `stanch doctor`."""

    name: str
    ok: bool
    detail: str = ""
    fix: str = ""


class TicketPort(Protocol):
    """A tracker."""

    def ensure_ticket(self, draft: TicketDraft, *, uncertain_since: datetime | None = None) -> Ticket:
        """Find the ticket with `draft.key` or make it; after an uncertain attempt it settles by lookup first."""
        ...

    def get_ticket(self, key: str) -> Ticket:
        """The ticket as it is now; raises Gone where the tracker has it no more, or shows it no more."""
        ...

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        """Move to a state of that category; already there is success."""
        ...

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        """Add a note once; `marker` (hex) is in the text and is looked for before writing again."""
        ...

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None: ...

    def attach(self, key: str, *, name: str, content: bytes) -> None: ...

    def assign(self, key: str, *, assignee: str = "", group: str = "", note: str = "") -> Ticket: ...

    def parse_event(self, *, headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
        """Verify and read a callback; None for events that are not ours. Raises IntakeError(401) when not authentic."""
        ...

    def sweep(self, key: str, *, keep: str = "") -> Swept:
        """Find every ticket with our idempotency key, keep one, link and close the others; nothing is closed twice.

        Args:
            key: as in the draft.
            keep: the ticket that the case knows; else the oldest is kept.
        """
        ...

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        """Hints for our tickets that somebody else has changed since then, oldest change first; for polling."""
        ...

    def notes(self, key: str) -> Sequence[TicketNote]:
        """The newest notes of other accounts on a ticket, oldest of them first; at most `MOST_NOTES`."""
        ...

    def doctor(self, targets: Sequence[TicketTarget] = ()) -> Sequence[Check]:
        """Check sign-in, rights and fields; `targets` are where routes send tickets in this tracker."""
        ...


@dataclass(frozen=True)
class Message:
    """A chat message in neutral form. Every text is untrusted; the connector encodes it for its own markup.

    `fields` are label and value pairs shown as given; `buttons` are (label, action id, opaque token, style).
    """

    key: str
    channel: str  # the chat system's own channel or user id, already mapped from the directory
    title: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()
    buttons: tuple[tuple[str, str, str, str], ...] = ()
    context: tuple[str, ...] = ()
    thread: str = ""  # reference of an earlier message
    case_id: str = ""
    links: tuple[str, ...] = ()  # addresses of ours in the texts, which stay links where foreign ones do not


@dataclass(frozen=True)
class Posted:
    """Where a message is."""

    channel: str
    ref: str  # Slack ts


@dataclass(frozen=True)
class ChatUser:
    """A chat account, as the chat system describes it now."""

    id: str
    name: str
    email: str = ""
    team: str = ""
    is_bot: bool = False
    is_guest: bool = False
    deleted: bool = False
    teams: tuple[str, ...] = ()  # further places it is at home in: organisation and workspaces of an Enterprise Grid


class ChatPort(Protocol):
    """A chat system."""

    def post(self, message: Message) -> Posted: ...

    def update(self, posted: Posted, message: Message) -> None: ...

    def user(self, user_id: str) -> ChatUser: ...

    def doctor(self) -> Sequence[Check]: ...


@dataclass(frozen=True)
class Reconciled:
    """A point after a reconcile: digest of our own entries, and the result for each target asked for."""

    digest: str
    results: tuple[Applied, ...]


@dataclass(frozen=True)
class Owned:
    """One entry that a point holds for us, read from the vendor alone."""

    name: str
    case_id: str
    expires_at: datetime | None
    target: str


class PointPort(Protocol):
    """An enforcement point: something that can deny requests (or users) and be read back."""

    def reconcile(
        self,
        *,
        adds: Sequence[Lease],
        removes: Sequence[str],
        wanted: Sequence[Lease] | None,
        expected: str,
        known: Sequence[Lease] = (),
    ) -> Reconciled:
        """Bring the point to the wanted set: read, recompute, write with the lock, read back.

        Args:
            adds: leases to be put in.
            removes: targets to be taken out.
            wanted: the full set, given on mismatch; what else stands stays, unless it is in `removes`.
            expected: digest the caller believes the point has; on difference without `wanted`, raises `Mismatch`.
            known: leases of targets in `removes`, as far as the caller has them: what they name need not be searched.
        """
        ...

    def list_owned(self) -> Sequence[Owned]: ...

    def take_out(self, entries: Sequence[Owned]) -> Sequence[Applied]:
        """Take out exactly these entries, as they were listed; `target` of each result is the entry's name.

        An entry that is not there any more, or has been renewed since, is success and nothing is changed for it; the
        proof of one that was renewed says so (`state`), and that of a failure may name its `outcome`.
        """
        ...

    def estimate(self, spec: BlockSpec, *, window: timedelta) -> Estimate: ...

    def usage(self, *, host: str, path: str, method: str, window: timedelta) -> Usage: ...

    def samples(self, *, host: str, path: str, window: timedelta, limit: int) -> Excerpt:
        """Recent log lines for evidence."""
        ...

    def doctor(self) -> Sequence[Check]: ...


class Mismatch(Exception):
    """The point is not in the state the caller expected; it must send the full wanted set."""


@dataclass(frozen=True)
class Attachment:
    """A managed policy attached to an API."""

    id: str
    mode: str  # count or block
    already: bool  # it stood before and is not ours: no undo
    before: str  # digest of the customer's configuration before
    after: str


class PolicyPort(Protocol):
    """Something that can attach a managed rule set to an API (a web ACL)."""

    def attach(self, *, host: str, groups: Sequence[str], mode: str, case_id: str, key: str) -> Attachment: ...

    def observe(self, *, attachment: str, window: timedelta) -> Mapping[str, float]: ...

    def enforce(self, *, attachment: str, mode: str) -> Attachment: ...

    def detach(self, *, attachment: str) -> bool: ...

    def doctor(self) -> Sequence[Check]: ...


class IdentityPort(Protocol):
    """An identity provider. Suspending and resuming is leased, so it is a point; signing out is one call."""

    def sign_out(self, user_id: str) -> Mapping[str, str]: ...

    def revoke_token(self, *, token_id: str, user_id: str) -> Mapping[str, str]: ...

    def doctor(self) -> Sequence[Check]: ...


@dataclass(frozen=True)
class Look:
    """What a second look has shown; `why` says in words what was proven, and what was not."""

    clean: bool
    why: str = ""


class ScannerPort(Protocol):
    """A scanner that can look again."""

    def rescan(self, finding: Mapping[str, Any]) -> Look:
        """Whether the finding is gone; Rejected with V024 where this scanner cannot judge it.

        Args:
            finding: the words of its view, and under `tool` the adapter, the tool's rule, parameter and evidence.
        """
        ...


@dataclass(frozen=True)
class Connector:
    """How a connector is found and built.

    Args:
        port: which protocol it implements: tickets, chat, mail, point, policy, identity, scanner, webhook.
        kind: the word in stanch.toml (`kind = "jira"`).
        build: makes it from its section with secrets already resolved; unknown keys raise ConfigError.
    """

    port: str
    kind: str
    build: Callable[[str, Mapping[str, Any]], Any]  # (name in stanch.toml, section) -> port
