"""What an action is, declared: its words, effect, inverse and limits; found in `stanch/actions/`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict


class Effect(StrEnum):
    """What a call does to the world; the base of every promise a playbook's mode makes."""

    READ = "read"
    RECORD = "record"
    NOTIFY = "notify"
    CHANGE = "change"
    IRREVERSIBLE = "irreversible"

    @property
    def mutates(self) -> bool:
        """True where production is changed, so that guard and approval apply."""
        return self in (Effect.CHANGE, Effect.IRREVERSIBLE)

    @property
    def runs_alongside(self) -> bool:
        """True where later steps do not wait for it: a slow tracker must not delay containment."""
        return self in (Effect.RECORD, Effect.NOTIFY)


class UndoClass(StrEnum):
    """How a change is taken back (docs/actions.md)."""

    REMOVE_OWN = "A"
    COMPARE_AND_RESTORE = "B"
    FLIP_BACK_IF_OURS = "C"
    NONE = "D"


class Queue(StrEnum):
    """Task queues by trust domain; only `contain` workers hold credentials that change production."""

    CORE = "core"
    INTAKE = "intake"  # findings on their way to cases: few at a time, so that a flood leaves the server to others
    TICKETS = "tickets"
    CHAT = "chat"
    PROBE = "probe"
    CONTAIN = "contain"


class Params(BaseModel):
    """Base of action parameters: unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Outputs(BaseModel):
    """Base of action outputs: additive and tolerant, since they are read back from histories."""

    model_config = ConfigDict(extra="ignore", frozen=True)


@dataclass(frozen=True)
class ActionSpec:
    """One verb a playbook may `do`.

    Args:
        name: neutral verb, `family.verb`.
        title: what it does, in a few words for cards and docs.
        params: model of `with`.
        outputs: model of what later steps may read.
        inverse: name of the action that takes it back, called by `undo: auto` and `revert`.
        undo_with: makes the inverse's parameters from this action's parameters and outputs.
        leased: it is held at an enforcement point until a time, and reported by the point, not by the call.
        attempt: start-to-close of one attempt.
        total: after it the step fails and a person is asked; None retries for ever.
        permissions: least privilege at the vendor, for docs and policies.
        example: a YAML step, tested.
    """

    name: str
    title: str
    effect: Effect
    params: type[Params]
    outputs: type[Outputs]
    queue: Queue
    example: str
    inverse: str | None = None
    undo_with: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] | None = None
    undo_class: UndoClass = UndoClass.NONE
    leased: bool = False
    dry_run: bool = True
    attempt: timedelta = timedelta(seconds=15)
    total: timedelta | None = timedelta(hours=24)
    permissions: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@cache
def catalog() -> Mapping[str, ActionSpec]:
    """Every action, by name; a module in `stanch/actions/` declares its own in `ACTIONS`."""
    from stanch import actions

    found: dict[str, ActionSpec] = {}
    for info in sorted(pkgutil.iter_modules(actions.__path__), key=lambda item: item.name):
        module = importlib.import_module(f"{actions.__name__}.{info.name}")
        for spec in module.ACTIONS:
            if spec.name in found:
                raise ValueError(f"action {spec.name} is declared twice")
            found[spec.name] = spec
    return MappingProxyType(found)
