"""The saga: what is done is taken back in reverse, whatever ends the case and whenever, and nothing is lost on the way.

Which test shows which trap of sagas on Temporal is listed in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from stanch import contract
from stanch.contract import CaseCommand
from tests.workflows.saga_support import CHANGES, LATER, LOST, REFUSED, UNDOS, Saga, replayed
from tests.workflows.scene import Case, serving
from tests.workflows.yard import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
BACK = [f"{word} {name}" for name in UNDOS for word in ("begin", "end")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def saga(skipping: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Saga]:
    world = Saga(skipping.client, tmp_path_factory.mktemp("saga"))
    async with serving(world):
        yield world


def states(view: object) -> dict[str, str]:
    return {str(change["action"]): str(change["state"]) for change in view.changes}  # type: ignore[attr-defined]


async def cancelled(case: Case, how: str) -> None:
    """By a person's word to the case, or by somebody at Temporal's console."""
    if how == "workflow":
        await case.handle.cancel()
    else:
        command = CaseCommand(kind="cancel", by="user:ana", command_id=f"cancel-{how}")
        await case.handle.signal(contract.CASE_COMMAND, command)


async def test_half_way_through_all_classes_are_taken_back_in_reverse_one_at_a_time(saga: Saga) -> None:
    case = Case(saga, "half-way")
    saga.fails(case, "probe.expect_blocked", REFUSED)
    await case.report("d1")
    view = await case.until("needs_person")
    assert states(view) == dict.fromkeys(CHANGES, "undone")
    assert saga.done(case, *UNDOS) == BACK
    await replayed(case)


@pytest.mark.parametrize("how", ["person", "workflow"])
@pytest.mark.parametrize("action", ["policy.attach", "block.scope"])
async def test_a_cancel_during_an_apply_awaits_how_it_ends_and_then_takes_it_back(
    saga: Saga, how: str, action: str
) -> None:
    case = Case(saga, f"apply-{how}-{action[:5]}")
    gate = saga.gate(case, action)
    await case.report("d1")
    await until(lambda: f"begin {action}" in saga.order[case.id])
    await cancelled(case, how)
    assert (await case.view()).summary.state != "needs_person"
    assert saga.done(case, *UNDOS) == [], "nothing is taken back while it is not known what there is"
    gate.set()
    view = await case.until("needs_person")
    assert set(states(view).values()) == {"undone"}
    assert action in states(view), "its real outcome was heard"
    lines = saga.done(case, *CHANGES, *UNDOS)
    assert lines.index(f"end {action}") < lines.index(
        f"begin {'block.lift' if action == 'block.scope' else 'policy.detach'}"
    )
    await replayed(case)


async def test_a_cancel_during_an_apply_that_fails_takes_back_only_what_was_before(saga: Saga) -> None:
    case = Case(saga, "apply-fails")
    gate = saga.gate(case, "block.scope")
    saga.fails(case, "block.scope", REFUSED)
    await case.report("d1")
    await until(lambda: "begin block.scope" in saga.order[case.id])
    await cancelled(case, "workflow")
    gate.set()
    assert states(await case.until("needs_person")) == {"policy.attach": "undone", "policy.enforce": "undone"}
    assert saga.done(case, "block.lift") == []


async def test_further_cancels_break_off_no_undo(saga: Saga) -> None:
    case = Case(saga, "cancelled-twice")
    gate = saga.gate(case, "policy.relax")
    saga.fails(case, "probe.expect_blocked", REFUSED)
    await case.report("d1")
    await until(lambda: "begin policy.relax" in saga.order[case.id])
    await cancelled(case, "workflow")
    await cancelled(case, "person")
    gate.set()
    assert states(await case.until("needs_person")) == dict.fromkeys(CHANGES, "undone")
    assert saga.done(case, *UNDOS) == BACK
    await replayed(case)


async def test_an_undo_is_asked_for_until_it_works_always_under_the_same_key(
    saga: Saga, skipping: WorkflowEnvironment
) -> None:
    case = Case(saga, "stubborn")
    saga.fails(case, "probe.expect_blocked", REFUSED)
    saga.fails(case, "policy.relax", *[LATER] * 12, LOST)
    await case.report("d1")
    await until(lambda: "begin policy.relax" in saga.order[case.id])
    await skipping.sleep(timedelta(hours=1))
    assert states(await case.until("needs_person")) == dict.fromkeys(CHANGES, "undone")
    assert list(saga.keys[case.id, "policy.relax"].values()) == [14]


async def test_an_undo_that_is_refused_is_told_and_keeps_no_other(saga: Saga) -> None:
    case = Case(saga, "refused-undo")
    saga.fails(case, "probe.expect_blocked", REFUSED)
    saga.fails(case, "policy.relax", REFUSED)
    await case.report("d1")
    view = await case.until("needs_person")
    assert states(view) == {"policy.attach": "undone", "policy.enforce": "stuck", "block.scope": "undone"}
    assert any("could not be taken back" in problem for problem in view.problems)


async def test_an_apply_whose_answers_are_lost_is_taken_back_by_the_name_it_was_given(
    saga: Saga, skipping: WorkflowEnvironment
) -> None:
    """Its time runs out after attempts of which one may have landed: the last of them knows nothing of that."""
    case = Case(saga, "lost-answers")
    saga.fails(case, "block.scope", *[LOST] * 100)
    await case.report("d1")
    await until(lambda: "begin block.scope" in saga.order[case.id])
    await skipping.sleep(timedelta(minutes=16))
    view = await case.until("needs_person")
    assert states(view)["block.scope"] == "undone"
    ((key, attempts),) = saga.keys[case.id, "block.scope"].items()
    assert attempts > 10
    lifts = [call for call in saga.calls if call.scene.case_id == case.id and call.action == "block.lift"]
    assert [call.params["lease_id"] for call in lifts] == [key]


async def test_a_change_that_no_name_finds_again_is_left_to_a_person_and_told(
    saga: Saga, skipping: WorkflowEnvironment
) -> None:
    case = Case(saga, "lost-attach")
    saga.fails(case, "policy.attach", *[LOST] * 100)
    await case.report("d1")
    await until(lambda: "begin policy.attach" in saga.order[case.id])
    await skipping.sleep(timedelta(minutes=16))
    view = await case.until("needs_person")
    assert states(view) == {"policy.attach": "stuck"}
    assert any("not known whether it took effect" in problem for problem in view.problems)
