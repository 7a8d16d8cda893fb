"""What the AWS WAF point says from its log: proofs, evidence, estimates; and what is late, cut, hidden or not there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aws_support import HOST, boto, customer
from waf_log_support import Logged, logged
from waf_support import SECRET, ask, bed, block, lease

from activities import _probes
from activities._waf import logs, told
from activities._waf.acl import Acl, AclRef, WebAcls
from activities._waf.logs import Bounds
from activities.aws_waf_point import WafPoint
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe
from stanch.leases import Principal
from stanch.sandbox.aws import DENIED, THROTTLED, AwsStandin

HOUR = timedelta(hours=1)
KEY = "sk-live-4f0c2f7e"
ONLY_BLOCKS = {
    "DefaultBehavior": "DROP",
    "Filters": [
        {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}]}
    ],
}
NO_KEYS = [{"SingleHeader": {"Name": "x-api-key"}}]


@pytest.fixture(scope="module")
def served() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def aws(served: AwsStandin) -> Iterator[AwsStandin]:
    yield served
    served.faults.clear()
    served.logs.lag, served.logs.page, served.logs.gaps = 0.0, 10_000, False
    served.logs.asked.clear()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for lines that will not come."""
    monkeypatch.setattr(told, "_CAUGHT_UP_SECONDS", 0.0)
    monkeypatch.setattr(told, "_PAUSE_SECONDS", 0.0)


@pytest.fixture
def scene(aws: AwsStandin) -> Logged:
    return logged(aws)


def header(value: str = KEY) -> Principal:
    digest = hashlib.sha256(value.encode()).hexdigest()
    return Principal.model_validate({"header": {"name": "x-api-key", "sha256": digest}})


def orders(**more: Any) -> Any:
    return block("/orders/**", principal=header(), **more)


def visit(scene: Logged, *asked: tuple[str, str]) -> list[int]:
    """Requests as (path, key)."""
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        return [ask(edge, path, x_api_key=key)[0] for path, key in asked]


def denies_everything(name: str, priority: int) -> dict[str, Any]:
    field = {"FieldToMatch": {"Method": {}}, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}
    body = {"SearchString": b"GET", "PositionalConstraint": "EXACTLY", **field}
    shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
    rule = {"Name": name, "Priority": priority, "Statement": {"ByteMatchStatement": body}, "Action": {"Block": {}}}
    return {**rule, "VisibilityConfig": shown}


def message(scene: Logged, **more: Any) -> dict[str, Any]:
    """A line of this web ACL."""
    sent = {"clientIp": "192.0.2.7", "country": "DE", "uri": "/orders/1", "args": "", "httpMethod": "GET"}
    named = [{"name": "Host", "value": HOST}, {"name": "x-api-key", "value": KEY}]
    at = round(datetime.now(UTC).timestamp() * 1000)
    base = {"timestamp": at, "webaclId": scene.bed.customer.arn, "action": "ALLOW", "terminatingRuleType": "REGULAR"}
    request = {"headers": named, **sent, **more.pop("request", {})}
    return {**base, "terminatingRuleId": "Default_Action", "httpRequest": request, **more}


def unreadable(scene: Logged, **more: Any) -> dict[str, Any]:
    return {"webaclId": scene.bed.customer.arn, "timestamp": 1, **more}


def put(scene: Logged, *lines: dict[str, Any]) -> None:
    for line in lines:
        scene.bed.aws.logs.put(scene.group, line, at=datetime.now(UTC).timestamp())


# -- proofs ------------------------------------------------------------------------------------------------------------


def test_a_probe_is_confirmed_by_the_rule_that_the_log_names(scene: Logged) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        proof = _probes.expect_blocked(scene.point(edge), held, within=timedelta(seconds=5))
    assert proof.ok, proof.reason
    assert proof.details["confirmed_by"] == "access log"
    assert "decided_by" not in proof.details
    (asked,) = [one for one in scene.bed.aws.logs.asked if "stanch-probe/" in one.get("filterPattern", "")]
    assert asked["logGroupName"] == scene.group


