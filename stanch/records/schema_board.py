"""The tables of the built-in board."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table

from stanch.records.columns import Json, Moment, Plain
from stanch.records.columns import id_column as _id
from stanch.records.columns import text_column as _text
from stanch.records.schema import metadata

board = Table(
    "board",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", Plain, nullable=False, unique=True),
    *(_text(name) for name in ("case_id", "state", "summary", "body", "assignee", "team", "type", "severity", "lane")),
    *(_text(name) for name in ("resolution", "changed_by")),
    Column("labels", Json, nullable=False),
    Column("watchers", Json, nullable=False),
    Column("due", Moment),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
)

board_notes = Table(
    "board_notes",
    metadata,
    Column("number", Integer, primary_key=True),
    _id("marker"),
    _text("text"),
    _text("by"),
    Column("at", Moment, nullable=False),
)

board_links = Table(
    "board_links", metadata, Column("number", Integer, primary_key=True), _id("link_id"), _text("url"), _text("title")
)

board_files = Table(
    "board_files",
    metadata,
    Column("number", Integer, primary_key=True),
    _id("name"),
    _text("sha256"),
    Column("content", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)
