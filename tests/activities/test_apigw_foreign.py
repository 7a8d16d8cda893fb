"""API Gateway of a customer with more than one name, private endpoints and policies of every shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from apigw_support import ATTACKER, Town, denied, kept_out

from activities._apigw.changes import Asked
from activities._apigw.statements import Policy

ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
ROLE = "arn:aws:iam::123456789012:role/app"
SHAPES: list[dict[str, Any]] = [
    {**ALLOW, "Principal": {"AWS": [ROLE, "arn:aws:iam::123456789012:root"]}, "Action": ["execute-api:Invoke"]},
    {**ALLOW, "Principal": {"Service": "apigateway.amazonaws.com", "AWS": "*"}},
    {**ALLOW, "Effect": "Deny", "Condition": {"StringNotEqualsIfExists": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}},
    {**ALLOW, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:Referer": True}}},
    {"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "execute-api:ManageConnections", "Resource": "*"},
    {"Effect": "Deny", "Principal": "*", "NotAction": "execute-api:*", "Resource": ["execute-api:/*"]},
    {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "NotResource": ["execute-api:/prod/*"]},
]


def write(town: Town, document: dict[str, Any], *, deploy: bool = True) -> None:
    patch = [{"op": "replace", "path": "/policy", "value": json.dumps(document)}]
    town.boto.update_rest_api(restApiId=town.api.api, patchOperations=patch)
    if deploy:
        town.boto.create_deployment(restApiId=town.api.api, stageName="prod", description="release 7")


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["prod", None])
def test_a_name_that_nobody_configured_is_not_hit_as_well(town: Town, stage: str | None) -> None:
    standing = denied(town, "/orders")
    town.hold(standing)
    town.boto.create_domain_name(domainName="partner.example.com")
    place = {"domainName": "partner.example.com", "restApiId": town.api.api}
    town.boto.create_base_path_mapping(**place, **({"stage": stage} if stage else {}))
    for wanted in (denied(town), kept_out(town)):
        (refused,) = town.hold(wanted, point=town.again())
        assert (refused.ok, refused.code) == (False, "V072")
        assert "partner.example.com" in refused.reason
    assert town.lift(standing, point=town.again())[0].ok, "a lift goes on"


def test_a_name_of_another_stage_or_api_does_no_harm(town: Town) -> None:
    town.boto.create_deployment(restApiId=town.api.api, stageName="beta")
    town.boto.create_domain_name(domainName="beta.example.com")
    town.boto.create_base_path_mapping(domainName="beta.example.com", restApiId=town.api.api, stage="beta")
    assert town.hold(denied(town))[0].ok


@pytest.mark.parametrize(("stage", "before"), [("prod", "/v1"), (None, "/v1/prod")])
def test_a_base_path_is_not_part_of_the_api(town: Town, stage: str | None, before: str) -> None:
    town.boto.delete_base_path_mapping(domainName=town.api.host, basePath="(none)")
    more = {"stage": stage} if stage else {}
    town.boto.create_base_path_mapping(domainName=town.api.host, basePath="v1", restApiId=town.api.api, **more)
    wanted = denied(town, f"{before}/users")
    assert town.hold(wanted)[0].ok
    assert town.status("mallory", ip=ATTACKER) == 403
    assert [one.target for one in town.again().list_owned()] == [wanted.target]
    (refused,) = town.hold(denied(town, "/orders"))
    assert (refused.code, before in refused.reason) == ("V072", True)
    assert town.lift(wanted)[0].ok
    assert town.status("mallory", ip=ATTACKER) == 200


def test_of_two_base_paths_of_one_host_the_longer_is_the_one_that_leads(town: Town) -> None:
    more = {"restApiId": town.api.api, "stage": "prod"}
    town.boto.create_base_path_mapping(domainName=town.api.host, basePath="v1", **more)
    for path in ("/v1/users", "/users"):
        wanted = denied(town, path)
        assert town.hold(wanted)[0].ok
        assert town.status("mallory", ip=ATTACKER) == 403, path
        town.lift(wanted)


# -- policies ----------------------------------------------------------------------------------------------------------


def test_a_private_api_knows_the_callers_address_by_another_key(town: Town) -> None:
    town.gateway.apis.apis[town.api.api]["endpoint"] = {"types": ["PRIVATE"]}
    write(town, {"Version": "2012-10-17", "Statement": [ALLOW]})
    wanted = denied(town)
    assert town.hold(wanted)[0].ok
    assert (town.status("mallory", ip=ATTACKER), town.status("shop")) == (403, 200)
    town.lift(wanted)
    assert town.status("mallory", ip=ATTACKER) == 200


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_statements_of_any_shape_stay_as_they_are(town: Town, shape: int) -> None:
    given: Any = [ALLOW, SHAPES[shape]]
    write(town, {"Id": "theirs", "Version": "2008-10-17", "Statement": given})
    before = town.gateway.apis.apis[town.api.api]["policy"]
    wanted = denied(town)
    assert town.hold(wanted)[0].ok
    assert town.status("mallory", ip=ATTACKER) == 403
    assert town.lift(wanted)[0].ok
    assert json.loads(town.gateway.apis.apis[town.api.api]["policy"]) == json.loads(before)


def test_a_single_statement_without_a_list_is_kept(town: Town) -> None:
    write(town, {"Version": "2012-10-17", "Statement": ALLOW})
    wanted = denied(town)
    assert town.hold(wanted)[0].ok
    assert town.lift(wanted)[0].ok
    assert town.status("shop", ip=ATTACKER) == 200


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("escaped", [True, False])
def test_a_policy_is_read_however_it_is_laid_out(indent: int | None, escaped: bool) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]}, indent=indent)
    assert Policy.parse(json.dumps(text)[1:-1] if escaped else text).foreign == [ALLOW]


def test_lists_in_another_order_are_the_same_policy() -> None:
    one = {**SHAPES[0], "Resource": ["execute-api:/a", "execute-api:/b"]}
    other = {**one, "Resource": one["Resource"][::-1]}
    first, second = (Policy.parse(json.dumps({"Version": "2012-10-17", "Statement": [each]})) for each in (one, other))
    assert first.stands_as(second)
    assert not first.stands_as(Policy({}, ()))


def test_a_policy_that_others_changed_and_did_not_deploy_is_not_published(town: Town) -> None:
    write(town, {"Version": "2012-10-17", "Statement": [ALLOW]})
    wanted = denied(town)
    assert town.hold(wanted)[0].ok
    draft = {**ALLOW, "Effect": "Deny", "Resource": "execute-api:/prod/POST/orders"}
    write(town, {"Version": "2012-10-17", "Statement": [*town.policy(), draft]}, deploy=False)
    assert town.hold(wanted)[0].ok, "what stands needs no deployment"
    for told in (town.hold(denied(town, "/orders")), town.lift(wanted)):
        assert (told[0].ok, told[0].code) == (False, "V070")
    assert town.status("shop", "/orders", method="POST") == 200
    assert town.status("mallory", ip=ATTACKER) == 403
    town.boto.create_deployment(restApiId=town.api.api, stageName="prod", description="release 8")
    assert town.lift(wanted)[0].ok
    assert draft["Resource"].rpartition("execute-api:")[2] in str(town.policy())


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_new_limit_of_a_method_keeps_who_may_empty_the_cache(town: Town) -> None:
    place = {"restApiId": town.api.api, "stageName": "prod"}
    words = {"requireAuthorizationForCacheControl": "false", "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403"}
    patch = [{"op": "replace", "path": f"/*/*/caching/{name}", "value": value} for name, value in words.items()]
    town.boto.update_stage(**place, patchOperations=patch)
    before = town.boto.get_stage(**place)["methodSettings"]
    spot = {"api": town.api.api, "stage": "prod", "path": "/users/{id}", "method": "GET"}
    lever, where = town.point.changes.levers["method-throttle"], f"restapis/{town.api.api}/stages/prod"
    made = town.point.changes.make(Asked(lever, where, spot, {"rate": 1.0, "burst": 1}, "case-1", "0123456789ab"))
    now = town.boto.get_stage(**place)["methodSettings"]["~1users~1{id}/GET"]
    assert (now["requireAuthorizationForCacheControl"], now["throttlingBurstLimit"]) == (False, 1)
    assert now["unauthorizedCacheControlHeaderStrategy"] == "FAIL_WITH_403"
    assert town.point.changes.restore(made.name) == (True, "restored")
    assert town.boto.get_stage(**place)["methodSettings"] == before
