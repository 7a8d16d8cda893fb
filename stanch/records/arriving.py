"""What intake and records tell each other of deliveries: what arrived, what became of it, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from stanch.records.aliases import AliasRow, Names
from stanch.records.cases import FindingRow
from stanch.records.columns import Encoded
from stanch.records.intake import Conflict, New, Quarantined, Repeat
from stanch.records.links import Link
from stanch.records.places import Place
from stanch.sealing import Original

if TYPE_CHECKING:
    from stanch.intake.reports import Scope

STORM_LIMIT = 100
PUT_AWAY = "put_away"


@dataclass(frozen=True)
class Item:
    """One finding of a delivery.

    Args:
        row: with the id that its case has if the problem is new.
        names: its identities.
        content: equal for reports that say the same.
        status: what it asks of its case; `put_away` asks for nothing, since its tool has suppressed it.
        kind: of the finding.
        place: where its problem is, if it may be linked.
        opens: whether it may open a case, and so counts as new in a storm.
    """

    row: FindingRow
    names: Names
    content: str
    status: str
    kind: str = ""
    place: Place | None = None
    count: int = 1
    opens: bool = True


@dataclass(frozen=True)
class Arrival:
    """One delivery with everything that came out of it.

    Args:
        original: its body, to be sealed and kept for the cases it turns out to be about.
        scope: what it covers, where it is a full report.
        storm_limit: new problems a minute that its source may report.
    """

    source: str
    delivery_id: str
    body_digest: str
    at: datetime
    items: tuple[Item, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    original: Original | None = None
    scope: Scope | None = None
    storm_limit: int = STORM_LIMIT


@dataclass(frozen=True)
class Placed:
    """What becomes of one finding.

    Args:
        signal: False where its case is not to be told: it was told the same less than 30 seconds ago, or `why`.
        held: earlier repeats that this signal speaks for too.
        due: when its case must be told of what was counted; None where that is arranged already.
        why: nothing is done with it, in words: its tool or a person has put it away.
    """

    case_id: str
    signal: bool = True
    held: int = 0
    due: datetime | None = None
    why: str = ""


@dataclass(frozen=True)
class Taken:
    """What records say of a delivery, and what they are to keep of it.

    Args:
        placed: one entry for each item, unless it is answered from memory.
        arrival: with each finding in the case its problem has; None where it is answered from memory.
        aliases: identities that now lead to these cases.
        opened: cases that nothing was known of.
        counted: repeats that cases are not told of now; less where a signal speaks for earlier ones.
        fresh: new problems among the items.
        near: other cases are on the same operation, so that links must be there before anybody is told.
    """

    before: New | Repeat | Conflict
    placed: tuple[Placed, ...] = ()
    arrival: Arrival | None = None
    aliases: tuple[AliasRow, ...] = ()
    opened: tuple[str, ...] = ()
    counted: Mapping[str, int] = field(default_factory=dict[str, int])
    fresh: int = 0
    near: bool = False


@dataclass(frozen=True)
class Kept:
    """What was seen while a delivery was written down.

    Args:
        storm: its source storms, and nobody has been told.
        fresh: new problems of its source in this minute, with all processes that write into these records.
        links: new ones, for the ledger; of all deliveries written together, in the first one's.
        gone: the cases that this full report and the one before it do not show any more.
    """

    storm: bool = False
    fresh: int = 0
    links: tuple[Link, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finish:
    """The answer of a delivery, and what its cases have now been told: (case, content, status)."""

    source: str
    delivery_id: str
    result: Encoded
    at: datetime
    signalled: tuple[tuple[str, str, str], ...] = ()
    due: tuple[tuple[str, datetime], ...] = ()
    storm: bool = False
