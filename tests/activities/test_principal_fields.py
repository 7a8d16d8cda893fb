"""Every field of a principal at every point: the compiled rule holds it, or the block is refused, never wider."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from edge import HOST, lease

from activities import _caddy_routes, _kong_expression
from activities._apigw.keys import _refuse_narrower
from activities._edge.gateway import Block
from activities._envoy.join import compile_member
from activities._envoy.policy import Dialect, Hops, compile_policy
from activities._jwt_text import claim_patterns
from activities._nginx import rules as _nginx_rules
from activities._waf.entry import Dialect as WafDialect
from activities._waf.entry import compile_lease
from stanch.errors import Rejected
from stanch.leases import BlockSpec, MemberSpec, Principal

SHA = "ab" * 32
FIELDS: dict[str, Any] = {
    "token_id": "t-one",
    "user_id": "u-one",
    "client_id": "c-one",
    "session_id": "s-one",
    "token_hash": "cd" * 32,
    "jwt_claims": {"tenant": "acme"},
    "header": {"name": "x-key", "sha256": SHA},
    "cookie": {"name": "sid", "sha256": "ef" * 32},
    "body": {"pointer": "/who", "value": "b-one"},
    "api_key": "k-one",
}
CLAIMS = {"token_id": "jti", "user_id": "sub", "client_id": "client_id", "session_id": "sid"}
EVERY = [names for size in range(1, len(FIELDS) + 1) for names in combinations(FIELDS, size)]
Compile = Callable[[BlockSpec], Any]


def by_text(compile_block: Callable[[Block], Any], spec: BlockSpec) -> Any:
    return compile_block(Block(spec, "stanch-x", "case-x", "c" * 64, "s" * 52, False))


def envoy_member(spec: BlockSpec) -> Any:
    return compile_member(MemberSpec(list="l", join="j", principal=spec.principal), dialect=Dialect())


def waf(spec: BlockSpec) -> Any:
    return repr(compile_lease(lease(spec), WafDialect(), now=datetime.now(UTC)).rule)


AT_WAF = {"header": "x-key", "cookie": "sid", "body": "who"}  # all that it compares; digests go there as bytes
_TEXT = {"token_header": "authorization", "ignore_case": False}
POINTS: dict[str, Compile] = {
    "envoy": lambda spec: compile_policy(spec, canary="x" * 64, dialect=Dialect()),
    "envoy member": envoy_member,
    "nginx": partial(by_text, partial(_nginx_rules.compile_block, **_TEXT)),
    "caddy": partial(by_text, partial(_caddy_routes.compile_block, hops=Hops.DIRECT, **_TEXT)),
    "kong": partial(by_text, partial(_kong_expression.compile_block, **_TEXT)),
    "aws_waf": waf,
    "api gateway key": lambda spec: [_refuse_narrower(spec), (spec.principal or Principal()).api_key],
}


def held(names: tuple[str, ...], rule: str, *, point: str) -> Iterator[str]:
    """Fields that the rule says nothing of; a token's hash beside its id adds nothing."""
    for name in names:
        value = FIELDS[name]
        texts = [value] if isinstance(value, str) else list(value.values())
        if name in CLAIMS:
            (pattern,) = claim_patterns({CLAIMS[name]: value})
            texts = [f'"{value}"', json.dumps(pattern)[1:-1]]
        if point == "aws_waf" and name in AT_WAF:
            texts = [AT_WAF[name]]
        if not any(text in rule for text in texts) and not (name == "token_hash" and "token_id" in names):
            yield name


@pytest.mark.parametrize("point", POINTS)
def test_no_field_is_left_out_in_silence(point: str) -> None:
    compiled = 0
    for names in EVERY:
        spec = BlockSpec(host=HOST, principal=Principal.model_validate({name: FIELDS[name] for name in names}))
        try:
            rule = json.dumps(POINTS[point](spec), default=str)
        except Rejected:
            continue
        compiled += 1
        assert list(held(names, rule, point=point)) == [], (point, names)
    assert compiled
