"""What users of other tools complain about, lived through here: each test names the reports it comes from."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from stanch.sandbox._callbacks import Callback
from stanch.sandbox.jira import DOING, JiraStandin
from tests.faults.storm_town import Town

SECONDS = 20.0


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    made.start()
    yield made
    made.stop()


def finding(uid: str, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "schema": "finding/1",
        "uid": uid,
        "title": f"Debug answers are on {uid}",
        "kind": "weakness",
        "severity": "high",
        "confidence": 0.9,
        "category": "API8:2023",
        "rule": "misconfiguration",
        "api": {"host": "api.example.com", "method": "GET", "path": f"/orders/{uid}/lines"},
    }
    return json.dumps({**given, **more}).encode()


def soon(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen: {what}")


def summary(town: Town, case_id: str) -> dict[str, Any]:
    live = town.client.case(case_id).get("live") or {}
    found: dict[str, Any] = live.get("summary") or {}
    return found


def opened(town: Town, case_id: str) -> str:
    """The key of the case's ticket, once it waits for the fix."""
    soon(lambda: summary(town, case_id).get("state") == "waiting", "the case waits for its fix")
    return str(summary(town, case_id)["ticket_key"])


def tickets(town: Town, uid: str) -> list[str]:
    return [each.key for each in town.around.jira.issues() if each.fields["summary"].endswith(uid)]


def events(town: Town, case_id: str, name: str) -> int:
    return sum(entry["event"] == name for entry in town.client.timeline(case_id))


def again(jira: JiraStandin, callback: Callback, *, number: int) -> None:
    """The same body as a delivery of its own, signed as Jira signs."""
    fresh = f"fresh-{number}"
    headers = {**callback.headers, "X-Atlassian-Webhook-Identifier": fresh}
    jira.callbacks.send(replace(callback, event_id=fresh, headers=headers))
    jira.callbacks.drain()


def test_alerts_that_come_together_share_a_ticket(town: Town) -> None:
    """keephq/keep#1549 (two seconds apart, two tickets), DefectDojo#7709 and #12158, prometheus jiralert#54."""
    with ThreadPoolExecutor(8) as threads:
        sent = list(threads.map(lambda _: town.client.send("own", finding("p1")), range(8)))
    assert len({each["case_id"] for each in sent}) == 1
    case_id = str(sent[0]["case_id"])
    key = opened(town, case_id)
    time.sleep(2)
    assert town.client.send("own", finding("p1"))["case_id"] == case_id
    time.sleep(1)
    assert tickets(town, "p1") == [key]


def test_another_address_is_the_same_problem(town: Town) -> None:
    """tenable/integration-jira-cloud#117: the address was in the key, so a new lease of it made a new ticket."""
    first, second = (
        str(town.client.send("own", finding("p2", actor={"ip": ip}))["case_id"])
        for ip in ("198.51.100.7", "203.0.113.9")
    )
    assert first == second
    key = opened(town, first)
    assert tickets(town, "p2") == [key]


@pytest.mark.long  # Temporal gives a killed worker ten seconds to come back for the cases it had
def test_a_restart_makes_nothing_anew(town: Town) -> None:
    """tenable/integration-jira-cloud#186, keephq/keep#4650: what was known was forgotten with the process."""
    case_id = str(town.client.send("own", finding("p3"))["case_id"])
    key = opened(town, case_id)
    asyncio.run(town.kill_worker())
    assert town.client.send("own", finding("p3"))["case_id"] == case_id
    town.around.jira.transition(key, by="tom.b")
    soon(lambda: events(town, case_id, "ticket.reopen.outcome"), "the new worker goes on with the case")
    assert tickets(town, "p3") == [key]


def test_a_tracker_that_is_down_delays_its_ticket_and_nothing_else(town: Town) -> None:
    """Netflix/dispatch writes a placeholder then; here nothing pretends to be a ticket, and people are told at once."""
    rule = town.around.jira.faults.plan({"fault": "server_error", "probability": 1.0})
    case_id = str(town.client.send("own", finding("p4"))["case_id"])
    told = town.around.slack.ledger
    soon(lambda: any("p4" in json.dumps(each) for each in told.entries("slack.posted")), "the product manager is told")
    shown = soon(lambda: summary(town, case_id), "the case is seen")
    assert (shown["ticket_key"], shown["ticket_url"], tickets(town, "p4")) == ("", "", [])
    town.around.jira.faults.remove(rule)
    key = opened(town, case_id)
    assert tickets(town, "p4") == [key]


def test_an_old_word_is_no_news(town: Town) -> None:
    """DefectDojo#14716, #9552, #2440; getsentry/sentry#62565: a callback with yesterday's status closed what was open,
    and our own change came back as somebody's.
    """
    jira = town.around.jira
    case_id = str(town.client.send("own", finding("p5"))["case_id"])
    key = opened(town, case_id)
    jira.transition(key, by="tom.b")
    said_done = jira.callbacks.sent[-1]
    soon(lambda: events(town, case_id, "ticket.reopen.outcome"), "the scanner still finds it, so it goes back")
    ours = [
        each for each in jira.callbacks.sent if each.key == key and b'"stanch-bot"' in each.body.split(b'"issue"')[0]
    ]
    assert ours, "our own moves are called back too"
    for number, callback in enumerate((said_done, *ours)):
        again(jira, callback, number=number)
    time.sleep(1)
    assert jira.issue(key).status == DOING
    assert events(town, case_id, "ticket.resolved") == 1
    assert events(town, case_id, "ticket.reopen.intent") == 1
    assert summary(town, case_id)["ticket_state"] == "in_progress"


def test_done_without_a_resolution_is_done(town: Town) -> None:
    """DefectDojo#14347: many projects have no resolution; the category of the status is what counts."""
    jira = town.around.jira
    sent = town.client.send("own", finding("p6"))
    case_id = str(sent["case_id"])
    key = opened(town, case_id)
    if town.around.scanner is not None:
        town.around.scanner.mark_fixed(str(sent["finding_id"]))
    with jira.lock:
        jira.transition(key, by="tom.b")
        jira.issue(key).resolution = ""
    soon(lambda: summary(town, case_id).get("state") == "verifying", "the case ends")


def test_a_problem_that_comes_back_opens_its_ticket_again(town: Town) -> None:
    """DefectDojo#1408, #13215; getsentry/sentry#102774; jiralert#50; alertmanager#4431."""
    jira = town.around.jira
    sent = town.client.send("own", finding("p7"))
    case_id = str(sent["case_id"])
    key = opened(town, case_id)
    scanner = town.around.scanner
    assert scanner is not None
    scanner.mark_fixed(str(sent["finding_id"]))
    jira.transition(key, by="tom.b")
    soon(lambda: summary(town, case_id).get("state") == "verifying", "the case ends")
    soon(lambda: town.client.case(case_id)["case"]["state"] == "verifying", "its end is on record")
    scanner.mark_fixed(str(sent["finding_id"]), fixed=False)
    back = finding("p7", description="It is back since the last deployment.")
    assert town.client.send("own", back)["case_id"] == case_id
    assert opened(town, case_id) == key
    assert jira.issue(key).status == DOING
    assert tickets(town, "p7") == [key]
