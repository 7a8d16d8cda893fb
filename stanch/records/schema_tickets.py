"""The table of what cases have been told of their tickets, and tickets of their cases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table

from stanch.records.columns import Json, Moment, Plain
from stanch.records.columns import id_column as _id
from stanch.records.columns import text_column as _text
from stanch.records.schema import metadata

# One row a ticket, under the key it has now. `told` is the ledger line of the case up to which the ticket has had
# notes, `telling` the one up to which a note is being written, so that a second attempt writes the same note.
ticket_views = Table(
    "ticket_views",
    metadata,
    _id("system"),
    _id("key"),
    Column("case_id", Plain, nullable=False, index=True),
    Column("draft_key", Plain, nullable=False, default=""),
    Column("ticket_id", Plain, nullable=False, default="", index=True),
    *(_text(name) for name in ("state", "resolution", "assignee", "team", "priority")),
    Column("version", BigInteger, nullable=False, default=0),
    Column("notes", Json, nullable=False, default=list),
    Column("gone", Boolean, nullable=False, default=False),
    Column("told", Integer, nullable=False, default=0),
    Column("telling", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("at", Moment, nullable=False),
)
