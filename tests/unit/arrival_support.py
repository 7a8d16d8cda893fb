"""Findings on their way into records, as intake brings them: records are asked, then everything is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from types import MappingProxyType
from typing import Any

from stanch.records import Arrival, FindingRow, Item, Names, Quarantined, Records
from stanch.sealing import MasterKeys

KEYS = MasterKeys(b"m" * 32)
_NUMBERS = count()


def arrive(
    records: Records,
    names: Sequence[Names],
    *,
    mint: Callable[[str], str],
    at: datetime,
    body: Mapping[str, Any] = MappingProxyType({}),
) -> list[str]:
    """The case of each finding, all of one delivery and with one body."""
    number = next(_NUMBERS)
    items = tuple(
        Item(FindingRow(mint(each.primary), f"f-{number}-{place}", each.source, at, dict(body)), each, "", "open")
        for place, each in enumerate(names)
    )
    taken = records.look([Arrival("s", f"d-{number}", "digest", at, items)])
    records.keep(taken, keys=KEYS, keep=timedelta(days=1))
    return [placed.case_id for found in taken for placed in found.placed]


def hold(records: Records, item: Quarantined) -> None:
    """A delivery with something in it that nobody could map."""
    taken = records.look([Arrival(item.source, f"d-{next(_NUMBERS)}", "digest", item.at, quarantined=(item,))])
    records.keep(taken, keys=KEYS, keep=timedelta(days=1))
