"""The AWS WAF point at its vendor: what it writes and in which order, what it never touches, what it refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_support import HOST, boto
from waf_support import Bed, ask, bed, block, lease, limit

from activities._waf.store import WafStore
from stanch.errors import AuthBlocked, Rejected, RetrySafe, StanchError, Uncertain
from stanch.leases import Lease, Principal, SuspendSpec
from stanch.ports import Mismatch
from stanch.sandbox._server import Fault
from stanch.sandbox.aws import DENIED, LOCKED, THROTTLED, AwsStandin, answer_with

WRITES = ("CreateRuleGroup", "UpdateRuleGroup", "CreateIPSet", "UpdateIPSet", "DeleteIPSet", "UpdateWebACL")


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def scene(aws: AwsStandin) -> Bed:
    return bed(aws)


def ips(*numbers: int, path: str = "/orders/**") -> list[Lease]:
    return [lease(block(path, ips=(f"198.51.{n // 250}.{n % 250}",)), f"ip{n}") for n in numbers]


def written(aws: AwsStandin, call: Callable[[], Any]) -> list[str]:
    """The writes that a call makes, in order."""
    before = len(aws.ledger.entries())
    call()
    return [entry["event"] for entry in aws.ledger.entries()[before:] if entry["event"] in WRITES]


def own_rule(name: str, priority: int) -> dict[str, Any]:
    statement = {"GeoMatchStatement": {"CountryCodes": ["AQ"]}}
    shown = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": {"Block": {}},
        "VisibilityConfig": shown,
    }


# -- what is written ---------------------------------------------------------------------------------------------------


def test_the_customers_acl_is_changed_once_and_only_by_one_reference(scene: Bed) -> None:
    before, _ = scene.customer.read()
    first = written(scene.aws, lambda: scene.hold(lease(block("/a"), "a")))
    assert first == ["CreateRuleGroup", "UpdateWebACL", "UpdateRuleGroup"]
    after, _ = scene.customer.read()
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {"Rules", "Capacity"}
    (mine,) = [rule for rule in after["Rules"] if rule not in before["Rules"]]
    assert mine["Statement"]["RuleGroupReferenceStatement"]["ARN"] == scene.group()["RuleGroup"]["ARN"]
    assert (mine["Priority"], mine["OverrideAction"]) == (1, {"None": {}})
    assert written(scene.aws, lambda: scene.hold(lease(block("/b"), "b"))) == ["UpdateRuleGroup"]
    assert scene.customer.read()[0] == after


def test_addresses_join_a_set_after_their_rule_and_leave_it_before(scene: Bed) -> None:
    one, two = ips(1, 2)
    assert written(scene.aws, lambda: scene.hold(one)) == [
        *("CreateRuleGroup", "UpdateWebACL", "CreateIPSet", "UpdateRuleGroup", "UpdateIPSet")
    ]
    assert written(scene.aws, lambda: scene.hold(two)) == ["UpdateRuleGroup", "UpdateIPSet"]
    assert written(scene.aws, lambda: scene.lift(two)) == ["UpdateIPSet", "UpdateRuleGroup"]
    assert written(scene.aws, lambda: scene.lift(one)) == ["UpdateRuleGroup", "DeleteIPSet"]
    assert (scene.group()["RuleGroup"]["Rules"], scene.sets(), scene.digest) == ([], {}, "")


def test_many_addresses_share_one_rule_and_one_set_of_each_family(scene: Bed) -> None:
    many = [*ips(*range(1, 40)), lease(block("/orders/**", ips=("2001:db8::/64", "198.51.100.0/24")), "net")]
    assert all(result.ok for result in scene.hold(*many).results)
    names = [rule["Name"].partition("-")[0] for rule in scene.group()["RuleGroup"]["Rules"]]
    assert names == ["stanch_pool", "stanch_list"]
    assert sorted(len(addresses) for addresses in scene.sets().values()) == [1, 40]
    assert scene.owned() == {one.target for one in many}


def test_an_address_stays_while_another_lease_wants_it(scene: Bed) -> None:
    both = lease(block("/orders/**", ips=("198.51.100.1", "198.51.100.2")), "both")
    one = lease(block("/orders/**", ips=("198.51.100.1",)), "one")
    scene.hold(both, one)
    scene.lift(both)
    assert list(scene.sets().values()) == [["198.51.100.1/32"]]
    assert scene.owned() == {one.target}


def test_a_renewal_replaces_what_stood(scene: Bed) -> None:
    for spec in (block("/a"), block("/a", ips=("198.51.100.1",)), limit("/login", 100)):
        first, longer = lease(spec, hours=1), lease(spec, hours=2)
        scene.hold(first)
        scene.hold(longer)
        (mine,) = [one for one in scene.point.list_owned() if one.target == first.target]
        assert mine.expires_at == longer.expires_at


def test_holding_again_writes_nothing(scene: Bed) -> None:
    held = [lease(block("/a"), "a"), *ips(1, 2), lease(limit("/login", 100), "l")]
    scene.hold(*held)
    assert written(scene.aws, lambda: scene.hold(*held)) == []


def test_everything_is_found_again_from_aws_alone(scene: Bed) -> None:
    held = [lease(block("/a"), "a"), *ips(1, 2), lease(block("/a", ips=("2001:db8::7",)), "six")]
    scene.hold(*held)
    seen = {one.target: (one.case_id, one.expires_at) for one in scene.another().list_owned()}
    assert seen == {one.target: (one.case_id, one.expires_at) for one in held}


def test_what_is_listed_is_taken_out_by_name_and_a_renewed_one_stays(scene: Bed) -> None:
    gone, renewed = ips(1, 2)
    kept = lease(block("/a"), "kept")
    scene.hold(gone, renewed, kept)
    listed = {one.target: one for one in scene.point.list_owned()}
    later = lease(renewed.spec, "ip2", hours=3)
    scene.hold(later)
    results = scene.another().take_out([listed[gone.target], listed[renewed.target]])
    assert [(one.ok, one.proof) for one in results] == [(True, {}), (True, {"state": "renewed"})]
    assert scene.owned() == {later.target, kept.target}
    assert list(scene.sets().values()) == [["198.51.0.2/32"]]


# -- what is never touched ---------------------------------------------------------------------------------------------


def test_foreign_rules_and_addresses_survive_and_are_told(scene: Bed) -> None:
    held = [lease(block("/a"), "a"), *ips(1)]
    scene.hold(*held)
    scene.foreign_edit(own_rule("theirs", 70), own_rule("stanch-odd", 71))
    (name,) = scene.sets()
    scene.foreign_address(name, "203.0.113.7/32")
    theirs = [rule for rule in scene.group()["RuleGroup"]["Rules"] if rule["Priority"] >= 70]
    scene.hold(*ips(2))
    scene.lift(*held)
    assert [rule for rule in scene.group()["RuleGroup"]["Rules"] if rule["Priority"] >= 70] == theirs
    assert sorted(scene.sets()[name]) == ["198.51.0.2/32", "203.0.113.7/32"]
    scene.lift(*ips(2))
    assert scene.sets()[name] == ["203.0.113.7/32"], "and it stays blocked as whoever put it there meant"
    odd = [one for one in scene.point.list_owned() if one.expires_at is None]
    assert [one.name for one in odd] == ["stanch-odd"]
    (check,) = [one for one in scene.point.doctor() if one.name.endswith("only blocks of ours")]
    assert not check.ok
    assert "203.0.113.7/32" in check.detail


def test_a_set_left_behind_by_a_crash_does_not_block_again(scene: Bed) -> None:
    """A worker died after the rule went and before the set was deleted."""
    scene.hold(*ips(1))
    scene.aws.faults.script("DeleteIPSet", THROTTLED)
    scene.lift(*ips(1))
    (name,) = scene.sets()
    assert scene.sets()[name] == ["198.51.0.1/32"]
    scene.hold(*ips(2))
    assert scene.sets()[name] == ["198.51.0.2/32"]


def test_a_listed_address_that_is_not_in_its_set_is_put_in_only_when_wanted(scene: Bed) -> None:
    """A worker died between the two writes; nobody knows whether the lease is still held."""
    scene.hold(*ips(1))
    scene.aws.faults.script("UpdateIPSet", answer_with("WAFInternalErrorException", status=500))
    with pytest.raises(Uncertain):
        scene.hold(*ips(2))
    scene.hold(*ips(3))
    (addresses,) = scene.sets().values()
    assert sorted(addresses) == ["198.51.0.1/32", "198.51.0.3/32"]
    assert all(result.ok for result in scene.hold(*ips(2)).results)
    assert len(next(iter(scene.sets().values()))) == 3


def test_members_that_botocore_does_not_know_refuse_the_update(scene: Bed) -> None:
    scene.hold(*ips(1))
    store = scene.aws.waf._store
    for kind in ("RuleGroup", "IPSet"):
        one = next(each for each in store.all(kind, "REGIONAL") if each.name.startswith(scene.point._prefix))
        one.body["SomethingNew"] = {"Level": 9}
        with pytest.raises(Rejected, match="does not know"):
            bed_of(scene).hold(*ips(2), lease(block("/z"), "z"))
        assert one.body["SomethingNew"] == {"Level": 9}
        del one.body["SomethingNew"]


def bed_of(scene: Bed) -> Bed:
    """Another process at the same point, which has read nothing yet."""
    return Bed(scene.aws, scene.customer, scene.another())


# -- others at work ----------------------------------------------------------------------------------------------------


def test_a_conflict_is_read_and_computed_again(scene: Bed) -> None:
    scene.hold(*ips(1))
    scene.aws.faults.script("UpdateRuleGroup", LOCKED)
    scene.aws.faults.script("UpdateIPSet", LOCKED)
    scene.hold(*ips(2))
    assert scene.owned() == {one.target for one in ips(1, 2)}


def test_a_storm_of_foreign_edits_loses_nothing(scene: Bed) -> None:
    scene.hold(*ips(1))
    over = threading.Event()
    edits: list[str] = []

    def edit() -> None:
        while not over.wait(0.05):
            try:
                scene.foreign_edit(own_rule(f"theirs-{len(edits)}", 500 + len(edits)))
                edits.append(f"theirs-{len(edits)}")
            except Exception as error:
                assert "WAFOptimisticLock" in str(error)  # noqa: PT017

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        for number in range(2, 6):
            while True:
                try:
                    scene.hold(*ips(number))
                    break
                except RetrySafe:
                    continue
    finally:
        over.set()
        thread.join()
    names = {rule["Name"] for rule in scene.group()["RuleGroup"]["Rules"]}
    assert edits
    assert set(edits) <= names
    assert scene.owned() == {one.target for one in ips(*range(1, 6))}


def test_what_is_not_as_expected_asks_for_the_full_set(scene: Bed) -> None:
    scene.hold(*ips(1))
    with pytest.raises(Mismatch):
        scene.point.reconcile(adds=ips(2), removes=[], wanted=None, expected="something else")
    done = scene.point.reconcile(adds=ips(2), removes=[], wanted=ips(3), expected="")
    assert {result.target for result in done.results if result.ok} == {one.target for one in ips(2, 3)}
    assert scene.owned() == {one.target for one in ips(1, 2, 3)}, "what else stands stays"


@pytest.mark.parametrize(
    ("operation", "fault", "error"),
    [
        ("UpdateRuleGroup", THROTTLED, RetrySafe),
        ("CreateRuleGroup", answer_with("WAFUnavailableEntityException"), RetrySafe),
        ("UpdateRuleGroup", DENIED, AuthBlocked),
        ("UpdateIPSet", answer_with("WAFInternalErrorException", status=500), Uncertain),
        ("ListIPSets", answer_with("WAFInternalErrorException", status=500), RetrySafe),
        ("CreateIPSet", answer_with("WAFLimitsExceededException"), Rejected),
    ],
)
def test_each_answer_of_aws_has_its_outcome_and_the_next_turn_mends(
    scene: Bed, operation: str, fault: Any, error: type[StanchError]
) -> None:
    scene.aws.faults.script(operation, fault)
    with pytest.raises(error):
        scene.hold(*ips(1))
    assert all(result.ok for result in scene.hold(*ips(1)).results)
    assert list(scene.sets().values()) == [["198.51.0.1/32"]]


@pytest.mark.parametrize("mode", ["drop_before", "drop_after"])
@pytest.mark.parametrize("operation", WRITES)
def test_a_crash_at_any_write_blocks_nobody_else_and_leaves_nothing(aws: AwsStandin, operation: str, mode: str) -> None:
    """The connection is cut before or after AWS has done it; another process goes on from what it finds."""
    scene = bed(aws)
    held, beside = lease(block("/**", ips=("127.0.0.7",)), "a"), lease(block("/x", methods=("PUT",)), "b")
    for step in (scene.hold, scene.lift):
        aws.faults.script(operation, Fault(mode))
        with suppress(Uncertain, RetrySafe):
            step(held, beside)
        with aws.edge(scene.customer.name) as edge:
            assert ask(edge, "/orders", source="127.0.0.8")[0] == 200
    aws.faults.clear()
    after = bed_of(scene)
    after.hold(held, beside)
    assert after.owned() == {held.target, beside.target}
    after.lift(held, beside)
    assert after.owned() == set()
    with aws.edge(scene.customer.name) as edge:
        assert ask(edge, "/orders", source="127.0.0.7")[0] == 200
    assert after.group()["RuleGroup"]["Rules"] == []


def test_updates_keep_their_pace(aws: AwsStandin) -> None:
    """One update a second: the point waits rather than being refused."""
    scene = bed(aws, pace=0.12)
    aws.waf.writes_per_second = 10.0
    try:
        for number in range(1, 4):
            scene.hold(*ips(number))
    finally:
        aws.waf.writes_per_second = None
    assert scene.owned() == {one.target for one in ips(1, 2, 3)}


# -- where there is no room --------------------------------------------------------------------------------------------


def test_a_full_group_spills_into_the_next(aws: AwsStandin) -> None:
    scene = bed(aws, capacity=100, max_groups=2)
    held = [lease(block(f"/p{n}/{{id}}"), f"p{n}") for n in range(4)]
    assert all(result.ok for result in scene.hold(*held).results)
    assert [len(scene.group(number)["RuleGroup"]["Rules"]) for number in (1, 2)] == [2, 2]
    assert scene.owned() == {one.target for one in held}
    with aws.edge(scene.customer.name) as edge:
        assert [ask(edge, f"/p{n}/1")[0] for n in range(4)] == [403] * 4


def test_the_least_risk_makes_room_and_is_told(aws: AwsStandin) -> None:
    scene = bed(aws, capacity=100, max_groups=1)
    low, medium = (lease(block(f"/{word}/{{id}}"), word, severity=word) for word in ("low", "medium"))
    scene.hold(low, medium)
    high, info = (lease(block(f"/{word}/{{id}}"), word, severity=word) for word in ("high", "info"))
    told = {result.target: result for result in scene.hold(high, info).results}
    assert told[high.target].ok
    assert (told[low.target].ok, told[low.target].code) == (False, "L018")
    assert (told[info.target].ok, told[info.target].code) == (False, "L018")
    assert scene.owned() == {medium.target, high.target}


def test_only_four_limits_fit_a_group(aws: AwsStandin) -> None:
    scene = bed(aws, max_groups=1)
    held = [lease(limit(f"/p{n}", 100), f"p{n}") for n in range(5)]
    results = {result.target: result for result in scene.hold(*held).results}
    assert sorted(result.ok for result in results.values()) == [False, True, True, True, True]
    (refused,) = [result for result in results.values() if not result.ok]
    assert "rate-based rules" in refused.reason


def test_nobody_makes_room_whose_going_is_of_no_use(aws: AwsStandin) -> None:
    """Limits are what is lacking, so that blocks of less risk stay."""
    scene = bed(aws, max_groups=1)
    limits = [lease(limit(f"/p{n}", 100), f"p{n}", severity="medium") for n in range(4)]
    blocks = [lease(block(f"/b{n}"), f"b{n}", severity="low") for n in range(3)]
    scene.hold(*limits, *blocks)
    urgent = lease(limit("/urgent", 100), "urgent", severity="critical")
    told = {result.target: result for result in scene.hold(urgent).results}
    assert told[urgent.target].ok
    assert len(told.keys() & {one.target for one in limits}) == 1
    assert {one.target for one in blocks} <= scene.owned()
    assert len(scene.owned()) == 7


def test_aws_has_the_last_word_on_weight(scene: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    real = WafStore.weigh
    monkeypatch.setattr(WafStore, "weigh", lambda self, rules: real(self, rules) * 20)
    held = [lease(block(f"/p{n}/{{id}}"), f"p{n}") for n in range(3)]
    results = scene.hold(*held).results
    assert sum(result.ok for result in results) < 3
    assert all(result.ok or result.code == "L018" for result in results)


def test_more_than_the_acl_has_room_for_is_refused(aws: AwsStandin) -> None:
    scene = bed(aws, wcu_limit=1000)
    with pytest.raises(Rejected, match="no room for a rule group"):
        scene.hold(lease(block("/a")))
    assert scene.customer.read()[0]["Capacity"] < 100


# -- what cannot be meant, or not be done ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (block("/a", principal=Principal(user_id="mallory")), "does not verify tokens"),
        (block("/a", principal=Principal(token_hash="a" * 64)), "token hash"),
        (block("/**", principal=Principal.model_validate({"body": {"pointer": "/a", "value": "x"}})), "too little"),
        (block("/a", ips=("0.0.0.0/0",)), "everybody"),
        (block("/a", ips=("nowhere",)), "not an IP address"),
        (block("/a", ips=("::ffff:0:0/96",)), "everybody"),
        (block("/a", ips=("fe80::1%eth0",)), "not an IP address"),
        (block("/ä"), "outside ASCII"),
        (block("/**/x"), "not a path template"),
        (block("/a?b"), "not a path template"),
        (block("/" + "a" * 600), "longer than"),
        (block("/a", methods=("GET OR",)), "not an HTTP method"),
        (limit("/a", 5), "fewer than 10"),
        (limit("/a", 100, seconds=90), "60, 120, 300 or 600"),
        (block("/a").model_copy(update={"host": "*.example.com"}), "not one host name"),
        (block("/a").model_copy(update={"host": "other.example.net"}), "no web ACL is configured"),
        (SuspendSpec(user_id="mallory"), "can only block"),
    ],
)
def test_what_waf_cannot_say_is_refused_alone_and_plainly(scene: Bed, spec: Any, why: str) -> None:
    good = lease(block("/good"), "good")
    results = {result.target: result for result in scene.hold(lease(spec, "bad"), good).results}
    assert results[good.target].ok
    (bad,) = [result for target, result in results.items() if target != good.target]
    assert not bad.ok
    assert why in bad.reason
    assert scene.owned() == {good.target}


def test_no_address_is_blocked_before_somebody_says_whose_it_is(aws: AwsStandin) -> None:
    scene = bed(aws, addresses="")
    (result,) = scene.hold(*ips(1)).results
    assert not result.ok
    assert "which address" in result.reason
    (check,) = [one for one in scene.point.doctor() if "client addresses" in one.name]
    assert not check.ok


def test_limits_by_address_need_clients_in_sight(aws: AwsStandin) -> None:
    scene = bed(aws, addresses="last")
    by_ip, by_key = lease(limit("/a", 100), "ip"), lease(limit("/a", 100, by="header:x-api-key"), "key")
    results = {result.target: result.ok for result in scene.hold(by_ip, by_key).results}
    assert results == {by_ip.target: False, by_key.target: True}


def test_a_rule_that_lets_requests_in_first_is_no_place_to_be(aws: AwsStandin) -> None:
    scene = bed(aws, behind=[])
    with pytest.raises(Rejected, match="no free priority before rule allow-health-check"):
        scene.hold(lease(block("/a")))


def test_an_allow_put_before_us_later_stops_new_blocks_and_no_lift(scene: Bed) -> None:
    first = lease(block("/a"), "a")
    scene.hold(first)
    rules = scene.customer.rules()
    early = {**own_rule("let-partner", 90), "Action": {"Allow": {}}}
    shifted = [{**rule, "Priority": rule["Priority"] + 10} for rule in rules]
    scene.customer.put_rules([{**early, "Priority": 0}, *shifted])
    with pytest.raises(Rejected, match="let-partner lets requests in before"):
        scene.hold(lease(block("/b"), "b"))
    (check,) = [one for one in scene.point.doctor() if "web ACL" in one.name]
    assert "let-partner" in check.detail
    scene.lift(first)
    assert scene.owned() == set()


@pytest.mark.parametrize("vanished", [False, True])
def test_one_of_several_blocks_is_lifted_whatever_stands_before_us(scene: Bed, vanished: bool) -> None:
    """A writer that lost its digest hands over all that is to stand, beside what it lifts."""
    first, second = lease(block("/a"), "a"), lease(block("/b"), "b")
    scene.hold(first, second)
    if vanished:
        scene.point.reconcile(adds=[], removes=[second.target], wanted=None, expected=scene.digest)
    early = {**own_rule("let-partner", 0), "Action": {"Allow": {}}}
    shifted = [{**rule, "Priority": rule["Priority"] + 10} for rule in scene.customer.rules()]
    scene.customer.put_rules([early, *shifted])
    done = scene.point.reconcile(adds=[], removes=[first.target], wanted=[second], expected="")
    assert {item.target: item.ok for item in done.results} == {first.target: True, second.target: False}
    assert any("let-partner" in item.reason for item in done.results)
    assert scene.owned() == (set() if vanished else {second.target})
    assert scene.point.reconcile(adds=[], removes=[], wanted=None, expected=done.digest).digest == done.digest


def test_a_reference_that_only_counts_is_told(scene: Bed) -> None:
    scene.hold(lease(block("/a"), "a"))
    rules = scene.customer.rules()
    mine = next(rule for rule in rules if "RuleGroupReferenceStatement" in rule["Statement"])
    mine["OverrideAction"] = {"Count": {}}
    scene.customer.put_rules(rules)
    with pytest.raises(Rejected, match="takes the effect off"):
        scene.hold(lease(block("/b"), "b"))


def test_expired_leases_are_not_put_in(scene: Bed) -> None:
    (result,) = scene.hold(lease(block("/a"), hours=-1)).results
    assert (result.ok, result.reason) == (False, "the lease has already expired")


def test_what_nobody_can_know_is_not_claimed(scene: Bed) -> None:
    found = scene.point.estimate(block("/a"), window=timedelta(hours=1))
    assert found.coverage.startswith("unknown")
    with pytest.raises(Rejected, match="nobody knows"):
        scene.point.passed(block("/a"), since=datetime.now(UTC))
    with pytest.raises(Rejected, match="no log of this web ACL"):
        scene.point.samples(host="api.example.com", path="/a", window=timedelta(hours=1), limit=1)


def test_a_point_whose_name_goes_on_where_ours_ends_is_not_ours(aws: AwsStandin, scene: Bed) -> None:
    theirs = Bed(scene.aws, scene.customer, scene.another(group=f"{scene.point._prefix}-eu"))
    held = [lease(block("/eu"), "eu"), *ips(5)]
    theirs.hold(*held)
    assert scene.owned() == set()
    scene.hold(*ips(1))
    scene.lift(*ips(1))
    assert theirs.owned() == {one.target for one in held}
    assert list(theirs.sets().values()) == [["198.51.0.5/32"]]


def test_an_ipv4_address_written_as_ipv6_is_blocked_as_waf_sees_it(aws: AwsStandin) -> None:
    scene = bed(aws)
    scene.hold(lease(block("/**", ips=("::ffff:127.0.0.7", "::ffff:198.51.100.0/120"))))
    assert list(scene.sets().values()) == [["127.0.0.7/32", "198.51.100.0/24"]]
    with aws.edge(scene.customer.name) as edge:
        assert [ask(edge, "/a", source=f"127.0.0.{n}")[0] for n in (7, 8)] == [403, 200]


def test_a_name_of_stanch_that_another_deployment_uses_is_not_ours(aws: AwsStandin, scene: Bed) -> None:
    scene.hold(*ips(1))
    other = bed(aws)
    other.hold(*ips(1))
    other.lift(*ips(1))
    assert scene.owned() == {one.target for one in ips(1)}
    assert boto(aws).list_rule_groups(Scope="REGIONAL")["RuleGroups"]
    assert other.point.serves(HOST.upper())
