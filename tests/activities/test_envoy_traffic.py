"""What the access log tells of a block before and after it stands, and what it never gives away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from edge import HOST, USERS_GET, Edge, edge, stack

from activities._access_log import Redactor, read_log
from activities._envoy.traffic import Judge
from activities.envoy import EnvoyPoint, build
from stanch.errors import Rejected
from stanch.estimating import Truth
from stanch.leases import BlockSpec, Principal
from stanch.ports import Estimate

__all__ = ["edge", "stack"]
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
Written = Callable[..., EnvoyPoint]


def line(age: timedelta, **fields: Any) -> str:
    """One log line as Envoy writes it."""
    known = {"method": "GET", "host": HOST, "path": "/users/7", "status": 200, "client": "203.0.113.5", "sub": "u1"}
    return json.dumps({"time": (NOW - age).isoformat(), **known, **fields})


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A point over a log with these lines; nothing else of it is needed."""

    def make(*lines: str) -> EnvoyPoint:
        log = tmp_path / "access.jsonl"
        log.write_text("".join(f"{text}\n" for text in lines))
        section = {
            "directory": str(tmp_path),
            "hosts": ["*.example.com"],
            "access_log": str(log),
            "admin_url": "http://127.0.0.1:9",
            "base_url": "http://127.0.0.1:9",
            "canary_secret": "a secret for the redaction",
        }
        return build("edge", section)

    return make


def test_real_requests_are_counted_by_the_block_that_will_meet_them(edge: Edge) -> None:
    path = f"/users/{NOW.timestamp():.0f}"
    spec = BlockSpec(host=HOST, path=path, methods=("GET",), principal=Principal(user_id="u1"))
    for sub, method in [("u1", "GET"), ("u1", "GET"), ("u2", "GET"), ("", "GET"), ("u1", "POST")]:
        edge.status(path, sub=sub, method=method)
    edge.logged(lambda text: text.count(path) == 5)
    seen = edge.point.estimate(spec, window=HOUR)
    assert (seen.requests, seen.principals, seen.clients, seen.succeeded) == (2, 1, 1, 2)
    assert seen.share_of_endpoint == 0.5
    used = edge.point.usage(host=HOST, path=path, method="", window=HOUR)
    assert (used.requests, used.principals, used.clients, used.errors) == (5, 2, 1, 0)
    assert used.last_seen is not None
    assert abs(datetime.now(UTC) - used.last_seen) < timedelta(minutes=1)
    edge.api.break_down()
    edge.status(path)
    edge.logged(lambda text: text.count(path) == 6)
    assert edge.point.usage(host=HOST, path=path, method="GET", window=HOUR).errors == 1


def test_log_holds_no_query_and_no_token(edge: Edge) -> None:
    mark = f"secret{NOW.timestamp():.0f}"
    edge.status(f"/orders/{mark}-path?api_key={mark}-query", sub="u1")
    text = edge.logged(lambda text: f"{mark}-path" in text)
    assert f"{mark}-query" not in text
    assert "eyJ" not in text


def test_window_and_newest_first(written: Written) -> None:
    point = written(line(timedelta(hours=3)), line(timedelta(minutes=5)), line(timedelta(minutes=2)))
    assert point.estimate(USERS_GET, window=HOUR).requests == 2
    assert point.estimate(USERS_GET, window=HOUR).coverage == "complete"
    samples = point.samples(host=HOST, path="/users/{id}", window=4 * HOUR, limit=2)
    times = [sample["time"] for sample in samples.lines]
    assert times == sorted(times, reverse=True)
    assert len(times) == 2
    assert samples.coverage.startswith("partial: only the newest 2 requests are kept; of the log: partial: ")
    whole = point.samples(host=HOST, path="/users/{id}", window=HOUR, limit=2)
    assert (len(whole.lines), whole.coverage) == (2, "complete")


@pytest.mark.parametrize(
    ("lines", "coverage"),
    [
        ([], "partial: the access log is empty"),
        ([line(timedelta(minutes=5))], "partial: the access log begins later"),
        (
            [line(timedelta(hours=3)), "{broken", line(timedelta(0))],
            "partial: 1 lines of the access log cannot be",
        ),
    ],
)
def test_coverage_says_what_the_log_cannot_show(written: Written, lines: list[str], coverage: str) -> None:
    point = written(*lines)
    assert point.estimate(USERS_GET, window=HOUR).coverage.startswith(coverage)
    assert point.samples(host=HOST, path="/**", window=HOUR, limit=9).coverage.startswith(coverage)


def test_without_a_log_the_answer_is_unknown_and_not_zero(written: Written, tmp_path: Path) -> None:
    point = written()
    (tmp_path / "access.jsonl").unlink()
    assert point.usage(host=HOST, path="/**", method="", window=HOUR).coverage.startswith("unknown")
    with pytest.raises(Rejected, match="no readable access log"):
        point.samples(host=HOST, path="/**", window=HOUR, limit=1)
    with pytest.raises(Rejected, match="no readable access log"):
        point.passed(USERS_GET, since=NOW)
    assert not next(check for check in point.doctor() if check.name == "access log").ok


