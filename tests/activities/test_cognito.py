"""Cognito users signed out and suspended: effect, undo only of what is ours, and every fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_support import boto
from botocore.exceptions import ClientError

from activities import _user_point
from activities._user_point import SignsOut, UserPoint
from activities.cognito import CONNECTORS
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.leases import BlockSpec, Lease, SuspendSpec, target_of
from stanch.ports import Mismatch
from stanch.sandbox._aws.seed import PASSWORD
from stanch.sandbox._server import Fault
from stanch.sandbox.aws import DENIED, AwsStandin, Seeded, answer_with


@dataclass(frozen=True)
class Tenant:
    aws: AwsStandin
    seeded: Seeded

    @property
    def idp(self) -> Any:
        return boto(self.aws, "cognito-idp")

    @property
    def pool(self) -> str:
        return self.seeded.user_pool_id

    def identity(self) -> SignsOut:
        made: SignsOut = CONNECTORS[0].build("idp", self.aws.section(user_pool_id=self.pool))
        return made

    def point(self, **more: Any) -> UserPoint:
        made: UserPoint = CONNECTORS[1].build("idp", self.aws.section(**{"user_pool_id": self.pool, **more}))
        return made

    def login(self, name: str) -> dict[str, str]:
        answer = self.idp.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.seeded.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        tokens: dict[str, str] = answer["AuthenticationResult"]
        return tokens

    def refresh(self, token: str) -> Any:
        return self.idp.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.seeded.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": token},
        )

    def enabled(self, name: str) -> bool:
        return bool(self.idp.admin_get_user(UserPoolId=self.pool, Username=name)["Enabled"])

    def note(self, name: str) -> str:
        listed = self.idp.admin_get_user(UserPoolId=self.pool, Username=name)["UserAttributes"]
        return next((item["Value"] for item in listed if item["Name"] == "custom:stanch_lease"), "")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes between looks at a user."""
    monkeypatch.setattr(_user_point, "PAUSES", (0.0,))


@pytest.fixture(scope="module")
def running() -> Iterator[Tenant]:
    with AwsStandin() as aws:
        yield Tenant(aws, aws.seed())


@pytest.fixture
def tenant(running: Tenant) -> Iterator[Tenant]:
    yield running
    running.aws.faults.clear()
    for name in running.seeded.users:
        running.idp.admin_enable_user(UserPoolId=running.pool, Username=name)
        if running.note(name):
            running.idp.admin_delete_user_attributes(
                UserPoolId=running.pool, Username=name, UserAttributeNames=["custom:stanch_lease"]
            )


def lease(name: str = "mallory", *, case: str = "case-1", hours: int = 24) -> Lease:
    spec = SuspendSpec(user_id=name)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    return Lease(
        lease_id=f"{case}-{name}",
        case_id=case,
        episode="e",
        step="s",
        point="idp",
        target=target_of(spec),
        spec=spec,
        expires_at=until,
    )


def suspend(tenant: Tenant, *leases: Lease) -> Any:
    return tenant.point().reconcile(adds=leases or [lease()], removes=[], wanted=None, expected="")


def resume(tenant: Tenant, *leases: Lease) -> Any:
    targets = [one.target for one in leases or [lease()]]
    return tenant.point().reconcile(adds=[], removes=targets, wanted=None, expected="")


def test_sign_out_ends_refresh_tokens(tenant: Tenant) -> None:
    tokens = tenant.login("alice")
    assert tenant.refresh(tokens["RefreshToken"])
    proof = tenant.identity().sign_out("alice")
    with pytest.raises(ClientError) as caught:
        tenant.refresh(tokens["RefreshToken"])
    assert caught.value.response["Error"]["Code"] == "NotAuthorizedException"
    assert proof["user"] == "alice"
    assert proof["request_id"]
    assert "offline" in proof["note"]
    assert tenant.login("alice")  # signing out is not suspending


def test_revoking_a_token_signs_its_user_out_or_says_why_not(tenant: Tenant) -> None:
    tokens = tenant.login("bob")
    assert tenant.identity().revoke_token(token_id="jti-1", user_id="bob")["token_id"] == "jti-1"
    with pytest.raises(ClientError):
        tenant.refresh(tokens["RefreshToken"])
    with pytest.raises(Rejected, match="by user"):
        tenant.identity().revoke_token(token_id="jti-1", user_id="")


def test_unknown_user_is_rejected(tenant: Tenant) -> None:
    with pytest.raises(Rejected):
        tenant.identity().sign_out("nobody")
    (result,) = suspend(tenant, lease("nobody")).results
    assert (result.ok, result.code) == (False, "V030")


