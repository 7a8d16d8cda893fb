"""The table of tickets that may have been made twice."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from stanch.records.columns import Moment
from stanch.records.columns import id_column as _id
from stanch.records.columns import text_column as _text
from stanch.records.schema import metadata

doubts = Table(
    "ticket_doubts",
    metadata,
    _id("key"),
    *(_text(name) for name in ("case_id", "episode", "system")),
    Column("due", Moment, nullable=False, index=True),
    Column("swept", Moment),
    Column("closed", Integer, nullable=False, default=0),
)
