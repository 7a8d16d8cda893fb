"""A final no says nothing of earlier attempts: where one of them may have changed something, the outcome is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from glue import NOW, Glue, Recorder, block, job, nothing
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities._doubt import Doubt
from activities._run import bind
from stanch.catalog import catalog
from stanch.errors import AuthBlocked, DependencyError, Refused, Rejected, RetrySafe, StanchError, Uncertain

SENT = {"attempt": "ended", "sent": NOW.isoformat()}
HARMLESS = {"attempt": "ended", "sent": ""}
ATTACH = {"host": "api.example.com", "groups": ["AWSManagedRulesCommonRuleSet"]}
PARAMS: dict[str, dict[str, Any]] = {"block.scope": block(), "policy.attach": ATTACH}
NOES = [Rejected("no"), AuthBlocked("no"), RetrySafe("later"), DependencyError("down")]


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path) as made:
        yield made


def kind(glue: Glue, action: str, error: StanchError, told: object, *, before: Any = nothing) -> str:
    """What Temporal is told of a second attempt that ends so; `told` is what the first one's heartbeat said."""
    environment = ActivityEnvironment()
    info = ActivityEnvironment.default_info()
    environment.info = replace(info, attempt=2, scheduled_time=NOW, heartbeat_details=[told] if told else [])
    call = job(action, PARAMS[action]).call
    with pytest.raises(ApplicationError) as caught:
        environment.run(bind(glue.world, action, Recorder(error=error), before), call)
    return str(caught.value.type)


@pytest.mark.parametrize("action", sorted(PARAMS))
@pytest.mark.parametrize("error", NOES)
def test_a_no_after_an_attempt_that_may_have_landed_is_unknown(glue: Glue, action: str, error: StanchError) -> None:
    assert catalog()[action].effect.mutates
    for told in (None, SENT, {"attempt": "open", "sent": ""}):
        assert kind(glue, action, error, told) == "UNCERTAIN"


def test_the_ledger_says_so_too(glue: Glue) -> None:
    kind(glue, "policy.attach", NOES[1], SENT)
    (told,) = [line.data["outcome"] for line in glue.timeline() if line.event == "policy.attach.outcome"]
    assert told == "UNCERTAIN"


@pytest.mark.parametrize(
    ("error", "outcome"), [(NOES[0], "REJECTED"), (NOES[1], "AUTH_BLOCKED"), (NOES[2], "RETRY_SAFE")]
)
def test_a_no_after_attempts_that_changed_nothing_is_a_no(glue: Glue, error: StanchError, outcome: str) -> None:
    assert kind(glue, "policy.attach", error, HARMLESS) == outcome


def test_a_guard_that_refuses_is_unknown_only_where_something_may_stand(glue: Glue) -> None:
    def refuse(*_: object) -> None:
        raise Refused("halted", code="G103")

    assert kind(glue, "block.scope", NOES[0], HARMLESS, before=refuse) == "REFUSED"
    assert kind(glue, "block.scope", NOES[0], SENT, before=refuse) == "UNCERTAIN"


@pytest.mark.parametrize(
    ("error", "begun", "doubtful"),
    [
        (Uncertain("no answer"), True, True),
        (DependencyError("no line"), True, True),
        (DependencyError("no line"), False, False),
        (Refused("halted"), False, False),
        (RetrySafe("busy"), True, False),
    ],
)
def test_only_what_was_begun_can_have_landed(error: StanchError, begun: bool, doubtful: bool) -> None:
    doubt = Doubt(ActivityEnvironment.default_info())
    if begun:
        doubt.begin()
    doubt.end(error)
    assert bool(doubt.details["sent"]) is doubtful
