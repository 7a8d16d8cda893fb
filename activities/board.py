"""The built-in ticket board as a tracker: what serves where no Jira or ServiceNow is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from activities._ticket.common import attachment_name, note_marker
from stanch.errors import Gone, Rejected
from stanch.ports import MOST_NOTES, Check, Swept, Ticket, TicketDraft, TicketEvent, TicketNote, TicketState
from stanch.records import BoardNote, BoardTicket, Records
from stanch.views import TicketTarget

OURSELVES = "stanch"


class BoardTickets:
    """Implements TicketPort on records; every call is one transaction, so nothing is ever uncertain."""

    def __init__(self, records: Records, public_url: str) -> None:
        self._records = records
        self._url = public_url.rstrip("/")

    def ensure_ticket(self, draft: TicketDraft, *, uncertain_since: datetime | None = None) -> Ticket:
        return self._ticket(self._records.board_ensure(draft, at=_now()))

    def get_ticket(self, key: str) -> Ticket:
        try:
            return self._ticket(self._records.board_ticket(key))
        except Rejected as error:
            raise Gone(error.message, code=error.code, hint=error.hint) from None

    def set_state(self, key: str, state: TicketState, *, resolution: str = "", note: str = "") -> Ticket:
        if note:
            self.add_note(key, note, marker=note_marker("state", state.value, resolution, note))
        found = self._records.board_move(key, state, resolution=resolution, by=OURSELVES, at=_now())
        return self._ticket(found)

    def add_note(self, key: str, text: str, *, marker: str) -> None:
        self._records.board_note(key, BoardNote(marker=marker, text=text, by=OURSELVES, at=_now()))

    def ensure_link(self, key: str, *, link_id: str, url: str, title: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Rejected("a link must be an http or https address")
        self._records.board_link(key, link_id=link_id, url=url, title=title)

    def attach(self, key: str, *, name: str, content: bytes) -> None:
        self._records.board_attach(key, name=attachment_name(name, content), content=content, at=_now())

    def assign(self, key: str, *, assignee: str = "", group: str = "", note: str = "") -> Ticket:
        if note:
            self.add_note(key, note, marker=note_marker("assign", assignee, group, note))
        found = self._records.board_assign(
            key, assignee=assignee or ("" if group else None), team=group or None, by=OURSELVES, at=_now()
        )
        return self._ticket(found)

    def parse_event(self, *, headers: Mapping[str, str], body: bytes) -> TicketEvent | None:
        """The board calls nobody: the console tells the case itself."""
        return None

    def sweep(self, key: str, *, keep: str = "") -> Swept:
        """Records hold one ticket for a key, so there is nothing to sweep."""
        return Swept(kept=keep)

    def changed_since(self, since: datetime) -> Sequence[TicketEvent]:
        """None: for the same reason there is nothing to poll for; the nightly comparison reads each ticket."""
        return []

    def notes(self, key: str) -> Sequence[TicketNote]:
        found = [note for note in self._records.board_ticket(key).notes if note.by != OURSELVES][-MOST_NOTES:]
        return [TicketNote(id=note.marker, author=note.by, text=note.text, at=note.at) for note in found]

    def doctor(self, targets: Sequence[TicketTarget] = ()) -> Sequence[Check]:
        return [Check(name="board", ok=True, detail="built in")]

    def _ticket(self, found: BoardTicket) -> Ticket:
        return Ticket(
            key=found.id,
            id=str(found.number),
            system="board",
            url=f"{self._url}/board/{found.id}",
            state=found.state,
            state_name=found.state.value,
            assignee=found.assignee,
            group=found.team,
            resolution=found.resolution,
            summary=found.summary,
            changed_by=found.changed_by,
            version=int(found.updated.timestamp() * 1000),
        )


def _now() -> datetime:
    return datetime.now(UTC)
