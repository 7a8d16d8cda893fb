"""What is decided about noise when a case begins, and what cases and groups say to each other; additive only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from stanch.leases import Wire
from stanch.views import FindingView, RouteView

GROUP_WORKFLOW = "Group"

# signals of a case
GROUP_TOLD = "group_told"
QUIET_OVER = "quiet_over"

# signals of a group, besides those that it takes like a case
GROUP_TELL = "group_tell"

# activities that are not actions
TELL_GROUP = "group.tell"
POST_MEMBERS = "group.post"
NEXT_GENERATION = "group.next"
UNQUIET = "noise.over"


class GroupRef(Wire):
    """The group that a finding belongs to.

    Args:
        group_id: without its generation. by: words of the rule with the values that members share.
        wait, add_for: seconds. max: members of one generation.
        generation: 1 for the first; a group that is full, or old, is followed by the next.
    """

    group_id: str
    grouping: str
    by: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    add_for: float = 86400.0
    max: int = 200
    generation: int = 1

    @property
    def workflow_id(self) -> str:
        return self.group_id if self.generation == 1 else f"{self.group_id}-{self.generation}"


class Quiet(Wire):
    """Why nobody is told of a case for now.

    Args:
        kind: silence or inhibition. rule: its id in routes.yaml.
        why: a silence's reason, or what the other case is. by: who has written the silence.
        until: a silence's end; an inhibition is looked at again then.
        again: when a silence is looked at again before it ends: it may have been taken out of the file.
        keeps_ticket: whether the ticket is opened all the same.
        source: the open case that inhibits.
    """

    kind: Literal["silence", "inhibition"]
    rule: str
    why: str = ""
    by: str = ""
    until: datetime
    again: datetime | None = None
    keeps_ticket: bool = False
    source: str = ""

    @property
    def words(self) -> str:
        """In words, such as `silenced by pentest until 2026-02-08 00:00 UTC (user:tom: planned test)`."""
        if self.kind == "inhibition":
            return f"held back by {self.rule} while {self.source} is open"
        return f"silenced by {self.rule} until {self.until:%Y-%m-%d %H:%M %Z} ({self.by}: {self.why})"


class Rung(Wire):
    """One step of an escalation ladder: at a time, to people; `late` where the deadline is past by then."""

    key: str
    at: datetime
    to: tuple[str, ...]
    late: bool = False


class Noise(Wire):
    """How much is said of a case, and by whom.

    Args:
        ladder: whom to tell as time passes.
        is_source: other cases are held back while this one is open.
        considered: every rule of the noise layer that was looked at, with what came of it.
    """

    group: GroupRef | None = None
    quiet: Quiet | None = None
    ladder: tuple[Rung, ...] = ()
    is_source: bool = False
    considered: tuple[str, ...] = ()


class GroupTell(Wire):
    """A member's word to its group; the first one starts the group. Said again, it changes nothing.

    Args:
        kind: join, say (tell these people), done (proven or put away), back (a second look still finds it),
            raised (it has become more urgent).
        round: of the member, so that an old word never undoes a newer one.
        urgent: the group does not wait. how: of done: fixed, false_positive, risk_accepted, duplicate or closed.
    """

    kind: Literal["join", "say", "done", "back", "raised"]
    ref: GroupRef
    case_id: str
    round: int = 0
    to: tuple[str, ...] = ()
    urgent: bool = False
    how: str = ""
    finding: FindingView | None = None
    route: RouteView | None = None
    ladder: tuple[Rung, ...] = ()


class GroupTold(Wire):
    """A group's answer to a member.

    Args:
        elsewhere: the generation to join instead; 0 where it is this one.
        ticket: outputs of the parent ticket's `ticket.create`. failed: why there is none.
        told: people who have been told, with the outputs of the message.
    """

    group_id: str
    generation: int = 1
    elsewhere: int = 0
    ticket: dict[str, Any] = Field(default_factory=dict)
    failed: str = ""
    told: dict[str, dict[str, Any]] = Field(default_factory=dict)


class GroupPost(Wire):
    """One signal to be sent to several members."""

    signal: str
    message: dict[str, Any]
    members: tuple[str, ...]


class GroupPosted(Wire):
    """Members that are no longer there."""

    gone: tuple[str, ...] = ()


class GroupInput(Wire):
    """Start of a group; `carried` is its state after continue-as-new."""

    group_id: str
    carried: dict[str, Any] | None = None


class QuietOver(Wire):
    """The case that has held others back is over; they look again."""

    source: str


class Unquiet(Wire):
    """Let everybody look again whom this case has held back."""

    case_id: str
