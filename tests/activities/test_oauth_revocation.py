"""Tokens revoked by RFC 7009: taken from the sealed original, proven by introspection, and never written anywhere."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from glue import CASE, Glue, job, scene

from activities._fence import checked, overtaken
from activities._oauth_calls import RevocationEndpoint
from activities._run import perform
from activities._token_evidence import Token, claims_of
from activities.identity import IMPLEMENTATIONS
from activities.oauth_revocation import build
from stanch.errors import AuthBlocked, ConfigError, Rejected, RetrySafe, Uncertain
from stanch.intake.redaction import Redactor
from stanch.sandbox._server import Fault
from stanch.sandbox.issuer import Issuer
from stanch.sandbox.revocation import RevocationStandin
from stanch.sealing import Original, seal_original
from stanch.views import ActorView

OPAQUE = "opaque-0123456789abcdef-token"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[RevocationStandin]:
    with RevocationStandin(issuer=issuer) as standin:
        yield standin


def endpoint(server: RevocationStandin, **more: Any) -> RevocationEndpoint:
    return build("sso", server.section() | more)


def minted(server: RevocationStandin, jti: str = "t-1") -> Token:
    text = server.issuer.mint("mallory", jti=jti)
    return Token(text, claims_of(text))


def test_a_revocation_is_proven_by_introspection_and_safe_to_repeat(server: RevocationStandin) -> None:
    token = minted(server)
    told = endpoint(server).revoke(token)
    assert told["proof"] == "introspection: active before, not active after"
    assert datetime.fromisoformat(told["live_until"]) > datetime.now(UTC)  # offline it works on: hence the bridge block
    assert not server.active(token.text)
    assert endpoint(server).revoke(token)["proof"].startswith("introspection: not active before and after")


def test_without_introspection_a_200_is_not_called_proof(server: RevocationStandin) -> None:
    told = endpoint(server, introspection_url="").revoke(Token("never-issued-here"))
    assert told["proof"].startswith("none")


def test_what_introspection_does_not_show_us_is_revoked_nevertheless(server: RevocationStandin) -> None:
    """RFC 7662 2.2: a server says "not active" of a token that the client may not ask about."""
    token = minted(server)
    made = endpoint(server)
    made._active = lambda _token: False  # type: ignore[method-assign]
    assert made.revoke(token)["proof"].endswith("or not shown to us")
    assert not server.active(token.text)


@pytest.mark.parametrize("size", [70_000, 1])
def test_an_answer_that_is_too_large_or_too_slow_ends(size: int) -> None:
    """One server answers without end, the other drips; neither keeps a worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=(listener, size), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        section = {"url": url, "introspection_url": url, "client_id": "c", "client_secret": "s", "timeout": 0.3}
        begun = time.monotonic()
        with pytest.raises(RetrySafe):
            build("sso", section).revoke(Token(OPAQUE))
        assert time.monotonic() - begun < 5


def _drip(listener: socket.socket, size: int) -> None:
    with suppress(OSError):
        talk, _ = listener.accept()
        with talk:
            talk.recv(65536)
            talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                talk.sendall(b" " * size)
                time.sleep(0.05)


def test_a_server_that_says_yes_and_does_nothing_is_not_believed(server: RevocationStandin) -> None:
    server.deaf = True
    with pytest.raises(Uncertain) as error:
        endpoint(server).revoke(minted(server))
    assert error.value.code == "V045"


