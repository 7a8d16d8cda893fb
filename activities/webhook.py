"""The webhook verbs: changes at devices that no connector knows, as a section of stanch.toml declares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._run import Job
from activities._section import read_section
from activities._webhook.device import WebhookDevice
from activities._webhook.settings import SUBJECTS, WebhookConfig
from activities._world import World
from stanch.actions.webhooks import Call, Called, Undo, Undone
from stanch.errors import Rejected
from stanch.ports import Connector


def _call(world: World, job: Job, params: Call) -> Called:
    device = _device(world, params.to)
    if device.config.inverse is None:
        hint = "declare `inverse`, or use webhook.once, which says that it cannot be taken back"
        raise Rejected(f"{params.to} declares no inverse", code="V042", hint=hint)
    return _applied(device, job, params, undo_class=device.config.undo)


def _once(world: World, job: Job, params: Call) -> Called:
    return _applied(_device(world, params.to), job, params, undo_class="D")


def _applied(device: WebhookDevice, job: Job, params: Call, *, undo_class: str) -> Called:
    key = job.call.key
    given = _given(params)
    _reaching(device, given)
    values = device.values(given, key=key, case=job.scene.case_id)
    done = device.apply(values, key=key, again=job.uncertain_since is not None)
    return Called(
        call=key,
        to=device.name,
        already=done.already,
        undo_class=undo_class,
        kept=dict(done.kept),
        proof=dict(done.proof),
    )


def _undo(world: World, job: Job, params: Undo) -> Undone:
    """Only what a call of this run has changed; a playbook cannot name the change of another."""
    subject = job.call.subject
    if not subject or subject.get("action") != "webhook.call":
        raise Rejected("there is no such call to be taken back", code="V044", hint="use `undo: auto` or `revert`")
    outputs = Called.model_validate(subject["outputs"])
    if outputs.already:
        return Undone(undone=False, proof={"state": "stood before, not ours"})
    taken = Call.model_validate(subject["params"])
    device = _device(world, taken.to)
    key = outputs.call or params.call
    values = device.values(_given(taken), key=key, case=job.scene.case_id)
    return Undone(proof=device.take_back(values, kept=outputs.kept, key=key))


def _given(params: Call) -> dict[str, Any]:
    subjects = {name: value for name in SUBJECTS if (value := getattr(params, name))}
    if taken := params.values.keys() & SUBJECTS:
        raise Rejected(f"{min(taken)} has a word of its own in the step", code="V040", hint="move it out of `values`")
    return {**params.values, **subjects}


def _reaching(device: WebhookDevice, given: Mapping[str, Any]) -> None:
    """Who or what is named must reach the device: without it, it would change more than was asked and approved."""
    if dropped := (given.keys() & SUBJECTS) - device.config.sent:
        hint = f"pass {min(dropped)} on in `apply` of the section, or leave it out of the step"
        raise Rejected(f"{device.name} never sends {min(dropped)}", code="V040", hint=hint)


def _device(world: World, name: str) -> WebhookDevice:
    device: WebhookDevice = world.connector("webhook", name)
    return device


def build(name: str, section: Mapping[str, Any]) -> WebhookDevice:
    """The device from its section of stanch.toml."""
    return WebhookDevice(name, read_section(WebhookConfig, name, section))


CONNECTOR = Connector(port="webhook", kind="webhook", build=build)
IMPLEMENTATIONS: Mapping[str, Any] = {"webhook.call": _call, "webhook.undo": _undo, "webhook.once": _once}
