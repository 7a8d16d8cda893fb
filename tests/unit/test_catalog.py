"""What the catalog promises about actions, the base of every undo and of every consent."""

from __future__ import annotations

import pytest

from stanch.catalog import ActionSpec, Effect, Queue, UndoClass, catalog

EVERY = [pytest.param(spec, id=name) for name, spec in catalog().items()]


@pytest.mark.parametrize("spec", EVERY)
def test_an_inverse_exists_changes_something_and_never_gives_up(spec: ActionSpec) -> None:
    if spec.inverse is None:
        return
    inverse = catalog()[spec.inverse]
    assert inverse.effect is Effect.CHANGE
    assert inverse.total is None
    assert inverse.queue is spec.queue
    assert inverse.leased is spec.leased
    assert spec.undo_with is not None
    assert spec.undo_class is not UndoClass.NONE


@pytest.mark.parametrize("spec", EVERY)
def test_the_inverse_understands_what_the_action_gives(spec: ActionSpec) -> None:
    if spec.inverse is None or spec.undo_with is None:
        return
    outputs = spec.outputs().model_dump() | {"lease_id": "0123456789abcdef", "attachment_id": "a/b"}
    catalog()[spec.inverse].params.model_validate(spec.undo_with({}, outputs))


@pytest.mark.parametrize("spec", EVERY)
def test_a_change_runs_where_the_credentials_are_and_nothing_else_holds_a_lease(spec: ActionSpec) -> None:
    if spec.effect.mutates:
        assert spec.queue is Queue.CONTAIN
    else:
        assert not spec.leased
        assert spec.inverse is None
    if spec.effect is Effect.IRREVERSIBLE:
        assert spec.inverse is None


@pytest.mark.parametrize("spec", EVERY)
def test_a_lease_ends_and_says_which_it_is(spec: ActionSpec) -> None:
    if spec.leased:
        assert "lease_id" in spec.outputs.model_fields
        assert ("ttl" in spec.params.model_fields) is (spec.inverse is not None)


def test_only_records_and_messages_run_alongside() -> None:
    assert {effect for effect in Effect if effect.runs_alongside} == {Effect.RECORD, Effect.NOTIFY}
    assert {effect for effect in Effect if effect.mutates} == {Effect.CHANGE, Effect.IRREVERSIBLE}


@pytest.mark.parametrize("spec", EVERY)
def test_unknown_parameters_are_refused_and_unknown_outputs_are_not(spec: ActionSpec) -> None:
    assert spec.params.model_config["extra"] == "forbid"
    assert spec.outputs.model_config["extra"] == "ignore"
    spec.outputs.model_validate({"from a later release": 1})
