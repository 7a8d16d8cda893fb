"""What the AWS WAF point says of traffic from sampled requests: yes, no, and how much nobody can tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_support import HOST
from waf_support import Bed, ask, bed, block, lease

from activities._waf.acl import Acl, AclRef
from activities._waf.entry import Dialect
from activities._waf.sampled import Naming, Sampler
from activities._waf.sees import estimate, exposure
from stanch.errors import Rejected
from stanch.fitting import refuse_unfit
from stanch.leases import BlockSpec, Principal
from stanch.sandbox.aws import AwsStandin

HOUR = timedelta(hours=1)
KEY = "sk-live-4f0c2f7e"
NAMING = Naming(("authorization", "x-api-key"), "peer")
PEER = Dialect(addresses="peer")


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


def header(value: str = KEY) -> Principal:
    digest = hashlib.sha256(value.encode()).hexdigest()
    return Principal.model_validate({"header": {"name": "x-api-key", "sha256": digest}})


def sent(uri: str = "/orders/7", ip: str = "192.0.2.1", *, method: str = "GET", **headers: str) -> dict[str, Any]:
    named = [{"Name": name.replace("_", "-"), "Value": value} for name, value in {"host": HOST, **headers}.items()]
    return {"ClientIP": ip, "URI": uri, "Method": method, "Headers": named}


class Waf:
    """GetSampledRequests with an answer of one's own, given for the last piece of time only."""

    def __init__(self, requests: Iterable[Mapping[str, Any]], *, size: int = 0, seconds: float | None = None) -> None:
        self.items = [{"Request": one, "Weight": 1, "Timestamp": datetime.now(UTC)} for one in requests]
        self.size, self.seconds, self.spans = size or len(self.items), seconds, list[dict[str, datetime]]()

    def get_sampled_requests(self, **asked: Any) -> dict[str, Any]:
        span = asked["TimeWindow"]
        self.spans.append(span)
        if datetime.now(UTC) - span["EndTime"] > timedelta(seconds=5):
            return {"SampledRequests": [], "PopulationSize": 0, "TimeWindow": span}
        seen = (
            span if self.seconds is None else {**span, "EndTime": span["StartTime"] + timedelta(seconds=self.seconds)}
        )
        return {"SampledRequests": self.items, "PopulationSize": self.size, "TimeWindow": seen}


def acl(**body: Any) -> Acl:
    shown = {"SampledRequestsEnabled": True, "MetricName": "acl"}
    return Acl(AclRef("a", "1", "arn:a"), {"VisibilityConfig": shown, "Rules": [], **body}, "t")


def taken(waf: Waf, window: timedelta = HOUR, *, naming: Naming = NAMING, **body: Any) -> Any:
    return Sampler(waf, scope="REGIONAL", naming=naming).everything(acl(**body), window)


# -- from real requests to the guard -----------------------------------------------------------------------------------


def test_an_estimate_is_made_of_the_requests_that_were_sampled(aws: AwsStandin) -> None:
    scene = bed(aws)
    with aws.edge(scene.customer.name) as edge:
        for path, key in [("/orders/7", KEY), ("//orders/8", KEY), ("/orders/9", "other"), ("/login", KEY)]:
            ask(edge, path, x_api_key=key)
    found = scene.point.estimate(block("/orders/{id}", principal=header()), window=HOUR)
    assert (found.requests, found.principals, found.unknown_share) == (2, 1, 0.0)
    assert found.share_of_endpoint == pytest.approx(2 / 3)
    assert "4 requests (all)" in found.coverage
    used = scene.point.usage(host=HOST, path="/orders/{id}", method="GET", window=HOUR)
    assert (used.requests, used.principals) == (3, 2)
    assert used.last_seen is not None


