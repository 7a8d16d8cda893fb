"""What got through beside a block, by the log of a gateway that names nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from edge import HOST, USERS_GET, lease
from glue import Glue, job, raised

from activities import probes
from activities._run import perform
from activities.kong import build
from stanch.errors import Rejected
from stanch.leases import BlockSpec

HERE = "192.0.2.7"
ANYTHING: Mapping[str, Any] = {"host": HOST, "path": "/**", "window": timedelta(hours=1), "limit": 1}


def line(client: str, *, path: str = "/users/7", host: str = HOST, route: str = "") -> str:
    request = {"method": "GET", "uri": path, "headers": {"host": host}}
    at = int(datetime.now(UTC).timestamp() * 1000)
    asked = {"request": request, "response": {"status": 403 if route else 200}, "client_ip": client, "started_at": at}
    return json.dumps({**asked, "route": {"name": route}})


@pytest.fixture
def section(tmp_path: Path) -> Mapping[str, Any]:
    names = {"admin_url": "https://kong.example.com", "base_url": "http://127.0.0.1:9", "hosts": ["*.example.com"]}
    return {**names, "access_log": str(tmp_path / "access.jsonl"), "canary_secret": "an edge secret of some length"}


def test_only_what_the_block_means_has_got_through(section: Mapping[str, Any]) -> None:
    block = BlockSpec(host=HOST, path="/users/{id}", ips=(HERE,))
    named = f"stanch-case-a1-1795346843-{lease(block).target}"
    others = [line("192.0.2.8"), line(HERE, path="/orders"), line(HERE, host="www.example.com"), "no request"]
    since = datetime.now(UTC) - timedelta(minutes=1)
    point = build("edge", section)
    for asked in (lambda: point.passed(block, since=since), lambda: point.samples(**ANYTHING)):
        with pytest.raises(Rejected, match="no readable access log"):
            asked()
    Path(section["access_log"]).write_text("\n".join([line(HERE, route=named), *others, ""]), "utf-8")
    assert build("edge", section).passed(block, since=since) == (1, 0)
    with Path(section["access_log"]).open("a", encoding="utf-8") as log:
        log.write(line(HERE) + "\n")
    assert build("edge", section).passed(block, since=since) == (1, 1)
    assert build("edge", section).passed(USERS_GET, since=since)[1] is None


@pytest.mark.parametrize("verb", ["blocked", "actor_blocked", "unblocked", "healthy"])
def test_device_without_probes_says_which_points_have_some(tmp_path: Path, verb: str) -> None:
    told = {"url": "https://fw.example.com", "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}
    ways = {
        "apply": {"path": "/denies", "body": {"name": {"param": "name"}}},
        "inverse": {"method": "DELETE", "path": "/denies/{name}"},
        "listed": {"path": "/denies", "entries": "[]"},
    }
    device = {"kind": "webhook_point", "serves": ["*.example.com"], **told, **ways}
    with Glue(tmp_path, points={"dmz": device}) as made:
        asked = job(f"probe.expect_{verb}", {"host": HOST, "path": "/a"})
        implementation = probes.IMPLEMENTATIONS[f"probe.expect_{verb}"]
        error = raised(Rejected, lambda: perform(made.world, asked, implementation, lambda *_: None))
        assert error.code == "V021"
        assert "dmz" in error.message
        assert "docs/points.md" in error.hint