def test_a_probe_that_somebody_elses_rule_denied_confirms_nothing(scene: Logged) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    theirs = [rule for rule in scene.bed.customer.rules() if rule["Name"] != "allow-health-check"]
    scene.bed.customer.put_rules([denies_everything("stanch-case-one-1-abc", 0), *theirs])
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        proof = _probes.expect_blocked(scene.point(edge), held, within=timedelta(seconds=5))
    assert not proof.ok
    assert proof.reason == "the probe was denied, but not by this block"


def test_a_rule_by_hand_in_our_group_is_no_block_of_ours(scene: Logged) -> None:
    scene.bed.hold(lease(block("/elsewhere")))
    scene.bed.foreign_edit(denies_everything("theirs", 70))
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/orders/1", user_agent="stanch-probe/1")[0] == 403
    assert scene.point().deciding_target("stanch-probe/1", since=datetime.now(UTC) - HOUR) == ""


def test_of_leases_that_share_a_rule_the_address_says_whose_it_was(scene: Logged) -> None:
    one, two = (lease(block("/**", ips=(f"127.0.0.{n}",)), f"n{n}") for n in (7, 8))
    scene.bed.hold(one, two)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/a", source="127.0.0.8", user_agent="stanch-probe/2")[0] == 403
        assert ask(edge, "/a", user_agent="stanch-probe/3", **scene.bed.point.canary(one.target))[0] == 403
        assert ask(edge, "/a", user_agent="stanch-probe/4")[0] == 200
    point, since = scene.point(), datetime.now(UTC) - HOUR
    assert point.deciding_target("stanch-probe/2", since=since) == two.target
    assert point.deciding_target("stanch-probe/3", since=since) == scene.bed.group()["RuleGroup"]["Rules"][0]["Name"]
    assert point.deciding_target("stanch-probe/4", since=since) == ""
    scene.bed.lift(two)
    assert scene.point().deciding_target("stanch-probe/3", since=since) == one.target, "it has the rule alone now"


@pytest.mark.parametrize("error", [AuthBlocked("denied"), Rejected("odd"), RetrySafe("throttled")])
def test_a_web_acl_that_cannot_be_read_hides_no_others(
    aws: AwsStandin, scene: Logged, monkeypatch: pytest.MonkeyPatch, error: ConnectorError
) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    with aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/orders/1", x_api_key=KEY, user_agent="stanch-probe/10")[0] == 403
    shut, read = customer(aws), WebAcls.read

    def tried(acls: WebAcls, ref: AclRef) -> Acl:
        if ref.name == shut.name:
            raise error
        return read(acls, ref)

    monkeypatch.setattr(WebAcls, "read", tried)
    point = scene.point(web_acls={"other.example.com": shut.name, HOST: scene.bed.customer.name})
    assert point.deciding_target("stanch-probe/10", since=datetime.now(UTC) - HOUR) == held.target


def test_a_line_that_is_on_its_way_is_unknown_and_then_known(aws: AwsStandin, scene: Logged) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    aws.logs.lag = 300.0
    with aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/orders/1", x_api_key=KEY, user_agent="stanch-probe/5")[0] == 403
    since = datetime.now(UTC) - HOUR
    point = scene.point()
    assert point.deciding_target("stanch-probe/5", since=since) is None
    aws.logs.arrive()
    calls = aws.calls["logs:FilterLogEvents"]
    assert point.deciding_target("stanch-probe/5", since=since) is None, "AWS is not asked again at once"
    assert aws.calls["logs:FilterLogEvents"] == calls
    assert scene.point().deciding_target("stanch-probe/5", since=since) == held.target


def test_without_its_line_a_probe_goes_by_the_difference(
    aws: AwsStandin, scene: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    aws.logs.lag = 300.0
    monkeypatch.setattr("activities.aws_waf_point.LOG_SECONDS", 0.1)
    with aws.edge(scene.bed.customer.name) as edge:
        proof = _probes.expect_blocked(scene.point(edge), held, within=timedelta(seconds=2))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "difference")


