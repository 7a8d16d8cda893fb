"""Whole blocks against whole never-block lists: the guard and a judge that enumerates requests always agree."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_guards_overlap import HOSTS, PATHS, V4, V6, hosts, in_network, networks, on_host, on_path, templates

from stanch.guards import Attempt, GuardPolicy, GuardState, check
from stanch.leases import BlockSpec, Principal

EXAMPLES = 100_000 if os.environ.get("STANCH_PROFILE") == "long" else 2_000
NAMES = ("ana", "bob", "svc-pay", "svc-log")
JUDGED = {"G120", "G121", "G122", "G123", "G124", "G125"}

names = st.sampled_from((*NAMES, "svc-*", "*"))
principals = st.none() | st.builds(
    Principal,
    user_id=st.none() | st.sampled_from(NAMES),
    client_id=st.none() | st.sampled_from(NAMES),
    token_id=st.none() | st.sampled_from(NAMES),
)
blocks = st.builds(
    BlockSpec, host=hosts, path=templates, principal=principals, ips=st.lists(networks, max_size=2).map(tuple)
)
entries = st.fixed_dictionaries(
    {"path": templates, "host": hosts, "unless": st.lists(st.sampled_from(("principal", "ip")), unique=True)}
)
lists = st.fixed_dictionaries(
    {
        "ips": st.lists(networks, max_size=2),
        "users": st.lists(names, max_size=1),
        "clients": st.lists(names, max_size=1),
        "tokens": st.lists(names, max_size=1),
        "hosts": st.lists(hosts, max_size=1),
        "paths": st.lists(entries, max_size=2),
    }
)


def hits(spec: BlockSpec, never: dict[str, list[object]]) -> set[str]:
    """By enumeration of hosts, paths, addresses and names of a small world; no code of the guard is used."""
    who = spec.principal or Principal()
    blocked = {
        "hosts": [host for host in HOSTS if on_host(host, spec.host)],
        "paths": [path for path in PATHS if on_path(path, spec.path)],
        "ips": [ip for ip in V4 + V6 if any(in_network(ip, network) for network in spec.ips)],
    }
    found = {"G120"} if any(in_network(ip, str(one)) for ip in blocked["ips"] for one in never["ips"]) else set[str]()
    named = (("G121", who.user_id, "users"), ("G122", who.client_id, "clients"), ("G123", who.token_id, "tokens"))
    found |= {code for code, name, kind in named if name and any(fnmatchcase(name, str(one)) for one in never[kind])}
    if any(on_host(host, str(one)) for host in blocked["hosts"] for one in never["hosts"]):
        found.add("G125")
    narrow = {word for word, so in (("principal", not who.empty), ("ip", bool(spec.ips))) if so}
    for entry in never["paths"]:
        assert isinstance(entry, dict)
        path = any(on_path(path, entry["path"]) for path in blocked["paths"])
        host = any(on_host(host, entry["host"]) for host in blocked["hosts"])
        found |= {"G124"} if path and host and not narrow & set(entry["unless"]) else set()
    return found


@pytest.mark.timeout(3600)
@given(blocks, lists, st.booleans())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_protected_is_ever_hit(spec: BlockSpec, never: dict[str, list[object]], approved: bool) -> None:
    rules = GuardPolicy.model_validate({"version": "guards/v1", "modes": {"default": "auto"}, "never_block": never})
    trial = Attempt(action="block.scope", mode="auto", approved=approved, ttl=60)
    codes = {refusal.code for refusal in check(spec, trial, policy=rules, state=GuardState())}
    assert codes & JUDGED == hits(spec, never)
