"""Addresses and paths denied by resource policy: only once deployed, nobody else's statements or changes touched."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from apigw_support import ATTACKER, UNTIL, Town, denied, lease
from hypothesis import given
from hypothesis import strategies as st

from activities import _probes
from activities._apigw.places import Place
from activities._apigw.statements import OPEN, Policy, compiled, note_of
from stanch.errors import Rejected, RetrySafe, Uncertain
from stanch.leases import BlockSpec, Principal
from stanch.ports import Mismatch
from stanch.sandbox._apigw.statements import permits
from stanch.sandbox._server import Fault
from stanch.sandbox.apigw import answer_with

FOREIGN = {
    "Sid": "Vpn",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "execute-api:Invoke",
    "Resource": "execute-api:/*",
}


def write(town: Town, *statements: dict[str, Any], deploy: bool = True) -> None:
    """What a person does to the policy."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}) if statements else ""
    town.boto.update_rest_api(
        restApiId=town.api.api, patchOperations=[{"op": "replace", "path": "/policy", "value": text}]
    )
    if deploy:
        town.boto.create_deployment(restApiId=town.api.api, stageName="prod", description="release 7")


def test_attacker_is_denied_on_the_path_and_everybody_else_is_served(town: Town) -> None:
    wanted = denied(town)
    (held,) = town.hold(wanted)
    assert held.ok
    assert town.status("mallory", ip=ATTACKER) == 403
    assert town.status("mallory") == 200
    assert town.status("mallory", "/users/1", ip=ATTACKER) == 200
    (owned,) = town.again().list_owned()
    assert (owned.case_id, owned.expires_at, owned.target) == ("case-1", wanted.expires_at, wanted.target)
    assert town.lift(wanted, point=town.again())[0].ok
    assert town.status("mallory", ip=ATTACKER) == 200
    assert town.policy() == []


def test_method_subtree_and_whole_host(town: Town) -> None:
    town.hold(denied(town, "/orders", methods=("post",)), denied(town, "/users/**", ips=("198.51.100.0/24",)))
    assert town.status("shop", "/orders", method="POST", ip=ATTACKER) == 403
    assert town.status("shop", "/users/7", ip="198.51.100.77") == 403
    assert town.status("shop", "/users", ip="198.51.100.77") == 403
    assert town.status("shop", "/users", ip=ATTACKER) == 200
    town.hold(denied(town, "/**"))
    assert town.status("shop", "/users", ip=ATTACKER) == 403


def test_others_statements_stay_as_they_are_and_no_allow_is_added_to_them(town: Town) -> None:
    write(town, FOREIGN)
    before = town.policy()
    wanted = denied(town)
    town.hold(wanted)
    assert [one for one in town.policy() if one["Sid"] == "Vpn"] == before
    assert OPEN not in [one["Sid"] for one in town.policy()]
    town.lift(wanted)
    assert town.policy() == before


