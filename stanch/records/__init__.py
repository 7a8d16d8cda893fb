"""The archive: ledger, read models, deliveries, halts and the built-in board, in SQLite or PostgreSQL."""

from stanch.records.board import Board, BoardNote, BoardTicket
from stanch.records.cases import CaseFilter, CaseRow, Cases, FindingRow, Reassignment
from stanch.records.chain import Bad, Entry, Verification
from stanch.records.effects import Effects, LeaseRow
from stanch.records.intake import Conflict, Intake, New, Quarantined, Repeat
from stanch.records.ledger import Ledger, TimelineItem
from stanch.records.ledger_file import verify_file
from stanch.records.links import Link, Links, link_entries
from stanch.records.safety import Budget, GuardView, Halt, Protected, Reservation, Safety
from stanch.records.scopes import Scopes
from stanch.records.suppressions import Suppression, Suppressions


class Records(Ledger, Cases, Intake, Effects, Safety, Board, Scopes, Suppressions, Links):
    """All records of one deployment, safe to share between threads.

    Opening creates what is missing. Every call is one transaction; each raises DependencyError while the database
    cannot be used, and then nothing was changed.

    Args:
        url: `sqlite:///FILE` or `postgresql+psycopg://...`.
        key: seals the ledger; at least 16 random bytes, kept apart from the database.
    """


__all__ = [
    "Bad",
    "BoardNote",
    "BoardTicket",
    "Budget",
    "CaseFilter",
    "CaseRow",
    "Conflict",
    "Entry",
    "FindingRow",
    "GuardView",
    "Halt",
    "LeaseRow",
    "Link",
    "New",
    "Protected",
    "Quarantined",
    "Reassignment",
    "Records",
    "Repeat",
    "Reservation",
    "Suppression",
    "TimelineItem",
    "Verification",
    "link_entries",
    "verify_file",
]