def test_suspend_keeps_the_user_out_until_lifted(tenant: Tenant) -> None:
    (held,) = suspend(tenant).results
    assert held.ok
    assert held.proof["ours"] == "true"
    with pytest.raises(ClientError):
        tenant.login("mallory")
    assert tenant.login("alice")
    (lifted,) = resume(tenant).results
    assert lifted.proof["state"] == "enabled"
    assert tenant.login("mallory")
    assert tenant.note("mallory") == ""


def test_what_we_hold_is_read_from_the_pool_alone(tenant: Tenant) -> None:
    wanted = lease()
    suspend(tenant, wanted)
    (owned,) = tenant.point().list_owned()
    assert (owned.name, owned.case_id, owned.target) == ("mallory", "case-1", wanted.target)
    assert owned.expires_at == wanted.expires_at


def test_somebody_elses_disabled_user_stays_disabled(tenant: Tenant) -> None:
    tenant.idp.admin_disable_user(UserPoolId=tenant.pool, Username="mallory")
    (held,) = suspend(tenant).results
    assert held.ok
    assert held.proof["ours"] == "false"
    assert tenant.point().list_owned() == []
    (lifted,) = resume(tenant).results
    assert lifted.ok
    assert not tenant.enabled("mallory")


def test_user_enabled_by_a_person_meanwhile_is_only_unmarked(tenant: Tenant) -> None:
    point = tenant.point()
    point.reconcile(adds=[lease()], removes=[], wanted=None, expected="")
    tenant.idp.admin_enable_user(UserPoolId=tenant.pool, Username="mallory")
    (lifted,) = point.reconcile(adds=[], removes=[lease().target], wanted=None, expected="").results
    assert lifted.proof["state"] == "enabled by somebody else before"
    assert tenant.note("mallory") == ""


def test_attribute_that_is_not_ours_is_refused(tenant: Tenant) -> None:
    attribute = [{"Name": "custom:stanch_lease", "Value": "something else"}]
    tenant.idp.admin_update_user_attributes(UserPoolId=tenant.pool, Username="mallory", UserAttributes=attribute)
    (result,) = suspend(tenant).results
    assert not result.ok
    assert tenant.enabled("mallory")


def test_renewal_moves_the_expiry_and_disables_nothing_twice(tenant: Tenant) -> None:
    suspend(tenant)
    disabled = tenant.aws.ledger.count("AdminDisableUser")
    longer = lease(hours=48)
    suspend(tenant, longer)
    (owned,) = tenant.point().list_owned()
    assert owned.expires_at == longer.expires_at
    assert tenant.aws.ledger.count("AdminDisableUser") == disabled


def test_digest_follows_what_the_pool_holds(tenant: Tenant) -> None:
    held = lease()
    first = suspend(tenant, held)
    again = tenant.point().reconcile(adds=[held], removes=[], wanted=None, expected=first.digest)
    assert again.digest == first.digest
    tenant.idp.admin_enable_user(UserPoolId=tenant.pool, Username="mallory")
    with pytest.raises(Mismatch):
        tenant.point().reconcile(adds=[held], removes=[], wanted=None, expected=first.digest)
    healed = tenant.point().reconcile(adds=[], removes=[], wanted=[held], expected=first.digest)
    assert healed.digest == first.digest
    assert not tenant.enabled("mallory")


def test_one_bad_lease_does_not_sink_the_others(tenant: Tenant) -> None:
    block = BlockSpec(host="api.example.com")
    odd = lease("x").model_copy(update={"spec": block, "target": target_of(block)})
    results = suspend(tenant, lease("nobody"), odd, lease("bob"), lease("mallory")).results
    assert [result.ok for result in results] == [False, False, True, True]
    assert not tenant.enabled("bob")


def test_pool_without_the_attribute_is_refused_before_anything_changes(tenant: Tenant) -> None:
    bare = tenant.idp.create_user_pool(PoolName="bare")["UserPool"]["Id"]
    tenant.idp.admin_create_user(UserPoolId=bare, Username="carol", MessageAction="SUPPRESS")
    point = tenant.point(user_pool_id=bare)
    (result,) = point.reconcile(adds=[lease("carol")], removes=[], wanted=None, expected="").results
    assert not result.ok
    assert "stanch_lease" in result.reason
    assert tenant.idp.admin_get_user(UserPoolId=bare, Username="carol")["Enabled"]
    assert [check.ok for check in point.doctor()] == [False]


def test_doctor_finds_apps_through_which_users_could_write_the_note(tenant: Tenant) -> None:
    assert all(check.ok for check in [*tenant.point().doctor(), *tenant.identity().doctor()])
    app = tenant.idp.create_user_pool_client(
        UserPoolId=tenant.pool, ClientName="loose", WriteAttributes=["email", "custom:stanch_lease"]
    )["UserPoolClient"]["ClientId"]
    checks = tenant.point().doctor()
    tenant.idp.delete_user_pool_client(UserPoolId=tenant.pool, ClientId=app)
    assert [check.ok for check in checks] == [True, False]
    assert "loose" in checks[1].detail


