"""Compiles a block into ModSecurity rules, and a set of them into the one file that nginx includes."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from activities._edge.gateway import Block
from activities._edge.rules import Entries, Entry
from activities._envoy.paths import DECODED_BYTES, host_body, loose, path_regex
from activities._envoy.policy import CANARY_HEADER, OVERRIDES, asked_pattern, methods_of
from activities._jwt_text import claim_patterns, claims_named
from activities._networks import networks_of
from stanch.errors import Rejected

GENERATION_HEADER = "x-stanch-generation"
GENERATION_STATUS = 418  # no API answers with it, so that it can only come from the rules
_HEAD = "# Written by Stanch: every change by hand is refused."
_RECORD = "# stanch "
_FIXED = 10  # ids kept for what is not a block
_SAFE = re.compile(r"[A-Za-z0-9 !#$%&()*+,./:;<=>?@\[\\\]^_{|}~-]*")  # no quote, no control character
_PATHS = "TX:stanch_path|TX:stanch_mixed"
_UNIFY = "t:none,t:urlDecode,t:normalizePathWin"
_MIXED_END = r"/\x01"  # of a path with escaped slashes, which only then may be read loosely

Link = list[str]  # variables, operator, transformations


def compile_block(block: Block, *, token_header: str, ignore_case: bool) -> Entry:
    """Chains of conditions, each of which denies by itself: who is meant, and our probe on the same endpoint.

    What decides last is what ModSecurity writes into nginx's error log, so that is the path and never a credential.

    Raises:
        Rejected: ModSecurity cannot match what the specification asks for.
    """
    spec = block.spec
    host = ["TX:stanch_host", rf"@rx \A(?i:{host_body(spec.host)})?\z", "t:none"]
    endpoint = [*_methods(spec.methods), _path(spec.path, ignore_case=ignore_case)]
    who = [*_addresses(spec.ips), *_claims(block, token_header)]
    chains = [[host, *who, *endpoint]]
    if who:
        chains.append([host, [f"REQUEST_HEADERS:{CANARY_HEADER}", f"@streq {block.canary}", "t:none"], *endpoint])
    return {"mode": "count" if block.count else "block", "seal": block.seal, "chains": chains}


def render(entries: Entries, *, first_id: int, secret: bytes) -> bytes:
    """The whole file; the same entries always give the same bytes.

    Raises:
        Rejected: a text would not stay what it is inside quotes.
    """
    lines = [line for name in sorted(entries) for line in (_RECORD + _record(name, entries[name]),)]
    rules = [*_base(first_id), *_numbered(entries, first_id + _FIXED)]
    body = "\n".join([_HEAD, *lines, *rules, ""])
    token = generation(body, secret)
    probe = _rule(f"REQUEST_HEADERS:{GENERATION_HEADER}", f"@streq {token}", _reply(first_id + 3))
    return (body + probe + "\n").encode("ascii")


def parse(data: bytes, *, first_id: int, secret: bytes) -> Entries:
    """The entries of a file.

    Raises:
        Rejected: it is not, byte for byte, what Stanch writes for them.
    """
    entries: dict[str, Entry] = {}
    try:
        for line in data.decode("ascii").splitlines():
            if line.startswith(_RECORD):
                name, entry = json.loads(line.removeprefix(_RECORD))
                entries[name] = entry
        same = not data or render(entries, first_id=first_id, secret=secret) == data
    except (ValueError, KeyError, TypeError, Rejected):
        same = False
    if not same:
        hint = "this file is only for Stanch; put other rules into another one, and empty it to begin anew"
        raise Rejected("the rules file was changed by hand, or with another canary_secret or first_id", hint=hint)
    return entries


def generation(body: str, secret: bytes) -> str:
    """The word by which a running nginx shows that it has loaded exactly this file."""
    return hmac.new(secret, b"generation:" + hashlib.sha256(body.encode()).digest(), hashlib.sha256).hexdigest()


def generation_of(data: bytes) -> str:
    """The word of a file that Stanch has written."""
    return data.rsplit(b"@streq ", 1)[1].split(b'"', 1)[0].decode()


def _base(first_id: int) -> Iterator[str]:
    """Host and path as they were sent: ModSecurity's own views of them can be made to differ from the API's."""
    quiet = "phase:1,pass,nolog,noauditlog"
    yield f"SecAction \"id:{first_id},{quiet},setvar:'tx.stanch_host=%{{REQUEST_HEADERS.Host}}'\""
    found = f"id:{first_id + 1},{quiet},t:none,capture,setvar:'tx.stanch_path=%{{TX.0}}'"
    yield _rule("REQUEST_URI_RAW", r"@rx \A[^?#]*", found)
    found = f"id:{first_id + 2},{quiet},t:none,capture,setvar:'tx.stanch_mixed=%{{TX.0}}/%01'"
    yield _rule("REQUEST_URI_RAW", r"@rx \A[^?#]*%(?:2[Ff]|5[Cc])[^?#]*", found)


def _numbered(entries: Entries, number: int) -> Iterator[str]:
    for name in sorted(entries):
        entry = entries[name]
        for chain in entry["chains"]:
            yield from _chain(chain, number=number, name=name, entry=entry)
            number += 1


def _chain(chain: Sequence[Link], *, number: int, name: str, entry: Entry) -> Iterator[str]:
    effect = "pass" if entry["mode"] == "count" else "deny,status:403"
    told = f"id:{number},phase:1,{effect},log,noauditlog,msg:'{name}',tag:'{entry['seal']}'"
    for place, (variables, operator, shaping) in enumerate(chain):
        actions = [*([told] if not place else []), shaping, *(["chain"] if place < len(chain) - 1 else [])]
        yield _rule(variables, operator, ",".join(actions))


def _rule(variables: str, operator: str, actions: str) -> str:
    if not _SAFE.fullmatch(operator) or "%{" in operator:
        raise Rejected("a condition has characters that ModSecurity's rule language cannot hold")
    return f'SecRule {variables} "{operator}" "{actions}"'


def _reply(number: int) -> str:
    return f"id:{number},phase:1,deny,status:{GENERATION_STATUS},nolog,noauditlog,t:none"


def _record(name: str, entry: Entry) -> str:
    return json.dumps([name, entry], sort_keys=True, ensure_ascii=True)


def _methods(methods: Sequence[str]) -> Iterator[Link]:
    if methods:
        asked = "|".join(["REQUEST_METHOD", *(f"REQUEST_HEADERS:{name}" for name in OVERRIDES)])
        yield [asked, rf"@rx \A{asked_pattern(methods_of(methods))}\z", "t:none,t:trim"]


def _path(template: str, *, ignore_case: bool) -> Link:
    if template == "/**":
        return ["REQUEST_METHOD", "@unconditionalMatch", "t:none"]
    if "\\" in unquote(template):
        raise Rejected(
            "ModSecurity is told to read a backslash in a path as a slash", hint="write the path with slashes"
        )
    strict = path_regex(template, spelling=DECODED_BYTES)
    mixed = path_regex(template, spelling=loose(DECODED_BYTES))
    flag = "(?i)" if ignore_case else ""
    return [_PATHS, rf"@rx \A{flag}(?:{strict}|(?:{mixed}){_MIXED_END})\z", _UNIFY]


def _addresses(ips: Sequence[str]) -> Iterator[Link]:
    """Both spellings of an IPv4 address, since a socket for both families shows `::ffff:` ones."""
    if ips:
        yield ["REMOTE_ADDR", f"@ipMatch {','.join(_spelt(ips))}", "t:none"]


def _spelt(ips: Sequence[str]) -> Iterator[str]:
    for network in networks_of(tuple(ips)):
        single = network.prefixlen == network.max_prefixlen  # libmodsecurity refuses /128
        yield str(network.network_address) if single else str(network)
        if network.version == 4:
            high, low = divmod(int(network.network_address), 1 << 16)
            yield f"::ffff:{high:x}:{low:x}" + ("" if single else f"/{network.prefixlen + 96}")


def _claims(block: Block, token_header: str) -> Iterator[Link]:
    """A token wherever APIs look for one, read as they read queries and cookies."""
    claims = claims_named(block.spec.principal, gateway="ModSecurity")
    headers = dict.fromkeys((token_header.lower(), "authorization", "cookie"))
    places = "|".join([*(f"REQUEST_HEADERS:{name}" for name in headers), "QUERY_STRING"])
    for pattern in claim_patterns(claims):
        yield [places, f"@rx {pattern}", "t:none,t:urlDecode"]
