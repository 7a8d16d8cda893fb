"""Maps the rows of one document to findings: evaluate, redact, check, identify."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stanch.findings import Finding, Origin, to_finding
from stanch.intake.redaction import Redactor
from stanch.sources.adapter import Adapter
from stanch.sources.envelopes import holds
from stanch.sources.redacting import RowRedactor
from stanch.sources.results import Collected, Reason
from stanch.sources.rows import MAX_ROWS, Row, checked, report_data, rows, wanted


class RowFindings:
    """The findings of one document; rows that say exactly the same are worked out once and counted.

    Args:
        adapter: that knows the document.
        redactor: with the deployment's key.
        origin: what the delivery adds to each finding.
        collected: takes what is refused, ignored or odd.
        index: of the document in its delivery.
    """

    def __init__(
        self, adapter: Adapter, *, redactor: Redactor, origin: Origin, collected: Collected, index: int
    ) -> None:
        self.found: list[Finding] = []
        self._adapter, self._collected, self._index = adapter, collected, index
        self._origin = replace(origin, adapter=adapter.id, adapter_sha256=adapter.sha256)
        self._redactor = RowRedactor(redactor)
        self._known: dict[str, Finding] = {}

    def take(self, document: Any) -> None:
        """Map every row that the adapter wants."""
        adapter, collected, before = self._adapter, self._collected, self._collected.rows
        for row in rows(adapter, document, collected.warnings):
            if collected.rows >= MAX_ROWS:
                collected.refuse(Reason.TOO_LARGE, f"the delivery has more than {MAX_ROWS} rows", self._index)
                return
            collected.rows += 1
            if wanted(adapter, row, collected.warnings):
                self._add(row)
            else:
                collected.ignored[f"{adapter.id}: filtered by when"] += 1
        if collected.rows == before:
            collected.ignored[f"{adapter.id}: reports nothing"] += 1

    def _add(self, row: Row) -> None:
        data = report_data(self._adapter, row, self._collected.warnings)
        stable = holds(self._adapter.stable_id(row))
        same = f"{stable} {data!r}"
        finding = self._known.get(same) or self._finding(data, stable=stable)
        if finding:
            self._known[same] = finding
            self.found.append(finding)

    def _finding(self, data: Row, *, stable: bool) -> Finding | None:
        redacted, counts = self._redactor.report(data)
        report = checked(self._adapter, redacted, self._collected.warnings)
        if report is None:
            message = f"the adapter '{self._adapter.id}' gives no usable finding"
            self._collected.refuse(Reason.INVALID, message, self._index)
            return None
        origin = replace(self._origin, stable_id=stable)
        finding = to_finding(report, origin, item=f"{origin.delivery_id}#{self._index}")
        return finding.model_copy(update={"redactions": counts})
