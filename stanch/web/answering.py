"""What the sender of a delivery is told: a result for each finding, the same again for a repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stanch.findings import Finding
from stanch.records import Item, Placed, Quarantined, Taken
from stanch.sources import Extraction
from stanch.web.preparing import Prepared
from stanch.web.storing import LARGE


def result_of(prepared: Prepared, taken: Taken, statuses: Sequence[str]) -> dict[str, Any]:
    """The answer with the result of every finding, in the order of the delivery."""
    findings = zip(prepared.findings, prepared.found.indexes, taken.placed, statuses, strict=True)
    results = [
        *(_told(finding, index, placed, status) for finding, index, placed, status in findings),
        *_held(prepared.found, prepared.arrival.quarantined),
    ]
    listed = [item for _, item in sorted(results, key=lambda pair: pair[0])]
    result: dict[str, Any] = {"delivery_id": prepared.delivery.delivery_id, "results": listed}
    ignored = dict(prepared.found.ignored)
    return result | ({"ignored": ignored} if ignored else {})


def answer(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the sender is told: every result, or for a large delivery that it is stored and where to look."""
    listed = result["results"]
    if len(listed) <= LARGE:
        return result
    short = {name: value for name, value in result.items() if name != "results"}
    refused = sum(item["status"] == "quarantined" for item in listed)
    return short | {"count": len(listed), "status": "batch"} | ({"quarantined": refused} if refused else {})


def repeated(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first answer again, telling that nothing new was opened."""
    listed = [item | {"status": "repeat"} if item["status"] == "accepted" else item for item in result["results"]]
    return answer({**result, "results": listed})


def status_word(placed: Placed, came: Iterator[bool]) -> str:
    """The word for one finding; `came` says of each that was signalled whether a case was there to hear it."""
    if placed.why:
        return "ignored"
    return ("accepted" if next(came) else "ignored") if placed.signal else "repeat"


def _told(finding: Finding, index: int, placed: Placed, status: str) -> tuple[int, dict[str, Any]]:
    result = {"case_id": placed.case_id, "finding_id": finding.uid, "status": status}
    return index, result | ({"reason": placed.why} if placed.why else {})


def _held(found: Extraction, rows: Sequence[Quarantined]) -> Iterator[tuple[int, dict[str, Any]]]:
    for item, row in zip(found.quarantined, rows, strict=True):
        yield item.index, {"status": "quarantined", "item_id": row.item_id, "reason": row.code, "message": row.message}


def signalled(
    items: Sequence[Item], placed: Sequence[Placed], statuses: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """What cases have now been told, as records keep it: case, content, status."""
    for item, place, status in zip(items, placed, statuses, strict=True):
        if place.signal and status == "accepted":
            yield place.case_id, item.content, item.status
