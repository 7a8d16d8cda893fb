"""The scanner's second look: the first scanner that can judge a finding does, and says what it has proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._run import Job
from activities._scan_places import CANNOT_LOOK
from activities._texts import scanners_of
from activities._world import World
from stanch.actions.traffic import Rescan, Rescanned
from stanch.errors import Rejected
from stanch.ports import ScannerPort

MAX_EVIDENCE = 5


def _rescan(world: World, job: Job, params: Rescan) -> Rescanned:
    """Ask the scanners in the order of stanch.toml; one that cannot judge this finding passes it on.

    Raises:
        Rejected: V023, there is no scanner; V024, none can judge this finding.
    """
    finding = job.scene.finding
    if finding is None or not world.first("scanner"):
        raise Rejected("no scanner is configured", code="V023", hint="add one under [scanners]")
    told = {**finding.model_dump(mode="json"), "tool": _by_tool(world, job.scene.case_id)}
    reason = Rejected("no scanner serves this host", code=CANNOT_LOOK, hint="see `serves` of the scanners")
    for name in scanners_of(world, finding.api.host):
        port: ScannerPort = world.connector("scanner", name)
        try:
            look = port.rescan(told)
        except Rejected as error:
            if error.code != CANNOT_LOOK:
                raise
            reason = error
            continue
        return Rescanned(clean=look.clean, why=look.why[:500], scanner=name)
    raise reason


def _by_tool(world: World, case_id: str) -> dict[str, Any]:
    """What rules do not see of a finding and a scanner needs: the tool's rule, the parameter, the evidence."""
    row = world.records.newest_finding(case_id)
    if row is None:
        return {}
    body: Mapping[str, Any] = row.body
    analytic = (body.get("finding_info") or {}).get("analytic") or {}
    return {
        "adapter": str(((body.get("metadata") or {}).get("adapter") or {}).get("id", "")),
        "rule": str(analytic.get("uid", "")),
        "parameter": str((body.get("api") or {}).get("parameter", "")),
        "evidence": list(body.get("evidence") or ())[:MAX_EVIDENCE],
    }


IMPLEMENTATIONS: Mapping[str, Any] = {"scanner.rescan": _rescan}
