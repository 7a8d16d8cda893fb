"""The archive: ledger, read models, deliveries, halts and the built-in board, in SQLite or PostgreSQL."""

from stanch.records.aliases import Aliases, AliasRow, Names
from stanch.records.arrivals import Arrivals
from stanch.records.arriving import Arrival, Finish, Item, Kept, Placed, Taken
from stanch.records.board import Board, BoardNote, BoardTicket
from stanch.records.breakers import Breakers
from stanch.records.cases import CaseFilter, CaseRow, Cases, FindingRow, Reassignment
from stanch.records.chain import Bad, Entry, Verification
from stanch.records.chat import ChatMessages
from stanch.records.doubts import Doubt, Doubts
from stanch.records.effects import Effects, LeaseRow
from stanch.records.intake import Conflict, Intake, New, Progress, Quarantined, Repeat
from stanch.records.ledger import Ledger, TimelineItem
from stanch.records.ledger_file import verify_file
from stanch.records.links import Link, Links, link_entries
from stanch.records.noise import CaseNoise, InhibitSide, Noises
from stanch.records.originals import Hold, Opened, Originals
from stanch.records.policies import Policies
from stanch.records.presence import is_missing
from stanch.records.safety import Budget, GuardView, Halt, Protected, Reservation, Safety
from stanch.records.scopes import Scopes
from stanch.records.suppressions import Suppression, Suppressions
from stanch.records.ticketing import Ticketing, TicketView
from stanch.records.turns import Turns


class Records(
    Originals,
    Ledger,
    Cases,
    Intake,
    Arrivals,
    Aliases,
    Effects,
    Safety,
    Breakers,
    Board,
    Scopes,
    Suppressions,
    Links,
    Turns,
    Noises,
    Policies,
    Doubts,
    ChatMessages,
    Ticketing,
):
    """All records of one deployment, safe to share between threads.

    Opening creates what is missing. Every call is one transaction; each raises DependencyError while the database
    cannot be used, and then nothing was changed.

    Args:
        url: `sqlite:///FILE` or `postgresql+psycopg://...`.
        key: seals the ledger; at least 16 random bytes, kept apart from the database.
    """


__all__ = [
    "AliasRow",
    "Arrival",
    "Bad",
    "BoardNote",
    "BoardTicket",
    "Budget",
    "CaseFilter",
    "CaseNoise",
    "CaseRow",
    "Conflict",
    "Doubt",
    "Entry",
    "FindingRow",
    "Finish",
    "GuardView",
    "Halt",
    "Hold",
    "InhibitSide",
    "Item",
    "Kept",
    "LeaseRow",
    "Link",
    "Names",
    "New",
    "Opened",
    "Placed",
    "Progress",
    "Protected",
    "Quarantined",
    "Reassignment",
    "Records",
    "Repeat",
    "Reservation",
    "Suppression",
    "Taken",
    "TicketView",
    "TimelineItem",
    "Verification",
    "is_missing",
    "link_entries",
    "verify_file",
]
