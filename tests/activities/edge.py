"""A shop API behind a real Envoy, and the point that Stanch builds for it; shared by the tests of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.envoy import CONNECTOR, EnvoyPoint
from stanch.leases import BlockSpec, Lease, Principal, target_of
from stanch.ports import Reconciled
from stanch.sandbox.api import ShopApi
from stanch.sandbox.envoy import EnvoyGateway
from stanch.sandbox.issuer import Issuer

HOST = "api.example.com"
FOREIGN = {
    "customer-no-debug": {
        "permissions": [{"url_path": {"path": {"prefix": "/debug"}}}],
        "principals": [{"any": True}],
    }
}
USERS_GET = BlockSpec(host=HOST, path="/users/{id}", methods=("GET",), principal=Principal(user_id="u1"))


def lease(spec: BlockSpec, *, case: str = "case-a1", hours: float = 1, mode: str = "auto") -> Lease:
    """A lease on a specification, as the workflow would ask for it."""
    return Lease(
        lease_id=f"lease-{target_of(spec)}",
        case_id=case,
        episode="e1",
        step="block",
        point="edge",
        target=target_of(spec),
        spec=spec,
        mode=mode,
        expires_at=datetime.now(UTC) + timedelta(hours=hours),
    )


@dataclass
class Edge:
    """The stack, with shorthands for what the tests do all the time."""

    api: ShopApi
    gateway: EnvoyGateway
    issuer: Issuer
    point: EnvoyPoint

    def section(self, **changes: Any) -> dict[str, Any]:
        known = self.gateway.section(hosts=["*.example.com"], canary_secret="an edge secret of some length")
        return {**known, **changes}

    def status(self, path: str, *, sub: str = "", method: str = "GET", host: str = HOST, **headers: str) -> int:
        """Status of one request through Envoy; `sub` sends that user's token."""
        if sub:
            headers["authorization"] = f"Bearer {self.issuer.mint(sub)}"
        url = self.gateway.url + path
        with httpx.Client(trust_env=False) as client:
            return client.request(method, url, headers={"host": host, **headers}).status_code

    def put(self, *specs: BlockSpec, **options: Any) -> Reconciled:
        """Make these blocks the only ones."""
        wanted = [lease(spec, **options) for spec in specs]
        others = targets(self.point.list_owned()) - {one.target for one in wanted}
        return self.point.reconcile(adds=[], removes=sorted(others), wanted=wanted, expected="")

    def logged(self, condition: Callable[[str], bool]) -> str:
        """The access log once it satisfies the condition."""
        found: str = until(lambda: text if condition(text := self.gateway.access_log.read_text()) else "")
        return found


def until(find: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """Poll until something is found."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def targets(owned: Sequence[Any]) -> set[str]:
    return {entry.target for entry in owned}


def make_edge(directory: Path, api: ShopApi, issuer: Issuer, **options: Any) -> Edge:
    """The stack around a gateway that is not started yet."""
    gateway = EnvoyGateway(directory=directory, origin_port=api.port, issuer=issuer, policies=FOREIGN, **options)
    made = Edge(api=api, gateway=gateway, issuer=issuer, point=None)  # type: ignore[arg-type]
    made.point = CONNECTOR.build("edge", made.section())
    gateway.layout.rules.parent.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    issuer = Issuer()
    with ShopApi(issuer=issuer) as api:
        assert isinstance(api, ShopApi)
        made = make_edge(tmp_path_factory.mktemp("edge"), api, issuer)
        with made.gateway:
            yield made


@pytest.fixture
def edge(stack: Edge) -> Edge:
    """The shared stack without any block."""
    stack.put()
    stack.api.fix_exposure(fixed=False)
    stack.api.break_down(broken=False)
    return stack