def test_what_got_through_is_counted_and_other_denials_are_not(scene: Logged) -> None:
    held, start = lease(orders()), datetime.now(UTC) - timedelta(seconds=1)
    assert visit(scene, ("/orders/1", KEY), ("/orders/1", "else"), ("/login", KEY)) == [200] * 3
    scene.bed.hold(held)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        assert [ask(edge, "/orders/2", x_api_key=KEY)[0] for _ in range(2)] == [403, 403]
        assert ask(edge, "/orders/2", **scene.bed.point.canary(held.target))[0] == 403
        assert scene.point().passed(held.spec, since=start) == (2, 1)
        put(scene, message(scene, action="BLOCK", terminatingRuleId="theirs"), message(scene, action="CHALLENGE"))
        assert scene.point().passed(held.spec, since=start) == (2, 1), "their rule stopped it"
        proof = _probes.expect_actor_blocked(scene.point(edge), held, within=timedelta(seconds=5), since=start)
    assert (proof.ok, proof.details["actor_denied"], proof.details["actor_let_through"]) == (False, "2", "1")


def test_denials_for_a_lease_that_had_the_rule_before_are_not_this_ones(scene: Logged) -> None:
    one, two = (lease(block("/**", ips=(f"127.0.0.{n}",)), f"n{n}") for n in (7, 8))
    scene.bed.hold(one, two)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        assert [ask(edge, "/a", source=f"127.0.0.{n}")[0] for n in (7, 8, 8)] == [403] * 3
        assert ask(edge, "/a", **scene.bed.point.canary(one.target))[0] == 403
    scene.bed.lift(two)
    assert scene.point().passed(one.spec, since=datetime.now(UTC) - HOUR)[0] == 1


def test_an_actor_who_is_stopped_is_proven_stopped(scene: Logged) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        proof = _probes.expect_actor_blocked(scene.point(edge), held, within=timedelta(seconds=5))
    assert proof.ok, proof.reason
    assert proof.details["actor_let_through"] == "0"


