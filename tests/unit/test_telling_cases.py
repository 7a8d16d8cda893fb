"""A ticket that is opened again after its case has ended: a person always has the case back, an automation seldom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from stanch.contract import TicketChange
from stanch.records import Records, TicketView
from stanch.records.suppressions import Suppression
from stanch.tickets import telling as telling_cases
from stanch.tickets.following import News
from stanch.tickets.telling import tell

NOW = datetime.now(UTC)


class Nobody:
    """Temporal, where the case is over."""

    def get_workflow_handle(self, case_id: str) -> Any:
        return self

    async def signal(self, *args: Any, **more: Any) -> None:
        raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path / 'records.db'}", b"k" * 32)
    yield made
    made.close()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    async def start(*args: Any, by: str, **more: Any) -> bool:
        found.append(by)
        return True

    monkeypatch.setattr(telling_cases, "start_again", start)
    return found


async def reopen(records: Records, number: int, by: str) -> bool:
    done = TicketView(system="jira", key="PAY-1", case_id="case-1", at=NOW, state="done")
    change = TicketChange(event_id=f"e{number}", key="PAY-1", state="new", by=by)
    news = News("case-1", change, done, replace(done, state="new"), ("state",))
    client: Any = Nobody()
    inventory: Any = None
    return await tell(client, records, inventory, news)


@pytest.mark.asyncio
async def test_an_automation_opens_a_case_three_times_and_a_person_always(records: Records, begun: list[str]) -> None:
    assert [await reopen(records, number, "bot") for number in range(5)] == [True, True, True, False, False]
    assert await reopen(records, 6, "user:tom")
    assert begun == ["bot", "bot", "bot", "user:tom"]


@pytest.mark.asyncio
@pytest.mark.parametrize(("by", "wins"), [("bot", False), ("", False), ("user:tom", True)])
async def test_only_a_person_takes_back_what_was_put_away(
    records: Records, begun: list[str], by: str, wins: bool
) -> None:
    until = NOW + timedelta(days=30)
    records.suppress(Suppression("case-1", kind="risk_accepted", reason="r", by="user:ana", until=until, at=NOW))
    assert await reopen(records, 1, by) is wins
    assert bool(records.suppressions_of(["case-1"], datetime.now(UTC))) is not wins
    assert [line.event for line in records.timeline("case-1")] == (["suppression.ended"] if wins else [])
