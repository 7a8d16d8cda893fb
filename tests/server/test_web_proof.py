"""Proof of sender over HTTP: handshakes, proxies, tokens in URLs, and no answer of 500 whatever is sent."""

from __future__ import annotations

import base64
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from web_support import SECRET, Edge, FixedPolicy, eventually, finding, signed

from stanch.errors import StanchError
from stanch.intake.config import Sources, parse_sources
from stanch.intake.deliveries import open_delivery
from stanch.intake.proofs import CertificateCache
from stanch.secrets import resolve
from stanch.web import handshakes
from stanch.web.arrivals import arrived
from stanch.web.problems import handle
from stanch.web.serving import server_config

TOPIC = "arn:aws:sns:us-east-1:111122223333:findings"
TOKEN = "a-token-that-belongs-in-no-log"
KEY, PLAIN = "secrets: [secret://env/STANCH_TEST_OWN]", "secrets: [secret://env/STANCH_TEST_TOKEN]"
SOURCES = f"""
version: sources/v1
sources:
  own:
    adapter: own
    auth: {{scheme: standard_webhooks, {KEY}}}
    origins: [Events.Example.com]
    rate: 60
  any: {{adapter: own, auth: {{scheme: bearer, {PLAIN}}}, origins: ["*"]}}
  okta: {{adapter: auth0, auth: {{scheme: bearer, {PLAIN}}}}}
  splunk: {{adapter: own, auth: {{scheme: url_token, {PLAIN}}}}}
  scanner: {{adapter: own, auth: {{scheme: mtls, proxies: [127.0.0.1/32], subjects: ["spiffe://x/scanner"]}}}}
  remote: {{adapter: own, auth: {{scheme: mtls, proxies: [10.0.0.0/8], subjects: ["spiffe://x/scanner"]}}}}
  github: {{adapter: github, auth: {{scheme: bearer, {PLAIN}}}}}
  flare: {{adapter: cloudflare, auth: {{scheme: header, header: cf-webhook-auth, {PLAIN}}}}}
  topic: {{adapter: own, auth: {{scheme: sns, topics: ["{TOPIC}"], confirm: true}}}}
  asking: {{adapter: own, auth: {{scheme: sns, topics: ["{TOPIC}"]}}}}
  old: {{adapter: own, state: retired, auth: {{scheme: bearer, {PLAIN}}}}}
"""
CLOUDFLARE = "Hello World! This is a test message sent from https://cloudflare.com. All is well."
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def asked(edge: Edge) -> Iterator[Edge]:
    """The edge with sources of every kind."""
    before = edge.services.policy
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STANCH_TEST_TOKEN", TOKEN)
        patch.setattr(edge.services, "policy", FixedPolicy(replace(before.current, sources=parse_sources(SOURCES))))
        yield edge


# CloudEvents


def offer(edge: Edge, source: str, origin: str = "events.example.com", **more: str) -> httpx.Response:
    return edge.http.options(f"/v1/findings/{source}", headers={"WebHook-Request-Origin": origin, **more})


def test_an_origin_on_the_list_may_send_at_the_rate_it_asked_for(asked: Edge) -> None:
    answer = offer(asked, "own")
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "Events.Example.com"
    assert answer.headers["webhook-allowed-rate"] == "60"
    assert "POST" in answer.headers["allow"]
    assert offer(asked, "own", **{"WebHook-Request-Rate": "10"}).headers["webhook-allowed-rate"] == "10"
    for odd in ("1000", "0", "-1", "*", "ten"):
        assert offer(asked, "own", **{"WebHook-Request-Rate": odd}).headers["webhook-allowed-rate"] == "60"


def test_any_origin_only_where_the_operator_wrote_so(asked: Edge) -> None:
    assert offer(asked, "any", "whoever.example").headers["webhook-allowed-origin"] == "*"


def test_others_learn_nothing_not_even_which_sources_there_are(asked: Edge) -> None:
    answers = [
        offer(asked, "own", "evil.example"),
        offer(asked, "own", "*"),
        offer(asked, "nosuch"),
        offer(asked, "splunk"),
        asked.http.options("/v1/findings/own"),
        asked.http.options("/v1/findings/nosuch", headers={"WebHook-Request-Callback": "http://169.254.169.254/"}),
    ]
    assert {answer.status_code for answer in answers} == {200}
    said = [{k: v for k, v in answer.headers.items() if k != "date"} for answer in answers]
    assert all(each == said[0] for each in said)
    assert not [name for name in said[0] if name.startswith("webhook-allowed")]


# Okta


