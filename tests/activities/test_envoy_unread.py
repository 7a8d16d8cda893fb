"""Tokens that a real Envoy does not read and APIs do: none passes a block as a request without a token."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from edge import HOST, Edge, edge, lease, stack

from stanch.leases import BlockSpec, Lease, MemberSpec, Principal

__all__ = ["edge", "stack"]
BLOCK = BlockSpec(host=HOST, path="/products", principal=Principal(user_id="u1"))
JOIN = (
    MemberSpec(list="abusive", join="watched", principal=Principal(user_id="u1")),
    MemberSpec(list="sensitive", join="watched", host=HOST, path="/products"),
)
REFUSED = (401, 403)
FREE = (
    (b"Bearer OTHER", b""),
    (b"Bearer OTHER==", b""),
    (b"Bearer  OTHER  ", b""),
    (b"Basic dXNlcjpiZWFyZXIg", b""),
    (b'Digest realm="api.example.com.example.org", uri="/a.b.c"', b""),
    (b"", b"?access_token=OTHER"),
    (b"Bearer OTHER", b"?page=2&filter%5Bname%5D=a"),
)


def hidden(token: bytes) -> Sequence[tuple[Sequence[bytes], bytes]]:
    """Header values and query of requests with the token of somebody who is blocked."""
    head, payload, signature = token.split(b".")
    other = b".".join((head, payload, signature[:5] + b"!" + signature[5:]))
    return [
        *(([scheme + token], b"") for scheme in (b"bearer ", b"BEARER\t", b"Bearer\xa0", b"bearer\xa0", b"Bearer:")),
        *(
            ([scheme + token], b"")
            for scheme in (b"JWT ", b"Token ", b"", b'"Bearer" ', b"Bearer x ", b"Basic x bearer ")
        ),
        ([b"Bearer " + other], b""),
        ([b"X\xff", b"bearer " + token], b""),
        ([b"Bearer OTHER", b"bearer " + token], b""),
        ([b"Basic eDp5, bearer " + token], b""),
        ([b"Bearer OTHER"], b"?access_token=" + token),
        ([b"Bearer " + token], b"?access_token=OTHER"),
        ([], b"?access_token=OTHER&access_token=" + token),
        ([], b"?access_token=OTHER&a=b&%61ccess_token=" + token),
        ([], b"?acce%73s_token=" + token),
    ]


def status(edge: Edge, values: Sequence[bytes], query: bytes, *, path: bytes = b"/products") -> int:
    """Of a request whose headers go out byte for byte; OTHER stands for the token of somebody else."""
    other = edge.issuer.mint("u2").encode()
    lines = [b"GET " + path + query + b" HTTP/1.1", b"host: " + HOST.encode(), b"connection: close"]
    lines += [b"authorization: " + value for value in values if value]
    with socket.create_connection(("127.0.0.1", int(edge.gateway.url.rsplit(":", 1)[1])), 5) as stream:
        stream.sendall(b"\r\n".join([*lines, b"", b""]).replace(b"OTHER", other))
        with stream.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def hold(edge: Edge, *specs: BlockSpec | MemberSpec) -> None:
    wanted: list[Lease] = [lease(spec) for spec in specs]  # type: ignore[arg-type]
    done = edge.point.reconcile(adds=[], removes=[], wanted=wanted, expected="")
    assert all(applied.ok for applied in done.results), done.results


@pytest.mark.parametrize("specs", [(BLOCK,), JOIN])
def test_no_spelling_of_a_blocked_token_passes_and_nobody_else_is_hit(
    edge: Edge, specs: tuple[BlockSpec | MemberSpec, ...]
) -> None:
    hold(edge, *specs)
    token = edge.issuer.mint("u1").encode()
    passed = [request for request in hidden(token) if status(edge, *request) not in REFUSED]
    assert passed == []
    assert [request for request in FREE if status(edge, [request[0]], request[1]) != 200] == []
    assert status(edge, [b"JWT " + token], b"", path=b"/users/7") == 200  # on the endpoint of the block only


def test_an_endpoint_alone_denies_no_spelling(edge: Edge) -> None:
    """The words for unread tokens belong to blocks that name somebody."""
    hold(edge, JOIN[1])
    assert status(edge, [b"JWT " + edge.issuer.mint("u1").encode()], b"") == 200