def test_a_token_of_another_issuer_is_not_sent(server: RevocationStandin) -> None:
    with pytest.raises(Rejected) as error:
        endpoint(server, issuer="https://other.example.com").revoke(minted(server))
    assert error.value.code == "V046"
    assert server.ledger.entries("issuer.request") == []


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_secrets_of_clients(server: RevocationStandin, method: str) -> None:
    endpoint(server, auth=method).revoke(minted(server))
    with pytest.raises(AuthBlocked):
        endpoint(server, auth=method, client_secret="wrong").revoke(minted(server, "t-2"))


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_client_may_prove_itself_by_a_key(server: RevocationStandin, kind: str) -> None:
    key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    server.public_key = public.decode()
    endpoint(server, auth="private_key_jwt", client_secret=private).revoke(minted(server))
    elsewhere = {"auth": "private_key_jwt", "client_secret": private, "audience": "https://other.example.com"}
    with pytest.raises(AuthBlocked):  # an assertion for somebody else is worth nothing here
        endpoint(server, **elsewhere).revoke(minted(server, "t-2"))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("drop_before"), Uncertain),
        (Fault("status", status=503, retry_after="3"), Uncertain),
        (Fault("status", status=429, retry_after="3"), RetrySafe),
        (Fault("status", status=302), Rejected),
    ],
)
def test_each_failure_has_its_outcome(server: RevocationStandin, fault: Fault, error: type[Exception]) -> None:
    server.faults.script("revoke", fault)
    with pytest.raises(error) as caught:
        endpoint(server).revoke(token := minted(server))
    assert token.text not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://id.example.com/revoke"},
        {"auth": "private_key_jwt"},
        {"auth": "none"},
        {"client_id": ""},
        {"token_type_hint": "id_token"},
    ],
)
def test_a_wrong_section_is_refused(server: RevocationStandin, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as error:
        endpoint(server, **wrong)
    assert server.secret not in str(error.value.problems)


def keep(glue: Glue, body: bytes) -> None:
    made = Original("own", f"msg-{len(body)}", body, "application/json", datetime.now(UTC), (CASE,))
    glue.records.add_originals([seal_original(made)], keys=glue.keys.sealing)


def forged(token: str) -> str:
    """A token that nobody signed, with the id of another; its text differs from every real one."""
    return f"{token.rpartition('.')[0]}.{'A' * 40}"


def revoke(glue: Glue, token_id: str, **actor: str) -> Any:
    named = {"scene": scene(actor=ActorView(token_id=token_id, **actor))} if actor else {}
    task = job("token.revoke", {"token_id": token_id}, **named)
    return perform(glue.world, task, IMPLEMENTATIONS["token.revoke"], lambda *_: None)


@pytest.mark.parametrize("packed", [False, True])
def test_the_token_comes_from_the_sealed_original_and_goes_nowhere_else(
    server: RevocationStandin, tmp_path: Path, packed: bool
) -> None:
    token = minted(server).text
    body = json.dumps({"actor": {"token": f"Bearer {token}"}, "other": server.issuer.mint("alice", jti="t-9")}).encode()
    with Glue(tmp_path, identity={"sso": {"kind": "oauth_revocation", **server.section()}}) as glue:
        keep(glue, gzip.compress(body) if packed else body)
        outputs = revoke(glue, "t-1").outputs
        assert outputs["live_until"]
        assert (server.active(token), server.revoked) == (False, {"t-1"})
        lines = glue.records.timeline(CASE)
        assert [line.event for line in lines].count("original.opened") == 1
        told = json.dumps([line.data for line in lines], default=str) + json.dumps(outputs)
        assert token not in told
        assert server.secret not in told


def test_an_opaque_token_is_found_by_its_keyed_hash(server: RevocationStandin, tmp_path: Path) -> None:
    server.opaque.add(OPAQUE)
    with Glue(tmp_path, identity={"sso": {"kind": "oauth_revocation", **server.section()}}) as glue:
        keep(glue, json.dumps({"headers": {"authorization": f"Bearer {OPAQUE}"}}).encode())
        revoke(glue, Redactor(glue.keys.redaction).token_hash(OPAQUE))
        assert server.revoked == {OPAQUE}


def test_what_no_original_holds_is_not_guessed(server: RevocationStandin, tmp_path: Path) -> None:
    with Glue(tmp_path, identity={"sso": {"kind": "oauth_revocation", **server.section()}}) as glue:
        for body in (b"\x1f\x8bnot gzip at all", b"a." * 10**6, b"." * 10**6):
            keep(glue, body)
            with pytest.raises(Rejected) as error:
                revoke(glue, "t-1")
            assert error.value.code == "V047"


def test_a_forged_token_does_not_take_the_place_of_the_one_whose_hash_is_known(
    server: RevocationStandin, tmp_path: Path
) -> None:
    """The forged one comes first, in a newer original; nobody but the issuer can write the one with this hash."""
    token = minted(server).text
    with Glue(tmp_path, identity={"sso": {"kind": "oauth_revocation", **server.section()}}) as glue:
        keep(glue, json.dumps({"note": forged(token), "token": token}).encode())
        keep(glue, json.dumps({"note": forged(token)}).encode())
        outputs = revoke(glue, "t-1", token_hash=Redactor(glue.keys.redaction).token_hash(token)).outputs
        assert (outputs["revoked"], server.active(token)) == (True, False)


def test_where_several_tokens_claim_an_id_none_is_sent(server: RevocationStandin, tmp_path: Path) -> None:
    token = minted(server).text
    with Glue(tmp_path, identity={"sso": {"kind": "oauth_revocation", **server.section()}}) as glue:
        keep(glue, json.dumps({"note": forged(token)}).encode())
        keep(glue, json.dumps({"note": "", "token": token}).encode())
        with pytest.raises(Rejected, match="2 different tokens") as error:
            revoke(glue, "t-1")
        assert error.value.code == "V047"
        assert server.ledger.entries("issuer.request") == []


def test_revoked_is_said_only_of_what_introspection_has_shown(server: RevocationStandin, tmp_path: Path) -> None:
    token = minted(server).text
    blind = {**server.section(), "introspection_url": ""}
    sections = {
        name: {"kind": "oauth_revocation", **made} for name, made in (("blind", blind), ("sso", server.section()))
    }
    with Glue(tmp_path, identity=sections) as glue:
        keep(glue, json.dumps({"token": token}).encode())
        outputs = revoke(glue, "t-1").outputs
        assert (outputs["revoked"], "none" in outputs["detail"], server.active(token)) == (False, True, False)
        task = job("token.revoke", {"token_id": "t-1", "at": "sso"}, key="1e" * 16)
        again = perform(glue.world, task, IMPLEMENTATIONS["token.revoke"], lambda *_: None).outputs
        assert (again["revoked"], "not active before and after" in again["detail"]) == (False, True)


def test_doctor_tells_of_a_server_that_cannot_be_asked(server: RevocationStandin) -> None:
    server.faults.script("introspect", Fault("status", status=503))
    (check,) = endpoint(server).doctor()
    assert not check.ok
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/introspect"
    (check,) = endpoint(server, introspection_url=nobody).doctor()
    assert (check.ok, "cannot be reached" in check.detail) == (False, True)


def test_an_attempt_that_was_given_up_revokes_nothing(server: RevocationStandin) -> None:
    def never() -> None:
        raise overtaken("this attempt was given up")

    token = minted(server)
    with checked(never), pytest.raises(RetrySafe) as caught:
        endpoint(server).revoke(token)
    assert (caught.value.code, server.active(token.text)) == ("T004", True)
