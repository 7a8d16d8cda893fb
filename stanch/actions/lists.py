"""Verbs that put an endpoint or a principal on a named list for a limited time; a join makes one rule of two lists."""

from __future__ import annotations

from datetime import timedelta

from stanch.actions.blocks import Held, Lift, Lifted, lift_of
from stanch.catalog import ActionSpec, Effect, Params, Queue, UndoClass
from stanch.durations import Duration
from stanch.who import Who


class Add(Params):
    """Either an endpoint (host, path, methods) or somebody (principal, ip), as the list says."""

    list: str
    host: str = ""
    path: str = "/**"
    method: str = ""
    methods: tuple[str, ...] = ()
    principal: Who | None = None
    ip: str = ""
    ttl: Duration = timedelta(days=1)


ACTIONS = (
    ActionSpec(
        name="list.add",
        title="Put on a list",
        effect=Effect.CHANGE,
        params=Add,
        outputs=Held,
        queue=Queue.CONTAIN,
        inverse="list.remove",
        undo_with=lift_of,
        undo_class=UndoClass.REMOVE_OWN,
        leased=True,
        total=timedelta(minutes=15),
        example="{id: listed, do: list.add, with: {list: abusive_tokens, principal: {token_id: t-1}, ttl: 4h}}",
    ),
    ActionSpec(
        name="list.remove",
        title="Take off a list",
        effect=Effect.CHANGE,
        params=Lift,
        outputs=Lifted,
        queue=Queue.CONTAIN,
        leased=True,
        total=None,
        example="{id: unlisted, do: list.remove, with: {lease_id: 0123456789abcdef}}",
    ),
)