def test_guards_learn_who_is_behind_an_address(aws: AwsStandin) -> None:
    scene = bed(aws)
    with aws.edge(scene.customer.name) as edge:
        for source, key in [("127.0.0.7", "a"), ("127.0.0.7", "b"), ("127.0.0.8", "c")]:
            ask(edge, "/elsewhere", source=source, x_api_key=key)
    shared = scene.point.exposure(block("/orders/**", ips=("127.0.0.7",)), window=timedelta(hours=24))
    assert (shared.principals, shared.unknown) == (2, 0.0)
    assert "of 1440 asked for" in shared.why
    alone = scene.point.exposure(block("/orders/**", ips=("127.0.0.8",)), window=HOUR)
    assert (alone.principals, alone.unknown) == (1, 0.0)
    everybody = scene.point.exposure(block("/elsewhere"), window=HOUR)
    assert (everybody.share, everybody.unknown) == (1.0, 0.0)


def test_nothing_sampled_is_unknown_and_not_nothing(aws: AwsStandin) -> None:
    scene = bed(aws)
    found = scene.point.estimate(block("/a"), window=HOUR)
    assert found.coverage.startswith("unknown")
    assert (found.requests, found.unknown_share) == (0, 1.0)
    assert scene.point.exposure(block("/a"), window=HOUR).unknown == 1.0
    for spec in (block("/a", principal=Principal(user_id="m")), BlockSpec(host="x.example.net")):
        with pytest.raises(Rejected):
            scene.point.exposure(spec, window=HOUR)


def test_a_counted_block_denies_nothing_and_waf_says_what_it_would_have(aws: AwsStandin) -> None:
    scene = bed(aws)
    spec = block("/orders/**", principal=header()).counting
    refuse_unfit(scene.point, spec)
    assert all(one.ok for one in scene.hold(lease(spec)).results)
    with aws.edge(scene.customer.name) as edge:
        codes = [ask(edge, path, x_api_key=key)[0] for path, key in [("/orders/1", KEY), ("/orders/2", "else")]]
        probed = ask(edge, "/orders/3", **scene.point.canary(lease(spec).target))
    assert (codes, probed[0]) == ([200, 200], 200)
    found = scene.point.observed(spec, window=HOUR)
    assert (found.requests, found.principals, found.share_of_endpoint) == (1, 1, pytest.approx(1 / 3))
    assert not found.coverage.startswith("unknown")


def test_counted_addresses_share_a_rule_and_are_told_apart(aws: AwsStandin) -> None:
    scene = bed(aws)
    one, two = (block("/**", ips=(f"127.0.0.{n}",)) for n in (7, 8))
    scene.hold(
        lease(one.counting, "one"), lease(two.counting, "two"), lease(one.model_copy(update={"path": "/x"}), "x")
    )
    with aws.edge(scene.customer.name) as edge:
        assert [ask(edge, "/a", source=f"127.0.0.{n}")[0] for n in (7, 7, 8, 9)] == [200] * 4
        assert ask(edge, "/x", source="127.0.0.7")[0] == 403
    assert [scene.point.observed(spec.counting, window=HOUR).requests for spec in (one, two)] == [3, 1]


def test_probes_of_a_standing_block_are_nobody_and_whoever_says_so_counts(aws: AwsStandin) -> None:
    scene = bed(aws)
    spec = block("/orders/**", principal=header())
    scene.hold(lease(spec))
    with aws.edge(scene.customer.name) as edge:
        assert ask(edge, "/orders/1", **scene.point.canary(lease(spec).target))[0] == 403
        assert ask(edge, "/orders/1", x_api_key=KEY, x_stanch_probe="no")[0] == 403
    assert scene.point.observed(spec, window=HOUR).requests == 1


def test_a_rule_without_samples_is_unknown(scene_without_rule: Bed) -> None:
    found = scene_without_rule.point.observed(block("/a").counting, window=HOUR)
    assert (found.requests, found.unknown_share) == (0, 1.0)
    assert found.coverage.startswith("unknown")


@pytest.fixture
def scene_without_rule(aws: AwsStandin) -> Bed:
    return bed(aws)


# -- what samples do not show ------------------------------------------------------------------------------------------


def test_the_first_5000_of_a_piece_stand_for_all_of_it() -> None:
    """WAF took its samples from the first minute of the quarter of an hour that it was asked for."""
    waf = Waf([sent()] * 50, size=5000, seconds=60)
    found = estimate(block("/orders/**"), taken(waf), dialect=PEER, window=HOUR)
    assert found.requests == pytest.approx(75_000, rel=0.01)
    assert "of about 75000" in found.coverage
    assert len(waf.spans) == 4
    assert min(span["StartTime"] for span in waf.spans) > datetime.now(UTC) - HOUR - timedelta(seconds=5)


