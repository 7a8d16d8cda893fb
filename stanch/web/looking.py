"""What lists and pages show, from records and, where a worker answers, from the case itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from stanch.approvals import open_lines
from stanch.contract import ApprovalView, CaseSummary, CaseView
from stanch.inventory import standing
from stanch.records import CaseNoise, CaseRow, LeaseRow, Link, Records, Suppression, TimelineItem
from stanch.views import ApiView, FindingView
from stanch.web.problems import WebError
from stanch.web.services import Services, now
from stanch.web.temporal import view_of_case

MOST_PENDING = 1000  # of all cases, those that end soonest
Standing = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CaseLook:
    """A case from every side; `live` is None where its workflow does not answer."""

    case_id: str
    row: CaseRow | None
    live: CaseView | None
    timeline: Sequence[TimelineItem]
    leases: Sequence[LeaseRow]
    approvals: Sequence[ApprovalView]
    links: Sequence[Link]
    suppression: Suppression | None
    noise: CaseNoise | None = None
    members: Sequence[CaseRow] = ()


async def look(services: Services, case_id: str) -> CaseLook:
    """Everything known of a case.

    Raises:
        WebError: W005, there is no such case.
    """
    records = services.records
    live, row, timeline, leases, links, away = await asyncio.gather(
        view_of_case(services.client, case_id),
        asyncio.to_thread(records.case, case_id),
        asyncio.to_thread(records.timeline, case_id),
        asyncio.to_thread(records.leases, live=False, case_id=case_id),
        asyncio.to_thread(records.links, case_id, now()),
        asyncio.to_thread(records.suppressions_of, [case_id], now()),
    )
    noise, members = await asyncio.to_thread(_noise, records, case_id)
    if row is None and live is None and not timeline and not await _accepted(services, case_id):
        raise no_case()
    approvals = live.approvals if live is not None else await pending(services, case_id=case_id)
    return CaseLook(case_id, row, live, timeline, leases, approvals, links, away.get(case_id), noise, members)


def is_case(services: Services, case_id: str) -> bool:
    """Whether records know it; an id names a workflow, and not every workflow is a case."""
    return services.records.case(case_id) is not None or bool(services.records.findings(case_id, limit=1))


def no_case() -> WebError:
    return WebError("there is no such case", status=404, code="W005", hint="`stanch case list` names them")


def _noise(records: Records, case_id: str) -> tuple[CaseNoise | None, list[CaseRow]]:
    """What is said of the case, and the cases of a group, where this is one."""
    names = records.members(case_id) if case_id.startswith("group-") else []
    members = [row for name in names if (row := records.case(name)) is not None]
    return records.noise_of([case_id]).get(case_id), members


async def _accepted(services: Services, case_id: str) -> bool:
    """Whether a finding was taken for it that no worker has looked at yet."""
    return bool(await asyncio.to_thread(services.records.findings, case_id, limit=1))


def standing_of(services: Services, row: CaseRow | CaseSummary | None, live: CaseView | None = None) -> Standing:
    """How critical the case's API is and who answers for it, as the inventory says now."""
    place = ApiView(host=row.host, path=row.path, method=row.method) if row is not None else ApiView()
    finding = live.finding if live is not None else FindingView(api=place)
    return standing(services.policy.current.inventory.known(finding).api)


def standings(services: Services, approvals: Sequence[ApprovalView]) -> dict[str, Standing]:
    """The same of every case that asks, by its id."""
    cases = dict.fromkeys(item.request.case_id for item in approvals)
    return {case_id: standing_of(services, services.records.case(case_id)) for case_id in cases}


async def pending(services: Services, *, case_id: str = "") -> tuple[ApprovalView, ...]:
    """Approvals that wait, as records have them, soonest end first; at most MOST_PENDING."""
    found = await asyncio.to_thread(services.records.approvals, case_id=case_id, limit=MOST_PENDING)
    return tuple(
        ApprovalView(path=state.request.step, request=state.request, votes=state.votes, open_lines=open_lines(state))
        for state in found
    )
