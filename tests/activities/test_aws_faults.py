"""What AWS, the network and proxies can do to a call, and the outcome each becomes."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from aws_support import BAD_INPUTS, COMMON, HOST, Customer, customer
from moto.server import ThreadedMotoServer

from activities._aws import LockConflict, NotThere
from activities._waf.rules import Group, Mode, own_rule, prefix_for
from activities.aws_waf import CONNECTOR
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.sandbox._aws.seed import client, web_acl
from stanch.sandbox._server import Fault
from stanch.sandbox.aws import DENIED, EXPIRED, INTERNAL, LOCKED, THROTTLED, AwsStandin, answer_with

SECRETIVE = answer_with("ValidationException")


PATIENCE = 3.0  # seconds: shorter than what hangs, longer than a busy machine takes for an answer


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin() as standin:
        yield standin


@pytest.fixture
def theirs(aws: AwsStandin) -> Iterator[Customer]:
    yield customer(aws)
    aws.faults.clear()


def attach(theirs: Customer, **more: Any) -> Any:
    return theirs.connector(**more).attach(host=HOST, groups=[COMMON, BAD_INPUTS], mode="count", case_id="c", key="k")


def names(theirs: Customer) -> list[str]:
    return [rule["Name"] for rule in theirs.rules() if rule["Name"].startswith("stanch-")]


@pytest.mark.parametrize(
    ("operation", "fault", "expected"),
    [
        ("UpdateWebACL", THROTTLED, RetrySafe),
        ("UpdateWebACL", DENIED, AuthBlocked),
        ("UpdateWebACL", EXPIRED, AuthBlocked),
        ("UpdateWebACL", answer_with("WAFUnavailableEntityException"), RetrySafe),
        ("UpdateWebACL", answer_with("WAFLimitsExceededException"), Rejected),
        ("UpdateWebACL", answer_with("WAFInvalidParameterException"), Rejected),
        ("UpdateWebACL", answer_with("WAFNonexistentItemException"), NotThere),
        ("UpdateWebACL", answer_with("UnknownOperationException"), Rejected),
        ("UpdateWebACL", Fault("status", status=429, retry_after="7"), RetrySafe),
        ("UpdateWebACL", Fault("status", status=403), AuthBlocked),
        ("GetWebACL", INTERNAL, RetrySafe),
        ("GetWebACL", Fault("html"), RetrySafe),
        ("GetWebACL", Fault("error_200"), RetrySafe),
        ("GetWebACL", Fault("drop_before"), RetrySafe),
        ("GetWebACL", Fault("status", status=503), RetrySafe),
        ("ListWebACLs", DENIED, AuthBlocked),
        ("CheckCapacity", answer_with("UnknownOperationException"), Rejected),
        ("CheckCapacity", Fault("hang", seconds=8), RetrySafe),
    ],
)
def test_fault_becomes_its_outcome_and_changes_nothing(
    theirs: Customer, operation: str, fault: Fault, expected: type[ConnectorError]
) -> None:
    before = theirs.read()
    theirs.aws.faults.script(operation, fault)
    with pytest.raises(expected) as caught:
        attach(theirs, read_timeout=PATIENCE)
    assert type(caught.value) in (expected, LockConflict)
    assert theirs.read() == before
    assert attach(theirs).already is False


@pytest.mark.parametrize("fault", [INTERNAL, Fault("drop_before"), Fault("html"), Fault("status", status=502)])
def test_write_without_an_answer_twice_is_uncertain(theirs: Customer, fault: Fault) -> None:
    theirs.aws.faults.script("UpdateWebACL", fault, fault)
    with pytest.raises(Uncertain):
        attach(theirs)


@pytest.mark.parametrize("fault", [Fault("drop_after"), Fault("drop_before"), INTERNAL])
def test_lost_answer_is_settled_by_reading_back(theirs: Customer, fault: Fault) -> None:
    theirs.aws.faults.script("UpdateWebACL", fault)
    before = theirs.aws.ledger.count("UpdateWebACL")
    attached = attach(theirs)
    assert len(names(theirs)) == 2
    assert attached.already is False
    assert theirs.aws.ledger.count("UpdateWebACL") == before + 1  # never written twice


def test_timeout_after_commit_is_found_again_by_name(theirs: Customer) -> None:
    theirs.aws.faults.script("UpdateWebACL", Fault("delay", seconds=8))
    assert attach(theirs, read_timeout=PATIENCE).already is False
    assert len(set(names(theirs))) == 2


def test_lost_answer_of_detach_still_removes(theirs: Customer) -> None:
    attached = attach(theirs)
    theirs.aws.faults.script("UpdateWebACL", Fault("drop_after"))
    assert theirs.connector().detach(attachment=attached.id) is True
    assert names(theirs) == []


def test_lock_conflicts_are_computed_again_up_to_the_limit(theirs: Customer) -> None:
    theirs.aws.faults.script("UpdateWebACL", *[LOCKED] * 3)
    assert attach(theirs).already is False
    theirs.aws.faults.script("UpdateWebACL", *[LOCKED] * 3)
    with pytest.raises(RetrySafe, match="changed by others"):
        theirs.connector(lock_attempts=3).detach(attachment=attach(theirs).id)


def test_one_update_a_second_is_passed_on_to_the_caller(theirs: Customer) -> None:
    theirs.aws.waf.writes_per_second = 0.02  # the same answer, and no matter how slow the machine is
    try:
        attached = attach(theirs)
        with pytest.raises(RetrySafe) as caught:
            theirs.connector().detach(attachment=attached.id)
    finally:
        theirs.aws.waf.writes_per_second = None
    assert caught.value.retry_after == 2.0


def test_retry_after_of_the_vendor_is_kept(theirs: Customer) -> None:
    theirs.aws.faults.script("ListWebACLs", Fault("status", status=429, retry_after="7"))
    with pytest.raises(RetrySafe) as caught:
        attach(theirs)
    assert caught.value.retry_after == 7.0


def test_messages_hold_codes_and_never_the_vendors_words(theirs: Customer) -> None:
    theirs.aws.faults.script("UpdateWebACL", SECRETIVE)
    with pytest.raises(Rejected) as caught:
        attach(theirs)
    assert "ValidationException" in caught.value.message
    assert "scripted" not in caught.value.message
    assert "scripted" not in "".join(traceback.format_exception(caught.value))
    theirs.aws.faults.script("UpdateWebACL", answer_with("<script>alert(1)</script> " + "x" * 300))
    with pytest.raises(Rejected, match="an unreadable code"):
        attach(theirs)


def test_nobody_listening_is_safe_to_retry() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        waf = CONNECTOR.build(
            "waf",
            {
                "region": "eu-central-1",
                "endpoint_url": url,
                "web_acls": {HOST: "acl"},
                "access_key_id": "AKIA",
                "secret_access_key": "s",
            },
        )
        with pytest.raises(RetrySafe, match="could not be sent"):
            waf.detach(attachment="acl/stanch-c-12345678-")


def test_assumed_role_reaches_the_acl(theirs: Customer) -> None:
    waf = theirs.connector(role_arn="arn:aws:iam::123456789012:role/stanch", external_id="e1")
    assert waf.doctor()[0].ok
    assert theirs.aws.calls["sts:AssumeRole"] >= 1


def test_missing_credentials_park_the_step(theirs: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    section = {"region": "eu-central-1", "endpoint_url": theirs.aws.url, "web_acls": {HOST: theirs.name}}
    with pytest.raises(AuthBlocked, match="credentials"):
        CONNECTOR.build("waf", section).attach(host=HOST, groups=[COMMON], mode="count", case_id="c", key="k")


def test_accepted_change_that_is_not_applied_is_uncertain() -> None:
    """A bare moto accepts an update to no rules and keeps them; a 200 is not proof."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        prefix = prefix_for("case-1", "k")
        rule = own_rule(name=prefix + "CommonRuleSet", group=Group("AWS", COMMON), mode=Mode.COUNT, priority=0)
        client("wafv2", url, "eu-central-1").create_web_acl(**{**web_acl("bare"), "Rules": [rule]})
        keys = {"access_key_id": "AKIA", "secret_access_key": "s"}
        section = {"region": "eu-central-1", "endpoint_url": url, "web_acls": {HOST: "bare"}, **keys}
        with pytest.raises(Uncertain, match="does not show"):
            CONNECTOR.build("waf", section).detach(attachment=f"bare/{prefix}")
    finally:
        server.stop()