def test_api_without_policy_stays_open_while_we_deny_and_a_person_who_came_to_rely_on_that_keeps_it(town: Town) -> None:
    wanted = denied(town)
    town.hold(wanted)
    assert town.status("shop") == 200  # a policy that only denies would have closed the API
    office = {
        **FOREIGN,
        "Sid": "Office",
        "Effect": "Deny",
        "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    }
    write(town, *town.policy(), office)
    town.lift(wanted)
    assert {one["Sid"] for one in town.policy()} == {OPEN, "Office"}
    assert town.status("shop") == 200
    assert any(OPEN in check.detail for check in town.point.doctor() if not check.ok)


def test_api_that_iam_closes_is_never_opened(town: Town) -> None:
    town.add_method(auth="AWS_IAM")
    town.boto.create_deployment(restApiId=town.api.api, stageName="prod")
    (refused,) = town.hold(denied(town))
    assert (refused.ok, refused.code) == (False, "V072")
    assert town.policy() == []


def test_undeployed_work_of_others_is_not_published(town: Town) -> None:
    first = denied(town)
    town.hold(first)
    town.add_method()
    deployments = town.gateway.calls["CreateDeployment"]
    (refused,) = town.hold(denied(town, "/orders"))
    assert (refused.ok, refused.code) == (False, "V070")
    assert "GET /" in refused.reason
    (lifted,) = town.lift(first)
    assert (lifted.ok, lifted.code) == (False, "V070")
    assert [one.target for one in town.point.list_owned()] == [first.target]  # still denied, so still listed
    assert town.gateway.calls["CreateDeployment"] == deployments
    assert town.status("nobody", "/") == 403
    assert town.lift(first, point=town.again(deploy="always"))[0].ok


def test_deployments_can_be_switched_off_and_canaries_stop_us(town: Town) -> None:
    (refused,) = town.hold(denied(town), point=town.again(deploy="never"))
    assert refused.code == "V070"
    town.gateway.apis.stage(town.api.api, "prod")["canarySettings"] = {"percentTraffic": 10.0}
    assert town.hold(denied(town))[0].code == "V070"


@pytest.mark.parametrize("operation", ["UpdateRestApi", "CreateDeployment"])
@pytest.mark.parametrize(
    "mode",
    [pytest.param("drop_before", marks=pytest.mark.long), "drop_after", pytest.param("html", marks=pytest.mark.long)],
)
def test_cut_off_attempts_settle(town: Town, operation: str, mode: str) -> None:
    wanted = denied(town)
    town.gateway.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        town.hold(wanted)
    town.hold(wanted, point=town.again())
    assert town.status("mallory", ip=ATTACKER) == 403
    town.gateway.faults.script(operation, Fault(mode))
    with pytest.raises(Uncertain):
        town.lift(wanted, point=town.again())
    assert town.lift(wanted, point=town.again())[0].ok
    assert town.status("mallory", ip=ATTACKER) == 200


def test_too_many_deployments_are_waited_for(town: Town) -> None:
    town.gateway.faults.script("CreateDeployment", answer_with("TooManyRequestsException"))
    with pytest.raises(RetrySafe):
        town.hold(denied(town))


def test_renewal_replaces_and_reaping_takes_out_only_what_it_saw(town: Town) -> None:
    town.hold(denied(town))
    seen = town.again().list_owned()
    town.hold(denied(town, until=UNTIL + timedelta(hours=1)))
    assert len(town.again().list_owned()) == 1
    assert town.again().take_out(seen)[0].proof == {"state": "renewed"}
    assert town.again().take_out(town.again().list_owned())[0].ok
    assert town.status("mallory", ip=ATTACKER) == 200


def test_block_that_a_person_took_out_is_noticed(town: Town) -> None:
    digest = town.point.reconcile(adds=[denied(town)], removes=[], wanted=None, expected="").digest
    write(town)
    with pytest.raises(Mismatch):
        town.point.reconcile(adds=[denied(town, "/orders")], removes=[], wanted=None, expected=digest)


@pytest.mark.parametrize(
    "spec",
    [
        {"path": "/users/{id}/*"},
        {"path": "/us?rs"},
        {"path": "/a%2fb"},
        {"path": "/${x}"},
        {"path": "/"},
        {"path": '/users"}'},
        {"path": "/{any}"},  # its * would run over /users/1 as well
        {"principal": {"user_id": "mallory"}},
        {"ips": ("not an address",)},
        {"ips": ("0.0.0.0/0",)},
        {"ips": ("::ffff:0:0/96",)},
        {"methods": ("GET/*",)},
    ],
    ids=str,
)
def test_what_the_policy_cannot_say_exactly_is_refused_and_the_rest_goes_on(town: Town, spec: dict[str, Any]) -> None:
    given = {"host": town.api.host, "path": "/users", "ips": (ATTACKER,)} | spec
    (refused, held) = sorted(
        town.hold(lease(BlockSpec.model_validate(given)), denied(town, "/orders")), key=lambda item: item.ok
    )
    assert (refused.ok, held.ok) == (False, True)


def test_policy_takes_what_has_room_and_refuses_the_rest_of_a_batch(town: Town) -> None:
    results = town.hold(*(denied(town, f"/orders/{'x' * 200}/{number}") for number in range(12)))
    assert {item.code for item in results if not item.ok} == {"V074"}
    assert len(town.point.list_owned()) == sum(item.ok for item in results) > 0


def test_policy_that_aws_spells_in_another_way_is_the_same(town: Town) -> None:
    wanted = denied(town)
    town.hold(wanted)
    one = {name: value[0] if name == "Resource" else value for name, value in town.policy()[0].items()}
    api = town.gateway.apis.apis[town.api.api]
    api["policy"] = json.dumps({"Statement": [one | {"Principal": {"AWS": "*"}}, *town.policy()[1:]]})
    deployments = town.gateway.calls["CreateDeployment"]
    assert town.hold(wanted)[0].ok
    assert town.gateway.calls["CreateDeployment"] == deployments


def test_policy_that_cannot_be_read_is_left_alone(town: Town) -> None:
    town.gateway.apis.apis[town.api.api]["policy"] = "{not json"
    with pytest.raises(Rejected) as caught:
        town.point.list_owned()
    assert caught.value.code == "V073"
    with pytest.raises(Rejected):
        town.hold(denied(town))
    assert town.gateway.apis.apis[town.api.api]["policy"] == "{not json"


def test_lift_of_a_block_whose_removal_was_never_deployed_waits_for_the_deployment(town: Town) -> None:
    wanted = denied(town)
    town.hold(wanted)
    town.gateway.faults.script("CreateDeployment", Fault("drop_before"))
    with pytest.raises(Uncertain):
        town.lift(wanted)
    town.add_method()
    assert town.policy() == []
    (refused,) = town.lift(wanted, point=town.again())
    assert (refused.ok, refused.code) == (False, "V070")
    assert town.status("mallory", ip=ATTACKER) == 403


def test_probe_proves_a_block_with_real_requests(town: Town) -> None:
    wanted = denied(town)
    spec = wanted.spec
    assert isinstance(spec, BlockSpec)
    assert not _probes.expect_blocked(town.point, spec, within=timedelta(0)).ok
    town.hold(wanted)
    write(town, *town.policy())  # keyless requests are 403 anyway: a path without keys shows the difference
    health = denied(town, "/healthz")
    town.hold(health)
    assert isinstance(health.spec, BlockSpec)
    proof = _probes.expect_blocked(town.point, health.spec, within=timedelta(seconds=1))
    assert (proof.ok, proof.details["confirmed_by"]) == (True, "difference")
    denying = town.policy()
    town.lift(health)
    assert _probes.expect_unblocked(town.point, health.spec, within=timedelta(seconds=1)).ok
    unlisted = [one | {"Sid": f"Copy{number}"} for number, one in enumerate(denying) if one["Effect"] == "Deny"]
    write(town, *unlisted, FOREIGN)
    proof = _probes.expect_unblocked(town.point, health.spec, within=timedelta(seconds=0.3))
    assert (proof.ok, proof.details["entry"], proof.details["positive"][-3:]) == (False, "gone", "403")
    assert "no log says by what" in proof.reason


@given(
    st.lists(
        st.sampled_from(
            [{**FOREIGN, "Sid": f"F{number}", "Effect": effect} for number in range(4) for effect in ("Allow", "Deny")]
        ),
        max_size=5,
        unique_by=lambda one: str(one["Sid"]),
    ),
    st.sets(st.sampled_from(["203.0.113.1", "203.0.113.2", "203.0.113.3"]), max_size=3),
)
def test_taking_out_what_was_put_in_gives_back_the_same(foreign: list[dict[str, Any]], ips: set[str]) -> None:
    policy = Policy({"Version": "2012-10-17"}, tuple(foreign))
    place = Place(api="abc", stage="prod")
    leases = [lease(BlockSpec(host="h", path="/users", ips=(ip,))) for ip in sorted(ips)]
    blocks = {one.target: compiled(one, place, canary="", paths=()) for one in leases}
    held = policy.with_blocks(blocks, without=set())
    assert set(held.owned) == {one.target for one in leases}
    assert held.foreign == foreign
    for ip in ("203.0.113.1", "198.51.100.1"):
        text = str(held).replace("execute-api:/", "arn:x:")
        was = permits(
            str(policy).replace("execute-api:/", "arn:x:"), resource="arn:x:prod/GET/users", ip=ip, headers={}
        )
        now = permits(text, resource="arn:x:prod/GET/users", ip=ip, headers={})
        assert now == ("deny" if ip in ips else was)
    assert held.with_blocks({}, without=set(blocks)).same(policy)


@given(st.text(max_size=40))
def test_no_name_of_a_case_breaks_the_statement_or_its_reading(case: str) -> None:
    made = compiled(
        lease(BlockSpec(host="h", path="/users", principal=Principal()), case=case or "c"),
        Place(api="abc", stage="p"),
        canary="",
        paths=(),
    )
    note = note_of(made[0])
    assert note is not None
    assert made[0]["Sid"].isalnum()
    assert note.until == int(UNTIL.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        '{"Version":"2012-10-17","Statement":[],"Statement":[{"Effect":"Deny"}]}',
        '{"Version":"2012-10-17","Statement":[{"Condition":{"NumericLessThan":{"aws:x":1.10}}}]}',
        '{"Version":"2012-10-17","Statement":[{"Condition":{"a":{"b":1}},"Condition":{}}]}',
        '{"Version":"2012-10-17","Statement":["Deny"]}',
        '{"Statement":' + "[" * 100_000,
    ],
    ids=["two lists", "number", "two conditions", "no object", "deep"],
)
def test_what_could_not_be_written_again_as_it_was_is_not_touched(text: str) -> None:
    with pytest.raises(Rejected) as refused:
        Policy.parse(text)
    assert refused.value.code == "V073"


def test_a_statement_that_comes_between_our_read_and_our_write_is_not_lost(town: Town) -> None:
    """API Gateway has no lock, so the policy is read once more right before it is written."""
    check = town.point.deployments.check

    def meanwhile(*given: Any, **more: Any) -> None:
        check(*given, **more)
        write(town, FOREIGN, deploy=False)

    town.point.deployments.check = meanwhile  # type: ignore[method-assign]
    with pytest.raises(RetrySafe):
        town.hold(denied(town))
    assert [one["Sid"] for one in town.policy()] == ["Vpn"]
    town.point.deployments.check = check  # type: ignore[method-assign]
    assert town.hold(denied(town))[0].ok
    assert town.policy()[0]["Sid"] == "Vpn"
