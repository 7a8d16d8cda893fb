"""The ledger that an independent judge reads: complete, in order, chained, and telling who asked for what."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jira_support import connect
from standin_support import plan
from ticket_support import draft

from stanch.errors import Uncertain
from stanch.sandbox._ledger import Ledger, LedgerError, read_ledger
from stanch.sandbox.jira import JiraStandin


@pytest.fixture
def jira(tmp_path: Path) -> Iterator[JiraStandin]:
    with JiraStandin(ledger=tmp_path / "jira.jsonl") as standin:
        yield standin


def test_what_was_done_stands_under_the_request_that_asked_for_it(jira: JiraStandin, tmp_path: Path) -> None:
    plan(jira, "commit_then_drop", "create")
    with pytest.raises(Uncertain):
        connect(jira).ensure_ticket(draft())
    made, asked = read_ledger(tmp_path / "jira.jsonl")
    assert (made["event"], asked["event"]) == ("jira.issue_created", "jira.request")
    assert (asked["fault"], asked["handled"], asked["method"]) == ("commit_then_drop", 201, "POST")
    for name in ("request_id", "request_sha256"):
        assert made[name] == asked[name]


def test_the_same_request_twice_has_one_digest_and_two_ids(jira: JiraStandin) -> None:
    for _ in range(2):
        httpx.post(f"{jira.url}/rest/api/3/issue", json={"fields": {}}, auth=("stanch@example.com", jira.token))
    first, second = jira.ledger.entries("jira.request")
    assert first["request_sha256"] == second["request_sha256"]
    assert first["request_id"] != second["request_id"]


def test_people_stand_under_no_request_of_ours(jira: JiraStandin) -> None:
    key = connect(jira).ensure_ticket(draft()).key
    jira.reassign(key, to="tom.b")
    entry = jira.ledger.entries("jira.assigned")[0]
    assert (entry["by"], "request_id" in entry) == ("maria.k", False)


def test_a_reset_and_a_new_process_continue_the_file(jira: JiraStandin, tmp_path: Path) -> None:
    connect(jira).ensure_ticket(draft())
    jira.reset()
    connect(jira).ensure_ticket(draft())
    Ledger(tmp_path / "jira.jsonl").append("again", {})
    entries = read_ledger(tmp_path / "jira.jsonl")
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["event"] for entry in entries].count("jira.issue_created") == 2


def test_the_ledger_is_read_over_http_from_a_number_on(jira: JiraStandin) -> None:
    connect(jira).ensure_ticket(draft())
    whole = httpx.get(f"{jira.url}/_control/ledger").json()["entries"]
    assert whole == jira.ledger.everything()
    assert httpx.get(f"{jira.url}/_control/ledger?after=1").json()["entries"] == whole[1:]


def altered(lines: list[str]) -> list[list[str]]:
    changed = json.dumps({**json.loads(lines[1]), "event": "nothing"})
    return [lines[1:], [lines[0], *lines[2:]], [lines[0], lines[0], *lines[1:]], [lines[0], changed, *lines[2:]], ["{"]]


def test_a_line_that_is_missing_doubled_or_altered_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    for number in range(4):
        ledger.append("event", {"number": number})
    lines = path.read_text().splitlines()
    assert len(read_ledger(path)) == 4
    for bad in altered(lines):
        path.write_text("\n".join(bad) + "\n")
        with pytest.raises(LedgerError):
            read_ledger(path)


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    threads = [threading.Thread(target=lambda: [ledger.append("x", {}) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_ledger(tmp_path / "ledger.jsonl")) == 400


# Callbacks that a plan spoils


@pytest.fixture
def inbox(jira: JiraStandin) -> Iterator[list[str]]:
    got: list[str] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append(str(body["issue"]["fields"]["assignee"]["displayName"])[:3])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield got_at(jira, got, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def got_at(jira: JiraStandin, got: list[str], url: str) -> list[str]:
    connect(jira).ensure_ticket(draft())
    jira.callbacks.url = url
    return got


def two_changes(jira: JiraStandin) -> None:
    jira.reassign("MOBP-1", to="tom.b")
    jira.reassign("MOBP-1", to="maria.k")


@pytest.mark.parametrize(
    ("fault", "more", "arrived"),
    [
        ("duplicate_callback", {}, ["Tom", "Tom", "Mar"]),
        ("reordered_callback", {}, ["Mar", "Tom"]),
        ("late_callback", {"seconds": 0.2}, ["Mar", "Tom"]),
        ("lost_callback", {}, ["Mar"]),
    ],
)
def test_a_plan_spoils_callbacks(
    jira: JiraStandin, inbox: list[str], fault: str, more: dict[str, Any], arrived: list[str]
) -> None:
    plan(jira, fault, "callback", **more)
    two_changes(jira)
    jira.callbacks.drain()
    assert inbox == arrived
    assert [entry["fault"] for entry in jira.ledger.entries("jira.request")[-1:]] == [fault]


def test_a_held_callback_goes_after_its_seconds_though_none_follows(jira: JiraStandin, inbox: list[str]) -> None:
    plan(jira, "reordered_callback", "callback", seconds=0.1)
    jira.reassign("MOBP-1", to="tom.b")
    assert eventually(lambda: inbox == ["Tom"])


def eventually(true: Callable[[], bool]) -> bool:
    waiting = threading.Event()
    return any(true() or waiting.wait(0.02) for _ in range(250))
