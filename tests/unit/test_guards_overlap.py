"""Whatever guards let through hits nothing protected, as judged request by request in a small world of its own."""

from __future__ import annotations

import re
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.guards import Attempt, GuardPolicy, GuardState, check
from stanch.leases import BlockSpec, Principal

WORDS = ("a", "b")
PATHS = tuple("/" + "/".join(parts) for depth in range(4) for parts in product((*WORDS, "z"), repeat=depth))
HOSTS = ("x.test", "a.x.test", "b.x.test", "c.a.x.test", "y.test", "ax.test")
V4 = tuple(f"203.0.113.{last}" for last in range(32))
V6 = tuple(f"2001:db8:0:{net:x}::{last:x}" for net in range(4) for last in range(3))

segments = st.sampled_from((*WORDS, "{id}"))
templates = st.builds(
    lambda parts, below: "/" + "/".join((*parts, "**") if below else parts),
    st.lists(segments, max_size=3),
    st.booleans(),
)
several = st.lists(templates, max_size=3)
hosts = st.sampled_from((*HOSTS, "*.x.test", "*.a.x.test"))
v4 = st.builds(lambda last, size: f"203.0.113.{last}/{size}", st.integers(0, 31), st.integers(27, 32))
v6 = st.builds(
    lambda net, last, size: f"2001:db8:0:{net:x}::{last:x}/{size}",
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from((62, 63, 64, 127, 128)),
)
networks = v4 | v6


def bits(address: str) -> str:
    """An address as a string of bits, by hand."""
    if ":" not in address:
        return "".join(f"{int(part):08b}" for part in address.split("."))
    head, _, tail = address.partition("::")
    left, right = head.split(":"), tail.split(":") if tail else []
    groups = left + ["0"] * (8 - len(left) - len(right)) + right
    return "".join(f"{int(group or '0', 16):016b}" for group in groups)


def in_network(address: str, network: str) -> bool:
    base, _, size = network.partition("/")
    return (":" in address) == (":" in base) and bits(address)[: int(size)] == bits(base)[: int(size)]


def on_path(path: str, template: str) -> bool:
    inner = template.strip("/").split("/") if template.strip("/") else []
    pattern = "".join("(/.*)?" if part == "**" else "/[^/]+" if part == "{id}" else f"/{part}" for part in inner)
    return re.fullmatch(pattern or "/", path if path != "/" or not inner else "") is not None


def on_host(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) or host == pattern[2:] if pattern.startswith("*.") else host == pattern


def refused(spec: BlockSpec, never: dict[str, list[str]], *, approved: bool = True) -> set[str]:
    rules = GuardPolicy.model_validate({"version": "guards/v1", "modes": {"default": "auto"}, "never_block": never})
    trial = Attempt(action="block.scope", mode="auto", approved=approved, ttl=60)
    return {refusal.code for refusal in check(spec, trial, policy=rules, state=GuardState())}


@given(networks, st.lists(networks, max_size=4))
@settings(max_examples=500)
def test_addresses(blocked: str, protected: list[str]) -> None:
    codes = refused(BlockSpec(host="x.test", ips=(blocked,)), {"ips": protected})
    hit = any(in_network(address, blocked) and in_network(address, entry) for entry in protected for address in V4 + V6)
    assert ("G120" in codes) is hit


@given(networks, st.booleans())
def test_width(blocked: str, approved: bool) -> None:
    codes = refused(BlockSpec(host="x.test", ips=(blocked,)), {}, approved=approved)
    size, is_v6 = int(blocked.partition("/")[2]), ":" in blocked
    narrowest = (48 if is_v6 else 24) if approved else (64 if is_v6 else 32)
    assert ("G130" in codes) is (size < narrowest)


@given(templates, several)
@settings(max_examples=500)
def test_paths(blocked: str, protected: list[str]) -> None:
    spec = BlockSpec(host="x.test", path=blocked, principal=Principal(user_id="u"))
    hit = any(on_path(path, blocked) and on_path(path, entry) for entry in protected for path in PATHS)
    assert ("G124" in refused(spec, {"paths": protected})) is hit


@given(templates)
def test_a_block_for_everybody_never_takes_a_whole_level_of_paths(blocked: str) -> None:
    levels = [[path for path in PATHS if path != "/" and path.count("/") == depth] for depth in (1, 2, 3)]
    whole = any(all(on_path(path, blocked) for path in level) for level in levels)
    assert ("G131" in refused(BlockSpec(host="x.test", path=blocked), {})) is whole


@given(hosts, st.lists(hosts, max_size=3))
def test_hosts(blocked: str, protected: list[str]) -> None:
    spec = BlockSpec(host=blocked, path="/a", principal=Principal(user_id="u"))
    hit = any(on_host(host, blocked) and on_host(host, entry) for entry in protected for host in HOSTS)
    assert ("G125" in refused(spec, {"hosts": protected})) is hit


def respelt(path: str, pick: Random) -> str:
    """The same path as a careless or hostile sender writes it."""
    out: list[str] = []
    for part in path.split("/")[1:]:
        letters = [f"%{ord(c):02x}" if c in WORDS and pick.random() < 0.4 else c for c in part]
        word = "".join(c.upper() if pick.random() < 0.3 and c in WORDS else c for c in letters)
        out.extend(["q", ".."] if pick.random() < 0.2 else [])
        out.extend([pick.choice(("", ".", "%2e"))] if pick.random() < 0.2 else [])
        out.append(word + (";v=1" if word in WORDS and pick.random() < 0.2 else ""))
    return "/" + "/".join(out)


def mapped(network: str) -> str:
    base, _, size = network.partition("/")
    return network if ":" in base else f"::ffff:{base}/{int(size) + 96}"


@given(
    templates,
    st.lists(templates, max_size=3),
    networks,
    st.lists(networks, max_size=3),
    hosts,
    st.lists(hosts),
    st.data(),
)
@settings(max_examples=300)
def test_spelling_changes_no_verdict(
    path: str, paths: list[str], ip: str, ips: list[str], host: str, protected_hosts: list[str], data: st.DataObject
) -> None:
    pick = Random(data.draw(st.integers(0, 2**32)))
    plain = BlockSpec(host=host, path=path, ips=(ip,))
    odd = BlockSpec(host=host.upper() + pick.choice(("", ".", ":443")), path=respelt(path, pick), ips=(mapped(ip),))
    never = {"paths": paths, "ips": ips, "hosts": protected_hosts}
    other = {
        "paths": [respelt(entry, pick) for entry in paths],
        "ips": [mapped(entry) for entry in ips],
        "hosts": [entry.title() + "." for entry in protected_hosts],
    }
    assert refused(odd, never) == refused(plain, never) == refused(plain, other) == refused(odd, other)
