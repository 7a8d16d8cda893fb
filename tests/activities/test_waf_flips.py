"""Association and logging: switched on where nothing was, and off only where it still is as Stanch left it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_support import Customer, boto, customer
from glue import Glue, job

from activities import waf
from activities._run import perform
from stanch.errors import Rejected
from stanch.sandbox.aws import AwsStandin

HOST = "flips.example.com"
LOGS = "arn:aws:logs:eu-central-1:123456789012:log-group:aws-waf-logs-shop"


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsStandin]:
    with AwsStandin(witness=False) as standin:
        yield standin


@dataclass
class Scene:
    aws: AwsStandin
    glue: Glue
    mine: Customer
    stage: str
    keys: int = 0

    def run(self, action: str, **params: Any) -> dict[str, Any]:
        self.keys += 1
        one = job(action, params, key=f"{self.keys:032x}")
        outputs: dict[str, Any] = perform(self.glue.world, one, waf.IMPLEMENTATIONS[action], lambda *_: None).outputs
        return outputs

    def in_front(self) -> str:
        answer = boto(self.aws).get_web_acl_for_resource(ResourceArn=self.stage)
        return str((answer.get("WebACL") or {}).get("ARN", ""))

    def associate(self, arn: str) -> None:
        boto(self.aws).associate_web_acl(WebACLArn=arn, ResourceArn=self.stage)

    def put_logging(self, **more: Any) -> None:
        base = {"ResourceArn": self.mine.arn, "LogDestinationConfigs": [LOGS]}
        boto(self.aws).put_logging_configuration(LoggingConfiguration={**base, **more})

    def is_logged(self) -> bool:
        return self.mine.arn in self.aws.waf._store.logged


@pytest.fixture
def scene(aws: AwsStandin, tmp_path: Path) -> Iterator[Scene]:
    seeded, mine = aws.seed(HOST), customer(aws)
    boto(aws).disassociate_web_acl(ResourceArn=seeded.stage_arn)
    table = {"name": mine.name, "resource": seeded.stage_arn}
    section = aws.section(kind="aws_waf", web_acls={HOST: table}, log_destination=LOGS)
    with Glue(tmp_path, policies={"waf": section}) as glue:
        yield Scene(aws, glue, mine, seeded.stage_arn)
    boto(aws).disassociate_web_acl(ResourceArn=seeded.stage_arn)
    one = Customer(aws, seeded.web_acl_name, seeded.web_acl_id, seeded.web_acl_arn)
    boto(aws).delete_web_acl(**one.ref, LockToken=one.read()[1])


def test_associates_and_takes_away_again(scene: Scene) -> None:
    made = scene.run("waf.associate", host=HOST)
    assert (made["already"], scene.in_front()) == (False, scene.mine.arn)
    assert scene.run("waf.dissociate", change=made["change"])["done"] is True
    assert scene.in_front() == ""
    assert scene.run("waf.dissociate", change=made["change"])["done"] is False


def test_what_stood_already_is_not_taken_away(scene: Scene) -> None:
    scene.associate(scene.mine.arn)
    made = scene.run("waf.associate", host=HOST)
    assert made["already"] is True
    assert scene.run("waf.dissociate", change=made["change"])["done"] is False
    assert scene.in_front() == scene.mine.arn


def test_another_web_acl_is_never_replaced_or_taken_away(scene: Scene) -> None:
    other = customer(scene.aws)
    scene.associate(other.arn)
    with pytest.raises(Rejected, match="another web ACL"):
        scene.run("waf.associate", host=HOST)
    assert scene.run("waf.dissociate", change=f"waf::{HOST}")["done"] is False
    assert scene.in_front() == other.arn


def test_logs_without_credentials_and_stops_again(scene: Scene) -> None:
    made = scene.run("waf.enable_logging", host=HOST)
    standing = scene.aws.waf._store.logged[scene.mine.arn]
    assert {one["SingleHeader"]["Name"] for one in standing["RedactedFields"]} == {"authorization", "cookie"}
    assert scene.run("waf.disable_logging", change=made["change"])["done"] is True
    assert not scene.is_logged()


def test_logging_of_others_is_left_alone(scene: Scene) -> None:
    scene.put_logging()
    made = scene.run("waf.enable_logging", host=HOST)
    assert made["already"] is True
    assert scene.run("waf.disable_logging", change=made["change"])["done"] is False
    scene.put_logging(LogDestinationConfigs=[LOGS + "-other"])
    with pytest.raises(Rejected, match="another place"):
        scene.run("waf.enable_logging", host=HOST)


def test_logging_that_a_person_changed_is_theirs(scene: Scene) -> None:
    made = scene.run("waf.enable_logging", host=HOST)
    scene.put_logging(RedactedFields=[{"Method": {}}])
    assert scene.run("waf.disable_logging", change=made["change"])["done"] is False
    assert scene.is_logged()


@pytest.mark.parametrize("change", ["", "waf", "::x"])
def test_names_of_changes_that_are_none_are_refused(scene: Scene, change: str) -> None:
    with pytest.raises(Rejected, match="not the name of a change"):
        scene.run("waf.dissociate", change=change)
