"""`stanch findings` and `stanch send`, the latter against a real server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stanch.cli.findings import findings
from stanch.cli.send import send
from stanch.intake.signatures import Scheme, verify

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
RUNNER = CliRunner()

app = typer.Typer()
app.command()(findings)
app.command()(send)


class Answering:
    """A server that keeps what it got and answers as told."""

    def __init__(self) -> None:
        self.status, self.answer = 202, json.dumps({"results": []}).encode()
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((self.path, dict(self.headers.items()), body))
                self.send_response(outer.status)
                self.send_header("content-length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def says(self, status: int, answer: Any) -> None:
        self.status, self.answer = status, json.dumps(answer).encode()


@pytest.fixture
def server() -> Iterator[Answering]:
    made = Answering()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def run(*words: str, given: bytes | None = None) -> tuple[int, str, str]:
    result = RUNNER.invoke(app, list(words), input=given)
    return result.exit_code, result.stdout, result.stderr


def test_findings_prints_canonical_ndjson() -> None:
    code, out, err = run("findings", str(SAMPLES / "wallarm_new_hits_array.json"))
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["type"] for line in lines]) == (0, ["sqli", "ptrav"])
    assert "2 findings, 0 quarantined" in err


def test_findings_reads_standard_input_and_redacts() -> None:
    body = (SAMPLES / "own_attack.json").read_text().replace("Token used", "password=Canary9 used")
    code, out, err = run("findings", "-", "--json", given=body.encode())
    assert code == 0
    assert "Canary9" not in out + err
    assert err == ""


def test_findings_says_why_a_body_is_quarantined() -> None:
    code, out, _ = run("findings", str(SAMPLES / "stix_indicator_for_malicious_url.json"))
    assert code == 1
    assert json.loads(out)["quarantined"]["reason"] == "not_a_finding"
    assert run("findings", str(SAMPLES / "own_batch_constructed.ndjson"))[0] == 7


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["findings", "/nonexistent/file.json"], 2),
        (["findings", str(SAMPLES / "own_attack.json"), "--adapter", "nosuch"], 2),
        (["findings", str(SAMPLES / "INDEX.tsv")], 3),
    ],
)
def test_findings_names_what_is_wrong_without_a_traceback(words: list[str], code: int) -> None:
    found, out, err = run(*words)
    assert (found, out) == (code, "")
    assert err
    assert "Traceback" not in err


def test_send_signs_posts_and_prints_the_cases(server: Answering) -> None:
    server.says(202, {"results": [{"case_id": "case-abc", "finding_id": "fnd-1", "status": "accepted"}]})
    file = SAMPLES / "own_attack.json"
    code, out, _ = run("send", str(file), "--source", "own", "--url", server.url, "--secret", SECRET)
    assert (code, out.strip()) == (0, "case-abc fnd-1 accepted")
    path, headers, body = server.got[0]
    assert (path, body) == ("/v1/findings/own", file.read_bytes())
    verify(body, headers, scheme=Scheme.STANDARD_WEBHOOKS, secrets=[SECRET], now=datetime.now(UTC))


def test_send_takes_the_secret_by_reference_and_repeats_a_delivery(
    server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDERS_SECRET", SECRET)
    words = ["send", str(SAMPLES / "own_attack.json"), "--source", "own", "--url", server.url]
    for _ in range(2):
        assert run(*words, "--secret", "secret://env/SENDERS_SECRET", "--delivery-id", "msg_again")[0] == 0
    assert {headers["webhook-id"] for _, headers, _ in server.got} == {"msg_again"}


@pytest.mark.parametrize(
    ("statuses", "code"), [(["accepted", "repeat"], 0), (["quarantined"], 1), (["accepted", "quarantined"], 7)]
)
def test_send_exit_codes_tell_what_became_of_the_findings(server: Answering, statuses: list[str], code: int) -> None:
    server.says(202, {"results": [{"case_id": None, "finding_id": "f", "status": word} for word in statuses]})
    words = ["send", str(SAMPLES / "own_attack.json"), "--source", "own", "--url", server.url, "--secret", SECRET]
    found, out, _ = run(*words, "--json")
    assert found == code
    assert [item["status"] for item in json.loads(out)["results"]] == statuses


@pytest.mark.parametrize(
    ("status", "code"), [(400, 3), (401, 1), (409, 1), (413, 3), (422, 3), (429, 4), (503, 4), (302, 1)]
)
def test_send_turns_refusals_into_exit_codes(server: Answering, status: int, code: int) -> None:
    server.says(status, {"title": "No", "detail": "because \x1b[31m", "hint": "do this"})
    words = ["send", str(SAMPLES / "own_attack.json"), "--source", "own", "--url", server.url, "--secret", SECRET]
    found, out, err = run(*words)
    assert (found, out) == (code, "")
    assert str(status) in err
    assert "do this" in err
    assert "\x1b" not in err


def test_a_batch_is_told_by_its_delivery(server: Answering) -> None:
    server.says(202, {"delivery_id": "msg_1", "count": 240, "status": "batch"})
    words = ["send", str(SAMPLES / "own_attack.json"), "--source", "own", "--url", server.url, "--secret", SECRET]
    assert run(*words)[:2] == (0, "delivery msg_1: 240 findings accepted\n")


@pytest.mark.parametrize(
    ("url", "secret", "code"),
    [("http://127.0.0.1:9", SECRET, 4), ("not-a-url", SECRET, 2), ("http://127.0.0.1:9", "not a secret", 2)],
)
def test_send_without_a_server_or_secret(url: str, secret: str, code: int) -> None:
    found, _, err = run("send", str(SAMPLES / "own_attack.json"), "--source", "own", "--url", url, "--secret", secret)
    assert found == code
    assert err
    assert secret not in err
    assert "Traceback" not in err
