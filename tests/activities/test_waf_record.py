"""A line of a WAF log, read by Amazon's description of it: who decided, what counted, and what cannot be trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities._waf.log_setup import _drops
from activities._waf.record import MOST_BYTES, read_record
from stanch.estimating import Truth, judge, read_statement

GROUP = "arn:aws:wafv2:eu-central-1:123456789012:regional/rulegroup/stanch-edge-1/0a1b"
OTHER = "arn:aws:wafv2:eu-central-1:123456789012:regional/rulegroup/theirs/2c3d"


def group(arn: str, rule: str = "", *, action: str = "BLOCK", counted: tuple[str, ...] = ()) -> dict[str, Any]:
    ended = {"ruleId": rule, "action": action, "ruleMatchDetails": None} if rule else None
    found = [{"ruleId": name, "action": "COUNT"} for name in counted]
    return {"ruleGroupId": arn, "terminatingRule": ended, "nonTerminatingMatchingRules": found, "excludedRules": None}


def line(*groups: dict[str, Any], request: dict[str, Any] | None = None, **more: Any) -> str:
    headers = [{"name": "Host", "value": "api.example.com"}, {"name": "User-Agent", "value": "curl"}]
    base = {"clientIp": "192.0.2.7", "country": "DE", "uri": "/a", "args": "", "httpMethod": "GET", "headers": headers}
    body = {
        "timestamp": 1790000000123,
        "webaclId": "arn:acl",
        "action": "BLOCK",
        "terminatingRuleId": "our-reference",
        "terminatingRuleType": "GROUP",
        "ruleGroupList": list(groups),
        "httpRequest": base | (request or {}),
    }
    return json.dumps(body | more)


def test_the_rule_inside_the_group_decided() -> None:
    ours = group(GROUP, "stanch-a-1-b", counted=("stanch-c-1-d",))
    found = read_record(line(group(OTHER, counted=("theirs",)), ours))
    assert found is not None
    assert (found.ended, found.action, found.status) == ((GROUP, "stanch-a-1-b"), "BLOCK", 403)
    assert found.counted == {(OTHER, "theirs"), (GROUP, "stanch-c-1-d")}
    assert found.at.isoformat() == "2026-09-21T14:13:20.123000+00:00"


def test_a_group_that_only_counts_decided_nothing() -> None:
    """WAF writes the rule that would have ended it there, too."""
    ours = group(GROUP, "stanch-a-1-b")
    regular = read_record(line(ours, terminatingRuleType="REGULAR", terminatingRuleId="theirs"))
    later = read_record(line(ours, group(OTHER, "theirs")))
    allowed = read_record(line(ours, action="ALLOW", terminatingRuleType="REGULAR", terminatingRuleId="Default_Action"))
    assert [one.ended if one else None for one in (regular, later, allowed)] == [
        ("", "theirs"),
        (OTHER, "theirs"),
        ("", "Default_Action"),
    ]
    assert allowed is not None
    assert allowed.status == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"line"',
        "{}",
        "[" * 100_000,
        line(httpRequest=None),
        line(httpRequest="x"),
        line(request={"headers": "x"}),
        line(request={"headers": [1]}),
        line(request={"headers": [{"name": "a"}]}),
        line(timestamp="soon"),
        line(timestamp=1e300),
        line(timestamp=None),
        line().replace("1790000000123", "NaN"),
        line().replace("1790000000123", "9" * 5000),
        line(webaclId=None).replace('"action"', '"act"'),
        line(request={"uri": "/" + "a" * MOST_BYTES}),
    ],
)
def test_what_is_no_line_of_waf_is_none_and_no_error(text: str) -> None:
    assert read_record(text) is None


@pytest.mark.parametrize(
    "more",
    [
        {"ruleGroupList": None},
        {"ruleGroupList": "x"},
        {"ruleGroupList": [None, 1, {"terminatingRule": "x", "nonTerminatingMatchingRules": {"a": 1}}]},
        {"ruleGroupList": [{"terminatingRule": {"action": "BLOCK"}}]},
        {"responseCodeSent": 10**30},
        {"responseCodeSent": "403"},
        {"terminatingRuleId": None},
    ],
)
def test_odd_members_name_nobody(more: dict[str, Any]) -> None:
    found = read_record(line(**more))
    assert found is not None
    assert found.ended[0] == ""
    assert found.status == 403


def test_what_is_not_written_is_unknown_and_never_no() -> None:
    def asks(field: dict[str, Any], **request: Any) -> Truth:
        found = read_record(line(request=request))
        assert found is not None
        text = {"SearchString": b"x", "PositionalConstraint": "CONTAINS", "FieldToMatch": field}
        return judge(
            read_statement({"ByteMatchStatement": {**text, "TextTransformations": [{"Priority": 0, "Type": "NONE"}]}}),
            found.request,
        )

    header: dict[str, Any] = {"SingleHeader": {"Name": "x-api-key"}}
    assert asks(header) is Truth.NO
    assert asks(header, headers=[{"name": "X-Api-Key", "value": "REDACTED"}]) is Truth.UNKNOWN
    assert asks(header, headers=None) is Truth.NO, "none were sent"
    assert asks({"SingleHeader": {"Name": "host"}}, headers=[]) is Truth.UNKNOWN
    assert asks({"SingleHeader": {"Name": "host"}}, headers=[], host="x.example.com") is Truth.YES
    for field, member in (({"UriPath": {}}, "uri"), ({"QueryString": {}}, "args"), ({"Method": {}}, "httpMethod")):
        assert asks(field, **{member: "REDACTED"}) is Truth.UNKNOWN
        assert asks(field, **{member: None}) is Truth.UNKNOWN
        assert asks(field, **{member: "axb"}) is Truth.YES


def test_headers_beyond_what_waf_reads_may_be_any() -> None:
    found = read_record(line(oversizeFields=["REQUEST_HEADERS"]))
    assert found is not None
    assert not found.request.headers_whole
    assert found.request.country == "DE"


@pytest.mark.parametrize(
    ("default", "filters", "drops"),
    [
        ("KEEP", [], ""),
        ("KEEP", [("KEEP", "MEETS_ANY", ["BLOCK"])], ""),
        ("KEEP", [("DROP", "MEETS_ANY", ["ALLOW"])], "ALLOW"),
        ("KEEP", [("DROP", "MEETS_ALL", ["ALLOW", "COUNT"])], "ALLOW and COUNT"),
        ("DROP", [("KEEP", "MEETS_ANY", ["BLOCK", "COUNT"])], "all but BLOCK or COUNT"),
        ("DROP", [], "all"),
    ],
)
def test_a_filter_in_words(default: str, filters: list[tuple[str, str, list[str]]], drops: str) -> None:
    wanted = [
        {"Behavior": does, "Requirement": how, "Conditions": [{"ActionCondition": {"Action": one}} for one in actions]}
        for does, how, actions in filters
    ]
    assert _drops({"DefaultBehavior": default, "Filters": wanted}) == drops
