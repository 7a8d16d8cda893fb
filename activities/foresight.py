"""What a block would hit, and what it or its canary has hit, as its point can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities import _blast
from activities._asked import block_of, principal_of
from activities._run import Job
from activities._world import World
from activities.blocks import point_of
from stanch.actions.blocks import Estimated, EstimateParams, ObservedBlock, ObserveParams
from stanch.errors import Rejected
from stanch.fitting import refuse_unfit
from stanch.leases import BlockSpec, target_of
from stanch.ports import PointPort
from stanch.ports_traffic import Counts

_EXAMPLES = 3


def _estimate(world: World, job: Job, params: EstimateParams) -> Estimated:
    methods = (params.method.upper(),) if params.method else ()
    spec = BlockSpec(
        host=params.host, path=params.path, methods=methods, principal=principal_of(params), ips=tuple(params.ips)
    )
    point: PointPort = world.connector("point", point_of(world, spec, params.at))
    found = point.estimate(spec, window=params.window)
    nobody = bool(spec.ips) and spec.principal is None
    return Estimated(
        requests=found.requests,
        clients=found.clients,
        principals=found.principals,
        succeeded=found.succeeded,
        share_of_endpoint=round(found.share_of_endpoint, 4),
        coverage=found.coverage,
        unknown_share=round(found.unknown_share, 4),
        nameless=found.nameless,
        behind=_blast.asked(point, spec).principals if nobody else 0,
        narrower=_blast.narrower(job.scene.actor) if nobody else "",
        examples=tuple(_example(line) for line in found.sample[:_EXAMPLES]),
    )


def _example(line: Mapping[str, str]) -> str:
    """One redacted log line for the card."""
    words = (line.get(name, "") for name in ("time", "method", "path", "status", "client", "principal"))
    return " ".join(word for word in words if word)[:200]


def _observe(world: World, job: Job, params: ObserveParams) -> ObservedBlock:
    """What the counted block would have denied by now, or the standing one has; that neither is there is an error."""
    spec = block_of(params) if params.standing else block_of(params).counting
    name = point_of(world, spec, params.at)
    point: PointPort = world.connector("point", name)
    refuse_unfit(point, spec.counting)
    if not any(owned.target == target_of(spec) for owned in point.list_owned()):
        raise Rejected("there is nothing to observe", code="L017", hint="`block.count` with the same scope first")
    counting: Counts = world.connector("point", name)
    found = counting.observed(spec, window=params.window)
    return ObservedBlock(
        requests=found.requests,
        clients=found.clients,
        principals=found.principals,
        succeeded=found.succeeded,
        share_of_endpoint=round(found.share_of_endpoint, 4),
        unknown_share=round(found.unknown_share, 4),
        coverage=found.coverage,
    )


IMPLEMENTATIONS: Mapping[str, Any] = {
    "block.estimate": _estimate,
    "block.observe": _observe,
}
