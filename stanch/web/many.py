"""One click about several like requests: each goes to its own case with its own digest, and has its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stanch.approvals import ApprovalRequest
from stanch.approvals.grouping import MAX_ALIKE, Group, are_alike, grouped
from stanch.contract import ApprovalView
from stanch.web.decisions import Answer, Ballot, Fate, cast
from stanch.web.problems import WebError
from stanch.web.services import Services

AT_ONCE = 5


@dataclass(frozen=True)
class Item:
    """One request as the person saw it."""

    case_id: str
    approval_id: str
    digest: str


async def cast_all(
    services: Services, items: Sequence[Item], ballot: Ballot, *, principal: str
) -> list[tuple[Item, Answer]]:
    """Vote about exactly these requests, with the answer of the ballot, whose case and approval are each item's.

    One that has changed since is refused by its case, and the others count.

    Raises:
        WebError: W006, there are none or too many; W015, they are not alike.
    """
    if not 0 < len({item.approval_id for item in items}) == len(items) <= MAX_ALIKE:
        raise WebError(f"name 1 to {MAX_ALIKE} different requests", status=422, code="W006", place="items")
    if not await asyncio.to_thread(_alike, services, items):
        hint = "decide about them one by one, or about those that GET /v1/approvals gives one group"
        raise WebError("these requests are not alike", status=422, code="W015", place="items", hint=hint)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> Answer:
        own = replace(ballot, case_id=item.case_id, approval_id=item.approval_id, digest=item.digest)
        async with turns:
            return await cast(services, own, principal=principal)

    return list(zip(items, await asyncio.gather(*map(one, items)), strict=True))


def _alike(services: Services, items: Sequence[Item]) -> bool:
    """Also false where one is not known: what cannot be compared is decided by itself."""
    found = [services.records.approval(item.approval_id) for item in items]
    requests = [state.request for state in found if state is not None]
    of_its_case = all(request.case_id == item.case_id for request, item in zip(requests, items, strict=False))
    return len(requests) == len(items) and of_its_case and are_alike(requests, _Owners(services))


def groups_of(services: Services, approvals: Sequence[ApprovalView]) -> tuple[Group, ...]:
    """What waits, with like requests side by side."""
    requests: list[ApprovalRequest] = [item.request for item in approvals]
    return grouped(requests, _Owners(services))


class _Owners:
    """Owners of cases, each looked up once."""

    def __init__(self, services: Services) -> None:
        self._records = services.records
        self._known: dict[str, str] = {}

    def __call__(self, case_id: str) -> str:
        if case_id not in self._known:
            row = self._records.case(case_id)
            self._known[case_id] = row.owner if row is not None else ""
        return self._known[case_id]


def in_short(answers: Sequence[tuple[Item, Answer]]) -> str:
    """What became of them, in one sentence."""
    counted = sum(answer.fate is Fate.COUNTED for _, answer in answers)
    waiting = sum(answer.fate is Fate.RECORDED for _, answer in answers)
    refused = [answer for _, answer in answers if answer.fate in (Fate.REFUSED, Fate.LOST)]
    told = [f"{counted} of {len(answers)} decisions counted"]
    told += [f"{waiting} are stored until a worker is back"] if waiting else []
    told += (
        [f"{len(refused)} refused: {'; '.join(dict.fromkeys(answer.message for answer in refused))}"] if refused else []
    )
    return ", ".join(told)