def test_many_users_are_found_across_pages(tenant: Tenant) -> None:
    for index in range(64):
        person = {"UserPoolId": tenant.pool, "Username": f"user-{index}"}
        tenant.idp.admin_create_user(**person, MessageAction="SUPPRESS")
        if index < 62:
            tenant.idp.admin_disable_user(**person)
    leases = [lease("user-62"), lease("user-63")]
    suspend(tenant, *leases)
    assert {owned.name for owned in tenant.point().list_owned()} == {"user-62", "user-63"}
    assert [result.proof["state"] for result in resume(tenant, *leases).results] == ["enabled", "enabled"]
    assert tenant.point().list_owned() == []


@pytest.mark.parametrize(
    ("operation", "fault", "expected"),
    [
        ("AdminGetUser", DENIED, AuthBlocked),
        ("AdminDisableUser", answer_with("TooManyRequestsException"), RetrySafe),
        ("AdminDisableUser", answer_with("InternalErrorException", status=500), Uncertain),
        ("AdminDisableUser", Fault("drop_after"), Uncertain),
        ("AdminDisableUser", Fault("html"), Uncertain),
        ("AdminUpdateUserAttributes", Fault("drop_after"), Uncertain),
        ("AdminUpdateUserAttributes", Fault("html"), Uncertain),
        ("AdminUpdateUserAttributes", Fault("error_200"), Uncertain),
    ],
)
def test_fault_while_suspending_heals_on_the_next_try(
    tenant: Tenant, operation: str, fault: Fault, expected: type[ConnectorError]
) -> None:
    tenant.aws.faults.script(operation, fault)
    with pytest.raises(expected):
        suspend(tenant)
    (held,) = suspend(tenant).results
    assert held.proof["ours"] == "true"
    resume(tenant)
    assert tenant.enabled("mallory")


@pytest.mark.parametrize("operation", ["AdminEnableUser", "AdminDeleteUserAttributes"])
@pytest.mark.parametrize("mode", ["drop_before", "drop_after", "html", "error_200"])
def test_fault_while_lifting_never_strands_a_user(tenant: Tenant, operation: str, mode: str) -> None:
    point = tenant.point()
    point.reconcile(adds=[lease()], removes=[], wanted=None, expected="")
    tenant.aws.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        point.reconcile(adds=[], removes=[lease().target], wanted=None, expected="")
    assert tenant.enabled("mallory") or tenant.point().list_owned()
    point.reconcile(adds=[], removes=[lease().target], wanted=None, expected="")
    assert tenant.enabled("mallory")
    assert tenant.note("mallory") == ""


def test_sign_out_without_an_answer_is_uncertain(tenant: Tenant) -> None:
    for mode in ("drop_after", "html"):
        tenant.aws.faults.script("AdminUserGlobalSignOut", Fault(mode))
        with pytest.raises(Uncertain):
            tenant.identity().sign_out("alice")


def test_pool_is_not_a_traffic_point(tenant: Tenant) -> None:
    window = timedelta(hours=1)
    calls = (
        lambda: tenant.point().estimate(BlockSpec(host="a.example"), window=window),
        lambda: tenant.point().usage(host="a.example", path="/", method="GET", window=window),
        lambda: tenant.point().samples(host="a.example", path="/", window=window, limit=5),
    )
    for call in calls:
        with pytest.raises(Rejected, match="not a traffic point"):
            call()


def others(tenant: Tenant) -> list[str]:
    return sorted(set(tenant.seeded.users) - {"mallory"})


def test_a_suspension_that_is_over_is_taken_out_by_its_note_alone(tenant: Tenant) -> None:
    over, in_time = lease(hours=-1), lease(others(tenant)[0])
    suspend(tenant, over, in_time)
    tenant.idp.admin_disable_user(UserPoolId=tenant.pool, Username=others(tenant)[1])  # the customer's own
    late = [item for item in tenant.point().list_owned() if item.case_id == over.case_id and item.name == "mallory"]
    assert [item.ok for item in tenant.point().take_out(late)] == [True]
    assert (tenant.enabled("mallory"), tenant.note("mallory")) == (True, "")
    assert not tenant.enabled(in_time.spec.user_id)  # type: ignore[union-attr]
    assert not tenant.enabled(others(tenant)[1])


def test_a_suspension_renewed_since_it_was_listed_stays(tenant: Tenant) -> None:
    suspend(tenant, lease(hours=-1))
    late = tenant.point().list_owned()
    suspend(tenant, lease(hours=5))
    assert [item.ok for item in tenant.point().take_out(late)] == [True]
    assert not tenant.enabled("mallory")
