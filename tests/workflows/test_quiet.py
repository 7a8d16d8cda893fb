"""Silences, inhibition and the ladder of a case: who hears what, when, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import TicketChange
from tests.workflows.quiet_town import Resident, Town
from tests.workflows.scene import Case, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
START = datetime.now(UTC)


def noise() -> str:
    begun, ends = START - timedelta(days=1), START + timedelta(days=3)
    span = f"from: {begun:%Y-%m-%dT%H:%M:%SZ}, until: {ends:%Y-%m-%dT%H:%M:%SZ}, by: user:tom"
    return f"""grouping: []
inhibit:
  - id: host-down
    source: {{when: "finding.type == 'down'"}}
    target: {{when: "finding.severity == 'medium'"}}
    equal: [api.host]
silences:
  - {{id: pentest, when: "finding.type == 'pentest'", {span}, reason: planned test}}
  - {{id: known, match: {{host: quiet.example.org}}, {span}, keep: [record, ticket], reason: known}}
  - {{id: blocked, when: "finding.labels.exists(l, l == 'silenced')", {span}, reason: planned test}}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    town = Town(skipping, tmp_path_factory.mktemp("quiet"), noise())
    async with serving(town):
        yield town


def on(host: str) -> dict[str, str]:
    return {"host": host, "path": "/x", "method": "GET", "environment": "prod"}


def heard(case: Case, world: Town) -> list[tuple[str, str]]:
    """(template, to) of every message of a case."""
    calls = [call for call in world.calls if call.scene.case_id == case.id and call.action == "chat.message"]
    return [(str(call.params["template"]), str(call.params["to"])) for call in calls]


async def test_a_silenced_case_is_kept_and_speaks_once_when_the_silence_ends(world: Town) -> None:
    case = Resident(world, "pentest", type="pentest")
    await case.found()
    view = await case.until("waiting")
    assert world.actions(case.id) == []
    assert view.summary.muted.startswith("silenced by pentest until")
    assert "user:tom: planned test" in view.summary.muted
    assert any(note.event == "noise.held" for note in world.ledger(case.id))
    await world.later(days=2)
    assert world.actions(case.id) == []
    await world.later(days=2)
    await until(lambda: len(heard(case, world)) == 1)
    assert [call.params["system"] for call in case.calls("ticket.create")] == ["jira"]
    view = await case.view()
    assert (view.summary.muted, view.summary.ticket_key) == ("", "PAY-1")
    await world.later(days=2)
    assert [name for name, _ in heard(case, world)] == ["finding"]


async def test_the_ticket_of_a_held_case_is_closed_under_its_real_key(world: Town) -> None:
    case = Resident(world, "pentest-fixed", type="pentest-2")
    await case.found()
    await case.until("waiting")
    await case.fixed()
    await case.handle.signal(contract.TICKET_CHANGED, TicketChange(event_id="t1", key="PAY-1", state="done"))
    await case.until("verifying")
    assert [call.params["key"] for call in case.calls("ticket.close")] == ["PAY-1"]
