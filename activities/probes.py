"""The probe verbs: as a step's proof they look at that step's own change, else at the parameters given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities import _probes
from activities._asked import spec_of
from activities._run import Job
from activities._world import World
from activities.blocks import point_of
from stanch.actions.probes import Probe, Proven
from stanch.catalog import catalog
from stanch.errors import Rejected
from stanch.leases import BlockSpec
from stanch.who import STANDING


def _subject(job: Job, params: Probe) -> BlockSpec | None:
    """The block to be proved; None where the change is not a block of requests."""
    subject = job.call.subject
    if subject:
        spec = catalog()[str(subject["action"])]
        if not spec.leased:
            return None
        lease = spec_of(spec.params.model_validate(subject["params"], context=STANDING))
        return lease if isinstance(lease, BlockSpec) else None
    methods = (params.method.upper(),) if params.method else ()
    return BlockSpec(host=params.host, path=params.path or "/**", methods=methods)


def _point(world: World, spec: BlockSpec, at: str) -> Any:
    return _probed(world, point_of(world, spec, at))


def _probed(world: World, name: str) -> Any:
    """The point, if probes can be sent through it.

    Raises:
        Rejected: V021, it is no gateway that requests pass.
    """
    point = world.connector("point", name)
    if not hasattr(point, "canary"):
        hint = "docs/points.md says which can; name such a point with `at`, or let people approve the step"
        raise Rejected(f"no request can prove what point {name} holds", code="V021", hint=hint)
    return point


def _proven(proof: _probes.Proof) -> Proven:
    if not proof.ok:
        raise Rejected(f"no proof of effect: {proof.reason}", code="V020")
    return Proven(ok=True, proof=proof.details)


def _blocked(world: World, job: Job, params: Probe) -> Proven:
    spec = _needed(job, params)
    return _proven(_probes.expect_blocked(_point(world, spec, params.at), spec, within=params.within))


def _actor_blocked(world: World, job: Job, params: Probe) -> Proven:
    spec = _needed(job, params)
    return _proven(_probes.expect_actor_blocked(_point(world, spec, params.at), spec, within=params.within))


def _unblocked(world: World, job: Job, params: Probe) -> Proven:
    spec = _needed(job, params)
    return _proven(_probes.expect_unblocked(_point(world, spec, params.at), spec, within=params.within))


def _needed(job: Job, params: Probe) -> BlockSpec:
    spec = _subject(job, params)
    if spec is None or not spec.host:
        raise Rejected("there is no block to prove", code="V021", hint="give host and path, or use it as `verify`")
    return spec


def _healthy(world: World, job: Job, params: Probe) -> Proven:
    given: Mapping[str, Any] = job.call.subject.get("params", {})
    host = params.host or str(given.get("host", "")) or (job.scene.finding.api.host if job.scene.finding else "")
    if not host:
        raise Rejected("there is no host to look at", code="V021")
    point = _probed(world, world.serving("point", host, at=params.at))
    path = params.path or world.policy.current.inventory.health_path(host)
    return _proven(_probes.expect_healthy(point, host, within=params.within, paths=(path,)))


IMPLEMENTATIONS: Mapping[str, Any] = {
    "probe.expect_blocked": _blocked,
    "probe.expect_actor_blocked": _actor_blocked,
    "probe.expect_unblocked": _unblocked,
    "probe.expect_healthy": _healthy,
}
