"""Right before a change: guard and consent as of now, not as of the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from glue import CASE, EPISODE, HOST, NOW, Glue, approved, block, job, proof, rendered, request, scene

from activities._errors import to_temporal
from activities._guard import check_action, check_lease, guard_state
from stanch.approvals import ApprovalState, Bound, Need
from stanch.catalog import catalog
from stanch.errors import DependencyError, Refused
from stanch.leases import BlockSpec, Lease, LeaseSpec, Principal, SuspendSpec, target_of
from stanch.records import Protected
from stanch.views import ActorView

ATTACKER = BlockSpec(host=HOST, path="/orders/**", principal=Principal(token_id="tok-attacker"))
EVERYBODY = {"host": HOST, "path": "/users/{id}", "ttl": "2h"}
OK: tuple[str, ...] = ("user:ana",)


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path) as made:
        yield made


def lease(spec: LeaseSpec = ATTACKER, **more: Any) -> Lease:
    given: dict[str, Any] = {
        "lease_id": "L1",
        "case_id": CASE,
        "episode": EPISODE,
        "step": "step",
        "point": "edge",
        "target": target_of(spec),
        "spec": spec,
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
        "playbook": "contain_attacker",
        "mode": "auto",
        "source": "own",
    }
    return Lease(**{**given, **more})


def act(glue: Glue, action: str, given: dict[str, Any], /, **more: Any) -> None:
    one = job(action, more.pop("params", given), **more)
    check_action(glue.world, one, catalog()[action].params.model_validate(one.call.params))


def code_of(work: Callable[[], None]) -> str:
    """The code of the refusal, "" where it may go on."""
    try:
        work()
    except Refused as error:
        return error.code
    return ""


def protect(glue: Glue, kind: str, value: str) -> None:
    glue.records.protect(Protected(kind=kind, value=value, by="user:ana", reason="", at=datetime.now(UTC)))


def halt(glue: Glue, scope: str = "all", *, freeze: bool = False) -> None:
    glue.records.halt(scope, by="user:ana", reason="", at=datetime.now(UTC), freeze=freeze)


# -- the guard of the moment -------------------------------------------------------------------------------------------


def test_whose_token_it_is_counts(glue: Glue) -> None:
    protect(glue, "user", "mallory")
    theirs, others = (ActorView(user_id="mallory", token_id=token) for token in ("tok-attacker", "tok-other"))
    given = block(principal={"token_id": "tok-attacker"})
    assert code_of(lambda: act(glue, "block.scope", given, scene=scene(actor=theirs))) == "G121"
    assert code_of(lambda: act(glue, "block.scope", given, scene=scene(actor=others))) == ""


def test_an_allowed_block_passes(glue: Glue) -> None:
    assert code_of(lambda: act(glue, "block.scope", block())) == ""
    assert code_of(lambda: check_lease(glue.world, lease())) == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"principal": {"user_id": "svc-batch"}}, "G121"),
        ({"principal": {"client_id": "health-check"}}, "G122"),
        ({"host": "id.example.com"}, "G125"),
        ({"host": "www.example.org"}, "G134"),
        ({"principal": None, "ips": ("10.1.2.3",)}, "G120"),
    ],
)
def test_what_may_never_be_blocked_is_refused_at_the_call(glue: Glue, change: dict[str, Any], code: str) -> None:
    assert code_of(lambda: act(glue, "block.scope", block(**change))) == code


def test_the_writer_of_the_point_asks_again(glue: Glue) -> None:
    spec = BlockSpec(host=HOST, path="/x", principal=Principal(user_id="svc-batch"))
    assert code_of(lambda: check_lease(glue.world, lease(spec))) == "G121"
    assert code_of(lambda: check_lease(glue.world, lease(SuspendSpec(user_id="break-glass")))) == "G121"


def test_protected_at_run_time_counts_from_the_next_call(glue: Glue) -> None:
    protect(glue, "token", "tok-attacker")
    assert code_of(lambda: act(glue, "block.scope", block())) == "G123"
    assert code_of(lambda: check_lease(glue.world, lease())) == "G123"
    glue.records.unprotect("token", "tok-attacker")
    assert code_of(lambda: act(glue, "block.scope", block())) == ""


@pytest.mark.parametrize("scope", ["all", "playbook:contain_attacker", "source:own", f"host:{HOST}"])
def test_a_halt_stops_what_is_new(glue: Glue, scope: str) -> None:
    halt(glue, scope)
    assert code_of(lambda: act(glue, "block.scope", block())) == "G103"
    assert code_of(lambda: check_lease(glue.world, lease())) == "G103"
    glue.records.resume(scope)
    assert code_of(lambda: act(glue, "block.scope", block())) == ""


def test_a_halt_of_the_point_stops_its_writer(glue: Glue) -> None:
    halt(glue, "point:edge")
    assert code_of(lambda: check_lease(glue.world, lease())) == "G103"


def test_a_halt_does_not_stop_lifts_and_a_freeze_does(glue: Glue) -> None:
    lift: Callable[[], None] = lambda: act(glue, "block.lift", {"lease_id": "L1"}, purpose="undo")  # noqa: E731
    halt(glue)
    assert code_of(lift) == ""
    halt(glue, freeze=True)
    with pytest.raises(DependencyError) as waits:  # tried again, so that it goes on when the freeze ends
        lift()
    assert (waits.value.code, to_temporal(waits.value).non_retryable) == ("G102", False)
    glue.records.resume("all")
    assert code_of(lift) == ""


def test_an_approval_does_not_lift_a_halt_or_the_never_block_list(glue: Glue) -> None:
    consent = approved("block.scope", block(), *OK)
    halt(glue)
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == "G103"
    glue.records.resume()
    protect(glue, "token", "tok-attacker")
    assert code_of(lambda: act(glue, "block.scope", {}, **approved("block.scope", block(), *OK))) == "G123"


def test_an_undo_that_is_itself_a_change_passes_the_guard(glue: Glue) -> None:
    protect(glue, "token", "tok-attacker")
    assert code_of(lambda: act(glue, "block.scope", block(), purpose="undo")) == "G123"
    glue.records.unprotect("token", "tok-attacker")
    halt(glue)
    assert code_of(lambda: act(glue, "block.scope", block(), purpose="undo")) == "G103"


@pytest.mark.parametrize("mode", ["manual", "semi"])
def test_a_lower_mode_changes_nothing_alone(glue: Glue, mode: str) -> None:
    expected = {"manual": "G112", "semi": "G111"}[mode]
    assert code_of(lambda: act(glue, "block.scope", block(), scene=scene(mode=mode))) == expected
    assert code_of(lambda: check_lease(glue.world, lease(mode=mode))) == expected


def test_a_block_for_everybody_needs_people(glue: Glue) -> None:
    assert code_of(lambda: act(glue, "block.scope", EVERYBODY)) == "G136"
    assert code_of(lambda: act(glue, "block.scope", {}, **approved("block.scope", EVERYBODY, *OK))) == ""


# -- state that cannot be read -----------------------------------------------------------------------------------------


def test_state_that_cannot_be_read_makes_new_changes_wait(glue: Glue) -> None:
    down = glue.down(reading=True)
    one = job("block.scope", block())
    with pytest.raises(DependencyError) as caught:
        check_action(down, one, catalog()["block.scope"].params.model_validate(one.call.params))
    assert caught.value.code == "G101"
    with pytest.raises(DependencyError):
        check_lease(down, lease())


def test_a_lift_does_not_wait_for_it(glue: Glue) -> None:
    one = job("block.lift", {"lease_id": "L1"}, purpose="undo")
    check_action(glue.down(reading=True), one, catalog()["block.lift"].params.model_validate(one.call.params))


def test_the_policy_as_it_is_now(glue: Glue) -> None:
    glue.change_policy("guards.yaml", "tokens: []", "tokens: [tok-attacker]")
    assert code_of(lambda: act(glue, "block.scope", block())) == "G123"


# -- budgets -----------------------------------------------------------------------------------------------------------


def test_a_used_up_budget_stops_what_nobody_approved(glue: Glue) -> None:
    glue.change_policy("guards.yaml", "playbook: 60", "playbook: 2")
    for key in ("1a", "2a"):
        assert code_of(lambda key=key: act(glue, "block.scope", block(), key=key * 16)) == ""  # type: ignore[misc]
    assert code_of(lambda: act(glue, "block.scope", block(), key="2a" * 16)) == "", "a second attempt takes nothing"
    assert code_of(lambda: act(glue, "block.scope", block(), key="3a" * 16)) == "G104"
    consent = approved("block.scope", block(), *OK)
    assert code_of(lambda: act(glue, "block.scope", {}, key="3a" * 16, **consent)) == ""


def test_deleting_a_playbook_takes_no_limit_off_its_running_cases(glue: Glue) -> None:
    gone = scene(playbook="was_deleted", changes=(1, 3600.0))
    assert code_of(lambda: act(glue, "block.scope", block(), key="1a" * 16, scene=gone)) == ""
    assert code_of(lambda: act(glue, "block.scope", block(), key="2a" * 16, scene=gone)) == "G104"


def test_lifts_take_nothing_from_budgets(glue: Glue) -> None:
    glue.change_policy("guards.yaml", "playbook: 60", "playbook: 1")
    for key in ("1a", "2a", "3a"):
        act(glue, "policy.detach", {"attachment": "waf::acl/x"}, key=key * 16)
    assert code_of(lambda: act(glue, "block.scope", block(), key="4a" * 16)) == ""


def test_the_lease_of_a_budgeted_action_takes_no_second_share(glue: Glue) -> None:
    glue.change_policy("guards.yaml", "playbook: 60", "playbook: 1")
    act(glue, "block.scope", block())
    assert code_of(lambda: check_lease(glue.world, lease())) == ""


def test_guard_state_knows_its_generation(glue: Glue) -> None:
    before = guard_state(glue.world, key="k").generation
    halt(glue)
    assert guard_state(glue.world, key="k").generation == before + 1


# -- consent -----------------------------------------------------------------------------------------------------------


def test_consent_covers_exactly_what_was_shown(glue: Glue) -> None:
    consent = approved("block.scope", EVERYBODY, *OK)
    for changed in ({"ttl": "3h"}, {"path": "/users/**"}, {"host": "mobile.example.com"}, {"method": "GET"}):
        other = rendered("block.scope", {**EVERYBODY, **changed})
        assert code_of(lambda other=other: act(glue, "block.scope", {}, **{**consent, "params": other})) == "A201"  # type: ignore[misc]
    renamed = request("block.ip", rendered("block.scope", EVERYBODY))
    forged = {**consent, "consent": renamed, "approval": proof(renamed, *OK)}
    assert code_of(lambda: act(glue, "block.scope", {}, **forged)) == "A201"


def test_a_proof_of_another_request_is_none(glue: Glue) -> None:
    consent = approved("block.scope", EVERYBODY, *OK)
    changed = consent["consent"].model_copy(update={"question": "Something else?"})
    assert code_of(lambda: act(glue, "block.scope", {}, **{**consent, "consent": changed})) == "A201"
    assert code_of(lambda: act(glue, "block.scope", {}, **{**consent, "consent": None})) == "A201"


def test_a_denial_among_the_votes_is_a_denial(glue: Glue) -> None:
    consent = approved("block.scope", EVERYBODY, "user:ana")
    votes = (("user:ana", "approve"), ("user:tom", "deny"))
    denied = consent["approval"].model_copy(update={"votes": votes})
    assert code_of(lambda: act(glue, "block.scope", {}, **{**consent, "approval": denied})) == "A202"


def test_nobody_elses_vote_counts(glue: Glue) -> None:
    assert code_of(lambda: act(glue, "block.scope", {}, **approved("block.scope", EVERYBODY, "user:maria"))) == "A203"
    assert code_of(lambda: act(glue, "block.scope", {}, **approved("block.scope", EVERYBODY))) == "A203"


def test_who_left_the_team_no_longer_counts(glue: Glue) -> None:
    consent = approved("block.scope", EVERYBODY, "user:tom")
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == ""
    glue.change_policy(
        "routes.yaml", "members: [user:ana, user:tom], slack: C0APPSEC", "members: [user:ana], slack: C0APPSEC"
    )
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == "A203"


def test_who_left_the_team_does_not_count_for_being_on_a_line_with_a_person(glue: Glue) -> None:
    line = Need(from_=("user:ana", "user:tom", "user:maria"), label="team:appsec or user:maria")
    by_tom = approved("block.scope", EVERYBODY, "user:tom", needs=(line,))
    by_maria = approved("block.scope", EVERYBODY, "user:maria", needs=(line,))
    glue.change_policy(
        "routes.yaml", "members: [user:ana, user:tom], slack: C0APPSEC", "members: [user:ana], slack: C0APPSEC"
    )
    assert code_of(lambda: act(glue, "block.scope", {}, **by_tom)) == "A203"
    assert code_of(lambda: act(glue, "block.scope", {}, **by_maria)) == ""


@pytest.mark.parametrize("label", ["team:appsec", "route.assignee", "user:eva"])
def test_who_left_the_directory_counts_nowhere(glue: Glue, label: str) -> None:
    eva = "    user:eva: {name: Eva L.}\n"
    glue.change_policy("routes.yaml", "  teams:\n", eva + "  teams:\n")
    glue.change_policy("routes.yaml", "members: [user:ana, user:tom]", "members: [user:ana, user:tom, user:eva]")
    consent = approved("block.scope", EVERYBODY, "user:eva", needs=(Need(from_=("user:eva",), label=label),))
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == ""
    glue.change_policy("routes.yaml", ", user:eva]", "]")
    glue.change_policy("routes.yaml", "{name: Eva L.}", "{name: Eva L., active: false}")
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == "A203"
    glue.change_policy("routes.yaml", "    user:eva: {name: Eva L., active: false}\n", "")
    assert code_of(lambda: act(glue, "block.scope", {}, **consent)) == "A203"


def test_high_impact_needs_two_people_or_a_new_sign_in(glue: Glue) -> None:
    params = {"user_id": "mallory"}
    once = approved("user.sign_out", params, "user:tom", high_impact=True)
    assert code_of(lambda: act(glue, "user.sign_out", {}, **once)) == "A204"
    stepped_up = once["approval"].model_copy(update={"step_up": True})
    assert code_of(lambda: act(glue, "user.sign_out", {}, **{**once, "approval": stepped_up})) == ""


def test_who_stood_in_for_another_and_left_no_longer_counts(glue: Glue) -> None:
    line = "{name: Eva L.}"
    glue.change_policy("routes.yaml", "  teams:\n", f"    user:eva: {line}\n  teams:\n")
    consent = approved("block.scope", EVERYBODY, "user:eva")
    for_ana = consent["approval"].model_copy(update={"stood_in": (("user:eva", "user:ana"),)})
    assert code_of(lambda: act(glue, "block.scope", {}, **{**consent, "approval": for_ana})) == ""
    glue.change_policy("routes.yaml", line, "{name: Eva L., active: false}")
    assert code_of(lambda: act(glue, "block.scope", {}, **{**consent, "approval": for_ana})) == "A203"


@pytest.mark.parametrize("step_up", [False, True])
def test_of_two_who_weigh_enough_one_who_left_since_is_too_light(glue: Glue, step_up: bool) -> None:
    """Who of them had signed in again is not in the proof: it may be who has left."""
    line = "{name: Eva L.}"
    glue.change_policy("routes.yaml", "  teams:\n", f"    user:eva: {line}\n  teams:\n")
    needs = (Need(from_=("user:tom", "user:eva"), label="user:tom or user:eva"),)
    both = approved("user.sign_out", {"user_id": "mallory"}, "user:tom", "user:eva", high_impact=True, needs=needs)
    both["approval"] = both["approval"].model_copy(update={"step_up": step_up})
    assert code_of(lambda: act(glue, "user.sign_out", {}, **both)) == ""
    glue.change_policy("routes.yaml", line, "{name: Eva L., active: false}")
    assert code_of(lambda: act(glue, "user.sign_out", {}, **both)) == "A204"


# -- consent for a lease -----------------------------------------------------------------------------------------------

USERS = BlockSpec(host=HOST, path="/users/{id}")


def _consented(glue: Glue, *, also: tuple[Bound, ...] = (), **more: Any) -> Lease:
    asked = request("block.scope", rendered("block.scope", EVERYBODY), also=also)
    glue.records.put_approval(ApprovalState(request=asked))
    return lease(USERS, mode="semi", approval=proof(asked, "user:ana"), **more)


def test_a_consented_lease_may_stand(glue: Glue) -> None:
    assert code_of(lambda: check_lease(glue.world, _consented(glue))) == ""


def test_a_lease_without_its_request_is_refused(glue: Glue) -> None:
    asked = request("block.scope", rendered("block.scope", EVERYBODY))
    orphan = lease(USERS, mode="semi", approval=proof(asked, "user:ana"))
    assert code_of(lambda: check_lease(glue.world, orphan)) == "A201"


def test_a_lease_on_another_target_is_refused(glue: Glue) -> None:
    wider = BlockSpec(host=HOST, path="/users/**")
    other = _consented(glue).model_copy(update={"spec": wider, "target": target_of(wider)})
    assert code_of(lambda: check_lease(glue.world, other)) == "A201"


def test_a_lease_that_would_stand_longer_than_approved_is_refused(glue: Glue) -> None:
    longer = _consented(glue, expires_at=NOW + timedelta(hours=5))
    assert code_of(lambda: check_lease(glue.world, longer)) == "A201"


def test_a_lift_approved_beside_the_block_does_not_matter(glue: Glue) -> None:
    beside = Bound(action="block.lift", params={"lease_id": "L0"})
    other = _consented(glue, also=(beside,))
    assert code_of(lambda: check_lease(glue.world, other)) == ""
    wider = BlockSpec(host=HOST, path="/users/**")
    assert (
        code_of(lambda: check_lease(glue.world, other.model_copy(update={"spec": wider, "target": target_of(wider)})))
        == "A201"
    )


def test_a_lease_that_is_over_is_refused(glue: Glue) -> None:
    over = lease(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert code_of(lambda: check_lease(glue.world, over)) == "G132"


def test_an_api_that_the_inventory_does_not_rate_is_refused_at_the_call(glue: Glue) -> None:
    assert code_of(lambda: act(glue, "block.scope", block(host="old.example.com"))) == "G113"


# -- halts of what no lease holds --------------------------------------------------------------------------------------

API = {"api": "a1b2c3d4e5", "stage": "prod"}
PLACES: dict[str, Any] = {
    "points": {
        "edge": {"kind": "envoy", "hosts": [HOST]},
        "gw": {"kind": "api_gateway", "apis": {HOST: API}},
    },
    "policies": {"waf": {"kind": "aws_waf", "web_acls": {HOST: "shop"}}},
    "identity": {"idp": {"kind": "okta"}},
    "webhooks": {"firewall": {"kind": "webhook"}},
}
METHOD = {"host": HOST, "path": "/users/{id}", "method": "GET"}


@pytest.mark.parametrize(
    ("action", "given", "point"),
    [
        ("apigw.throttle_method", {**METHOD, "rate": 1, "burst": 1}, "gw"),
        ("apigw.throttle_method", {**METHOD, "rate": 1, "burst": 1, "at": "gw"}, "gw"),
        ("apigw.throttle_plan", {"plan_id": "p1", "rate": 1, "burst": 1}, "gw"),
        ("policy.attach", {"host": HOST, "groups": ["common"]}, "waf"),
        ("policy.enforce", {"attachment": "waf::shop/stanch-0123"}, "waf"),
        ("token.revoke", {"token_id": "tok-attacker"}, "idp"),
        ("webhook.call", {"to": "firewall", "ip": "198.51.100.7"}, "firewall"),
    ],
)
def test_a_halt_of_a_section_stops_changes_that_no_lease_holds(
    tmp_path: Path, action: str, given: dict[str, Any], point: str
) -> None:
    params = catalog()[action].params.model_validate(given)
    one = job(action, params.model_dump(exclude_none=True))
    with Glue(tmp_path, **PLACES) as made:
        halt(made, "point:edge")
        assert code_of(lambda: check_action(made.world, one, params)) != "G103"
        halt(made, f"point:{point}")
        assert code_of(lambda: check_action(made.world, one, params)) == "G103"


def test_a_freeze_of_a_section_keeps_what_a_run_would_take_back_there(tmp_path: Path) -> None:
    given = {"change": "gw::usageplans/p1/0123456789ab"}
    params = catalog()["apigw.restore"].params.model_validate(given)
    with Glue(tmp_path, **PLACES) as made:
        halt(made, "point:gw")
        check_action(made.world, job("apigw.restore", given), params)
        halt(made, "point:gw", freeze=True)
        with pytest.raises(DependencyError) as caught:
            check_action(made.world, job("apigw.restore", given), params)
    assert caught.value.code == "G102"