def test_addresses_are_judged_as_networks(written: Written) -> None:
    point = written(line(timedelta(0)), line(timedelta(0), client="198.51.100.1"), line(timedelta(0), client=None))

    def hits(*ips: str) -> Estimate:
        return point.estimate(BlockSpec(host=HOST, ips=ips), window=HOUR)

    assert hits("203.0.113.0/24").requests == 1
    assert hits("203.0.113.5", "198.51.100.0/30").requests == 2
    assert hits("2001:db8::/32").requests == 0


def test_samples_hide_people(written: Written) -> None:
    hidden = ["ann@corp.example", "198.51.100.77", "tok-9", "4111111111111111", "c2VjcmV0LXNlc3Npb24taWQtMTIz"]
    point = written(
        line(
            timedelta(0),
            sub=hidden[0],
            client=hidden[1],
            jti=hidden[2],
            path=f"/users/{hidden[0]}/{hidden[3]}/{hidden[4]}",
        )
    )
    (sample,) = point.samples(host=HOST, path="/**", window=HOUR, limit=10).lines
    assert not [value for value in hidden if value in json.dumps(sample)]
    assert sample["client"] == "198.51.100.0/24"
    assert sample["path"].startswith("/users/p-")
    assert point.estimate(BlockSpec(host=HOST), window=HOUR).sample == (sample,)


def test_digests_join_the_same_person_and_depend_on_the_key() -> None:
    one, other = Redactor(b"one"), Redactor(b"other")
    assert one.name("ann") == one.name("ann") != one.name("bob")
    assert one.name("ann") != other.name("ann")
    assert (one.name(""), one.network("nonsense")) == ("", "")
    assert one.network("2001:db8:1:2::3") == "2001:db8:1::/48"


def test_long_log_is_read_from_its_end_only_as_far_as_needed(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    log.write_text("".join(line(timedelta(seconds=9000 - n)) + "\n" for n in range(9000)))
    view = read_log(log, since=NOW - timedelta(seconds=1000))
    assert len(view.lines) == 1000
    assert view.coverage == "complete"
    cut = read_log(log, since=NOW - timedelta(seconds=8000), limit=100_000)
    assert 0 < len(cut.lines) < 1000
    assert cut.coverage.startswith("partial: the access log is longer")


def test_rotated_log_is_read_on(tmp_path: Path, written: Written) -> None:
    point = written(line(timedelta(minutes=1)))
    (tmp_path / "access.jsonl.1").write_text(line(timedelta(hours=2)) + "\n" + line(timedelta(minutes=2)) + "\n")
    seen = point.estimate(USERS_GET, window=HOUR)
    assert (seen.requests, seen.coverage) == (2, "complete")


JUDGED = [
    USERS_GET,
    BlockSpec(host=HOST, path="/users/{id}"),
    BlockSpec(host=HOST, path="/mobile/**", methods=("GET", "HEAD")),
    BlockSpec(host=HOST, principal=Principal(client_id="42", user_id="u1")),
    BlockSpec(host=HOST, path="/f/{name}.json", ips=("127.0.0.0/8", "::1")),
    BlockSpec(host=HOST, path="/orders", ips=("192.0.2.1",)),
    BlockSpec(host=HOST, path="/a b/é(x)"),
    BlockSpec(host="shop.example.com"),
]
ASKED = [
    *("/users/7", "/users/7/", "//users//7", "/users/%37", "/users/a%20b", "/users", "/users/7/8", "/users;x=1/7?q=1"),
    *(
        "/mobile",
        "/mobile/v2/config",
        "/mobilex",
        "/./mobile/x",
        "/f/a.json",
        "/f/a.xml",
        "/orders",
        "/",
        "/a%20b/%C3%A9(x)",
    ),
    *("/x/%2e%2e/users/7", "/users/.%2E/users/7/.", "/%2575sers/7", "/USERS/7"),
    *("/a%20b/%C3%A9(x)", "/a%20b/%c3%a9%28x%29", "/%61%20b/%C3%A9(x)/"),
]


@pytest.mark.parametrize("spec", JUDGED, ids=lambda spec: f"{spec.host}{spec.path}")
def test_log_is_judged_exactly_as_envoy_judges_requests(edge: Edge, spec: BlockSpec) -> None:
    edge.put(spec)
    agent = f"judged-{time.time_ns()}"
    tokens = [edge.issuer.mint("u1"), edge.issuer.mint("u1", client_id="42"), edge.issuer.mint("u2")]
    callers = [{}, *({"authorization": f"Bearer {token}"} for token in tokens)]
    turns = [(path, caller) for path in ASKED for caller in callers]
    with httpx.Client(trust_env=False) as client:
        for number, (path, caller) in enumerate(turns):
            host = "SHOP.example.com:80" if number % 5 == 0 else HOST
            method = ("GET", "POST", "HEAD")[number % 3]
            client.request(method, edge.gateway.url + path, headers={"host": host, "user-agent": agent, **caller})
    edge.logged(lambda text: text.count(agent) == len(turns))
    judge = Judge(spec, dialect=edge.point._dialect)
    lines = [one for one in read_log(edge.gateway.access_log, since=NOW - HOUR).lines if one.agent == agent]
    assert [one for one in lines if (judge.hits(one) is Truth.YES) != (one.policy != "")] == []
    assert any(one.policy for one in lines) == (spec.ips != ("192.0.2.1",))
