"""Verbs for people's attention."""

from __future__ import annotations

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue


class Send(Params):
    to: str
    template: str = "finding"
    text: str = ""
    thread: str = ""


class Sent(Outputs):
    channel: str = ""
    ref: str = ""
    delivered: bool = True


ACTIONS = (
    ActionSpec(
        name="chat.message",
        title="Send a message",
        effect=Effect.NOTIFY,
        params=Send,
        outputs=Sent,
        queue=Queue.CHAT,
        example="{id: tell, do: chat.message, with: {to: 'team:payments', template: data_exposure_pm}}",
    ),
)
