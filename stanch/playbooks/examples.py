"""The tests inside a playbook file: a finding, what the world answers and does, and what must come of it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stanch.playbooks.words import Span

MOCK_WORDS = frozenset({"fail", "outcome", "code", "takes"})
"""Words of a mock that are not outputs: why it fails and how, and how long it lasts."""


class Told(BaseModel):
    """Base of test words: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckWords(Told):
    """A look at one step at a moment: its state, and why it is so."""

    step: str
    state: str
    because: str = ""


class Moment(Told):
    """Something that happens `at` a time after the start; exactly one of the other words."""

    at: Span
    event: str | None = None
    approve: str | None = None
    reject: str | None = None
    choose: str | None = None
    check: CheckWords | None = None
    by: str = ""
    reason: str = ""
    option: str = ""
    to: str = ""
    data: dict[str, Any] = Field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        words = ("event", "approve", "reject", "choose", "check")
        return tuple(word for word in words if word in self.model_fields_set)


class Expected(Told):
    """What must be true at the end; a word that is not written is not checked.

    Args:
        effects: what the playbook records, notifies, changes, takes back and preserves: exactly these, in this order.
        never: actions that must not run.
        refused: how many votes of the timeline must be refused.
    """

    status: str | None = None
    effects: tuple[str, ...] | None = None
    never: tuple[str, ...] = ()
    ticket: Literal["open", "closed", "none"] | None = None
    open_changes: int | None = None
    waiting_on: str | None = None
    counted: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    refused: int = 0


class Example(Told):
    """One test."""

    name: str
    finding: str | dict[str, Any]
    route: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, Any] = Field(default_factory=dict)
    people: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    requested_by: str = ""
    mocks: dict[str, Any] = Field(default_factory=dict)
    timeline: tuple[Moment, ...] = ()
    expect: Expected