def test_no_more_than_three_hours_are_asked_for() -> None:
    waf = Waf([sent()])
    found = taken(waf, timedelta(days=7))
    assert min(span["StartTime"] for span in waf.spans) > datetime.now(UTC) - timedelta(hours=3)
    assert "of 10080 asked for" in found.why


@pytest.mark.parametrize(("count", "unknown"), [(3, 1.0), (30, 0.1), (300, 0.01)])
def test_few_samples_of_many_leave_room_for_somebody_unseen(count: int, unknown: float) -> None:
    waf = Waf([sent(x_api_key="a")] * count, size=4000)
    found = exposure(block(ips=("192.0.2.1",)), taken(waf), dialect=PEER)
    assert (found.principals, found.unknown) == (1, pytest.approx(unknown))
    assert exposure(block(ips=("192.0.2.9",)), taken(waf), dialect=PEER).unknown == 1.0
    unseen = exposure(block("/elsewhere", principal=header()), taken(waf), dialect=PEER)
    assert unseen.unknown == 1.0, "none of the samples is of that path, which is not none of the requests"


def test_a_body_is_in_no_sample() -> None:
    body = Principal.model_validate({"body": {"pointer": "/user", "value": "mallory"}})
    spec = block("/orders/**", principal=body)
    assert exposure(spec, taken(Waf([sent(method="POST")] * 10)), dialect=PEER).unknown == 1.0


@pytest.mark.parametrize("action", ["HASH", "SUBSTITUTION"])
def test_a_protected_header_is_unknown_and_never_another_one(action: str) -> None:
    protected = {"Field": {"FieldType": "SINGLE_HEADER", "FieldKeys": ["X-Api-Key"]}, "Action": action}
    hidden = {"DataProtectionConfig": {"DataProtections": [protected]}}
    samples = taken(Waf([sent(x_api_key="9f86d081")] * 4), **hidden)
    assert exposure(block("/orders/**", principal=header()), samples, dialect=PEER).unknown == 1.0
    assert exposure(block(ips=("192.0.2.1",)), samples, dialect=PEER).unknown == 1.0, "nor who is behind the address"


def test_who_comes_with_a_cookie_alone_is_somebody_unknown() -> None:
    waf = Waf([sent(cookie="sid=a"), sent(cookie="sid=b")])
    spec = block(ips=("192.0.2.1",))
    assert exposure(spec, taken(waf), dialect=PEER).unknown == 1.0
    told = exposure(spec, taken(waf, naming=Naming(("cookie:sid",), "peer")), dialect=PEER)
    assert (told.principals, told.unknown) == (2, 0.0)


def test_behind_a_proxy_the_forwarded_address_is_the_client() -> None:
    waf = Waf([sent(ip="10.0.0.1", x_forwarded_for=f"203.0.113.9, 192.0.2.{n}", x_api_key=f"{n}") for n in (1, 2, 3)])
    samples = taken(waf, naming=Naming(("x-api-key",), "last"))
    dialect = Dialect(addresses="last")
    assert exposure(block(ips=("192.0.2.2",)), samples, dialect=dialect).principals == 1
    assert exposure(block(ips=("10.0.0.1", "203.0.113.9")), samples, dialect=dialect).principals == 0
    assert estimate(block("/orders/**"), samples, dialect=dialect, window=HOUR).clients == 3


def test_sampling_that_is_off_is_told() -> None:
    off = taken(Waf([sent()]), VisibilityConfig={"SampledRequestsEnabled": False, "MetricName": "acl"})
    assert exposure(block("/a"), off, dialect=PEER).why == "sampling is switched off for the web ACL"


def test_a_burst_of_blocks_asks_once() -> None:
    waf = Waf([sent()])
    sampler = Sampler(waf, scope="REGIONAL", naming=NAMING)
    for _ in range(50):
        sampler.everything(acl(), HOUR)
    assert len(waf.spans) == 4
