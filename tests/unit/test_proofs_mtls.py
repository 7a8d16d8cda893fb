"""Client certificates by the word of a trusted proxy: whose word counts, and how Envoy's header is read."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proof_support import judged

from stanch.findings import Assurance
from stanch.intake.proofs import Scheme, Terms
from stanch.intake.proofs.mtls import elements

HASH = hashlib.sha256(b"a certificate").hexdigest()
OTHER = hashlib.sha256(b"another").hexdigest()
URI = "spiffe://bank.example/scanner"
SUBJECT = 'CN=scanner,OU="AppSec, API",O=Bank'
PROXY = "10.0.0.7"
TERMS = Terms(Scheme.MTLS, proxies=("10.0.0.0/24", "2001:db8::/64"), subjects=(URI, SUBJECT, HASH))
ENVOY = "X-Forwarded-Client-Cert"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def earned(value: str, *, terms: Terms = TERMS, peer: str = PROXY, header: str = ENVOY) -> Assurance | None:
    return judged(terms, b"{}", {header: value}, peer=peer)


@pytest.mark.parametrize(
    "value",
    [
        f"Hash={HASH}",
        f'By=spiffe://bank.example/edge;Hash={HASH};Subject="CN=any";URI=spiffe://x/y;DNS=a.example;DNS=b.example',
        f"By=spiffe://bank.example/edge;Hash={OTHER};URI={URI}",
        f"Hash={OTHER};Subject={quoted(SUBJECT)}",
        f'Hash={OTHER};Cert="-----BEGIN%20CERTIFICATE-----%0A";Subject="";URI={URI}',
        f"Hash={OTHER};URI=spiffe://x/y,Hash={HASH}",
        f'Hash={OTHER};Subject="CN=a, b",By=spiffe://e/e;Hash={HASH}',
        f"Hash={HASH.upper()}",
    ],
)
def test_the_last_element_names_who_sends(value: str) -> None:
    assert earned(value) is Assurance.B


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"Hash={OTHER}",
        f"Hash={HASH},Hash={OTHER}",
        f"URI={URI},By=spiffe://e/e;Hash={OTHER};URI=spiffe://x/y",
        f'Hash={HASH};Subject="x',
        f'Subject="x,By=spiffe://e/e;Hash={OTHER};Subject="CN=y,Hash={HASH}"',
        f'Subject=",Hash={OTHER};Subject="";URI={URI}"',
        f"Hash={OTHER};Hash={HASH}",
        f"Hash={HASH};",
        f"Hash={HASH},",
        f",Hash={HASH}",
        f";Hash={HASH}",
        f"hash={HASH}",
        f"Hash ={HASH}",
        f"Unknown=1;Hash={HASH}",
        f'Unknown=",Hash={HASH}',
        f"Hash={HASH}x",
        HASH,
        f"Subject={URI}",
        f"Subject={HASH}",
        f"URI={HASH}",
        f"DNS={URI}",
        f"By={URI}",
        f"Cert={HASH}",
        f"Hash={URI}",
        f"Hash={HASH};Subject=" + '"' + "a" * 40_000 + '"',
        "\\" * 500,
        'Subject="' + '\\"' * 5000,
    ],
)
def test_what_a_client_puts_in_front_moves_no_border(value: str) -> None:
    assert earned(value) is None


@pytest.mark.parametrize("peer", ["", "unknown", "10.0.1.7", "198.51.100.7", "2001:db8:1::1", "10.0.0.7, 10.0.0.8"])
def test_the_word_of_a_stranger_counts_nothing(peer: str) -> None:
    assert earned(f"Hash={HASH}", peer=peer) is None


@pytest.mark.parametrize("peer", ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1"])
def test_the_word_of_a_proxy_does(peer: str) -> None:
    assert earned(f"Hash={HASH}", peer=peer) is Assurance.B


def test_no_proxy_or_no_identity_lets_nobody_in() -> None:
    assert earned(f"Hash={HASH}", terms=Terms(Scheme.MTLS, subjects=(HASH,))) is None
    for secrets in ((), ("",), (" ",)):
        terms = Terms(Scheme.MTLS, secrets, proxies=("10.0.0.0/24",))
        assert [earned(value, terms=terms) for value in ("", " ", "Hash=", 'Subject=""')] == [None] * 4


def test_a_header_sent_twice_is_not_chosen_from() -> None:
    pairs = [(ENVOY, f"Hash={HASH}"), (ENVOY.lower(), f"Hash={OTHER}")]
    assert judged(TERMS, b"{}", pairs, peer=PROXY) is None
    assert judged(TERMS, b"{}", pairs[::-1], peer=PROXY) is None


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ("CN=scanner,O=Bank", True),
        ("CN%3Dscanner%2CO%3DBank", True),
        ("cn=scanner,o=bank", False),
        ("CN=scanner%2CO=Bank", False),
        ("CN%3Dscanner%2CO%3DBank,CN%3Dother", False),
        ("%ff%fe", False),
        ("%", False),
        ("ü", False),
        (hashlib.sha1(b"a").hexdigest(), True),
        (":".join(hashlib.sha1(b"a").hexdigest().upper()[n : n + 2] for n in range(0, 40, 2)), True),
        (hashlib.sha1(b"b").hexdigest(), False),
        ("", False),
    ],
)
def test_nginx_and_traefik_name_one_identity(value: str, fine: bool) -> None:
    secret = hashlib.sha1(b"a").hexdigest()
    terms = Terms(
        Scheme.MTLS, (secret,), header="x-client-dn", proxies=("10.0.0.0/24",), subjects=("CN=scanner,O=Bank",)
    )
    assert (earned(value, terms=terms, header="X-Client-DN") is Assurance.B) is fine


PAIRS = st.tuples(st.sampled_from(["Hash", "Subject", "URI", "By"]), st.text('a\\",;= ü', max_size=12))


@given(st.lists(PAIRS, max_size=4))
def test_a_quoted_value_is_read_back(pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    written = ";".join(f"{name}={quoted(value)}" for name, value in pairs)
    once = all(names.count(name) <= 1 for name in ("Hash", "Subject"))
    assert elements(written) == ([pairs] if pairs and once else [])


@given(st.text('BHy=hasU;," \\RIx', max_size=60))
def test_what_a_client_writes_never_becomes_the_proxys_element(prefix: str) -> None:
    """Envoy appends its element: whatever stands before, the last element is that one or there is none."""
    own = [("Hash", OTHER), ("Subject", "CN=client")]
    found = elements(f'{prefix},Hash={OTHER};Subject="CN=client"')
    assert found == [] or found[-1] == own
