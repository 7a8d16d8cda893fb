"""Managed groups in a customer's web ACL: what goes in, what stays as it was, what comes out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from aws_support import BAD_INPUTS, COMMON, HOST, Customer, boto, customer, managed_rule

from activities.aws_waf import CONNECTOR
from stanch.errors import ConfigError, ConnectorError, Rejected, RetrySafe
from stanch.ports import Attachment
from stanch.sandbox.aws import AwsStandin, Seen


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin() as standin:
        yield standin


@pytest.fixture
def theirs(aws: AwsStandin) -> Customer:
    return customer(aws)


def attach(theirs: Customer, *groups: str, case: str = "case-1", key: str = "k", mode: str = "count") -> Attachment:
    waf = theirs.connector()
    return waf.attach(host=HOST, groups=groups or (COMMON, BAD_INPUTS), mode=mode, case_id=case, key=key)


def ours(theirs: Customer) -> list[dict[str, Any]]:
    return [rule for rule in theirs.rules() if rule["Name"].startswith("stanch-")]


def test_attaches_counting_rules_and_leaves_every_other_member_alone(theirs: Customer) -> None:
    before, _ = theirs.read()
    attached = attach(theirs)
    after, _ = theirs.read()
    assert [next(iter(rule["OverrideAction"])) for rule in ours(theirs)] == ["Count", "Count"]
    assert [rule["Name"].split("-")[-1] for rule in ours(theirs)] == ["CommonRuleSet", "KnownBadInputsRuleSet"]
    assert after["Rules"][: len(before["Rules"])] == before["Rules"]
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == {"Rules", "Capacity"}
    assert (attached.mode, attached.already) == ("count", False)
    assert attached.before != attached.after


def test_attaching_twice_writes_once(theirs: Customer) -> None:
    first = attach(theirs)
    writes = theirs.aws.ledger.count("UpdateWebACL")
    assert attach(theirs) == first
    assert theirs.aws.ledger.count("UpdateWebACL") == writes


def test_pins_the_configured_version(theirs: Customer) -> None:
    waf = theirs.connector(versions={COMMON: "Version_1.0"})
    waf.attach(host=HOST, groups=[COMMON], mode="block", case_id="case-1", key="k")
    (rule,) = ours(theirs)
    assert rule["Statement"]["ManagedRuleGroupStatement"]["Version"] == "Version_1.0"
    assert rule["OverrideAction"] == {"None": {}}


def test_group_that_stands_already_needs_nothing_and_has_no_undo(theirs: Customer) -> None:
    theirs.put_rules([*theirs.rules(), managed_rule("owasp", COMMON)])
    attached = attach(theirs, COMMON, mode="block")
    assert (attached.already, attached.mode, attached.before) == (True, "block", attached.after)
    assert ours(theirs) == []
    assert theirs.connector().detach(attachment=attached.id) is False
    assert "owasp" in [rule["Name"] for rule in theirs.rules()]


def test_adds_only_the_group_that_is_missing(theirs: Customer) -> None:
    theirs.put_rules([*theirs.rules(), managed_rule("owasp", COMMON)])
    attached = attach(theirs)
    assert [rule["Name"].split("-")[-1] for rule in ours(theirs)] == ["KnownBadInputsRuleSet"]
    assert attached.already is False
    assert attached.id.endswith("=owasp")


def test_scoped_down_group_does_not_count_as_standing(theirs: Customer) -> None:
    partly = managed_rule("partly", COMMON)
    partly["Statement"]["ManagedRuleGroupStatement"]["ScopeDownStatement"] = {
        "GeoMatchStatement": {"CountryCodes": ["DE"]}
    }
    theirs.put_rules([*theirs.rules(), partly])
    assert attach(theirs, COMMON).already is False


def test_enforce_switches_ours_only_and_back(theirs: Customer) -> None:
    theirs.put_rules([*theirs.rules(), managed_rule("sqli", "AWSManagedRulesSQLiRuleSet", override="Count")])
    attached = attach(theirs)
    enforced = theirs.connector().enforce(attachment=attached.id, mode="block")
    assert [next(iter(rule["OverrideAction"])) for rule in ours(theirs)] == ["None", "None"]
    assert "Count" in next(rule for rule in theirs.rules() if rule["Name"] == "sqli")["OverrideAction"]
    assert (enforced.mode, enforced.before) == ("block", attached.before)
    assert theirs.connector().enforce(attachment=attached.id, mode="count").after == attached.after


def test_enforce_refuses_where_somebody_elses_rule_only_counts(theirs: Customer) -> None:
    theirs.put_rules([*theirs.rules(), managed_rule("owasp", COMMON, override="Count")])
    attached = attach(theirs, COMMON)
    with pytest.raises(Rejected, match="owasp"):
        theirs.connector().enforce(attachment=attached.id, mode="block")


def test_detach_gives_back_exactly_what_was_there(theirs: Customer) -> None:
    before, _ = theirs.read()
    attached = attach(theirs)
    assert theirs.connector().detach(attachment=attached.id) is True
    assert theirs.read()[0] == before
    assert theirs.connector().detach(attachment=attached.id) is False


def test_digest_of_the_customers_part_does_not_depend_on_ours(theirs: Customer) -> None:
    small = attach(theirs, BAD_INPUTS)
    theirs.connector().detach(attachment=small.id)
    assert attach(theirs, COMMON, key="other").before == small.before
    theirs.put_rules(theirs.rules()[1:])
    assert attach(theirs, COMMON, key="other").before != small.before


def test_detach_keeps_what_others_added_in_between(theirs: Customer) -> None:
    attached = attach(theirs)
    theirs.put_rules([*theirs.rules(), managed_rule("sqli", "AWSManagedRulesSQLiRuleSet", priority=900)])
    theirs.connector().detach(attachment=attached.id)
    assert [rule["Name"] for rule in theirs.rules()][-1] == "sqli"
    assert ours(theirs) == []


def test_detach_of_the_last_rule_really_empties_the_acl(aws: AwsStandin) -> None:
    empty = customer(aws, Rules=[])
    attached = attach(empty)
    assert len(empty.rules()) == 2
    assert empty.connector().detach(attachment=attached.id)
    assert empty.rules() == []


@pytest.mark.parametrize("call", ["enforce", "detach"])
def test_rule_that_a_person_edited_is_theirs_now(theirs: Customer, call: str) -> None:
    attached = attach(theirs, COMMON)
    edited = theirs.rules()
    edited[-1]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"] = [
        {"Name": "SizeRestrictions_BODY", "ActionToUse": {"Allow": {}}}
    ]
    theirs.put_rules(edited)
    waf = theirs.connector()
    with pytest.raises(Rejected, match="changed since"):
        waf.detach(attachment=attached.id) if call == "detach" else waf.enforce(attachment=attached.id, mode="block")
    assert theirs.rules() == edited


def test_two_cases_do_not_touch_each_other(theirs: Customer) -> None:
    one = attach(theirs, COMMON, case="case-1")
    two = attach(theirs, BAD_INPUTS, case="case-2")
    theirs.connector().detach(attachment=one.id)
    assert [rule["Name"] for rule in ours(theirs)] == [two.id.split("/")[1] + "KnownBadInputsRuleSet"]


def test_detach_after_the_acl_is_gone_is_done(aws: AwsStandin) -> None:
    gone = customer(aws)
    attached = attach(gone)
    _, token = gone.read()
    boto(aws).delete_web_acl(**gone.ref, LockToken=token)
    assert gone.connector().detach(attachment=attached.id) is False


def test_refuses_an_acl_of_firewall_manager(theirs: Customer) -> None:
    theirs.aws.waf.tamper(theirs.name, lambda acl: acl.update(ManagedByFirewallManager=True))
    with pytest.raises(Rejected, match="Firewall Manager"):
        attach(theirs)
    assert theirs.connector().doctor()[0].ok is False


def test_refuses_an_acl_with_members_it_does_not_know(theirs: Customer) -> None:
    def shown(acl: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = acl["Rules"][0]["VisibilityConfig"]
        return config

    theirs.aws.waf.tamper(theirs.name, lambda acl: shown(acl).update(SomethingNew={"Level": 9}))
    with pytest.raises(Rejected, match="does not know"):
        attach(theirs)
    theirs.aws.waf.tamper(theirs.name, lambda acl: shown(acl).pop("SomethingNew"))
    assert not attach(theirs).already


def test_refuses_when_there_is_no_room(theirs: Customer) -> None:
    waf = theirs.connector(wcu_limit=theirs.read()[0]["Capacity"] + 899)
    with pytest.raises(Rejected, match="no room for 900"):
        waf.attach(host=HOST, groups=[COMMON, BAD_INPUTS], mode="count", case_id="c", key="k")
    assert ours(theirs) == []


@pytest.mark.parametrize(
    ("host", "groups", "mode"),
    [
        ("other.example.net", [COMMON], "count"),
        (HOST, [], "count"),
        (HOST, [COMMON], "maybe"),
        (HOST, ["NoSuchGroup"], "count"),
        (HOST, ["F5/NoSuchGroup"], "count"),
    ],
)
def test_refuses_what_cannot_be_meant(theirs: Customer, host: str, groups: list[str], mode: str) -> None:
    before = theirs.read()
    with pytest.raises(Rejected):
        theirs.connector().attach(host=host, groups=groups, mode=mode, case_id="c", key="k")
    assert theirs.read() == before


@pytest.mark.parametrize(
    "word", ["", "acl", "acl/allow-health-check", "acl/stanch-", "../x/stanch-a-b-", "a/stanch-x-\n"]
)
def test_refuses_attachments_that_are_not_ours(theirs: Customer, word: str) -> None:
    with pytest.raises(Rejected):
        theirs.connector().detach(attachment=word)


def test_only_the_acl_in_front_of_the_resource_is_changed(aws: AwsStandin) -> None:
    seeded = aws.seed("shop.example.com")
    table = {"name": seeded.web_acl_name, "resource": seeded.stage_arn}
    waf = CONNECTOR.build("waf", aws.section(web_acls={"*.example.com": table}))
    attached = waf.attach(host="shop.example.com", groups=[COMMON], mode="count", case_id="c", key="k")
    assert waf.detach(attachment=attached.id)
    boto(aws).disassociate_web_acl(ResourceArn=seeded.stage_arn)
    with pytest.raises(Rejected, match="not in front"):
        waf.attach(host="shop.example.com", groups=[COMMON], mode="count", case_id="c", key="k")


def test_addresses_the_acl_by_arn(theirs: Customer) -> None:
    waf = CONNECTOR.build("waf", theirs.aws.section(web_acls={HOST: theirs.arn}))
    attached = waf.attach(host=HOST, groups=[COMMON], mode="count", case_id="c", key="k")
    assert waf.detach(attachment=attached.id)


def test_finds_an_acl_on_a_later_page(aws: AwsStandin, theirs: Customer) -> None:
    assert len(boto(aws).list_web_acls(Scope="REGIONAL", Limit=1)["WebACLs"]) == 1
    assert theirs.connector().doctor()[0].ok


def test_observe_counts_what_would_be_refused(theirs: Customer) -> None:
    attached = attach(theirs)
    seen = [
        Seen("/a", weight=990),
        Seen("/b", group=COMMON, rule="CrossSiteScripting_BODY", weight=6),
        Seen("/c", group=BAD_INPUTS, rule="Log4JRCE_HEADER", weight=2),
        Seen("/d", group=COMMON, rule="SizeRestrictions_BODY", configured="COUNT", weight=2),
    ]
    theirs.aws.feed(theirs.name, seen)
    numbers = theirs.connector().observe(attachment=attached.id, window=timedelta(hours=1))
    assert numbers["requests"] == 1000
    assert numbers["would_block"] == 8
    assert numbers["would_block_ratio"] == pytest.approx(0.008)
    assert numbers["coverage"] == 1.0


def test_observe_says_when_it_saw_nothing_or_too_little(theirs: Customer) -> None:
    attached = attach(theirs)
    numbers = theirs.connector().observe(attachment=attached.id, window=timedelta(hours=6))
    assert (numbers["requests"], numbers["would_block_ratio"], numbers["coverage"]) == (0, 0, 0.5)


def test_observe_after_detach_is_refused(theirs: Customer) -> None:
    attached = attach(theirs)
    theirs.connector().detach(attachment=attached.id)
    with pytest.raises(Rejected):
        theirs.connector().observe(attachment=attached.id, window=timedelta(hours=1))


def _until_done(call: Any, problems: list[str]) -> Any:
    """What Temporal does: repeat what may be repeated."""
    for _ in range(40):
        try:
            return call()
        except RetrySafe:
            continue
        except ConnectorError as error:
            problems.append(error.message)
            return None
    problems.append("never done")
    return None


def test_storm_of_writers_loses_nothing(theirs: Customer) -> None:
    before, _ = theirs.read()
    groups = [COMMON, BAD_INPUTS, "AWSManagedRulesSQLiRuleSet", "AWSManagedRulesLinuxRuleSet"]
    groups += ["AWSManagedRulesPHPRuleSet", "AWSManagedRulesAdminProtectionRuleSet"]
    groups += ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesAnonymousIpList"]
    problems: list[str] = []
    made: dict[str, str] = {}
    waf = theirs.connector()

    def work(index: int) -> None:
        case, wanted = f"case-{index}", [groups[index]]
        attached = _until_done(
            lambda: waf.attach(host=HOST, groups=wanted, mode="count", case_id=case, key="k"), problems
        )
        if index % 2:
            _until_done(lambda: waf.detach(attachment=attached.id), problems)
        else:
            made[groups[index]] = attached.id

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(groups))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []
    held = {rule["Statement"]["ManagedRuleGroupStatement"]["Name"] for rule in ours(theirs)}
    assert held == set(made)
    assert [rule for rule in theirs.rules() if not rule["Name"].startswith("stanch-")] == before["Rules"]
    assert len({rule["Priority"] for rule in theirs.rules()}) == len(theirs.rules())


@pytest.mark.parametrize(
    "wrong",
    [
        {"web_acls": {}},
        {"region": "europe"},
        {"colour": "red"},
        {"scope": "CLOUDFRONT"},
        {"web_acls": {HOST: "arn:aws:wafv2:broken"}},
        {"wcu_limit": 9000},
    ],
)
def test_wrong_sections_are_named_without_showing_secrets(wrong: dict[str, Any]) -> None:
    section = {"region": "eu-central-1", "web_acls": {HOST: "acl"}, "secret_access_key": "hunter2hunter2", **wrong}
    with pytest.raises(ConfigError) as caught:
        CONNECTOR.build("waf", section)
    assert caught.value.problems
    assert "hunter2" not in repr(caught.value) + "".join(map(str, caught.value.problems))
