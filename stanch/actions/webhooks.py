"""Verbs for any other device: a signed request, whose inverse and proof a section of stanch.toml declares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue, UndoClass

Value = str | int | bool


class Call(Params):
    """`to` names the section; what guards know how to judge has a word of its own, the rest is in `values`."""

    to: str
    host: str = ""
    path: str = ""
    ip: str = ""
    user_id: str = ""
    client_id: str = ""
    token_id: str = ""
    values: dict[str, Value] = Field(default_factory=dict)


class Called(Outputs):
    """`call` names the change at the device; `already` says that it stood before and is not ours."""

    call: str = ""
    to: str = ""
    already: bool = False
    undo_class: str = ""
    kept: dict[str, Value] = Field(default_factory=dict)
    proof: dict[str, str] = Field(default_factory=dict)


class Undo(Params):
    call: str


class Undone(Outputs):
    undone: bool = True
    proof: dict[str, str] = Field(default_factory=dict)


def _undo(_params: Mapping[str, Any], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"call": outputs["call"]}


_ATTEMPT = timedelta(seconds=60)
_QUICK = timedelta(minutes=15)

ACTIONS = (
    ActionSpec(
        name="webhook.call",
        title="Ask another device for a change",
        effect=Effect.CHANGE,
        params=Call,
        outputs=Called,
        queue=Queue.CONTAIN,
        inverse="webhook.undo",
        undo_with=_undo,
        undo_class=UndoClass.COMPARE_AND_RESTORE,
        attempt=_ATTEMPT,
        total=_QUICK,
        example="{id: deny, do: webhook.call, with: {to: firewall, ip: 192.0.2.10, values: {zone: dmz}}}",
    ),
    ActionSpec(
        name="webhook.undo",
        title="Take a change at another device back",
        effect=Effect.CHANGE,
        params=Undo,
        outputs=Undone,
        queue=Queue.CONTAIN,
        attempt=_ATTEMPT,
        total=None,
        example="{id: allow, do: webhook.undo, with: {call: 0123456789abcdef}}",
    ),
    ActionSpec(
        name="webhook.once",
        title="Ask another device for a change that cannot be taken back",
        effect=Effect.IRREVERSIBLE,
        params=Call,
        outputs=Called,
        queue=Queue.CONTAIN,
        attempt=_ATTEMPT,
        total=_QUICK,
        example=(
            "{id: reissue, do: webhook.once, with: {to: vault, client_id: shop-app}, irreversible: A new key is made}"
        ),
    ),
)