def test_okta_gets_its_challenge_back_once_it_has_proven_itself(asked: Edge) -> None:
    challenge = {"x-okta-verification-challenge": "k3-Yx_9"}
    answer = asked.http.get("/v1/findings/okta", headers=BEARER | challenge)
    assert (answer.status_code, answer.json()) == (200, {"verification": "k3-Yx_9"})
    refused = [
        asked.http.get("/v1/findings/okta", headers=challenge),
        asked.http.get("/v1/findings/nosuch", headers=challenge | BEARER),
        asked.http.get("/v1/findings/own", headers=challenge | BEARER),
        asked.http.get("/v1/findings/splunk?token=wrong", headers=challenge),
    ]
    assert {(answer.status_code, answer.text) for answer in refused} == {(401, refused[0].text)}
    assert asked.http.get("/v1/findings/okta", headers=BEARER).status_code == 405
    assert asked.http.get("/v1/findings/old", headers=BEARER | challenge).status_code == 410
    odd = asked.http.get("/v1/findings/okta", headers=BEARER | {"x-okta-verification-challenge": "x" * 600})
    assert (odd.status_code, odd.json()["code"]) == (400, "I025")


# What the intake route is to do with a delivery, on the same server settings as `stanch serve`


class Amazon:
    """A key and a certificate that signs for topics, and what was visited."""

    url = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b.pem"

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = x509.CertificateBuilder(name, name, self.key.public_key(), serial_number=1)
        made = made.not_valid_before(datetime.now(UTC) - timedelta(days=1))
        made = made.not_valid_after(datetime.now(UTC) + timedelta(days=1))
        self.pem = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        self.visited: list[str] = []

    def certificate(self, url: str) -> bytes:
        return self.pem if url == self.url else b""

    def visit(self, url: str) -> bytes:
        self.visited.append(url)
        return b"done"

    def message(self, **fields: str) -> bytes:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        given = {"MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": now, **fields}
        signed_text = "".join(f"{name}\n{given[name]}\n" for name in sorted(given))
        signature = self.key.sign(signed_text.encode(), PKCS1v15(), hashes.SHA256())
        more = {"SignatureVersion": "2", "SigningCertURL": self.url, "Signature": base64.b64encode(signature).decode()}
        return json.dumps(given | more).encode()


AMAZON = Amazon()


def application(sources: Sources) -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(StanchError, handle)
    certificates = CertificateCache(AMAZON.certificate)

    @app.post("/v1/findings/{source}")
    async def receive(source: str, request: Request) -> Response:
        taken = await arrived(request)
        now = datetime.now(UTC)
        delivery = open_delivery(source, taken, sources=sources, resolve=resolve, now=now, certificates=certificates)
        answer = handshakes.answer(sources.by_name[source], taken, delivery, visit=AMAZON.visit)
        return answer or JSONResponse({"assurance": delivery.assurance.value}, 202)

    return app


@pytest.fixture(scope="module")
def served() -> Iterator[httpx.Client]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(application(parse_sources(SOURCES))))
    thread = threading.Thread(target=server.run, args=([listener],))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STANCH_TEST_TOKEN", TOKEN)
        patch.setenv("STANCH_TEST_OWN", SECRET)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            yield client
        server.should_exit = True
        thread.join(10)
    listener.close()


