"""What a block at a real Envoy denies, and what it lets through."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from edge import HOST, USERS_GET, Edge, edge, lease, stack, targets

from stanch.leases import BlockSpec, Principal, SuspendSpec, target_of
from stanch.ports import Mismatch

__all__ = ["edge", "stack"]


def test_blocks_the_user_on_that_path_and_method_and_nobody_else(edge: Edge) -> None:
    assert edge.status("/users/7", sub="u1") == 200
    done = edge.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [True]
    assert edge.status("/users/7", sub="u1") == 403
    assert edge.status("/users/7", sub="u2") == 200
    assert edge.status("/users/7") == 200
    assert edge.status("/users/7", sub="u1", method="POST") == 200
    assert edge.status("/products", sub="u1") == 200
    assert edge.status("/users/7", sub="u1", host="shop.example.com") == 200


@pytest.mark.parametrize(
    "path",
    [
        "//users/7",
        "/%75sers/7",
        "/users//7",
        "/users/7/",
        "/users/7?x=1",
        "/x/../users/7",
        "/users;v=1/7",
        "/users/%37",
    ],
)
def test_other_spellings_of_the_path_do_not_slip_through(edge: Edge, path: str) -> None:
    edge.put(USERS_GET)
    assert edge.status(path, sub="u1") == 403


def test_escaped_slash_never_reaches_the_api(edge: Edge) -> None:
    edge.put(USERS_GET)
    before = edge.api.reached(path="/users", caller="u1")
    assert edge.status("/users%2f7", sub="u1") == 307
    assert edge.api.reached(path="/users", caller="u1") == before


@pytest.mark.parametrize("host", ["API.Example.com", "api.example.com:8443", "api.example.com."])
def test_other_spellings_of_the_host_do_not_slip_through(edge: Edge, host: str) -> None:
    edge.put(USERS_GET)
    assert edge.status("/users/7", sub="u1", host=host) == 403


def test_lift_lets_the_user_in_again(edge: Edge) -> None:
    digest = edge.put(USERS_GET).digest
    done = edge.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=None, expected=digest)
    assert [applied.ok for applied in done.results] == [True]
    assert edge.status("/users/7", sub="u1") == 200
    assert edge.point.list_owned() == []


def test_block_and_lift_take_effect_on_an_open_connection_within_a_second(edge: Edge) -> None:
    token = {"host": HOST, "authorization": f"Bearer {edge.issuer.mint('u1')}"}
    with httpx.Client(trust_env=False) as client:
        url = f"{edge.gateway.url}/users/7"
        assert client.get(url, headers=token).status_code == 200
        started = time.perf_counter()
        digest = edge.point.reconcile(adds=[lease(USERS_GET)], removes=[], wanted=None, expected="").digest
        assert client.get(url, headers=token).status_code == 403
        blocked = time.perf_counter() - started
        edge.point.reconcile(adds=[], removes=[target_of(USERS_GET)], wanted=None, expected=digest)
        assert client.get(url, headers=token).status_code == 200
    print(f"effective after {blocked * 1000:.0f} ms")
    assert blocked < 1


def test_token_is_blocked_by_its_id_however_its_text_is_re_encoded(edge: Edge) -> None:
    edge.put(BlockSpec(host=HOST, principal=Principal(token_id="t-1", token_hash="0" * 64)))
    token = edge.issuer.mint("u1", jti="t-1")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]  # the last character has spare bits
    signature = token.rsplit(".", 1)[1]
    assert base64.urlsafe_b64decode(signature + "==") == base64.urlsafe_b64decode(twin.rsplit(".", 1)[1] + "==")
    assert edge.status("/products", authorization=f"Bearer {token}") == 403
    assert edge.status("/products", authorization=f"Bearer {twin}") == 403
    assert edge.status("/products", sub="u1") == 200


def test_all_claims_named_must_match(edge: Edge) -> None:
    edge.put(BlockSpec(host=HOST, principal=Principal(user_id="u1", client_id="scraper")))
    mine, scraper = edge.issuer.mint("u1"), edge.issuer.mint("u1", client_id="scraper")
    assert edge.status("/products", authorization=f"Bearer {scraper}") == 403
    assert edge.status("/products", authorization=f"Bearer {mine}") == 200


def test_numeric_id_is_matched_as_text_and_as_number(edge: Edge) -> None:
    edge.put(BlockSpec(host=HOST, principal=Principal(client_id="42")))
    claims = {"iss": edge.issuer.issuer, "sub": "u1", "exp": int(time.time()) + 60}
    for client_id, status in [("42", 403), (42, 403), (421, 200), ("421", 200)]:
        token = edge.issuer.sign({**claims, "client_id": client_id})
        assert edge.status("/products", authorization=f"Bearer {token}") == status, client_id


def test_subtree_covers_its_root_and_ends_at_its_border(edge: Edge) -> None:
    edge.put(BlockSpec(host="mobile.example.com", path="/mobile/**"))
    for path, status in {"/mobile": 403, "/mobile/": 403, "/mobile/v2/config": 403, "/mobilex": 404}.items():
        assert edge.status(path, host="mobile.example.com") == status, path


def test_address_block_matches_the_peer_and_not_a_forged_header(edge: Edge) -> None:
    edge.put(BlockSpec(host=HOST, path="/orders", ips=("198.51.100.0/24",)))
    assert edge.status("/orders", **{"x-forwarded-for": "198.51.100.7"}) == 200
    edge.put(BlockSpec(host=HOST, path="/orders", ips=("203.0.113.9", "127.0.0.1")))
    assert edge.status("/orders", **{"x-forwarded-for": "198.51.100.7"}) == 403
    assert edge.status("/products") == 200


def test_every_block_denies_its_own_probe_header_only(edge: Edge) -> None:
    other = BlockSpec(host=HOST, path="/orders", principal=Principal(user_id="u2"))
    edge.put(USERS_GET, other)
    canary = dict(edge.point.canary(target_of(USERS_GET)))
    assert edge.status("/users/7", **canary) == 403
    assert edge.status("/orders", **canary) == 200
    assert edge.status("/users/7", **{"x-stanch-probe": "guess"}) == 200


def test_counted_block_denies_nothing_and_counts_what_it_would(edge: Edge) -> None:
    edge.put(USERS_GET.counting)
    assert [edge.status("/users/7", sub=sub) for sub in ("u1", "u1", "u2")] == [200, 200, 200]
    assert edge.point.shadowed()[target_of(USERS_GET.counting)] == 2
    edge.put(USERS_GET)
    assert edge.status("/users/7", sub="u1") == 403


def test_what_stands_is_read_from_the_file_alone(edge: Edge) -> None:
    asked = lease(USERS_GET, case="case-0123456789abcdef0123456789")
    edge.point.reconcile(adds=[asked], removes=[], wanted=None, expected="")
    section = edge.section(admin_url="http://127.0.0.1:9", access_log="/nonexistent")
    from activities.envoy import build

    (owned,) = build("edge", section).list_owned()
    assert (owned.case_id, owned.target) == (asked.case_id, asked.target)
    assert owned.expires_at == asked.expires_at.replace(microsecond=0)


def test_same_request_twice_changes_nothing(edge: Edge) -> None:
    asked = lease(USERS_GET)
    first = edge.point.reconcile(adds=[asked], removes=[], wanted=None, expected="")
    before = edge.gateway.rules_file.read_bytes()
    again = edge.point.reconcile(adds=[asked], removes=["nothing"], wanted=None, expected=first.digest)
    assert edge.gateway.rules_file.read_bytes() == before
    assert again.digest == first.digest
    assert {applied.target: applied.ok for applied in again.results} == {asked.target: True, "nothing": True}


def test_renewal_replaces_the_entry_of_the_same_target(edge: Edge) -> None:
    digest = edge.put(USERS_GET).digest
    longer = lease(USERS_GET, case="case-b2", hours=5)
    edge.point.reconcile(adds=[longer], removes=[], wanted=None, expected=digest)
    (owned,) = edge.point.list_owned()
    assert owned.case_id == "case-b2"
    assert owned.expires_at is not None
    assert owned.expires_at > datetime.now(UTC) + timedelta(hours=4)


def test_unexpected_state_asks_for_the_full_set_and_the_full_set_is_brought_about(edge: Edge) -> None:
    edge.put(USERS_GET)
    other = BlockSpec(host=HOST, path="/orders")
    with pytest.raises(Mismatch):
        edge.point.reconcile(adds=[lease(other)], removes=[], wanted=None, expected="what I remember")
    edge.point.reconcile(adds=[lease(other)], removes=[], wanted=[lease(other)], expected="what I remember")
    assert targets(edge.point.list_owned()) == {target_of(other), target_of(USERS_GET)}


def test_writer_that_was_lost_takes_off_only_what_is_over(edge: Edge) -> None:
    """It knows of one lease: the others may not have been told to it again, or are of another deployment."""
    over, in_time, orphan = (BlockSpec(host=HOST, path=path) for path in ("/orders", "/users/{id}", "/products"))
    digest = edge.put(over, in_time).digest
    edge.point.reconcile(adds=[lease(orphan, case="case-other")], removes=[], wanted=None, expected=digest)
    with pytest.raises(Mismatch):
        edge.point.reconcile(adds=[], removes=[target_of(over)], wanted=None, expected="lost")
    edge.point.reconcile(adds=[], removes=[target_of(over)], wanted=[], expected="lost")
    assert targets(edge.point.list_owned()) == {target_of(in_time), target_of(orphan)}
    assert [edge.status(path) for path in ("/orders", "/users/7", "/products")] == [200, 403, 403]
    edge.point.reconcile(adds=[], removes=[], wanted=[lease(in_time)], expected="")
    assert targets(edge.point.list_owned()) == {target_of(in_time), target_of(orphan)}


def test_digest_does_not_depend_on_the_order(edge: Edge) -> None:
    one, two = lease(USERS_GET), lease(BlockSpec(host=HOST, path="/orders"))
    first = edge.point.reconcile(adds=[], removes=[], wanted=[one, two], expected="").digest
    edge.put()
    assert edge.point.reconcile(adds=[], removes=[], wanted=[two, one], expected="").digest == first
    assert edge.put().digest == ""


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (BlockSpec(host="api.elsewhere.test"), "does not serve"),
        (BlockSpec(host="*.example.com"), "one host"),
        (BlockSpec(host=HOST, path="users"), "path template"),
        (BlockSpec(host=HOST, path="/a/**/b"), "path template"),
        (BlockSpec(host=HOST, ips=("300.1.1.1",)), "CIDR"),
        (BlockSpec(host=HOST, methods=("GET or POST",)), "HTTP method"),
        (BlockSpec(host=HOST, principal=Principal(token_hash="0" * 64)), "token hashes"),
        (BlockSpec(host=HOST, principal=Principal()), "without saying who"),
    ],
)
def test_what_cannot_be_matched_is_refused_and_the_rest_goes_on(edge: Edge, spec: BlockSpec, why: str) -> None:
    done = edge.point.reconcile(adds=[lease(spec), lease(USERS_GET)], removes=[], wanted=None, expected="")
    refused, held = done.results
    assert (refused.ok, refused.code, held.ok) == (False, "V002", True)
    assert why in refused.reason
    assert targets(edge.point.list_owned()) == {target_of(USERS_GET)}


def test_expired_foreign_and_mislabelled_leases_are_refused(edge: Edge) -> None:
    suspend = lease(USERS_GET).model_copy(update={"spec": SuspendSpec(user_id="u1")})
    wrong = lease(USERS_GET).model_copy(update={"target": "f" * 32})
    unnamable = lease(BlockSpec(host=HOST, path="/orders")).model_copy(update={"case_id": "case/../x"})
    late = lease(BlockSpec(host=HOST, path="/late"), hours=-1)
    done = edge.point.reconcile(adds=[suspend, wrong, unnamable, late], removes=[], wanted=None, expected="")
    assert [applied.ok for applied in done.results] == [False] * 4
    assert edge.point.list_owned() == []


def test_claim_values_are_data(edge: Edge) -> None:
    nasty = 'u1" || true; \\ }{ \u2028 *'
    edge.put(BlockSpec(host=HOST, principal=Principal(user_id=nasty)))
    assert edge.status("/products", sub=nasty) == 403
    assert edge.status("/products", sub="u1") == 200
    assert "sub" in json.dumps(json.loads(edge.gateway.rules_file.read_text()))
