"""Verbs for people's attention."""

from __future__ import annotations

from stanch.catalog import ActionSpec, Effect, Outputs, Params, Queue


class Send(Params):
    to: str
    template: str = "finding"
    text: str = ""
    thread: str = ""


class Rewrite(Params):
    channel: str
    ref: str
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
    ActionSpec(
        name="chat.update",
        title="Rewrite a message that was sent",
        effect=Effect.NOTIFY,
        params=Rewrite,
        outputs=Sent,
        queue=Queue.CHAT,
        example="{id: named, do: chat.update, with: {channel: D01MARIA, ref: '1700000000.000100', template: finding}}",
    ),
)
