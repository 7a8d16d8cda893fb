"""Many case reports as one text for Temporal: folded, compressed, bounded, and taken apart again."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence

from pydantic_core import to_json

from stanch.contract import FindingReport
from stanch.wire_intake import CaseReport

MAX_PACKED = 1_000_000  # characters; a server refuses a payload of 2 MiB
MAX_UNPACKED = 64 * 1024 * 1024
MAX_FOLDED = 64


def packed(reports: Iterable[CaseReport]) -> str:
    """The reports as text."""
    return base64.b64encode(zlib.compress(to_json(list(reports)), 1)).decode()


def unpacked(text: str) -> list[CaseReport]:
    """The reports of a text.

    Raises:
        ValueError: it was not written by `packed`.
    """
    engine = zlib.decompressobj()
    try:
        raw = engine.decompress(base64.b64decode(text, validate=True), MAX_UNPACKED)
    except zlib.error:
        raise ValueError("not compressed as it should be") from None
    if not engine.eof:
        raise ValueError("incomplete or too large")
    return [CaseReport.model_validate(item) for item in json.loads(raw)]


def parts(reports: Sequence[CaseReport]) -> Iterator[tuple[str, int]]:
    """Texts within `MAX_PACKED` and how many reports each holds; one report alone is always small enough."""
    text = packed(reports)
    if len(text) <= MAX_PACKED or len(reports) == 1:
        yield text, len(reports)
        return
    middle = len(reports) // 2
    yield from parts(reports[:middle])
    yield from parts(reports[middle:])


def folded(reports: Iterable[CaseReport]) -> list[CaseReport]:
    """The reports with those joined that tell a case the same again; the order of what a case is told stays."""
    made: list[CaseReport] = []
    last: dict[str, int] = {}
    for item in reports:
        place = last.get(item.case_id)
        if place is not None and _says_the_same(made[place].report, item.report):
            made[place] = CaseReport(case_id=item.case_id, report=_joined(made[place].report, item.report))
        else:
            last[item.case_id] = len(made)
            made.append(item)
    return made


def _says_the_same(one: FindingReport, other: FindingReport) -> bool:
    said = (one.content, one.status, one.source, one.assurance)
    return bool(one.content) and said == (other.content, other.status, other.source, other.assurance)


def _joined(one: FindingReport, other: FindingReport) -> FindingReport:
    seen = max(filter(None, (one.finding.last_seen, other.finding.last_seen)), default=None)
    count = one.finding.count + other.finding.count
    finding = one.finding.model_copy(update={"count": count, "last_seen": seen})
    names = (*one.folded, other.delivery_id, *other.folded)[-MAX_FOLDED:]
    return one.model_copy(update={"finding": finding, "folded": names})
