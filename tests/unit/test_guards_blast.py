"""What recorded traffic says against a block: people behind an address, and what nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stanch.guards import Attempt, Blast, GuardPolicy, GuardState, check, check_action
from stanch.leases import BlockSpec, LeaseSpec, Principal, SuspendSpec

HOST = "api.example.com"
ADDRESS = BlockSpec(host=HOST, path="/users/{id}", ips=("203.0.113.7",))
TOKEN = BlockSpec(host=HOST, principal=Principal(token_id="t-1"))
BOTH = BlockSpec(host=HOST, principal=Principal(token_id="t-1"), ips=("203.0.113.7",))
TENANT = BlockSpec(host=HOST, path="/orders/**", principal=Principal(jwt_claims={"tenant": "acme"}))


def policy(**limits: Any) -> GuardPolicy:
    return GuardPolicy.model_validate({"version": "guards/v1", "modes": {"default": "auto"}, "limits": limits})


def codes(spec: LeaseSpec, blast: Blast | None, *, approved: bool = False, **limits: Any) -> list[str]:
    mode = "semi" if approved else "auto"
    trial = Attempt(action="block.scope", mode=mode, ttl=3600, approved=approved, blast=blast)
    return [one.code for one in check(spec, trial, policy=policy(**limits), state=GuardState())]


def seen(principals: int = 0, unknown: float = 0.0, **more: Any) -> Blast:
    return Blast(principals=principals, unknown=unknown, **more)


def test_people_behind_an_address_are_counted_and_an_approval_goes_further() -> None:
    assert codes(ADDRESS, seen(3)) == []
    assert codes(ADDRESS, seen(4)) == ["G138"]
    assert codes(ADDRESS, seen(4), approved=True) == []
    assert codes(ADDRESS, seen(51), approved=True) == ["G138"]
    assert codes(ADDRESS, seen(1), principals={"automatic": 0, "approved": 0}) == ["G138"]


@pytest.mark.parametrize("spec", [TOKEN, BOTH])
def test_a_block_that_names_somebody_is_not_judged_by_its_address(spec: BlockSpec) -> None:
    assert codes(spec, seen(400, narrower="user")) == []


def test_a_narrower_handle_in_the_finding_is_asked_for() -> None:
    assert codes(ADDRESS, seen(1, narrower="token")) == ["G140"]
    assert codes(ADDRESS, seen(1, narrower="token"), approved=True) == []
    (found,) = check(
        ADDRESS,
        Attempt(action="block.ip", mode="semi", approved=True, ttl=60, blast=seen(90, narrower="user")),
        policy=policy(),
        state=GuardState(),
    )
    assert "block the user of the finding" in found.hint


@pytest.mark.parametrize("spec", [ADDRESS, TOKEN, BOTH])
def test_what_the_log_cannot_tell_is_for_people(spec: BlockSpec) -> None:
    assert codes(spec, Blast()) == ["G139"]  # nothing is known until somebody has looked
    assert codes(spec, seen(unknown=0.06)) == ["G139"]
    assert codes(spec, seen(unknown=0.05)) == []
    assert codes(spec, seen(unknown=float("nan"))) == ["G139"]
    assert codes(spec, Blast(), approved=True) == []
    assert codes(spec, Blast(), unknown={"automatic": 1.0}) == []


def test_suspensions_and_lifts_have_no_blast() -> None:
    assert codes(SuspendSpec(user_id="mallory"), Blast()) == []
    trial = Attempt(action="block.lift", mode="auto", removing=True, blast=Blast())
    assert check(ADDRESS, trial, policy=policy(), state=GuardState()) == []


def test_a_claim_may_be_a_whole_tenant_so_people_decide() -> None:
    assert codes(TENANT, seen()) == ["G136"]
    assert codes(TENANT, seen(), approved=True) == []
    everywhere = TENANT.model_copy(update={"path": "/**"})
    assert codes(everywhere, seen(), approved=True) == []


@pytest.mark.parametrize(("kind", "code"), [("users", "G121"), ("clients", "G122"), ("tokens", "G123")])
def test_a_protected_name_is_protected_under_any_claim(kind: str, code: str) -> None:
    rules = GuardPolicy.model_validate(
        {"version": "guards/v1", "modes": {"default": "auto"}, "never_block": {kind: ["svc-*"]}}
    )
    params = {"host": HOST, "path": "/a", "ttl": "1h", "principal": {"jwt_claims": {"upn": "SVC-pay"}}}
    trial = Attempt(action="block.scope", mode="semi", approved=True)
    found = check_action("block.scope", params, trial, policy=rules, state=GuardState())
    assert [one.code for one in found] == [code]


@pytest.mark.parametrize(
    "claims", [{"sub": "u1"}, {"/jti": "t"}, {"": "x"}, {"/a//b": "x"}, {"tenant": ""}, {}, {"a": "x" * 257}]
)
def test_claims_that_have_a_name_of_their_own_or_none_are_refused(claims: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Principal(jwt_claims=claims)
    found = check_action(
        "block.scope",
        {"host": HOST, "path": "/a", "ttl": "1h", "principal": {"jwt_claims": claims}},
        Attempt(action="block.scope", mode="auto"),
        policy=policy(),
        state=GuardState(),
    )
    assert "G135" in [one.code for one in found]


def test_what_is_only_counted_is_how_one_finds_out() -> None:
    assert codes(ADDRESS.counting, Blast()) == []
    assert codes(BlockSpec(host=HOST, path="/**").counting, Blast()) == []
    wide = BlockSpec(host=HOST, ips=("203.0.0.0/16",)).counting
    assert codes(wide, Blast()) == ["G130"]
    params = {"host": HOST, "path": "/**", "ttl": "1h"}
    trial = Attempt(action="block.count", mode="auto", blast=Blast())
    assert check_action("block.count", params, trial, policy=policy(), state=GuardState()) == []
    assert check_action("block.scope", params, trial, policy=policy(), state=GuardState()) != []
