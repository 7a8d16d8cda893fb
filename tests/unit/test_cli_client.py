"""Commands before something that is not Stanch, and with ids that are none: words, never a traceback or a guess."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from stanch.cli import case, decide, lease, lists, protect
from stanch.cli.send import send
from stanch.sandbox.temporal import free_port

ANSWERS = {
    "page": (200, b"<html>hello</html>"),
    "list": (200, b"[1, 2]"),
    "other": (200, b'{"healthy": true}'),
    "moved": (307, b""),
    "broken": (502, b"<html>bad gateway</html>"),
    "away": (404, b'{"message": "no Route matched"}'),
}
COMMANDS: dict[str, tuple[Any, list[str]]] = {
    "case list": (case.app, ["list"]),
    "case show": (case.app, ["show", "case-x"]),
    "case timeline": (case.app, ["timeline", "case-x"]),
    "case comment": (case.app, ["comment", "case-x", "hello"]),
    "lease list": (lease.app, ["list"]),
    "lease show": (lease.app, ["show", "abc"]),
    "lease lift": (lease.app, ["lift", "abc"]),
    "list show": (lists.app, ["show"]),
    "protect list": (protect.app, ["list"]),
    "approve": (decide.approve, ["case-x", "--yes"]),
    "approve --group": (decide.approve, ["case-x", "--yes", "--group"]),
    "halt": (decide.halt, ["all"]),
    "resume": (decide.resume, ["all"]),
}


class Other:
    """Some other server, which answers everything alike and keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = ANSWERS["page"]
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(outer.status)
                self.send_header("location", "/v1/cases")
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    made = Other()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def run(other: Other, target: Any, arguments: list[str]) -> Result:
    app = target
    if not isinstance(target, typer.Typer):
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(target)
    environment = {"STANCH_URL": other.url, "STANCH_API_TOKEN": "t", "STANCH_AS": ""}
    return CliRunner().invoke(app, arguments, env=environment)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_not_stanch_is_named(other: Other, name: str) -> None:
    for status, body in ANSWERS.values():
        other.status, other.body = status, body
        result = run(other, *COMMANDS[name])
        assert isinstance(result.exception, SystemExit), result.exception
        assert (result.exit_code, result.stdout) == (4, "")
        assert other.url in result.stderr


IDS = {name: (target, words) for name, (target, words) in COMMANDS.items() if {"case-x", "abc"} & {*words}}


@pytest.mark.parametrize("wrong", ["", " ", "a/timeline", "../leases", "?state=open", "a b", "..", "x%2Ftimeline"])
@pytest.mark.parametrize("name", IDS)
def test_an_id_that_is_none_is_not_sent(other: Other, name: str, wrong: str) -> None:
    other.asked.clear()
    target, words = IDS[name]
    result = run(other, target, [wrong if word in ("case-x", "abc") else word for word in words])
    assert (result.exit_code, other.asked) == (2, [])
    assert "list` shows them" in result.stderr


@pytest.mark.parametrize("command", ["case list", "send"])
def test_where_it_listens_is_an_address_also_in_the_sixth_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "finding.json").write_text("{}", encoding="utf-8")
    port = free_port()
    for name, value in (("WEB__HOST", "::1"), ("WEB__PORT", str(port)), ("API_TOKEN", "t")):
        monkeypatch.setenv(f"STANCH_{name}", value)
    monkeypatch.delenv("STANCH_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    sending = typer.Typer(pretty_exceptions_enable=False)
    sending.command()(send)
    target, words = (case.app, ["list"]) if command != "send" else (sending, ["finding.json", "--source", "own"])
    result = CliRunner().invoke(target, words)
    assert (result.exit_code, f"cannot reach http://[::1]:{port}" in result.stderr) == (4, True), result.stderr


def test_a_wrong_token_says_where_the_right_one_is(other: Other) -> None:
    refusal = {"code": "W001", "detail": "credentials are needed", "hint": "send Authorization: Bearer with the token"}
    other.status, other.body = 401, json.dumps(refusal).encode()
    result = run(other, case.app, ["list"])
    assert (result.exit_code, "STANCH_API_TOKEN" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("case_row", "said"),
    [({"state": "running"}, "as last recorded"), ({}, "its finding is stored"), ({"state": "closed"}, "")],
)
def test_a_case_that_gives_no_answer_is_shown_as_recorded(other: Other, case_row: dict[str, str], said: str) -> None:
    answer = {"approvals": [], "leases": [], "live": None, "case": case_row}
    other.status, other.body = 200, json.dumps(answer).encode()
    result = run(other, case.app, ["show", "case-x"])
    assert result.exit_code == 0
    assert (said in result.stderr, bool(result.stderr)) == (True, bool(said))
