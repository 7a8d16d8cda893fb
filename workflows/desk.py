"""Where the news of a case's ticket comes in; what comes while the case writes to the ticket waits for its write."""

from __future__ import annotations

from collections.abc import Callable

from temporalio import workflow

from stanch.cases import CaseState, TicketRef
from stanch.contract import PutAway, TicketChange
from stanch.endings import put_away_by_ticket
from stanch.interpreter.messages import ActionDone, Command, Happened
from stanch.ports import TicketState
from stanch.tickets import moving, taking
from stanch.tickets.assigning import moved_on
from workflows.run import Run

DONE = TicketState.DONE.value
MOST_WAITING = 50


class Desk:
    """Takes changes one after the other. Nothing here must survive continue-as-new, which waits for effects to end."""

    def __init__(
        self,
        state: CaseState,
        run: Run,
        *,
        put_away: Callable[[PutAway], bool],
        come_back: Callable[[], None],
    ) -> None:
        self._state = state
        self._run = run
        self._put_away = put_away
        self._come_back = come_back
        self._waiting: list[TicketChange] = []
        self._was_done, self._version = False, 0  # the ticket when waiting began
        run.effects.ticket_written = self.written
        run.instead = self.instead

    def hear(self, change: TicketChange) -> None:
        """The ticket was read again after a hint; only what really changed becomes an event."""
        state, waits = self._state, self._run.effects.writes_ticket
        is_ours = taking.is_ours(state, change)
        if not is_ours and not (waits and workflow.patched("ticket-waits-unjudged")):
            return
        if not state.remember(state.commands, change.event_id):
            return
        if waits and workflow.patched("ticket-waits"):
            self._wait(change)
        elif is_ours:
            self._take(change)

    def _wait(self, change: TicketChange) -> None:
        """Whose it is shows when the write is over: the case may have another ticket then, or this one another key."""
        if not self._waiting:
            ticket = self._state.ticket
            self._was_done, self._version = ticket.state == DONE, ticket.version
        self._waiting.append(change)
        if len(self._waiting) > MOST_WAITING:
            self._drop(self._waiting.pop(0))

    def _drop(self, oldest: TicketChange) -> None:
        """Of what is left out the words stay, and the key under which the case knows the ticket."""
        if not workflow.patched("ticket-waits-unjudged"):
            return
        if taking.is_current(self._state, oldest):
            taking.take_words(self._state, oldest, workflow.now())
        for index, later in enumerate(self._waiting):
            if oldest.was and oldest.key in (later.key, later.was):
                known = {"was": oldest.was, "url": later.url or oldest.url}
                self._waiting[index] = later.model_copy(update=known)
                return

    def written(self) -> None:
        """Our own write is over and known: what came in the meantime is compared with what it left."""
        waiting, self._waiting = self._waiting, []
        overruled: TicketChange | None = None
        for change in waiting:
            if taking.is_ours(self._state, change):
                overruled = overruled or (change if self._may_be_overruled(change) else None)
                self._take(change)
        # Who opened a done ticket just before our close went over it has been overruled by accident.
        ticket = self._state.ticket
        if overruled is not None and ticket.closed_here and ticket.state == DONE:
            self._reopened(overruled, ticket.model_copy())

    def _may_be_overruled(self, change: TicketChange) -> bool:
        """Whether somebody had opened the ticket after the case knew it as done; an older look shows no such thing."""
        if not self._was_done or change.state == DONE or change.gone:
            return False
        is_newer = not change.version or change.version > self._version
        is_meant = is_newer and taking.is_current(self._state, change)
        return is_meant or not workflow.patched("overruled-is-newer")

    def _take(self, change: TicketChange) -> None:
        state, now = self._state, workflow.now()
        if not taking.is_current(state, change):
            self._run.commands += [] if change.gone else moving.old_changed(state, change, now)
            return
        taking.take_words(state, change, now)
        if change.gone:
            self._run.commands += taking.take_loss(state, change, now)
            return
        known = taking.as_known(state.ticket, change)
        if known is None:
            return
        taking.take_key(state, known, now)
        before, after = state.take_ticket(known)
        taking.take_detail(state, before, known, now)
        state.noise.acknowledged = state.noise.acknowledged or after.state == TicketState.IN_PROGRESS.value
        self._moved(known, before, after)
        for event in moved_on(state, before, after, by=known.by, now=now, is_new=workflow.patched):
            self._run.feed(event)
            self._run.commands += moving.received(state, known, str(event.data["to"]), is_new=workflow.patched)

    def _moved(self, change: TicketChange, before: TicketRef, after: TicketRef) -> None:
        now = workflow.now()
        data = {"by": change.by, "as": change.resolution, "key": change.key}
        is_done = after.state == DONE and before.state != DONE
        is_judged = after.state == DONE and bool(change.version) and before.resolution != after.resolution
        away = put_away_by_ticket(change, self._state.finding, now) if is_done or is_judged else None
        if away is not None and self._put_away(away):
            return
        if is_done:
            self._run.feed(Happened(now=now, event="ticket.resolved", data=data))
        elif before.state == DONE and after.state != DONE:
            self._reopened(change, before)

    def _reopened(self, change: TicketChange, before: TicketRef) -> None:
        """A person's reopen wins over an end of ours, also where it comes while that end is being reached."""
        state, now = self._state, workflow.now()
        state.ticket.closed_here = False
        self._run.feed(Happened(now=now, event="ticket.reopened", data={"by": change.by}))
        # A group's ticket says nothing of one member; the group itself stays open until a person closes it again.
        has_ended = (before.closed_here or state.status.over) and not moving.shares(state)
        if has_ended and workflow.patched("ticket-reopens") and taking.may_return(state, change):
            state.ticket.back = change.by or "somebody"
            self._come_back()

    def instead(self, command: Command) -> bool:
        """True where a ticket is not sent back once more, since somebody closes it whatever we do."""
        if not taking.is_sent_back(command) or not taking.too_often(self._state):
            return False
        if not workflow.patched("ticket-sent-back"):
            return False
        self._run.feed(ActionDone(now=workflow.now(), ref=getattr(command, "ref", ""), outputs={}))
        self._run.commands += taking.stop_sending_back(self._state, workflow.now())
        return True
