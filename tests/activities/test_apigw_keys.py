"""API keys at API Gateway: taken away and given back by us only, seen through the traffic of the clients themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from apigw_support import UNTIL, Town, disabled, kept_out, lease, out_of_plan

from activities._apigw.notes import PREFIX
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe, Uncertain
from stanch.leases import BlockSpec, KeySpec, Lease, Principal, SuspendSpec
from stanch.ports import Mismatch
from stanch.sandbox._server import Fault
from stanch.sandbox.apigw import answer_with

WAYS = [pytest.param(way, id=way.__name__) for way in (disabled, out_of_plan, kept_out)]
Way = Callable[..., Lease]


@pytest.mark.parametrize("way", WAYS)
def test_one_client_is_kept_out_until_lifted_and_nobody_else(town: Town, way: Way) -> None:
    wanted = way(town)
    (held,) = town.hold(wanted)
    assert (held.ok, held.proof["ours"]) == (True, "true")
    assert [town.status(who) for who in ("mallory", "shop", "partner")] == [403, 200, 200]
    (owned,) = town.again().list_owned()
    assert (owned.case_id, owned.expires_at, owned.target) == ("case-1", wanted.expires_at, wanted.target)
    (lifted,) = town.lift(wanted, point=town.again())
    assert lifted.ok
    assert town.status("mallory") == 200
    assert town.key("mallory")["tags"] == {"team": "pay"}
    assert town.again().list_owned() == []


@pytest.mark.parametrize("way", WAYS)
def test_holding_twice_and_lifting_twice_change_nothing_more(town: Town, way: Way) -> None:
    wanted = way(town)
    town.hold(wanted)
    changes = len(town.gateway.ledger.entries())
    assert town.hold(wanted, point=town.again())[0].ok
    assert len(town.gateway.ledger.entries()) == changes
    town.lift(wanted, point=town.again(), known=False)
    (again,) = town.lift(wanted, point=town.again(), known=False)
    assert (again.ok, again.proof["ours"]) == (True, "false")


@pytest.mark.parametrize("way", WAYS)
def test_what_somebody_else_took_away_is_not_given_back(town: Town, way: Way) -> None:
    town.boto.update_api_key(
        apiKey=town.api.keys["mallory"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}]
    )
    town.boto.delete_usage_plan_key(usagePlanId=town.api.plan, keyId=town.api.keys["mallory"])
    wanted = way(town)
    (held,) = town.hold(wanted)
    assert (held.ok, held.proof["ours"]) == (True, "false")
    assert town.lift(wanted)[0].ok
    assert town.key("mallory")["enabled"] is False
    assert town.boto.get_usage_plans(keyId=town.api.keys["mallory"])["items"] == []


def test_key_that_a_person_enabled_meanwhile_is_left_enabled_and_unmarked(town: Town) -> None:
    wanted = disabled(town)
    town.hold(wanted)
    town.boto.update_api_key(
        apiKey=town.api.keys["mallory"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "true"}]
    )
    (lifted,) = town.lift(wanted)
    assert "somebody else" in lifted.proof["of enabled"]
    assert town.key("mallory")["tags"] == {"team": "pay"}


def test_key_goes_back_when_the_last_hold_on_its_plan_ends(town: Town) -> None:
    first, second = kept_out(town), out_of_plan(town, case="case-2")
    town.hold(first)
    (held,) = town.hold(second)
    assert held.proof["ours"] == "true"
    assert "another case" in town.lift(first)[0].proof[f"of {town.api.plan}"]
    assert town.status("mallory") == 403
    assert town.lift(second)[0].proof[f"of {town.api.plan}"] == "given back"
    assert town.status("mallory") == 200


def test_key_that_has_gone_to_another_plan_of_the_stage_needs_a_person(town: Town) -> None:
    wanted = out_of_plan(town)
    town.hold(wanted)
    stage = {"apiId": town.api.api, "stage": town.api.stage}
    other = town.boto.create_usage_plan(name="other", apiStages=[stage])["id"]
    town.boto.create_usage_plan_key(usagePlanId=other, keyId=town.api.keys["mallory"], keyType="API_KEY")
    (lifted,) = town.lift(wanted)
    assert (lifted.ok, lifted.code) == (False, "V071")
    assert [one.target for one in town.point.list_owned()] == [wanted.target]


def test_renewal_moves_the_end_that_the_vendor_shows(town: Town) -> None:
    town.hold(disabled(town))
    later = UNTIL + timedelta(hours=2)
    town.hold(disabled(town, until=later))
    (owned,) = town.again().list_owned()
    assert owned.expires_at == later


@pytest.mark.parametrize("way", WAYS)
def test_reaping_takes_out_what_it_saw_and_not_what_was_renewed(town: Town, way: Way) -> None:
    town.hold(way(town))
    seen = town.again().list_owned()
    town.hold(way(town, until=UNTIL + timedelta(hours=1)))
    (kept,) = town.again().take_out(seen)
    assert (kept.ok, kept.proof) == (True, {"state": "renewed"})
    assert town.status("mallory") == 403
    (taken,) = town.again().take_out(town.again().list_owned())
    assert taken.ok
    assert town.status("mallory") == 200
    assert town.again().take_out(seen)[0].ok


def test_plan_that_serves_other_stages_too_is_too_wide_for_a_block_of_one_host(town: Town) -> None:
    town.boto.create_deployment(restApiId=town.api.api, stageName="beta")
    patch = [{"op": "add", "path": "/apiStages", "value": f"{town.api.api}:beta"}]
    town.boto.update_usage_plan(usagePlanId=town.api.plan, patchOperations=patch)
    (refused,) = town.hold(kept_out(town))
    assert (refused.ok, refused.code) == (False, "V072")
    assert town.hold(out_of_plan(town))[0].ok


@pytest.mark.parametrize(
    "more",
    [{"path": "/users"}, {"methods": ("GET",)}, {"ips": ("192.0.2.1",)}, {"user": "mallory"}],
    ids=["path", "method", "address", "user"],
)
def test_key_block_is_refused_where_it_could_not_be_as_narrow_as_asked(town: Town, more: dict[str, object]) -> None:
    who = Principal(api_key=town.api.keys["mallory"], user_id=more.pop("user", None))  # type: ignore[arg-type]
    spec = BlockSpec(host=town.api.host, principal=who, **more)  # type: ignore[arg-type]
    (refused,) = town.hold(lease(spec))
    assert (refused.ok, refused.code) == (False, "V072")
    assert town.status("mallory") == 200


@pytest.mark.parametrize("name", ["", "../apikeys", "a b", "x" * 40, "nosuchkey1", "a/b", "%2e%2e", "{id}"])
def test_what_is_no_id_of_a_key_is_refused_without_being_repeated(town: Town, name: str) -> None:
    (refused, held) = town.hold(lease(KeySpec(key_id=name)), disabled(town))
    assert not refused.ok
    assert not name or name not in refused.reason
    assert held.ok


def test_value_of_a_key_is_never_asked_for_or_told(town: Town) -> None:
    value = town.api.values["mallory"]
    (refused,) = town.hold(lease(KeySpec(key_id=value)))
    assert value not in refused.reason
    town.hold(disabled(town))
    assert "includeValue=true" not in str(town.gateway.verbs)
    assert value not in str(town.gateway.ledger.entries())


def test_foreign_text_in_the_place_of_our_note_stops_us(town: Town) -> None:
    wanted = disabled(town)
    arn = f"arn:aws:apigateway:{town.gateway.region}::/apikeys/{town.api.keys['mallory']}"
    town.boto.tag_resource(resourceArn=arn, tags={PREFIX + wanted.target: "mine"})
    assert not town.hold(wanted)[0].ok
    assert town.status("mallory") == 200


def test_users_are_not_for_this_point(town: Town) -> None:
    assert not town.hold(lease(SuspendSpec(user_id="mallory")))[0].ok


def test_drift_of_a_held_key_is_noticed(town: Town) -> None:
    wanted = disabled(town)
    before = town.point.reconcile(adds=[wanted], removes=[], wanted=None, expected="").digest
    same = town.point.reconcile(adds=[], removes=[], wanted=[wanted], expected=before).digest
    assert same == before
    town.boto.untag_resource(
        resourceArn=f"arn:aws:apigateway:{town.gateway.region}::/apikeys/{town.api.keys['mallory']}",
        tagKeys=[PREFIX + wanted.target],
    )
    with pytest.raises(Mismatch):
        town.point.reconcile(adds=[wanted], removes=[], wanted=None, expected=before)


FAULTS = [
    ("GetApiKey", answer_with("TooManyRequestsException"), RetrySafe),
    ("TagResource", Fault("drop_after"), Uncertain),
    ("UpdateApiKey", Fault("drop_after"), Uncertain),
    ("UpdateApiKey", Fault("html"), Uncertain),
    ("UpdateApiKey", answer_with("UnauthorizedException"), AuthBlocked),
    ("UpdateApiKey", answer_with("ConflictException"), RetrySafe),
    ("UpdateApiKey", answer_with("ServiceUnavailableException"), Uncertain),
    pytest.param("GetApiKey", Fault("html"), RetrySafe, marks=pytest.mark.long),
    pytest.param("TagResource", answer_with("AccessDeniedException"), AuthBlocked, marks=pytest.mark.long),
    pytest.param("UpdateApiKey", Fault("drop_before"), Uncertain, marks=pytest.mark.long),
    pytest.param("UpdateApiKey", answer_with("TooManyRequestsException"), RetrySafe, marks=pytest.mark.long),
]


@pytest.mark.parametrize(("operation", "fault", "expected"), FAULTS)
def test_every_fault_is_an_outcome_and_heals(
    town: Town, operation: str, fault: Fault, expected: type[ConnectorError]
) -> None:
    wanted = disabled(town)
    town.gateway.faults.script(operation, fault)
    with pytest.raises(expected):
        town.hold(wanted)
    assert town.hold(wanted, point=town.again())[0].proof["ours"] == "true"
    assert town.lift(wanted, point=town.again())[0].ok
    assert town.status("mallory") == 200
    assert town.key("mallory")["tags"] == {"team": "pay"}


@pytest.mark.parametrize("code", ["BadRequestException", "LimitExceededException"])
def test_refusals_and_full_quotas_are_not_repeated(town: Town, code: str) -> None:
    town.gateway.faults.script("TagResource", answer_with(code))
    (refused,) = town.hold(disabled(town))
    assert (refused.ok, refused.code) == (False, "V002")
    assert town.status("mallory") == 200


@pytest.mark.parametrize("operation", ["DeleteUsagePlanKey", "CreateUsagePlanKey", "UntagResource"])
@pytest.mark.parametrize("mode", [pytest.param("drop_before", marks=pytest.mark.long), "drop_after"])
def test_cut_off_plan_changes_settle(town: Town, operation: str, mode: str) -> None:
    wanted = kept_out(town)
    town.gateway.faults.script(operation, Fault(mode))
    if operation != "DeleteUsagePlanKey":
        town.hold(wanted)
    with pytest.raises(Uncertain):
        town.hold(wanted) if operation == "DeleteUsagePlanKey" else town.lift(wanted)
    town.hold(wanted, point=town.again())
    assert town.status("mallory") == 403
    assert town.lift(wanted, point=town.again())[0].ok
    assert town.status("mallory") == 200


def test_estimate_counts_the_keys_requests_and_says_what_it_cannot_see(town: Town) -> None:
    for who in ("mallory", "mallory", "mallory", "shop"):
        town.status(who)
    spec = kept_out(town).spec
    assert isinstance(spec, BlockSpec)
    found = town.point.estimate(spec, window=timedelta(hours=3))
    assert (found.requests, found.principals, found.share_of_endpoint) == (3, 1, 0.75)
    assert found.coverage != "complete"
    standin = town.gateway.keys
    (plan,) = [plan.id for plan in town.point.gateway.plans_of(town.api.keys["mallory"])]
    day = datetime.now(UTC).date().isoformat()
    for number in range(600):  # more than a page
        standin.members[plan][f"more{number}"] = "API_KEY"
        standin.used[plan, f"more{number}", day] = 1
    assert town.point.estimate(spec, window=timedelta(hours=3)).share_of_endpoint == 3 / 604
    with pytest.raises(Rejected, match="no log"):
        town.point.estimate(BlockSpec(host=town.api.host, ips=("192.0.2.1",)), window=timedelta(hours=1))
