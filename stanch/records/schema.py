"""The tables of records; times are fixed-width UTC text and JSON is ASCII text, so that both databases agree."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from stanch.records.columns import Json, Moment, Plain
from stanch.records.columns import id_column as _id
from stanch.records.columns import text_column as _text

SCHEMA_VERSION = 2


metadata = MetaData()

meta = Table("meta", metadata, _id("name"), _text("value"))

ledger = Table(
    "ledger",
    metadata,
    _id("case_id"),
    Column("seq", Integer, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("episode", "key", "time", "actor", "event", "step", "effect")),
    *(Column(name, Text, nullable=False) for name in ("plan_digest", "request_digest", "response_digest")),
    Column("data", Text),
    Column("salt", Text),
    *(Column(name, Text, nullable=False) for name in ("data_digest", "prev_hash", "hash")),
    UniqueConstraint("case_id", "episode", "key"),
)

heads = Table(
    "ledger_heads",
    metadata,
    _id("case_id"),
    Column("ordinal", Integer, nullable=False, unique=True),
    Column("entries", Integer, nullable=False),
    Column("last_hash", Text, nullable=False),
    Column("mac", Text, nullable=False),
)

root = Table(
    "ledger_root",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("cases", Integer, nullable=False),
    Column("mac", Text, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    _id("case_id"),
    Column("version", Integer, nullable=False),
    *(_text(name) for name in ("episode", "state", "title", "severity", "owner", "assignee", "source", "category")),
    *(_text(name) for name in ("kind", "environment", "host", "path", "method", "playbook", "mode", "lane", "rule")),
    *(_text(name) for name in ("ticket_system", "ticket_key", "ticket_url", "waiting_on", "outcome")),
    Column("opened", Moment, nullable=False, index=True),
    Column("updated", Moment, nullable=False, index=True),
    Column("due", Moment),
    Column("closed", Moment),
    Column("finding_count", Integer, nullable=False, default=0),
    Column("labels", Json, nullable=False),
    Index("cases_by_state", "state", "updated"),
    Index("cases_by_owner", "owner", "updated"),
)

findings = Table(
    "findings",
    metadata,
    _id("case_id"),
    _id("finding_id"),
    _text("source"),
    _text("delivery_id"),
    Column("at", Moment, nullable=False, index=True),
    Column("body", Json, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    _id("case_id"),
    *(_text(name) for name in ("kind", "reason", "by", "contradicted_by")),
    Column("until", Moment, nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("contradicted_at", Moment),
)

# Cases that share a concurrency key, in the order in which they came.
turns = Table(
    "turns",
    metadata,
    _id("key"),
    _id("case_id"),
    Column("number", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Index("turns_by_case", "case_id"),
)

# Where each case's problem is, so that attack and weakness on one operation find each other.
operations = Table(
    "operations",
    metadata,
    _id("case_id"),
    *(_text(name) for name in ("kind", "host", "method", "path", "category")),
    Column("at", Moment, nullable=False, index=True),
    Index("operations_by_side", "host", "path", "kind"),
)

links = Table(
    "links", metadata, _id("case_id"), _id("other"), _text("why"), Column("at", Moment, nullable=False, index=True)
)

# Open cases that hold others back, and those that they hold.
inhibitors = Table(
    "inhibitors",
    metadata,
    _id("rule"),
    _id("equal"),
    Column("case_id", Plain, primary_key=True, index=True),
    Column("is_both", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
)

inhibited = Table(
    "inhibited",
    metadata,
    _id("case_id"),
    Column("source", Plain, nullable=False, index=True),
    Column("at", Moment, nullable=False),
)

# What lists show of it: the group of a case, and why nobody is told of it.
case_noise = Table(
    "case_noise",
    metadata,
    _id("case_id"),
    Column("group_id", Plain, nullable=False, default="", index=True),
    _text("quiet"),
    Column("until", Moment),
)

generations = Table(
    "group_generations",
    metadata,
    _id("group_id"),
    Column("number", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)

# What the full reports of a source have shown: the newest of each scope, and which cases were in it.
scopes = Table("scopes", metadata, _id("source"), _id("scope"), Column("at", Moment, nullable=False))

scope_cases = Table(
    "scope_cases",
    metadata,
    _id("source"),
    _id("scope"),
    _id("case_id"),
    Column("misses", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)

scope_deliveries = Table(
    "scope_deliveries",
    metadata,
    _id("source"),
    _id("scope"),
    _id("delivery_id"),
    Column("absent", Json, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id("source"),
    _id("delivery_id"),
    _text("body_digest"),
    Column("result", Json),
    Column("finished", Boolean, nullable=False, default=False),
    Column("at", Moment, nullable=False, index=True),
)

# What a large delivery has come to: how many of its findings have reached their cases.
progress = Table(
    "delivery_progress",
    metadata,
    _id("source"),
    _id("delivery_id"),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Json, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

# What was last signalled to a case, so that identical repeats are counted here and not in its history.
case_reports = Table(
    "case_reports",
    metadata,
    _id("case_id"),
    *(_text(name) for name in ("content", "status")),
    Column("signalled", Moment),
    Column("held", Integer, nullable=False, default=0),
    Column("due", Moment),
    Column("at", Moment, nullable=False, index=True),
)

storms = Table(
    "storms",
    metadata,
    _id("source"),
    Column("minute", Moment, nullable=False),
    Column("fresh", Integer, nullable=False),
    Column("until", Moment),
    Column("told", Moment),
)

aliases = Table(
    "aliases",
    metadata,
    _id("identity"),
    Column("case_id", Plain, nullable=False, index=True),
    _text("source"),
    Column("is_stable", Boolean, nullable=False, default=False),
    Column("is_weak", Boolean, nullable=False, default=False),
    Column("at", Moment, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id("item_id"),
    *(_text(name) for name in ("source", "delivery_id", "code", "message", "body", "status", "settled_by")),
    Column("at", Moment, nullable=False, index=True),
    Column("settled_at", Moment),
)

originals = Table(
    "originals",
    metadata,
    _id("source"),
    _id("delivery_id"),
    *(_text(name) for name in ("body_digest", "media_type", "gone_why")),
    Column("size", Integer, nullable=False),
    Column("sealed", LargeBinary),
    Column("at", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("gone", Moment),
    Index("originals_by_end", "gone", "expires"),
)

original_keys = Table(
    "original_keys",
    metadata,
    _id("source"),
    _id("delivery_id"),
    _id("case_id"),
    Column("wrapped", LargeBinary, nullable=False),
    Index("original_keys_by_case", "case_id"),
)

case_keys = Table(
    "case_keys",
    metadata,
    _id("case_id"),
    Column("wrapped", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)

holds = Table("holds", metadata, _id("case_id"), _text("by"), _text("reason"), Column("at", Moment, nullable=False))

leases = Table(
    "leases",
    metadata,
    _id("lease_id"),
    *(_text(name) for name in ("case_id", "step", "point", "target", "state", "code", "reason")),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("updated", Moment, nullable=False),
    Column("lease", Json, nullable=False),
    Column("proof", Json, nullable=False),
    Index("leases_by_state", "state", "expires_at"),
    Index("leases_by_case", "case_id"),
)

approvals = Table(
    "approvals",
    metadata,
    _id("approval_id"),
    *(_text(name) for name in ("case_id", "step", "digest", "outcome")),
    Column("version", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("state", Json, nullable=False),
    Index("approvals_by_outcome", "outcome", "expires"),
    Index("approvals_by_case", "case_id"),
)

tickets = Table(
    "tickets", metadata, _id("system"), _id("key"), _text("case_id"), _text("url"), Column("at", Moment, nullable=False)
)

reassignments = Table(
    "reassignments",
    metadata,
    _id("key"),
    *(_text(name) for name in ("case_id", "by", "from_owner", "to_owner", "rule", "category", "host", "path")),
    *(_text(name) for name in ("method", "severity", "source", "environment", "via")),
    Column("at", Moment, nullable=False, index=True),
)

halts = Table(
    "halts",
    metadata,
    _id("scope"),
    Column("freeze", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    _text("by"),
    _text("reason"),
    Column("at", Moment, nullable=False),
)

protected = Table(
    "protected", metadata, _id("kind"), _id("value"), _text("by"), _text("reason"), Column("at", Moment, nullable=False)
)

spent = Table(
    "budget_spent",
    metadata,
    _id("scope"),
    _id("key"),
    Column("at", Moment, nullable=False),
    Index("spent_by_time", "scope", "at"),
)

# Which policy each running process uses, so that one that stays behind is seen.
policy_uses = Table(
    "policy_uses",
    metadata,
    _id("process"),
    *(_text(name) for name in ("digest", "problem")),
    Column("loaded_at", Moment, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

# The words of tickets and messages as they were when a case began, kept for as long as it runs.
kept_texts = Table("kept_texts", metadata, _id("digest"), Column("sources", Json, nullable=False))

# Where the messages of a case are in the chat system; `place` is the channel or person that was written to.
chat_messages = Table(
    "chat_messages",
    metadata,
    _id("case_id"),
    _id("place"),
    _id("key"),
    *(_text(name) for name in ("channel", "ref")),
    Column("at", Moment, nullable=False),
)

settings = Table("settings", metadata, _id("name"), Column("value", Json, nullable=False))
