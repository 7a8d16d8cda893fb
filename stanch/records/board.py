"""The built-in ticket board: tickets of teams that have no tracker configured."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from stanch.errors import Rejected
from stanch.ports import TicketDraft, TicketState
from stanch.records import schema_board as schema
from stanch.records.database import Database, rows

PREFIX = "BOARD-"


@dataclass(frozen=True)
class BoardNote:
    """A comment; `marker` makes it appear once."""

    marker: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class BoardTicket:
    """A ticket of the board, with everything on it."""

    number: int
    key: str  # our own idempotency key
    state: TicketState
    summary: str
    body: str
    created: datetime
    updated: datetime
    case_id: str = ""
    assignee: str = ""
    team: str = ""
    type: str = ""
    severity: str = ""
    lane: str = ""
    resolution: str = ""
    changed_by: str = ""
    labels: tuple[str, ...] = ()
    watchers: tuple[str, ...] = ()
    due: datetime | None = None
    notes: tuple[BoardNote, ...] = ()
    links: tuple[tuple[str, str, str], ...] = ()  # (link id, url, title)
    files: tuple[tuple[str, str], ...] = ()  # (name, sha256)

    @property
    def id(self) -> str:
        """What people call it, such as BOARD-7."""
        return f"{PREFIX}{self.number}"


class Board(Database):
    """Tickets of the board; an unknown ticket raises Rejected."""

    def board_ensure(self, draft: TicketDraft, *, at: datetime) -> BoardTicket:
        """Find the ticket with the draft's key or make it."""
        values = asdict(draft) | {"state": TicketState.NEW.value, "created": at, "updated": at, "team": draft.group}
        kept = {name: value for name, value in values.items() if name in schema.board.c}
        with self._write() as db:
            self._insert_new(db, schema.board, kept)
            number = db.execute(select(schema.board.c.number).where(schema.board.c.key == draft.key)).scalar_one()
            return _ticket(db, number)

    def board_ticket(self, ticket_id: str) -> BoardTicket:
        with self._read() as db:
            return _ticket(db, _number(ticket_id))

    def board_tickets(self, *, state: TicketState | None = None, limit: int = 200) -> list[BoardTicket]:
        """Tickets without what hangs on them, newest change first."""
        query = select(schema.board).order_by(schema.board.c.updated.desc(), schema.board.c.number).limit(limit)
        with self._read() as db:
            found = rows(db, query if state is None else query.where(schema.board.c.state == state.value))
        return [_plain(row) for row in found]

    def board_move(
        self, ticket_id: str, state: TicketState, *, by: str, at: datetime, resolution: str = ""
    ) -> BoardTicket:
        """Set the state; the resolution is cleared unless the ticket is done."""
        kept = resolution if state is TicketState.DONE else ""
        return self._change(ticket_id, {"state": state.value, "resolution": kept}, by=by, at=at)

    def board_assign(
        self, ticket_id: str, *, by: str, at: datetime, assignee: str | None = None, team: str | None = None
    ) -> BoardTicket:
        """Set assignee, team, or both; None leaves it."""
        given = {"assignee": assignee, "team": team}
        return self._change(
            ticket_id, {name: value for name, value in given.items() if value is not None}, by=by, at=at
        )

    def board_note(self, ticket_id: str, note: BoardNote) -> bool:
        """Add a note once; False where its marker is there."""
        with self._write() as db:
            number = _existing(db, ticket_id)
            return self._insert_new(db, schema.board_notes, {"number": number, **asdict(note)})

    def board_link(self, ticket_id: str, *, link_id: str, url: str, title: str) -> None:
        """Set a link; the same id replaces it."""
        with self._write() as db:
            values = {"number": _existing(db, ticket_id), "link_id": link_id, "url": url, "title": title}
            self._upsert(db, schema.board_links, values)

    def board_attach(self, ticket_id: str, *, name: str, content: bytes, at: datetime) -> str:
        """Attach a file under a name, replacing an older one; returns its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        with self._write() as db:
            values = {"number": _existing(db, ticket_id), "name": name, "sha256": digest, "content": content, "at": at}
            self._upsert(db, schema.board_files, values)
        return digest

    def board_file(self, ticket_id: str, name: str) -> bytes:
        table = schema.board_files
        query = select(table.c.content).where(table.c.number == _number(ticket_id), table.c.name == name)
        with self._read() as db:
            content = db.execute(query).scalar_one_or_none()
        if content is None:
            raise Rejected("the ticket has no such file", code="V102")
        return bytes(content)

    def _change(self, ticket_id: str, values: dict[str, Any], *, by: str, at: datetime) -> BoardTicket:
        with self._write() as db:
            number = _existing(db, ticket_id)
            changes = values | {"changed_by": by, "updated": at}
            db.execute(update(schema.board).where(schema.board.c.number == number).values(**changes))
            return _ticket(db, number)


def _number(ticket_id: str) -> int:
    digits = ticket_id.removeprefix(PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise Rejected("that is not the id of a board ticket", code="V102", hint="it looks like BOARD-7")
    return int(digits)


def _existing(db: Connection, ticket_id: str) -> int:
    number = _number(ticket_id)
    if not rows(db, select(schema.board.c.number).where(schema.board.c.number == number)):
        raise Rejected(f"the board has no ticket {PREFIX}{number}", code="V102")
    return number


def _ticket(db: Connection, number: int) -> BoardTicket:
    row = rows(db, select(schema.board).where(schema.board.c.number == _existing(db, str(number))))[0]
    notes, links, files = schema.board_notes, schema.board_links, schema.board_files
    noted = rows(db, select(notes).where(notes.c.number == number).order_by(notes.c.at, notes.c.marker))
    linked = rows(db, select(links).where(links.c.number == number).order_by(links.c.link_id))
    query = select(files.c.name, files.c.sha256).where(files.c.number == number).order_by(files.c.name)
    return replace(
        _plain(row),
        notes=tuple(BoardNote(note["marker"], note["text"], note["by"], note["at"]) for note in noted),
        links=tuple((link["link_id"], link["url"], link["title"]) for link in linked),
        files=tuple((item["name"], item["sha256"]) for item in rows(db, query)),
    )


def _plain(row: dict[str, Any]) -> BoardTicket:
    row["state"] = TicketState(row["state"])
    for name in ("labels", "watchers"):
        row[name] = tuple(row[name])
    return BoardTicket(**row)
