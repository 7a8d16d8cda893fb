"""Compiles a block into an expression of Kong's router.

Only the expressions router can do it: it looks at addresses, and a route of it outranks all others by its priority.
Facts from Kong's documentation: paths are normalised (RFC 3986) and keep `%2F`; regular expressions are Rust's and not
anchored; `any()` looks at every value of a header; a CIDR block has no host bits; `net.src.ip` follows trusted_ips.
"""

from __future__ import annotations

from collections.abc import Sequence

from activities._edge.gateway import Block
from activities._edge.rules import Entry
from activities._envoy.paths import ESCAPED_SLASHES, host_body, path_regex
from activities._envoy.policy import CANARY_HEADER, OVERRIDES, asked_pattern, methods_of
from activities._jwt_text import claim_patterns, claims_named
from activities._networks import networks_of
from stanch.errors import Rejected

FIRST = 2**46 - 1  # the highest priority that Kong's schema allows
_CLIMBING = r"(?i)(?:%2f|%5c|\x5c).*\.\.|\.\..*(?:%2f|%5c|\x5c)"


def compile_block(block: Block, *, token_header: str, ignore_case: bool) -> Entry:
    """The route and its plugin, as far as they are ours to say.

    Raises:
        Rejected: Kong cannot match what the specification asks for, or was asked to count.
    """
    if block.count:
        raise Rejected("Kong cannot count a block without denying", hint="use an estimate, or block at once")
    spec = block.spec
    who = [*_addresses(spec.ips), *_claims(block, token_header)]
    parts = [f"http.host ~ {_raw(f'^(?i:{host_body(spec.host)})$')}"]
    if spec.methods:
        parts.append(_asked_by(methods_of(spec.methods)))
    if spec.path != "/**":
        parts.append(_path(spec.path, ignore_case=ignore_case, narrow=bool(who)))
    if who:
        parts.append(_any_of([_all_of(who), f'any({_field(CANARY_HEADER)}) == "{block.canary}"']))
    return {"expression": _all_of(parts), "priority": FIRST, "status": 403}


def _path(template: str, *, ignore_case: bool, narrow: bool) -> str:
    """Escaped slashes may be slashes to the API; where somebody is named, climbing through them is denied anywhere."""
    flags = "(?is)" if ignore_case else "(?s)"
    wanted = [f"http.path ~ {_raw(f'{flags}^(?:{path_regex(template, spelling=ESCAPED_SLASHES)})$')}"]
    return _any_of([*wanted, f"http.path ~ {_raw(_CLIMBING)}"] if narrow else wanted)


def _addresses(ips: Sequence[str]) -> list[str]:
    each: list[str] = []
    for network in networks_of(tuple(ips)):
        single = network.prefixlen == network.max_prefixlen
        each.append(f"net.src.ip == {network.network_address}" if single else f"net.src.ip in {network}")
    return [_any_of(each)] if each else []


def _claims(block: Block, token_header: str) -> list[str]:
    """A token in a header or cookie; the router of 3.4 looks into no query."""
    claims = claims_named(block.spec.principal, gateway="Kong")
    headers = dict.fromkeys((_field(token_header), _field("authorization")))
    found: list[str] = []
    for plain, escaped in zip(claim_patterns(claims), claim_patterns(claims, escaped=True), strict=True):
        in_header = [f"any({name}) ~ {_raw(plain)}" for name in headers]
        found.append(_any_of([*in_header, f"any({_field('cookie')}) ~ {_raw(escaped)}"]))
    return found


def _asked_by(methods: Sequence[str]) -> str:
    """The method itself, or one that the request asks to be taken for."""
    pattern = _raw(f"^{asked_pattern(methods)}$")
    instead = [f"any({_field(name)}) ~ {pattern}" for name in OVERRIDES]
    return _any_of([*(f'http.method == "{name}"' for name in methods), *instead])


def _field(header: str) -> str:
    return f"http.headers.{header.lower().replace('-', '_')}"


def _raw(pattern: str) -> str:
    """A raw string; a quote in it could end it."""
    return 'r#"' + pattern.replace('"', r"\x22") + '"#'


def _any_of(parts: Sequence[str]) -> str:
    return f"({' || '.join(parts)})" if len(parts) > 1 else parts[0]


def _all_of(parts: Sequence[str]) -> str:
    return f"({' && '.join(parts)})" if len(parts) > 1 else parts[0]
