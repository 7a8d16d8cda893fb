"""The stand-in for CloudWatch Logs: answers by Amazon's model, refusals by its words, and what a web ACL logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_support import boto
from botocore.exceptions import ClientError
from waf_log_support import Logged, logged
from waf_support import ask

from stanch.sandbox._aws.cloudwatch import NEWEST_FIRST, CloudWatchLogs
from stanch.sandbox._aws.shapes import check, service
from stanch.sandbox.aws import AwsStandin

GROUP = "aws-waf-logs-x"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@pytest.fixture
def logs() -> CloudWatchLogs:
    made = CloudWatchLogs()
    made.call("CreateLogGroup", {"logGroupName": GROUP})
    return made


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


def test_answers_are_what_the_model_says(logs: CloudWatchLogs) -> None:
    now = time.time()
    for number in range(3):
        logs.put(GROUP, {"n": number}, at=now - 3 + number)
    logs.page = 2
    shape = service("logs").operation_model("FilterLogEvents").output_shape
    assert shape is not None
    asked: dict[str, Any] = {"logGroupName": GROUP, "startFromHead": False, "startTime": NEWEST_FIRST}
    first = logs.call("FilterLogEvents", asked)
    rest = logs.call("FilterLogEvents", {**asked, "nextToken": first["nextToken"]})
    for answer in (first, rest):
        check(answer, shape, "FilterLogEvents")
    assert messages(first) + messages(rest) == [f'{{"n": {number}}}' for number in (2, 1, 0)]
    assert "nextToken" not in rest
    assert messages(logs.call("FilterLogEvents", {"logGroupName": GROUP}))[0] == '{"n": 0}', "oldest first, unless told"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"logGroupName": "none"}, "ResourceNotFoundException"),
        ({}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "logGroupIdentifier": GROUP}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "limit": 10_001}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "startTime": 2, "endTime": 1}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "startTime": "now"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "nextToken": "made-up"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "filterPattern": "{ odd"}, "InvalidParameterException"),
        ({"logGroupName": GROUP, "Strange": 1}, "InvalidParameterException"),
    ],
)
def test_what_amazon_refuses_is_refused(logs: CloudWatchLogs, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(Exception, match=code):
        logs.call("FilterLogEvents", request_)


def test_a_token_is_good_for_its_question_only(logs: CloudWatchLogs) -> None:
    for number in range(3):
        logs.put(GROUP, {"n": number}, at=time.time())
    logs.page = 1
    token = logs.call("FilterLogEvents", {"logGroupName": GROUP})["nextToken"]
    with pytest.raises(Exception, match="InvalidParameterException"):
        logs.call("FilterLogEvents", {"logGroupName": GROUP, "startFromHead": False, "nextToken": token})


def test_the_newest_come_first_only_from_2024_on(logs: CloudWatchLogs) -> None:
    for early in ({}, {"startTime": NEWEST_FIRST - 1}):
        with pytest.raises(Exception, match="InvalidParameterException"):
            logs.call("FilterLogEvents", {"logGroupName": GROUP, "startFromHead": False, **early})


def test_a_line_cannot_be_read_before_it_has_arrived(logs: CloudWatchLogs) -> None:
    now = time.time()
    logs.put(GROUP, {"webaclId": "a", "agent": "one"}, at=now, lag=60)
    assert messages(logs.call("FilterLogEvents", {"logGroupName": GROUP})) == []
    logs.arrive()
    for pattern, count in (('{ $.webaclId = "a" }', 1), ('{ $.webaclId = "b" }', 0), ('"one"', 1), ('"two"', 0)):
        found = logs.call("FilterLogEvents", {"logGroupName": GROUP, "filterPattern": pattern})["events"]
        assert len(found) == count, pattern
    millis = int(now * 1000)
    span = {"logGroupName": GROUP, "startTime": millis, "endTime": millis}
    assert len(logs.call("FilterLogEvents", span)["events"]) == 1
    assert logs.call("FilterLogEvents", {**span, "startTime": millis + 1, "endTime": millis + 1})["events"] == []


def lines(scene: Logged) -> list[dict[str, Any]]:
    answer = boto(scene.bed.aws, "logs").filter_log_events(logGroupName=scene.group)
    return [json.loads(message) for message in messages(answer)]


def test_a_web_acl_logs_what_it_really_judged_and_hides_what_it_is_told_to(aws: AwsStandin) -> None:
    scene = logged(aws, RedactedFields=[{"SingleHeader": {"Name": "x-api-key"}}, {"QueryString": {}}])
    before = datetime.now(UTC).timestamp() * 1000 - 1
    with aws.edge(scene.bed.customer.name) as edge:
        ask(edge, "/healthz?a=1", x_api_key="secret", authorization="Bearer secret")
        ask(edge, "/b", user_agent="curl")
    first, second = lines(scene)
    assert (first["action"], first["terminatingRuleId"]) == ("ALLOW", "allow-health-check")
    assert (second["action"], second["terminatingRuleId"]) == ("ALLOW", "Default_Action")
    assert before <= first["timestamp"] <= second["timestamp"]
    assert first["webaclId"] == scene.bed.customer.arn
    assert (first["httpRequest"]["args"], first["httpRequest"]["uri"]) == ("REDACTED", "/healthz")
    assert "secret" not in json.dumps(first), "redacted, or hashed by the web ACL's data protection"


def test_without_logging_nothing_is_logged_and_over_a_socket_errors_are_amazons(aws: AwsStandin) -> None:
    scene = logged(aws)
    boto(aws).delete_logging_configuration(ResourceArn=scene.bed.customer.arn)
    with aws.edge(scene.bed.customer.name) as edge:
        ask(edge, "/a")
    assert lines(scene) == []
    with pytest.raises(ClientError) as caught:
        boto(aws, "logs").filter_log_events(logGroupName="aws-waf-logs-none")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert aws.ledger.entries("FilterLogEvents") == [], "reading changes nothing"
