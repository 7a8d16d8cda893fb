"""Carries a case's waiting ledger lines and its newest summary to records."""

from __future__ import annotations

from datetime import UTC, datetime

from activities import _spool, turns
from activities._run import outbox
from activities._world import World
from stanch.contract import CaseSummary, Recording
from stanch.records import CaseNoise, CaseRow, Records, Suppression

COLUMNS = (
    "case_id",
    "episode",
    "version",
    "state",
    "severity",
    "title",
    "source",
    "category",
    "host",
    "path",
    "method",
    "owner",
    "assignee",
    "rule",
    "playbook",
    "mode",
    "opened",
    "updated",
    "due",
    "closed",
    "waiting_on",
    "ticket_system",
    "ticket_key",
    "ticket_url",
)


def record(world: World, recording: Recording) -> None:
    """Write lines once each, then the summary; both may be repeated."""
    lines = outbox(recording.scene)
    if lines:
        world.records.append(lines)
    for state in recording.approvals:
        world.records.put_approval(state)
    if recording.summary is not None:
        world.records.put_case(_row(recording.summary))
        put_away(world.records, recording.summary)
        turns.pass_on(world, recording.summary.case_id, recording.summary.state)
        put_noise(world.records, recording.summary)


def put_away(records: Records, summary: CaseSummary) -> None:
    """The case is the one who knows; written again with each summary, it changes nothing."""
    away = summary.put_away
    if away is not None:
        words = {name: getattr(away, name) for name in ("kind", "until", "reason", "by", "at")}
        records.suppress(Suppression(case_id=summary.case_id, **words))


def put_noise(records: Records, summary: CaseSummary) -> None:
    """What lists show of group and silence; a case that never had either has no row."""
    row = CaseNoise(summary.case_id, group_id=summary.group_id, quiet=summary.muted, until=summary.muted_until)
    if row != CaseNoise(summary.case_id) or records.noise_of([summary.case_id]):
        records.put_noise(row)


def sweep(world: World) -> None:
    """Forget what nobody can ask for any more: deliveries, reports, messages, originals; take up what was spooled."""
    now = datetime.now(UTC)
    _spool.merge(world)
    world.records.forget_deliveries(now)
    world.records.forget_full_reports(now)
    world.records.forget_spent(now)
    world.records.forget_chat_messages(now)
    world.records.expire_originals(now)
    world.records.rewrap(world.keys.sealing)


def _row(summary: CaseSummary) -> CaseRow:
    values = {name: getattr(summary, name) for name in COLUMNS}
    outcome = "; ".join(filter(None, (summary.resolution, *summary.problems)))
    return CaseRow(**values, finding_count=summary.findings, outcome=outcome[:500])
