"""Claims of a verified token at a real Envoy: no other spelling of the token gets through, and nobody else is hit."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from edge import HOST, Edge, edge, lease, stack

from stanch.leases import BlockSpec, Principal

__all__ = ["edge", "stack"]
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SCHEMES = ("Bearer ", "bearer ", "Bearer  ", "BEARER\t", "bEaReR \t")
TENANT = BlockSpec(host=HOST, path="/products", principal=Principal(jwt_claims={"tenant": "acme"}))


def claims(edge: Edge, **more: Any) -> dict[str, Any]:
    return {"iss": edge.issuer.issuer, "sub": "u1", "jti": "t-1", "exp": int(time.time()) + 60, **more}


def signed(edge: Edge, header: str, payload: str) -> str:
    """A token with exactly these texts, as an issuer with other habits would write it."""
    parts = ".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in (header, payload))
    signature = edge.issuer._key.sign(parts.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{parts}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def status(edge: Edge, token: str, *, scheme: str = "Bearer ", path: str = "/products") -> int:
    return edge.status(path, authorization=scheme + token)


@pytest.mark.parametrize(
    ("claim", "wanted", "token", "hit"),
    [
        ("tenant", "acme", {"tenant": "acme"}, True),
        ("tenant", "acme", {"tenant": "ACME"}, False),
        ("tenant", "acme", {"tenant": ["other", "acme"]}, True),
        ("tenant", "acme", {"tenant": ["acme-2"]}, False),
        ("tenant", "acme", {}, False),
        ("tenant", "acme", {"tenant": {"acme": "acme"}}, False),
        ("tenant", "42", {"tenant": 42}, True),
        ("tenant", "42", {"tenant": 421}, False),
        ("https://example.com/tenant", "acme", {"https://example.com/tenant": "acme"}, True),
        ("/realm_access/roles", "admin", {"realm_access": {"roles": ["user", "admin"]}}, True),
        ("/realm_access/roles", "admin", {"realm_access": {"roles": ["user"]}}, False),
        ("/realm_access/roles", "admin", {"roles": ["admin"]}, False),
    ],
)
def test_a_claim_by_name_or_pointer(edge: Edge, claim: str, wanted: str, token: dict[str, Any], *, hit: bool) -> None:
    edge.put(BlockSpec(host=HOST, path="/products", principal=Principal(jwt_claims={claim: wanted})))
    assert status(edge, edge.issuer.sign(claims(edge, **token))) == (403 if hit else 200)


@pytest.mark.parametrize("spec", [TENANT, BlockSpec(host=HOST, principal=Principal(token_id="t-1"))])
def test_no_other_encoding_of_a_token_gets_through(edge: Edge, spec: BlockSpec) -> None:
    edge.put(spec)
    body = claims(edge, tenant="acme")
    token = edge.issuer.sign(body)
    head, plain = json.dumps({"alg": "RS256", "kid": "sandbox-1"}), json.dumps(body)
    spelled = {
        "as issued": token,
        "spare bits of the signature": token[:-1] + ALPHABET[ALPHABET.index(token[-1]) ^ 1],
        "padded": token + "==",
        "header in another order": signed(edge, '{"kid": "sandbox-1","typ":"JWT", "alg":"RS256"}', plain),
        "blanks in the payload": signed(edge, head, json.dumps(body, indent=3)),
        "claims in another order": signed(edge, head, json.dumps(dict(reversed(body.items())))),
        "escapes in the payload": signed(edge, head, plain.replace("acme", "\\u0061cme").replace("t-1", "\\u0074-1")),
        "issued anew": edge.issuer.sign({**body, "iat": 1}),
    }
    before = edge.api.reached(path="/products", caller="u1")
    found = {(name, scheme): status(edge, text, scheme=scheme) for name, text in spelled.items() for scheme in SCHEMES}
    assert {key: code for key, code in found.items() if code not in (401, 403)} == {}
    assert all(found[name, "Bearer "] == 403 for name in spelled if name != "padded")
    assert edge.api.reached(path="/products", caller="u1") == before
    assert status(edge, edge.issuer.sign(claims(edge, jti="t-2", tenant="other"))) == 200
    assert edge.status("/products", authorization="Basic dXNlcjpiZWFyZXIg") == 200


def test_the_second_of_two_headers_does_not_carry_the_token(edge: Edge) -> None:
    edge.put(TENANT)
    blocked, other = (edge.issuer.sign(claims(edge, tenant=name)) for name in ("acme", "other"))
    for first, second in ((other, blocked), (blocked, other)):
        headers = [("host", HOST), ("authorization", f"Bearer {first}"), ("authorization", f"bearer {second}")]
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{edge.gateway.url}/products", headers=headers).status_code in (401, 403)


def test_a_token_in_the_query_is_the_same_token(edge: Edge) -> None:
    edge.put(TENANT)
    token = edge.issuer.sign(claims(edge, tenant="acme"))
    before = edge.api.reached(path="/products", caller="u1")
    assert edge.status(f"/products?access_token={token}") == 403
    assert edge.api.reached(path="/products", caller="u1") == before


def test_a_token_that_envoy_was_not_told_to_verify_is_found_in_its_text(edge: Edge) -> None:
    tokens = {sub: edge.issuer.sign(claims(edge, sub=sub)) for sub in ("u1", "u2")}
    for spec in (Principal(user_id="u1"), Principal(user_id="u1", token_id="t-1")):
        edge.put(BlockSpec(host=HOST, path="/products", principal=spec))
        assert [edge.status(f"/products?id_token={tokens[sub]}") for sub in ("u1", "u2")] == [403, 200]
        assert [edge.status("/products", cookie=f"a=b; t={tokens[sub]}") for sub in ("u1", "u2")] == [403, 200]
    edge.put(BlockSpec(host=HOST, path="/products", principal=Principal(user_id="u1", token_id="t-2")))
    assert edge.status("/products", cookie=f"a=b; t={tokens['u1']}") == 200


def test_a_forged_claim_stops_nobody_and_lets_nobody_through(edge: Edge) -> None:
    """A claim counts only behind a signature: nobody can have others blocked, or unblock themselves."""
    edge.put(TENANT)
    head, _, signature = edge.issuer.sign(claims(edge, tenant="acme")).split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(edge, tenant="free")).encode()).rstrip(b"=").decode()
    assert status(edge, f"{head}.{other}.{signature}") == 401
    assert edge.status("/products", **{"x-tenant": "acme"}) == 200


def test_a_hash_of_a_token_is_refused_with_what_to_do(edge: Edge) -> None:
    spec = BlockSpec(host=HOST, principal=Principal(token_hash="0" * 64))
    done = edge.point.reconcile(adds=[lease(spec)], removes=[], wanted=None, expected="")
    hint = "name the token by its id (jti) or the user by sub"
    assert [(item.ok, item.reason) for item in done.results] == [(False, f"Envoy cannot compare token hashes; {hint}")]
