"""What the point's own traffic says of a block, for the guard that judges it right before the call."""

from __future__ import annotations

from datetime import timedelta

from activities._world import World
from stanch.errors import ConfigError, ConnectorError
from stanch.guards import Blast
from stanch.leases import BlockSpec, LeaseSpec
from stanch.ports import PointPort
from stanch.ports_traffic import Exposure, SeesTraffic
from stanch.views import ActorView

WINDOW = timedelta(hours=24)


def blast_of(
    world: World, spec: LeaseSpec, *, point: str, actor: ActorView | None = None
) -> tuple[Blast | None, float | None]:
    """The blast radius, and the share of the host's requests that a block for everybody would hit.

    None for what is no block of requests, and where no point is configured that could carry it out. A point that cannot
    say counts as one that knows nothing.
    """
    if not isinstance(spec, BlockSpec) or not point:
        return None, None
    try:
        found = asked(world.connector("point", point), spec)
    except ConfigError:
        return None, None
    except ConnectorError as error:
        found = Exposure(why=error.message)
    blast = Blast(principals=found.principals, unknown=found.unknown, narrower=narrower(actor), why=found.why)
    return blast, found.share


def asked(point: PointPort, spec: BlockSpec) -> Exposure:
    """What the point says of a block, at once or by an estimate."""
    if isinstance(point, SeesTraffic):
        return point.exposure(spec, window=WINDOW)
    seen = point.estimate(spec, window=WINDOW)
    unseen = seen.coverage.startswith("unknown")
    nameless = seen.nameless / seen.requests if spec.ips and spec.principal is None and seen.requests else 0.0
    return Exposure(
        principals=seen.principals if spec.ips and spec.principal is None else 0,
        unknown=1.0 if unseen else max(seen.unknown_share, nameless),
        why=seen.coverage if seen.coverage != "complete" else "",
    )


def narrower(actor: ActorView | None) -> str:
    """The narrowest handle that the finding has and the shipped playbook can use; an application is wider."""
    if actor is None:
        return ""
    handles = {"token": actor.token_id, "user": actor.user_id}
    return next((word for word, value in handles.items() if value), "")
