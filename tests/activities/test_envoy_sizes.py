"""What a real Envoy takes of long names: it limits the size of one expression, and a block must not end there."""

from __future__ import annotations

from edge import HOST, Edge, edge, stack, targets

from stanch.leases import BlockSpec, Principal, target_of

__all__ = ["edge", "stack"]


def test_long_paths_hosts_and_lists_of_methods_fit_into_what_envoy_takes(edge: Edge) -> None:
    """It refuses an expression whose program is larger than 100."""
    path = "/core-banking/v2/customers/{customer}/accounts/{account}/standing-orders/{order}/files/{name}.pdf/versions"
    names = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    spec = BlockSpec(host=HOST, path=path, methods=names, principal=Principal(user_id="u" * 60))
    deep = "/" + "a-long-segment/" * 9
    wide = BlockSpec(host="payments-reporting-and-reconciliation.eu-central-1.example.com", path=f"{deep}**")
    edge.put(spec, wide)
    assert targets(edge.point.list_owned()) == {target_of(spec), target_of(wide)}
    sent = path.replace("{customer}", "1").replace("{account}", "2").replace("{order}", "3").replace("{name}", "a")
    assert edge.status(sent, sub="u" * 60) == 403
    assert edge.status(sent.replace("v2", "v2;x=1") + "/", sub="u" * 60) == 403
    for near in (sent + "/1", sent.replace("accounts", "account"), sent.replace(".pdf", ".txt"), sent[:-1]):
        assert edge.status(near, sub="u" * 60) == 404, near
    assert edge.status(f"{deep}x/y", host=wide.host) == 403
    assert edge.status(deep.replace("/a-", "/b-", 1) + "x", host=wide.host) == 404
    assert edge.status("/" + "a-long-segment/" * 8 + "x", host=wide.host) == 404