def test_a_token_in_the_url_proves_little_and_is_in_no_log(
    served: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "stanch", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    raw = json.dumps(finding()).encode()
    answers = [served.post(f"/v1/findings/splunk?token={token}", content=raw) for token in (TOKEN, TOKEN + "x", "")]
    answers.append(served.post(f"/v1/findings/splunk?token={TOKEN}&token=x", content=raw))
    answers.append(served.post(f"/v1/findings/splunk?token={TOKEN}", content=b"{"))
    assert [answer.status_code for answer in answers] == [202, 401, 401, 401, 400]
    assert answers[0].json() == {"assurance": "C"}
    assert not [answer for answer in answers if TOKEN in answer.text]
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    out, err = capfd.readouterr()
    assert TOKEN not in " ".join(record.getMessage() for record in ours) + out + err


def test_a_certificate_counts_by_the_real_peer_whatever_proxies_say_of_clients(served: httpx.Client) -> None:
    raw = json.dumps(finding()).encode()
    told = {"x-forwarded-client-cert": "By=spiffe://x/edge;Hash=00;URI=spiffe://x/scanner"}
    for forwarded in ({}, {"x-forwarded-for": "198.51.100.9"}):
        answer = served.post("/v1/findings/scanner", content=raw, headers=told | forwarded)
        assert (answer.status_code, answer.json()) == (202, {"assurance": "B"})
    for forwarded in ({}, {"x-forwarded-for": "10.0.0.1"}):
        assert served.post("/v1/findings/remote", content=raw, headers=told | forwarded).status_code == 401


def test_repeated_headers_reach_the_proof(served: httpx.Client) -> None:
    raw = json.dumps(finding()).encode()
    headers = list(signed(raw, delivery_id="m-1").items())
    assert served.post("/v1/findings/own", content=raw, headers=headers).status_code == 202
    twice = [*headers, ("webhook-signature", "v1,AAAA")]
    assert served.post("/v1/findings/own", content=raw, headers=twice).status_code == 401


@pytest.mark.parametrize(
    ("source", "headers", "body", "status"),
    [
        ("github", {"x-github-event": "ping"}, {"zen": "Keep it logically awesome.", "hook_id": 1}, 200),
        ("github", {"x-github-event": "ping"}, {"action": "created", "alert": {}}, 202),
        ("any", {"x-snyk-event": "ping/v0"}, {"webhookId": "x"}, 200),
        ("any", {"x-snyk-event": "ping/v0"}, {"project": {}, "newIssues": [1]}, 202),
        (
            "flare",
            {"cf-webhook-auth": TOKEN},
            {"text": CLOUDFLARE},
            200,
        ),
        ("flare", {"cf-webhook-auth": TOKEN}, {"text": "something else"}, 202),
    ],
)
def test_pings_are_answered_and_findings_cannot_be_relabelled_away(
    served: httpx.Client, source: str, headers: dict[str, str], body: dict[str, object], status: int
) -> None:
    answer = served.post(f"/v1/findings/{source}", json=body, headers=BEARER | headers)
    assert answer.status_code == status
    assert served.post(f"/v1/findings/{source}", json=body, headers={"x-github-event": "ping"}).status_code == 401


# SNS


def post(served: httpx.Client, source: str, body: bytes) -> httpx.Response:
    return served.post(f"/v1/findings/{source}", content=body, headers={"content-type": "text/plain; charset=UTF-8"})


def test_a_message_of_a_topic_is_signed_and_fresh(served: httpx.Client) -> None:
    body = AMAZON.message(Type="Notification", Message=json.dumps(finding()))
    answer = post(served, "topic", body)
    assert (answer.status_code, answer.json()) == (202, {"assurance": "A"})
    assert post(served, "topic", body.replace(b"m-1", b"m-2")).status_code == 401
    assert (
        post(served, "topic", AMAZON.message(Type="Notification", Message="", TopicArn=TOPIC + "x")).status_code == 401
    )


def test_a_subscription_is_confirmed_once_the_answer_is_out(
    served: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"
    fields = {"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "2336412f37f"}
    body = AMAZON.message(**fields, SubscribeURL=url)
    assert post(served, "asking", body).json() == {"delivery_id": "sns-m-1", "handshake": "wait"}
    assert "confirm: true" in caplog.text
    assert AMAZON.visited == []
    answer = post(served, "topic", body)
    assert (answer.status_code, answer.json()["handshake"]) == (200, "confirm")
    assert eventually(lambda: AMAZON.visited) == [url]
    inside = AMAZON.message(**fields, SubscribeURL="http://169.254.169.254/?Action=ConfirmSubscription")
    assert post(served, "topic", inside).status_code == 401
    assert AMAZON.visited == [url]
    assert "2336412f37f" not in caplog.text


# Hostile requests, to the real edge


def hostile(seed: int) -> Iterator[tuple[str, Sequence[tuple[bytes, bytes]], bytes]]:
    rng = random.Random(seed)
    names = [b"webhook-id", b"webhook-timestamp", b"webhook-signature", b"authorization", b"cf-webhook-auth"]
    names += [b"x-forwarded-client-cert", b"content-encoding", b"x-okta-verification-challenge", b"idempotency-key"]
    for _ in range(300):
        raw = bytes(rng.choice(b'{}[]":,0e\\ \xff\x00a') for _ in range(rng.randrange(60)))
        headers = list(signed(raw, delivery_id="x").items())
        changed = [(name.encode(), value.encode()) for name, value in headers if rng.random() < 0.9]
        for _ in range(rng.randrange(4)):
            value = bytes(rng.choice(b"v1,= a\xff\xc3\"';Bearer0") for _ in range(rng.randrange(50))).strip()
            changed.append((rng.choice(names), value))
        yield rng.choice(["own", "any", "splunk", "scanner", "nosuch", "okta", "%00", "x" * 200]), changed, raw


def test_nothing_that_is_sent_ends_in_a_500(asked: Edge) -> None:
    seen = set()
    for source, headers, raw in hostile(5):
        answer = asked.http.post(f"/v1/findings/{source}", content=raw, headers=list(headers))
        assert 400 <= answer.status_code < 500, (source, headers, raw, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        seen.add(answer.status_code)
        answer = asked.http.get(f"/v1/findings/{source}", headers=list(headers))
        assert 400 <= answer.status_code < 500
        assert asked.http.options(f"/v1/findings/{source}", headers=list(headers)).status_code in (200, 404)
    assert {400, 401} <= seen


def test_the_size_of_a_body_does_not_tell_which_sources_there_are(asked: Edge) -> None:
    for size, status in ((400_000, 401), (2_000_000, 413)):
        answers = [asked.http.post(f"/v1/findings/{name}", content=b"x" * size) for name in ("own", "nosuch")]
        assert [answer.status_code for answer in answers] == [status] * 2
        assert answers[0].text == answers[1].text


def test_a_second_secret_serves_while_the_first_is_replaced(asked: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(finding(uid="R-1")).encode()
    new = "whsec_" + base64.b64encode(b"the key that comes next!").decode()
    monkeypatch.setenv("STANCH_TEST_OWN", new)
    assert asked.http.post("/v1/findings/own", content=raw, headers=signed(raw, delivery_id="r-1")).status_code == 401
    headers = signed(raw, delivery_id="r-2", secret=new)
    assert asked.http.post("/v1/findings/own", content=raw, headers=headers).status_code == 202
