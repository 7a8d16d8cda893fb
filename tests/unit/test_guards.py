"""What guards refuse, with which code, and what they never stop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stanch.errors import ConfigError
from stanch.guards import Attempt, GuardPolicy, GuardState, Stop, check, check_action, load_guards
from stanch.leases import BlockSpec, LeaseSpec, Principal, SuspendSpec
from stanch.views import ActorView

SHIPPED = Path(__file__).parents[2] / "policy" / "guards.yaml"
MALLORY = Principal(user_id="mallory")
HOST = "api.example.com"


def policy(**changes: Any) -> GuardPolicy:
    return GuardPolicy.model_validate({"version": "guards/v1", "modes": {"default": "auto"}} | changes)


def attempt(**changes: Any) -> Attempt:
    return Attempt.model_validate({"action": "block.scope", "mode": "auto", "ttl": 3600} | changes)


def codes(
    spec: LeaseSpec,
    trial: Attempt | None = None,
    *,
    rules: GuardPolicy | None = None,
    state: GuardState | None = None,
) -> list[str]:
    found = check(spec, trial or attempt(), policy=rules or policy(), state=state or GuardState())
    assert all(refusal.message for refusal in found)
    return [refusal.code for refusal in found]


def block(**changes: Any) -> BlockSpec:
    return BlockSpec.model_validate({"host": HOST, "path": "/users/{id}", "principal": MALLORY} | changes)


def test_a_narrow_block_with_an_end_may_run_alone() -> None:
    assert codes(block()) == []
    assert codes(block(path="/**")) == []
    assert codes(block(path="/**", principal=None, ips=["203.0.113.7"])) == []
    assert codes(SuspendSpec(user_id="mallory")) == []


ACTOR = ActorView(user_id="break-glass", token_id="tok-7", session_id="s-7", ip="203.0.113.7")


@pytest.mark.parametrize(
    ("params", "hit"),
    [
        ({"host": HOST, "path": "/**", "principal": {"token_id": "tok-7"}}, True),
        ({"host": HOST, "path": "/**", "principal": {"session_id": "s-7"}}, True),
        ({"host": HOST, "path": "/**", "ip": "203.0.113.0/28"}, True),
        ({"host": HOST, "path": "/**", "principal": {"token_id": "tok-8"}}, False),
        ({"host": HOST, "path": "/users/{id}"}, False),
    ],
)
def test_a_protected_user_is_protected_under_their_token_and_address_too(params: dict[str, Any], hit: bool) -> None:
    rules = protecting(users=["break-*"])
    trial = attempt(approved=True, mode="semi")
    found = check_action("block.scope", {"ttl": "1h"} | params, trial, policy=rules, state=GuardState(), actor=ACTOR)
    assert [refusal.code for refusal in found] == (["G121"] if hit else [])
    unknown = ACTOR.model_copy(update={"user_id": None})
    assert not check_action(
        "block.scope", {"ttl": "1h"} | params, trial, policy=rules, state=GuardState(), actor=unknown
    )


def protecting(**entries: Any) -> GuardPolicy:
    return policy(never_block=entries)


@pytest.mark.parametrize(
    ("protected", "blocked"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.7"),
        ("203.0.113.7", "::ffff:203.0.113.7"),
        ("203.0.113.7", "::ffff:cb00:7107"),
        ("::ffff:203.0.113.0/120", "203.0.113.7"),
        ("::ffff:0:0/96", "203.0.113.7"),
        ("fe80::1", "fe80::1%eth0"),
        ("fe80::/10", "FE80:0::1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("203.0.113.9/24", "203.0.113.7/32"),
    ],
)
def test_protected_addresses_are_found_in_every_spelling(protected: str, blocked: str) -> None:
    assert codes(block(ips=[blocked]), rules=protecting(ips=[protected])) == ["G120"]


def test_a_network_around_a_protected_address_is_refused_even_when_approved() -> None:
    spec = block(ips=["203.0.113.0/24"])
    assert codes(spec, attempt(approved=True), rules=protecting(ips=["203.0.113.7"])) == ["G120"]
    assert codes(spec, attempt(approved=True), rules=protecting(ips=["203.0.114.7"])) == []


@pytest.mark.parametrize(
    ("protected", "blocked"),
    [
        ("/healthz", "/healthz"),
        ("/healthz", "/HealthZ/"),
        ("/healthz", "/%68ealthz"),
        ("/healthz", "/%2568ealthz"),
        ("/healthz", "//healthz"),
        ("/healthz", "/x/../healthz"),
        ("/healthz", "/./healthz;v=1"),
        ("/healthz", "/healthz?a=1"),
        ("/healthz", "\\healthz"),
        ("/healthz", "/x/%2e%2e/healthz"),
        ("/healthz", "/{any}"),
        ("/healthz", "/**"),
        ("/healthz", "/health*"),
        ("/pay/{id}/settle", "/pay/7/settle"),
        ("/pay/**", "/pay"),
        ("/pay/**", "/pay/7/settle"),
        ("/pay/7", "/pay/**"),
        ("/pay/**", "/**/../x"),
    ],
)
def test_protected_paths_are_found_in_every_spelling(protected: str, blocked: str) -> None:
    assert "G124" in codes(block(path=blocked), rules=protecting(paths=[protected]))


@pytest.mark.parametrize("path", ["/health", "/healthz/x", "/x/healthz", "/"])
def test_other_paths_are_not_protected(path: str) -> None:
    assert codes(block(path=path), rules=protecting(paths=["/healthz"])) == []


def test_a_protected_path_may_excuse_narrow_blocks_and_belongs_to_its_host() -> None:
    rules = protecting(paths=[{"path": "/healthz", "host": "*.example.com", "unless": ["principal"]}])
    assert codes(block(path="/**"), rules=rules) == []
    assert codes(block(path="/**", principal=None, ips=["192.0.2.1"]), rules=rules) == ["G124"]
    assert codes(block(path="/**", principal=None, ips=["192.0.2.1"], host="other.test"), rules=rules) == []


@pytest.mark.parametrize(
    ("protected", "blocked"),
    [
        ("api.example.com", "API.Example.COM."),
        ("api.example.com", "api.example.com:8443"),
        ("*.example.com", "api.example.com"),
        ("api.example.com", "*.example.com"),
        ("example.com", "*.example.com"),
        ("api.example.com", "*"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("api.example.com", "ａpi.example.com"),
        ("::1", "[::1]:8443"),
    ],
)
def test_protected_hosts_are_found_in_every_spelling(protected: str, blocked: str) -> None:
    wrapped = f"[{protected}]" if ":" in protected else protected
    assert codes(block(host=blocked), rules=protecting(hosts=[wrapped])) == ["G125"]


@pytest.mark.parametrize(
    ("kind", "field", "protected", "code"),
    [
        ("users", "user_id", "Break-Glass", "G121"),
        ("users", "user_id", "break-*", "G121"),
        ("clients", "client_id", " break-glass", "G122"),
        ("tokens", "token_id", "break-glass", "G123"),
        ("tokens", "token_hash", "break-glass", "G123"),
        ("tokens", "session_id", "break-glass", "G123"),
    ],
)
def test_protected_people_clients_and_tokens(kind: str, field: str, protected: str, code: str) -> None:
    rules = protecting(**{kind: [protected]})
    assert codes(block(principal={field: "break-glass"}), rules=rules) == [code]
    assert codes(block(principal={field: "mallory"}), rules=rules) == []


def test_protection_added_at_run_time_counts_and_what_cannot_be_read_refuses() -> None:
    spec = block(ips=["203.0.113.7"])
    assert codes(spec, state=GuardState(protected=(("ip", "203.0.113.0/28"),))) == ["G120"]
    assert codes(SuspendSpec(user_id="ceo"), state=GuardState(protected=(("user", "CEO"),))) == ["G121"]
    for entry in [("ip", "nonsense"), ("path", ""), ("asn", "64500")]:
        assert codes(spec, state=GuardState(protected=(entry,))) == ["G107"]


@pytest.mark.parametrize(
    ("network", "alone", "approved"),
    [
        ("203.0.113.7", [], []),
        ("203.0.113.0/31", ["G130"], []),
        ("203.0.113.0/24", ["G130"], []),
        ("203.0.112.0/23", ["G130"], ["G130"]),
        ("2001:db8::/64", [], []),
        ("2001:db8::/63", ["G130"], []),
        ("2001:db8::/47", ["G130"], ["G130"]),
        ("::ffff:203.0.113.0/127", ["G130"], []),
        ("::ffff:0:0/96", ["G130"], ["G130"]),
        ("::/64", ["G130"], ["G130"]),  # it holds every mapped IPv4 address
        ("0.0.0.0/0", ["G130"], ["G130"]),
    ],
)
def test_networks_may_only_be_so_wide(network: str, alone: list[str], approved: list[str]) -> None:
    assert codes(block(ips=[network])) == alone
    assert codes(block(ips=[network]), attempt(approved=True)) == approved


@pytest.mark.parametrize("path", ["/**", "/{a}/**", "/*", "/{a}/{b}", "**", "/x/../**", "/%2a%2a"])
def test_everything_for_everybody_is_never_blocked(path: str) -> None:
    assert "G131" in codes(block(path=path, principal=None), attempt(approved=True))
    assert "G131" in codes(block(path=path, principal={}), attempt(approved=True))


def test_a_block_for_everybody_needs_people_unless_the_policy_says_otherwise() -> None:
    spec = block(principal=None)
    assert codes(spec) == ["G136"]
    assert codes(spec, attempt(approved=True)) == []
    assert codes(spec, attempt(approved=True), rules=policy(limits={"everybody": "never"})) == ["G136"]
    free = policy(limits={"everybody": "automatic", "share": {"automatic": 0.1, "approved": 0.5}})
    assert codes(spec, attempt(share=0.1), rules=free) == []
    assert codes(spec, attempt(share=0.11), rules=free) == ["G137"]
    assert codes(spec, attempt(share=float("nan")), rules=free) == ["G137"]
    assert codes(spec, attempt(share=0.5, approved=True), rules=free) == []


@pytest.mark.parametrize(
    ("ttl", "code"), [(None, "G132"), (0, "G132"), (-5, "G132"), (7 * 86400 + 1, "G133"), (7 * 86400, "")]
)
def test_every_block_ends_within_a_week(ttl: float | None, code: str) -> None:
    assert codes(block(), attempt(ttl=ttl)) == ([code] if code else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"ips": ["010.0.0.1"]},
        {"ips": ["0x7f.1"]},
        {"host": ""},
        {"host": "a b"},
        {"path": ""},
        {"path": "/%252525252541"},
    ],
)
def test_what_is_not_understood_is_not_done(changes: dict[str, Any]) -> None:
    assert "G135" in codes(block(**changes))


def test_only_known_hosts_are_touched() -> None:
    rules = policy(known_hosts=["*.example.com"])
    assert codes(block(), rules=rules) == []
    for host in ("example.com", "api.example.com.evil.test", "*", "*.com"):
        assert codes(block(host=host), rules=rules) == ["G134"]


@pytest.mark.parametrize(
    ("mode", "approved", "allowed", "expected"),
    [
        ("auto", False, "auto", []),
        ("auto", False, "semi", ["G110"]),
        ("auto", True, "semi", []),
        ("semi", True, "semi", []),
        ("semi", False, "auto", ["G111"]),
        ("manual", True, "auto", ["G112"]),
        ("auto", True, "manual", ["G112"]),
    ],
)
def test_modes_are_a_ceiling(mode: str, approved: bool, allowed: str, expected: list[str]) -> None:
    rules = policy(modes={"staging": allowed, "default": "auto"})
    trial = attempt(mode=mode, approved=approved, environment="staging")
    assert codes(block(), trial, rules=rules) == expected


def test_an_unnamed_environment_gets_the_default_and_without_one_asks_people() -> None:
    assert codes(block(), attempt(environment="qa"), rules=policy(modes={"default": "semi"})) == ["G110"]
    assert codes(block(), attempt(environment="qa"), rules=policy(modes={"prod": "auto"})) == ["G110"]


@pytest.mark.parametrize(
    "scope",
    ["all", "playbook:p", "point:edge", "action:block.scope", "source:s", "environment:prod", "host:API.example.com"],
)
def test_a_halt_stops_what_falls_under_it_and_never_a_lift(scope: str) -> None:
    trial = attempt(playbook="p", point="edge", source="s", approved=True)
    lift = trial.model_copy(update={"removing": True})
    halted, frozen = GuardState(halted=(Stop(scope=scope),)), GuardState(halted=(Stop(scope=scope, freeze=True),))
    assert codes(block(), trial, state=halted) == ["G103"]
    assert codes(block(), lift, state=halted) == []
    assert codes(block(), lift, state=frozen) == ["G102"]
    other = attempt(playbook="q", point="waf", source="t", environment="dev", action="block.ip")
    if scope != "all":
        assert codes(block(host="other.test"), other, state=frozen) == []


def test_unreadable_state_or_policy_stops_everything_new_and_no_lift() -> None:
    dark = GuardState(readable=False)
    assert codes(block(), attempt(approved=True), state=dark) == ["G101"]
    assert codes(block(), attempt(removing=True), state=dark) == []
    assert [r.code for r in check(block(), attempt(), policy=None, state=GuardState())] == ["G101"]
    assert check(block(), attempt(removing=True), policy=None, state=GuardState()) == []


def test_state_older_than_the_plan_is_read_again() -> None:
    assert codes(block(), attempt(generation=4), state=GuardState(generation=3)) == ["G105"]
    assert codes(block(), attempt(generation=4), state=GuardState(generation=4)) == []


def test_budgets_and_breakers_stop_only_what_nobody_approved() -> None:
    spent = GuardState(budget_left={"playbook:p": 0, "all": 5}, breakers=("point:edge",))
    trial = attempt(playbook="p", point="edge")
    assert codes(block(), trial, state=spent) == ["G104", "G106"]
    assert codes(block(), trial.model_copy(update={"approved": True}), state=spent) == []
    assert codes(block(), trial.model_copy(update={"removing": True}), state=spent) == []


def action(name: str, params: dict[str, Any], rules: GuardPolicy | None = None, **changes: Any) -> list[str]:
    trial = attempt(action="", ttl=None).model_copy(update=changes)
    found = check_action(name, params, trial, policy=rules or policy(), state=GuardState())
    return [refusal.code for refusal in found]


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("policy.attach", {"host": "shop.example.com", "groups": ["g"]}, []),
        ("policy.attach", {"host": "ID.example.com"}, ["G125"]),
        ("policy.attach", {}, ["G135"]),
        ("policy.enforce", {"attachment": "a-1"}, []),  # its host was judged when it was attached
        ("policy.detach", {"attachment": "a-1"}, []),
        ("token.revoke", {"token_id": "t1", "user_id": "mallory"}, []),
        ("token.revoke", {"token_id": "t1", "user_id": "Break-Glass"}, ["G121"]),
        ("token.revoke", {"token_id": "ci-token"}, ["G123"]),
        ("user.sign_out", {"user_id": "break-glass"}, ["G121"]),
        ("user.sign_out", {"user_id": "mallory"}, []),
        ("user.suspend", {"user_id": "mallory"}, ["G132"]),
        ("user.suspend", {"user_id": "mallory", "ttl": "4h"}, []),
        ("key.disable", {"key_id": "partner-key", "ttl": "4h"}, ["G122"]),
        ("key.disable", {"key_id": "another"}, ["G132"]),
        ("apigw.remove_key_from_plan", {"key_id": "partner-key", "plan_id": "p", "ttl": "4h"}, ["G122"]),
        ("apigw.restore", {"change": "gw::usageplans/p/0123456789ab"}, []),
        ("block.scope", {"host": HOST, "path": "/**", "principal": {"api_key": "partner-key"}, "ttl": "60s"}, ["G122"]),
        ("block.scope", {"host": HOST, "path": "/**", "principal": {"api_key": "k"}, "ttl": "60s"}, []),
        ("block.ip", {"host": HOST, "ip": "203.0.113.7", "ttl": "4h"}, ["G120"]),
        ("block.ip", {"host": HOST, "ip": "203.0.113.8", "ttl": "1h"}, []),
        ("block.ip", {"host": HOST, "ip": "203.0.113.8", "ttl": timedelta(days=8)}, ["G133"]),
        ("block.ip", {"host": HOST, "ip": "203.0.113.8", "ttl": "soon"}, ["G132"]),
        ("block.scope", {"host": HOST, "path": "/x", "method": "GET", "ttl": "60s"}, ["G136"]),
        ("block.scope", {"host": HOST, "path": "/**", "principal": {"token_id": "t"}, "ttl": "60s"}, []),
        ("block.scope", {"host": HOST, "path": ["x"], "ttl": "60s"}, ["G135", "G131", "G136"]),
        ("block.lift", {"lease_id": "l"}, []),
    ],
)
def test_actions_are_judged_by_what_their_parameters_touch(
    name: str, params: dict[str, Any], expected: list[str]
) -> None:
    rules = protecting(
        hosts=["id.example.com"], users=["break-glass"], tokens=["ci-*"], clients=["partner-key"], ips=["203.0.113.7"]
    )
    assert action(name, params, rules) == expected


def test_an_action_takes_its_host_from_the_attempt_where_the_parameters_name_none() -> None:
    rules = protecting(hosts=["id.example.com"])
    assert action("policy.enforce", {"attachment": "a"}, rules, host="id.example.com") == ["G125"]
    assert action("policy.enforce", {"attachment": "a"}, rules, host=HOST) == []


def test_the_shipped_policy_loads_and_lets_the_attack_playbook_work() -> None:
    rules = load_guards(SHIPPED.read_text(), "guards.yaml")
    assert codes(block(path="/**"), rules=rules) == []
    assert codes(block(path="/**", principal=None, ips=["198.51.100.7"]), rules=rules) == []
    assert codes(block(host="id.example.com"), rules=rules) == ["G125"]
    assert codes(SuspendSpec(user_id="svc-billing"), rules=rules) == ["G121"]
    assert codes(block(path="/healthz", principal=None), attempt(approved=True), rules=rules) == ["G124"]
    assert rules.budgets_for(playbook="p", source="s") == {"playbook:p": 60, "source:s": 120, "all": 200}


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("version: guards/v1\nnever_block:\n  ips: [10.0.0.0/8, 10.0.0.300]\n", 3, "G904"),
        ("version: guards/v1\nnever_blok: {}\n", 2, "G902"),
        ("version: guards/v1\nlimits:\n  ttl: 8d\n", 3, "G904"),
        ("version: guards/v1\nlimits:\n  approved: {v4: 16, v6: 48}\n", 3, "G904"),
        ("version: guards/v1\nmodes: {prod: yolo}\n", 2, "G904"),
        ("never_block: {}\n", 1, "G903"),
        ("version: guards/v1\nversion: guards/v1\n", 2, "G901"),
    ],
)
def test_a_wrong_policy_is_refused_at_its_line(text: str, line: int, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_guards(text)
    assert [(problem.line, problem.code) for problem in caught.value.problems] == [(line, code)]


def test_nothing_changes_alone_where_nobody_knows_how_critical_it_is() -> None:
    assert codes(block(), attempt(rated=False)) == ["G113"]
    assert codes(block(), attempt(rated=False, approved=True)) == []
    assert codes(block(), attempt(rated=False, removing=True)) == []
