"""What `stanch route coverage`, `impact` and `suggest` read and print, as plain data and as lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stanch.learning.coverage import problems
from stanch.learning.impact import Seen

if TYPE_CHECKING:
    from stanch.learning.coverage import Coverage, Known
    from stanch.learning.impact import Difference, Impact
    from stanch.records import FindingRow


def coverage_report(found: Coverage, file: str, notes: tuple[str, ...]) -> dict[str, Any]:
    """A coverage as plain data."""
    return {
        "file": file,
        "default": found.default,
        "operations": found.operations,
        "unowned": [{**asdict(each.operation), "near": [list(pair) for pair in each.near]} for each in found.unowned],
        "unowned_percent": round(found.percent, 2),
        "hosts": [{**asdict(each), "share": round(each.share, 4)} for each in found.hosts],
        "warnings": [asdict(problem) for problem in problems(found, file)],
        "notes": list(notes),
    }


def coverage_lines(found: Coverage, file: str) -> Iterator[str]:
    """R401 for each unowned operation, then the share of each host."""
    yield from (str(problem) for problem in problems(found, file))
    for each in found.hosts:
        yield f"{each.host}: {each.operations - each.unowned} of {each.operations} owned ({each.share:.1%})"


def seen_in(target: str, *, known: Known, days: int, limit: int) -> Iterator[Seen]:
    """The findings of a file, or of records, with what the inventory knows of each now.

    Raises:
        ConfigError: the file is not there, or holds something that is not a finding.
        DependencyError: records cannot be read.
    """
    from stanch.cli.local import opened

    now = datetime.now(UTC)
    if target:
        yield from _of_file(target, known, now)
        return
    with opened() as (records, _):
        found = records.recent_findings(since=now - timedelta(days=days), limit=limit)
    yield from (seen for row in found if (seen := seen_of(row, known)) is not None)


def _of_file(target: str, known: Known, now: datetime) -> Iterator[Seen]:
    """What is asked is about rules: a file that cannot be used is no negative answer."""
    from stanch.cli.route_given import findings_of
    from stanch.errors import ConfigError, IntakeError

    if target != "-" and not Path(target).is_file():
        raise ConfigError(f"there is no {target}", code="R000", hint="name a file with findings as JSON or NDJSON")
    try:
        for finding in findings_of(target, {}):
            found = known(finding)
            yield Seen(found if found.api.id else finding, finding.last_seen or now)
    except IntakeError as error:
        raise ConfigError(error.message, code=error.code, hint=error.hint) from None


def seen_of(row: FindingRow, known: Known) -> Seen | None:
    """A recorded finding; None where an older release has stored it in another form."""
    from pydantic import ValidationError

    from stanch.findings import Finding, view_of

    try:
        finding = view_of(Finding.model_validate(row.body))
    except ValidationError:
        return None
    return Seen(known(finding), row.at, f"{row.case_id}/{row.finding_id}")


def impact_report(found: Impact) -> dict[str, Any]:
    """An impact as plain data."""
    return {
        "findings": found.findings,
        "changed": len(found.differences),
        "fields": found.fields,
        "owners": [{"from": before, "to": after, "count": n} for (before, after), n in found.owners.items()],
        "changes": [_difference(each) for each in found.differences],
    }


def _difference(each: Difference) -> dict[str, Any]:
    finding = each.finding
    what = {"finding": each.name, "place": each.place, "method": finding.api.method, "category": finding.category}
    return {**what, "changes": {field: {"from": left, "to": right} for field, left, right in each.changes}}


def impact_lines(found: Impact) -> Iterator[str]:
    """Each finding that changes, then the sums."""
    for each in found.differences:
        words = "; ".join(f"{field} {left or 'nobody'} -> {right or 'nobody'}" for field, left, right in each.changes)
        yield f"{each.place} {each.finding.category} ({each.name}): {words}"
    for (before, after), count in found.owners.items():
        yield f"owner {before} -> {after}: {count}"
    fields = ", ".join(f"{field} {count}" for field, count in found.fields.items())
    yield f"{len(found.differences)} of {found.findings} findings change" + (f": {fields}" if fields else "")
