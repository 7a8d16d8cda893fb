"""Verbs that prove an effect with real requests; as a step's `verify` they look at that step's own block."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue
from stanch.durations import Duration


class Probe(Params):
    host: str = ""
    path: str = ""
    method: str = ""
    within: Duration = timedelta(minutes=2)
    at: str = ""


class Proven(Outputs):
    ok: bool = True
    proof: dict[str, str] = Field(default_factory=dict)


def _spec(name: str, title: str) -> ActionSpec:
    return ActionSpec(
        name=name,
        title=title,
        effect=Effect.READ,
        params=Probe,
        outputs=Proven,
        queue=Queue.PROBE,
        attempt=timedelta(seconds=60),
        total=timedelta(minutes=10),
        example=f"{{id: check, do: {name}, with: {{host: api.example.com, path: /users/1, within: 1m}}}}",
    )


ACTIONS = (
    _spec("probe.expect_blocked", "Prove that a block works and hits nothing else"),
    _spec("probe.expect_actor_blocked", "Prove that the actor is stopped and others are not"),
    _spec("probe.expect_healthy", "Prove that the API still answers"),
    _spec("probe.expect_unblocked", "Prove that a block is gone"),
)