def test_the_log_is_given_time_to_catch_up(aws: AwsStandin, scene: Logged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's request is logged already, the actor's is on its way."""
    visit(scene, ("/login", "else"))
    aws.logs.lag = 300.0
    visit(scene, ("/orders/1", KEY))

    def later(_: float) -> None:
        aws.logs.arrive()
        aws.logs.lag = 0.0
        visit(scene, ("/login", "else"))

    monkeypatch.setattr(told, "_CAUGHT_UP_SECONDS", 60.0)
    monkeypatch.setattr(told, "time", SimpleNamespace(monotonic=time.monotonic, sleep=later))
    assert scene.point().passed(orders(), since=datetime.now(UTC) - HOUR) == (0, 1)


def test_nothing_logged_yet_is_not_nothing_that_got_through(aws: AwsStandin, scene: Logged) -> None:
    aws.logs.lag = 300.0
    visit(scene, ("/orders/1", KEY))
    with pytest.raises(RetrySafe, match="in the WAF log yet"):
        scene.point().passed(orders(), since=datetime.now(UTC) - HOUR)
    aws.logs.arrive()
    assert scene.point().passed(orders(), since=datetime.now(UTC) - HOUR) == (0, 1)


def test_none_got_through_is_only_said_of_a_log_that_has_caught_up(aws: AwsStandin, scene: Logged) -> None:
    held, start = lease(orders()), datetime.now(UTC)
    scene.bed.hold(held)
    with aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/login")[0] == 200
        asked = datetime.now(UTC)
        assert scene.point(edge).passed(held.spec, since=start) == (0, None)
        aws.logs.lag = 300.0
        assert ask(edge, "/orders/1", x_api_key=KEY)[0] == 403
        assert scene.point(edge).passed(held.spec, since=start, until=asked) == (0, None), "it is on its way"
        aws.logs.arrive()
        assert scene.point(edge).passed(held.spec, since=start, until=asked) == (1, 0)


def test_a_log_that_does_not_come_leaves_a_proof_open(
    aws: AwsStandin, scene: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.aws_waf_point.LOG_SECONDS", 0.1)
    held, start = lease(orders()), datetime.now(UTC)
    scene.bed.hold(held)
    with aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/login")[0] == 200
        aws.logs.lag = 300.0
        proof = _probes.expect_actor_blocked(scene.point(edge), held, within=timedelta(seconds=2), since=start)
    assert (proof.ok, proof.details["actor_let_through"]) == (True, "unknown: the log does not tell")


@pytest.mark.parametrize("ahead", [20, -20, -120])
def test_a_clock_that_is_off_hides_nothing(scene: Logged, monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    """Ours; what was let in before the proof began is not counted either."""
    spec, off = block("/orders/**"), timedelta(seconds=ahead)

    class Off(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + off

    def put_at(seconds: float) -> None:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        line = message(scene, timestamp=round(at.timestamp() * 1000))
        scene.bed.aws.logs.put(scene.group, line, at=at.timestamp())

    for module in (logs, told):
        monkeypatch.setattr(module, "datetime", Off)
    put_at(-27)
    put_at(0)
    assert scene.point().passed(spec, since=Off.now(UTC) - timedelta(seconds=10))[1] == 1


def test_what_the_log_hides_is_unknown_and_never_nothing(aws: AwsStandin) -> None:
    scene, since = logged(aws, RedactedFields=NO_KEYS), datetime.now(UTC) - HOUR
    assert visit(scene, ("/orders/1", KEY)) == [200]
    assert scene.point().passed(orders(), since=since) == (0, None)
    put(scene, unreadable(scene))
    assert scene.point().passed(block("/elsewhere"), since=since) == (0, None), "nor what nobody can read"


# -- evidence ----------------------------------------------------------------------------------------------------------


def test_evidence_is_the_newest_first_and_tells_no_secret(scene: Logged) -> None:
    visit(scene, ("/orders/1", KEY), ("/orders/2", KEY), ("/login", KEY), ("/orders/mallory@example.com", KEY))
    found = scene.point().samples(host=HOST, path="/orders/{id}", window=HOUR, limit=2)
    lines = found.lines
    assert found.coverage.startswith("partial: only the newest 2 requests are kept; of the log: complete but for")
    assert [line["path"] for line in lines][1:] == ["/orders/2"]
    assert lines[0]["path"].startswith("/orders/p-")
    assert {(line["action"], line["policy"], line["status"]) for line in lines} == {("ALLOW", "Default_Action", "")}
    assert {line["client"] for line in lines} == {"127.0.0.0/24"}
    who = {line["principal"] for line in lines}
    assert len(who) == 1
    digests = [hashlib.sha256(text).hexdigest() for text in (KEY.encode(), b"x-api-key\0" + KEY.encode())]
    assert not [word for word in (KEY, "mallory", SECRET, *digests) if word[:12] in repr(lines)]
    assert {
        line["principal"] for line in scene.point().samples(host=HOST, path="/login", window=HOUR, limit=9).lines
    } == who


def test_what_attackers_write_stays_one_short_line(scene: Logged) -> None:
    named = [{"name": "host", "value": HOST}, {"name": "User-Agent", "value": "<script>\u202e\n" + "A" * 9000}]
    put(scene, message(scene, request={"uri": "/orders/\u001b[31m\ud800\r\nforged", "headers": named}))
    (line,) = scene.point().samples(host=HOST, path="/orders/**", window=HOUR, limit=9).lines
    assert all(text.isprintable() and len(text) <= 512 for text in line.values())
    json.dumps(line).encode()
    assert scene.point().estimate(block("/orders/**"), window=HOUR).requests == 1


# -- estimates ---------------------------------------------------------------------------------------------------------


def test_all_that_is_logged_counts_page_by_page(aws: AwsStandin, scene: Logged) -> None:
    visit(scene, *[(f"/orders/{n}", KEY) for n in range(7)], ("/orders/8", "else"), ("/login", KEY))
    put(scene, {**message(scene), "webaclId": "arn:aws:wafv2:eu-central-1:1:regional/webacl/other/1"})
    aws.logs.page, aws.logs.gaps = 2, True
    sampled = aws.calls["wafv2:GetSampledRequests"]
    point = scene.point()
    found = point.estimate(orders(), window=HOUR)
    assert (found.requests, found.principals, found.unknown_share) == (7, 1, 0.0)
    assert found.share_of_endpoint == pytest.approx(7 / 8)
    assert found.coverage.startswith("complete but for the newest: the WAF log has 9 requests; nothing before")
    assert "lines reach it up to 1 s late" in found.coverage
    calls = len(aws.logs.asked)
    assert calls >= 8, "empty pages are no end"
    used = point.usage(host=HOST, path="/orders/**", method="", window=HOUR)
    assert (used.requests, used.principals) == (8, 2)
    assert point.exposure(block("/orders/**", ips=("127.0.0.1",)), window=HOUR).principals == 2
    assert len(aws.logs.asked) == calls, "a burst asks once"
    assert aws.calls["wafv2:GetSampledRequests"] == sampled


def cut(scene: Logged, *, pages: int) -> WafPoint:
    """A point that reads so many pages of three lines, and no more."""
    scene.bed.aws.logs.page = 3
    point = scene.point()
    assert point._view.log is not None
    point._view.log.group._bounds = Bounds(pages=pages)
    return point


def test_of_a_cut_log_and_samples_whichever_shows_more_is_taken(scene: Logged) -> None:
    visit(scene, *[(f"/orders/{n}", KEY) for n in range(6)], *[("/login", "else")] * 3)
    point = cut(scene, pages=1)
    found = point.estimate(orders(), window=HOUR)
    assert (found.requests, found.share_of_endpoint) == (6, 1.0)
    assert found.coverage.startswith("WAF sampled 9 requests")
    assert "partial: the WAF log has 3 requests; it is longer than what is read" in found.coverage
    used = point.usage(host=HOST, path="/**", method="", window=HOUR)
    assert (used.requests, used.principals) == (9, 2)
    seen = point.exposure(block(ips=("127.0.0.1",)), window=HOUR)
    assert (seen.principals, seen.unknown) == (2, 0.0), "the log saw one of them, in too few requests to say"
    assert "it is longer" in seen.why
    assert "WAF sampled" in seen.why
    assert cut(scene, pages=2).exposure(block(ips=("127.0.0.1",)), window=HOUR).unknown == pytest.approx(3 / 6)


def test_a_cut_log_that_shows_more_than_samples_is_kept(scene: Logged) -> None:
    visit(scene, *[(f"/orders/{n}", KEY) for n in range(3)])
    put(scene, *[message(scene) for _ in range(9)])
    point = cut(scene, pages=2)
    found = point.estimate(orders(), window=HOUR)
    assert found.requests == 6
    assert found.coverage.startswith("partial: the WAF log has 6 requests")
    assert "WAF sampled 3 requests" in found.coverage
    assert point.usage(host=HOST, path="/orders/**", method="", window=HOUR).requests == 6


def test_a_log_longer_than_what_is_read_is_partial_and_leaves_room(aws: AwsStandin, scene: Logged) -> None:
    boto(aws).update_web_acl(**_unsampled(scene))
    visit(scene, *[(f"/orders/{n}", KEY) for n in range(9)])
    point = cut(scene, pages=2)
    found = point.estimate(block("/orders/**"), window=HOUR)
    assert found.requests == 6
    assert found.coverage.startswith("partial: the WAF log has 6 requests; it is longer than what is read: only ")
    assert point.exposure(block("/**", ips=("127.0.0.1",)), window=HOUR).unknown == pytest.approx(3 / 6)
    newest = point.samples(host=HOST, path="/orders/**", window=HOUR, limit=9)
    assert [line["path"] for line in newest.lines] == [f"/orders/{n}" for n in (8, 7, 6, 5, 4, 3)]
    assert newest.coverage.startswith("partial: the WAF log has 6 requests; it is longer than what is read")
    assert point.passed(block("/elsewhere"), since=datetime.now(UTC) - HOUR) == (0, None)


def test_a_line_that_nobody_can_read_is_told(scene: Logged) -> None:
    bad = [{"headers": 7}, {"headers": [{"name": 1}]}]
    put(scene, message(scene), unreadable(scene), *(message(scene, request=one) for one in bad))
    scene.bed.aws.logs.put(scene.group, "[" * 5000, at=datetime.now(UTC).timestamp())
    found = scene.point().estimate(block("/orders/**"), window=HOUR)
    assert (found.requests, found.coverage.startswith("partial: ")) == (1, True)
    assert "3 lines of it cannot be read" in found.coverage


def test_a_counted_rule_is_observed_by_wafs_own_word_whatever_it_was_called(scene: Logged) -> None:
    spec = orders().counting
    scene.bed.hold(lease(spec))
    assert visit(scene, ("/orders/1", KEY), ("/orders/2", "else")) == [200, 200]
    scene.bed.hold(lease(spec, hours=2))
    assert visit(scene, ("/orders/3", KEY), ("/login", KEY)) == [200, 200]
    found = scene.point().observed(spec, window=HOUR)
    assert (found.requests, found.principals, found.share_of_endpoint) == (2, 1, pytest.approx(2 / 3))
    nobody = scene.point().observed(block("/other").counting, window=HOUR)
    assert (nobody.requests, nobody.unknown_share) == (0, 1.0)


def test_probes_of_a_standing_block_are_nobody(scene: Logged) -> None:
    held = lease(orders())
    scene.bed.hold(held)
    with scene.bed.aws.edge(scene.bed.customer.name) as edge:
        assert ask(edge, "/orders/1", **scene.bed.point.canary(held.target))[0] == 403
        assert ask(edge, "/orders/1", x_api_key=KEY, x_stanch_probe="no")[0] == 403
    assert scene.point().observed(orders(), window=HOUR).requests == 1


def test_where_the_log_hides_who_asks_samples_that_show_it_are_used(aws: AwsStandin) -> None:
    scene = logged(aws, RedactedFields=NO_KEYS)
    visit(scene, ("/orders/1", KEY), ("/orders/2", "else"))
    found = scene.point().estimate(orders(), window=HOUR)
    assert (found.requests, found.unknown_share) == (1, 0.0)
    assert found.coverage.startswith("WAF sampled 2 requests")
    assert found.coverage.endswith("the WAF log hides header x-api-key")
    assert scene.point().exposure(block(ips=("127.0.0.1",)), window=HOUR).principals == 2
    boto(aws).update_web_acl(**_unsampled(scene))
    hidden = scene.point().estimate(orders(), window=HOUR)
    assert (hidden.requests, hidden.unknown_share) == (0, 1.0)
    assert "it hides header x-api-key" in hidden.coverage
    assert scene.point().estimate(block("/orders/**"), window=HOUR).requests == 2


def test_a_log_that_has_just_begun_is_no_reason_to_know_less(scene: Logged) -> None:
    visit(scene, ("/orders/1", KEY))
    scene.bed.aws.logs._groups[scene.group].clear()
    found = scene.point().estimate(orders(), window=HOUR)
    assert (found.requests, found.unknown_share) == (1, 0.0)
    assert found.coverage.endswith("the WAF log has no requests")
    assert scene.point().usage(host=HOST, path="/orders/**", method="", window=HOUR).requests == 1


def _unsampled(scene: Logged) -> dict[str, Any]:
    body, token = scene.bed.customer.read()
    shown = {**body["VisibilityConfig"], "SampledRequestsEnabled": False}
    return {**scene.bed.customer.ref, "LockToken": token, "DefaultAction": {"Allow": {}}, "VisibilityConfig": shown}


@pytest.mark.parametrize("action", ["HASH", "SUBSTITUTION"])
def test_a_protected_header_is_unknown_and_never_another_one(aws: AwsStandin, action: str) -> None:
    scene = logged(aws)
    field = {"FieldType": "SINGLE_HEADER", "FieldKeys": ["x-api-key"]}
    body = _unsampled(scene) | {"DataProtectionConfig": {"DataProtections": [{"Field": field, "Action": action}]}}
    boto(aws).update_web_acl(**body)
    visit(scene, ("/orders/1", KEY))
    assert KEY not in repr(scene.bed.aws.logs._groups[scene.group])
    assert scene.point().estimate(orders(), window=HOUR).unknown_share == 1.0


# -- where there is no log to go by ------------------------------------------------------------------------------------


def test_a_throttled_read_is_asked_again_later(aws: AwsStandin, scene: Logged) -> None:
    visit(scene, ("/orders/1", KEY))
    for call in ("estimate", "exposure"):
        aws.faults.script("FilterLogEvents", THROTTLED)
        with pytest.raises(RetrySafe):
            getattr(scene.point(), call)(block("/orders/**"), window=HOUR)
    aws.faults.script("FilterLogEvents", THROTTLED)
    point = scene.point()
    assert point.deciding_target("stanch-probe/9", since=datetime.now(UTC)) is None
    assert point.estimate(block("/orders/**"), window=HOUR).requests == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda scene: scene.log_to("aws-waf-logs-elsewhere"), "logs elsewhere, not to aws-waf-logs-"),
        (lambda scene: scene.bed.aws.waf._store.logged.pop(scene.bed.customer.arn), "is not logged"),
        (lambda scene: scene.bed.aws.logs._groups.pop(scene.group), "there is no log group"),
        (lambda scene: scene.bed.aws.faults.script("FilterLogEvents", *[DENIED] * 9), "may not be read"),
        (lambda scene: scene.bed.aws.faults.script("GetLoggingConfiguration", *[DENIED] * 9), "may not ask how"),
    ],
)
def test_without_a_readable_log_samples_serve_and_nothing_is_proved(scene: Logged, spoil: Any, why: str) -> None:
    visit(scene, ("/orders/1", KEY))
    spoil(scene)
    point = scene.point()
    found = point.estimate(orders(), window=HOUR)
    assert (found.requests, found.coverage.startswith("WAF sampled 1 requests")) == (1, True)
    assert why in found.coverage
    with pytest.raises(Rejected, match=why) as caught:
        point.passed(orders(), since=datetime.now(UTC))
    assert caught.value.code == "V075"
    with pytest.raises(Rejected, match=why):
        point.samples(host=HOST, path="/orders/1", window=HOUR, limit=5)
    assert point.deciding_target("stanch-probe/7", since=datetime.now(UTC)) is None
    (check,) = [one for one in point.doctor() if "log group" in one.name]
    assert (check.ok, why in check.detail, bool(check.fix)) == (False, True, True)


def test_a_log_that_drops_requests_counts_nothing_and_still_proves(aws: AwsStandin) -> None:
    scene = logged(aws, LoggingFilter=ONLY_BLOCKS)
    held = lease(orders())
    scene.bed.hold(held)
    assert visit(scene, ("/orders/1", "else"), ("/orders/1", KEY)) == [200, 403]
    point = scene.point()
    found = point.estimate(block("/orders/**"), window=HOUR)
    assert found.requests == 2, "the log has one of them"
    assert "drops requests (all but BLOCK)" in found.coverage
    with pytest.raises(Rejected, match="drops requests"):
        point.passed(orders(), since=datetime.now(UTC) - HOUR)
    kept = point.samples(host=HOST, path="/orders/1", window=HOUR, limit=9)
    assert (len(kept.lines), kept.coverage.startswith("partial: ")) == (1, True)
    assert "a filter drops all but BLOCK" in kept.coverage
    with aws.edge(scene.bed.customer.name) as edge:
        proof = _probes.expect_blocked(scene.point(edge), held, within=timedelta(seconds=5))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "access log")
    (check,) = [one for one in point.doctor() if "log group" in one.name]
    assert (check.ok, "drops all but BLOCK" in check.detail) == (False, True)


def test_doctor_says_what_the_log_has_and_hides(aws: AwsStandin) -> None:
    scene = logged(aws, RedactedFields=[*NO_KEYS, {"QueryString": {}}])
    visit(scene, ("/orders/1", KEY))
    (check,) = [one for one in scene.point().doctor() if "log group" in one.name]
    assert check.ok, check.detail
    assert check.name.endswith(f"log group of {HOST}")
    assert "1 requests in ten minutes; it hides header x-api-key, query string" in check.detail


def test_without_the_setting_all_is_as_before(aws: AwsStandin) -> None:
    plain = bed(aws)
    for call in (
        lambda: plain.point.samples(host=HOST, path="/a", window=HOUR, limit=5),
        lambda: plain.point.passed(block("/a"), since=datetime.now(UTC)),
    ):
        with pytest.raises(Rejected, match="no log of this web ACL is read") as caught:
            call()
        assert caught.value.code == "V075"
    assert plain.point.deciding_target("stanch-probe/8", since=datetime.now(UTC)) is None
    assert aws.logs.asked == []
    (check,) = [one for one in plain.point.doctor() if "log group" in one.name]
    assert (check.ok, "log_group" in check.detail) == (True, True)
