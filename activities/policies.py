"""The policy verbs: managed rule sets attached to the web ACL that serves a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities._run import Job
from activities._world import World
from stanch.actions.policies import Attach, Attached, Detach, Detached, Enforce, Observe, Observed
from stanch.errors import Rejected
from stanch.ports import Attachment, PolicyPort

SEPARATOR = "::"


def _named(world: World, attachment: str) -> tuple[str, PolicyPort, str]:
    """An attachment names its connector, so that it can be taken off from its name alone."""
    name, separator, inner = attachment.partition(SEPARATOR)
    if not separator:
        raise Rejected("this is not the name of an attachment", code="V013")
    port: PolicyPort = world.connector("policy", name)
    return name, port, inner


def _attached(name: str, found: Attachment) -> Attached:
    return Attached(
        attachment_id=f"{name}{SEPARATOR}{found.id}",
        mode=found.mode,
        already=found.already,
        before=found.before,
        after=found.after,
    )


def _attach(world: World, job: Job, params: Attach) -> Attached:
    name = world.serving("policy", params.host, at=params.at)
    port: PolicyPort = world.connector("policy", name)
    found = port.attach(
        host=params.host, groups=params.groups, mode=params.action, case_id=job.scene.case_id, key=job.call.key
    )
    return _attached(name, found)


def _observe(world: World, job: Job, params: Observe) -> Observed:
    _, port, inner = _named(world, params.attachment)
    found = port.observe(attachment=inner, window=params.window)
    return Observed(
        would_block_ratio=found["would_block_ratio"], requests=found["requests"], would_block=found["would_block"]
    )


def _enforce(world: World, job: Job, params: Enforce) -> Attached:
    name, port, inner = _named(world, params.attachment)
    return _attached(name, port.enforce(attachment=inner, mode=params.action))


def _detach(world: World, job: Job, params: Detach) -> Detached:
    _, port, inner = _named(world, params.attachment)
    return Detached(detached=port.detach(attachment=inner))


IMPLEMENTATIONS: Mapping[str, Any] = {
    "policy.attach": _attach,
    "policy.observe": _observe,
    "policy.enforce": _enforce,
    "policy.relax": _enforce,
    "policy.detach": _detach,
}
