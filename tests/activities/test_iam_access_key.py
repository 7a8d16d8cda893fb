"""Access keys made inactive until a lease ends: only ours, never the one we work with, and no other key of the user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_support import boto

from activities import _user_point
from activities._user_point import UserPoint
from activities.iam_access_key import CONNECTOR
from stanch.errors import AuthBlocked, RetrySafe, Uncertain
from stanch.leases import Lease, SuspendSpec, target_of
from stanch.sandbox._server import Fault
from stanch.sandbox.aws import DENIED, AwsStandin, answer_with


@dataclass(frozen=True)
class Account:
    aws: AwsStandin

    @property
    def iam(self) -> Any:
        return boto(self.aws, "iam")

    def key(self, user: str) -> str:
        """A new user's key."""
        self.iam.create_user(UserName=user, Tags=[{"Key": "team", "Value": "pay"}])
        return str(self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"])

    def status(self, user: str) -> dict[str, str]:
        listed = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        return {item["AccessKeyId"]: item["Status"] for item in listed}

    def tags(self, user: str) -> dict[str, str]:
        return {item["Key"]: item["Value"] for item in self.iam.list_user_tags(UserName=user)["Tags"]}

    def point(self, **more: Any) -> UserPoint:
        made: UserPoint = CONNECTOR.build("keys", self.aws.section(**more))
        return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between looks at a user."""
    monkeypatch.setattr(_user_point, "PAUSES", (0.0,))


@pytest.fixture
def account() -> Iterator[Account]:
    with AwsStandin() as aws:
        yield Account(aws)


def lease(key: str, *, case: str = "case-1") -> Lease:
    spec = SuspendSpec(user_id=key)
    return Lease(
        lease_id=f"{case}-{key}",
        case_id=case,
        episode="e",
        step="s",
        point="keys",
        target=target_of(spec),
        spec=spec,
        expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(hours=24),
    )


def hold(account: Account, *leases: Lease) -> Any:
    return account.point().reconcile(adds=leases, removes=[], wanted=None, expected="").results


def lift(account: Account, one: Lease) -> Any:
    return account.point().reconcile(adds=[], removes=[one.target], wanted=None, expected="").results


def test_key_is_inactive_until_lifted_and_the_users_other_key_stays(account: Account) -> None:
    key = account.key("deploy")
    other = account.iam.create_access_key(UserName="deploy")["AccessKey"]["AccessKeyId"]
    wanted = lease(key)
    (held,) = hold(account, wanted)
    assert held.proof["ours"] == "true"
    assert account.status("deploy") == {key: "Inactive", other: "Active"}
    (owned,) = account.point().list_owned()
    assert (owned.name, owned.case_id, owned.expires_at) == (key, "case-1", wanted.expires_at)
    (lifted,) = lift(account, wanted)
    assert lifted.ok
    assert account.status("deploy") == {key: "Active", other: "Active"}
    assert account.tags("deploy") == {"team": "pay"}


def test_key_that_somebody_else_made_inactive_stays_so(account: Account) -> None:
    key = account.key("deploy")
    account.iam.update_access_key(UserName="deploy", AccessKeyId=key, Status="Inactive")
    (held,) = hold(account, lease(key))
    assert (held.ok, held.proof["ours"]) == (True, "false")
    assert lift(account, lease(key))[0].ok
    assert account.status("deploy") == {key: "Inactive"}


def test_what_is_no_long_term_key_is_refused_and_the_others_go_on(account: Account) -> None:
    key = account.key("deploy")
    odd = [lease(name) for name in ("ASIA" + "A" * 16, "AKIA" + "A" * 16, "deploy", "AKIA")]
    assert [item.ok for item in hold(account, *odd, lease(key))] == [False, False, False, False, True]


def test_own_key_is_never_made_inactive(account: Account) -> None:
    key = account.key("stanch")
    point = account.point(access_key_id=key, secret_access_key="x")
    (refused,) = point.reconcile(adds=[lease(key)], removes=[], wanted=None, expected="").results
    assert not refused.ok
    assert "itself" in refused.reason
    assert account.tags("stanch") == {"team": "pay"}  # with our note a person's own change would be undone
    assert account.status("stanch") == {key: "Active"}


@pytest.mark.parametrize(
    ("operation", "fault", "expected"),
    [
        ("ListAccessKeys", DENIED, AuthBlocked),
        ("UpdateAccessKey", answer_with("Throttling"), RetrySafe),
        ("UpdateAccessKey", answer_with("EntityTemporarilyUnmodifiable", status=409), RetrySafe),
        ("TagUser", answer_with("ConcurrentModification", status=409), RetrySafe),
        ("UpdateAccessKey", Fault("drop_after"), Uncertain),
        ("TagUser", Fault("drop_after"), Uncertain),
    ],
)
def test_fault_heals_on_the_next_try(account: Account, operation: str, fault: Fault, expected: type[Exception]) -> None:
    key = account.key("deploy")
    account.aws.faults.script(operation, fault)
    with pytest.raises(expected):
        hold(account, lease(key))
    (held,) = hold(account, lease(key))
    assert held.proof["ours"] == "true"
    assert lift(account, lease(key))[0].ok
    assert account.status("deploy") == {key: "Active"}
    assert account.tags("deploy") == {"team": "pay"}


def test_doctor_says_whether_iam_can_be_read(account: Account) -> None:
    assert [check.ok for check in account.point().doctor()] == [True]
    account.aws.faults.script("ListUsers", DENIED)
    assert [check.ok for check in account.point().doctor()] == [False]
