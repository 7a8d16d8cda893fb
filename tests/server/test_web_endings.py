"""People attest, put away and take back, over HTTP, from the shell and in the console."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result
from web_support import Edge, eventually, finding

from stanch.cli import case
from stanch.records import FindingRow, Suppression

_NUMBERS = itertools.count()


def opened(whole: Edge, **more: Any) -> str:
    """A case that waits for a decision."""
    number = next(_NUMBERS)
    api = {"host": "shop.example.com", "method": "GET", "path": f"/ending{number}/1"}
    answer = whole.send(finding(uid=f"E-{number}", api=api, **more), delivery_id=f"e-{number}")
    case_id: str = answer.json()["results"][0]["case_id"]
    eventually(lambda: whole.case(case_id)["live"] and whole.case(case_id)["case"])
    return case_id


def say(whole: Edge, case_id: str, kind: str, *, by: str = "user:maria", **body: Any) -> httpx.Response:
    return whole.http.post(f"/v1/cases/{case_id}/{kind}", json=body, headers=whole.api(by=by))


def events(whole: Edge, case_id: str) -> list[str]:
    return [item.event for item in whole.records.timeline(case_id)]


def put_away(whole: Edge, case_id: str) -> Suppression | None:
    return whole.records.suppressions_of([case_id], datetime.now(UTC)).get(case_id)


def test_a_person_attests_with_a_reason(whole: Edge) -> None:
    case_id = opened(whole)
    assert say(whole, case_id, "attest", text="saw it in production").status_code == 202
    eventually(lambda: "case.attest" in events(whole, case_id) and "finding.rescan_clean" in events(whole, case_id))


@pytest.mark.parametrize(
    ("by", "body", "status", "code"),
    [
        ("", {"text": "fixed"}, 403, "W002"),
        ("user:maria", {"text": " "}, 422, "W006"),
        ("user:maria", {}, 422, "W006"),
        ("user:maria", {"text": "x", "as": "fixed"}, 422, "W006"),
    ],
)
def test_nobody_attests_without_name_or_reason(
    whole: Edge, by: str, body: dict[str, Any], status: int, code: str
) -> None:
    case_id = opened(whole)
    answer = say(whole, case_id, "attest", by=by, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_who_has_opened_it_again_cannot_attest(whole: Edge) -> None:
    case_id = opened(whole)
    say(whole, case_id, "close")
    eventually(lambda: whole.case(case_id)["case"]["state"] == "closed")
    eventually(lambda: say(whole, case_id, "reopen", by="user:tom", text="it is back").status_code == 202)
    eventually(lambda: whole.case(case_id)["live"]["requested_by"] == "user:tom")
    answer = say(whole, case_id, "attest", by="user:tom", text="fixed")
    assert (answer.status_code, answer.json()["code"]) == (403, "W013")
    assert say(whole, case_id, "attest", by="user:maria", text="fixed").status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {"as": "wont_fix", "text": "x"},
        {"as": "false_positive"},
        {"as": "risk_accepted", "text": " "},
        {"as": "fixed", "until": "9d"},
        {"as": "risk_accepted", "text": "x", "until": "366d"},
        {"as": "risk_accepted", "text": "x", "until": "0d"},
        {"as": "risk_accepted", "text": "x", "until": "soon"},
        {"until": "9d"},
        {"as": "risk_accepted", "text": "x", "for": "ever"},
    ],
)
def test_a_close_that_makes_no_sense_is_refused(whole: Edge, body: dict[str, Any]) -> None:
    case_id = opened(whole)
    answer = say(whole, case_id, "close", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "W006")
    assert "case.close" not in events(whole, case_id)


def test_putting_away_needs_a_person(whole: Edge) -> None:
    case_id = opened(whole)
    assert say(whole, case_id, "close", by="", **{"as": "false_positive", "text": "x"}).status_code == 403
    assert say(whole, case_id, "close", by="").status_code == 202


def test_the_risk_of_an_attack_cannot_be_accepted(whole: Edge) -> None:
    case_id = opened(whole, kind="attack", actor={"user_id": "mallory"})
    answer = say(whole, case_id, "close", **{"as": "risk_accepted", "text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (409, "W014")


def test_an_accepted_risk_is_shown_and_ends_when_the_case_is_opened_again(whole: Edge) -> None:
    case_id = opened(whole)
    assert (
        say(whole, case_id, "close", **{"as": "risk_accepted", "text": "rewrite in June", "until": "30d"}).status_code
        == 202
    )
    found = eventually(lambda: put_away(whole, case_id))
    assert (found.kind, found.by, found.reason) == ("risk_accepted", "user:maria", "rewrite in June")
    assert timedelta(days=29) < found.until - datetime.now(UTC) <= timedelta(days=30)
    assert whole.case(case_id)["suppression"]["kind"] == "risk_accepted"
    eventually(lambda: whole.case(case_id)["case"]["state"] == "closed")
    eventually(lambda: say(whole, case_id, "reopen", by="user:tom", text="no").status_code == 202)
    eventually(lambda: whole.case(case_id)["approvals"])
    assert put_away(whole, case_id) is None
    assert "suppression.ended" in events(whole, case_id)


def test_a_case_that_is_over_can_still_be_put_away(whole: Edge) -> None:
    case_id = opened(whole)
    say(whole, case_id, "close")
    eventually(lambda: whole.case(case_id)["case"]["state"] == "closed")
    body = {"as": "false_positive", "text": "a test user"}
    eventually(lambda: put_away(whole, case_id) or (say(whole, case_id, "close", **body) and None))
    assert events(whole, case_id)[-1] == "case.put_away"
    answer = say(whole, "case-never", "close", **body)
    assert (answer.status_code, answer.json()["code"]) == (404, "W005")


# -- links


def linked(whole: Edge) -> tuple[str, str]:
    one, two = opened(whole), opened(whole)
    api = {"host": "h.example.com", "method": "GET", "path_template": f"/linked{one}"}
    rows = [
        FindingRow(case_id, f"l-{case_id}", "own", datetime.now(UTC), {"kind": kind, "api": api})
        for case_id, kind in ((one, "weakness"), (two, "attack"))
    ]
    whole.records.connect_findings(rows)
    return one, two


def test_links_are_shown_on_both_cases(whole: Edge) -> None:
    one, two = linked(whole)
    for case_id, other in ((one, two), (two, one)):
        (link,) = whole.case(case_id)["links"]
        assert link["other"] == other
        shown = run(whole, "show", case_id).stdout
        assert f"belongs to {other}: " in shown


# -- shell


def run(whole: Edge, *arguments: str, by: str = "") -> Result:
    environment = {"STANCH_URL": whole.url, "STANCH_API_TOKEN": whole.services.api_token, "STANCH_AS": by}
    return CliRunner().invoke(case.app, arguments, env=environment)


def test_the_shell_attests_and_puts_away(whole: Edge) -> None:
    case_id = opened(whole)
    assert run(whole, "attest", case_id, "--as", "user:maria").exit_code == 2
    assert run(whole, "attest", case_id, "--reason", "seen").exit_code == 1
    done = run(whole, "attest", case_id, "--as", "user:maria", "--reason", "seen")
    assert (done.exit_code, done.stdout.strip()) == (0, "attest: accepted")
    closed = run(
        whole,
        "close",
        case_id,
        "--as",
        "false_positive",
        "--as",
        "user:maria",
        "--until",
        "30d",
        "--reason",
        "a test user",
    )
    assert (closed.exit_code, closed.stdout.strip()) == (0, "close: accepted")
    eventually(lambda: put_away(whole, case_id))
    assert "put away as false_positive until" in run(whole, "show", case_id).stdout


@pytest.mark.parametrize("given", [["fixed", "duplicate"], ["user:a", "user:b"], ["nonsense"]])
def test_the_shell_takes_one_person_and_one_resolution(whole: Edge, given: list[str]) -> None:
    words = [word for each in given for word in ("--as", each)]
    assert run(whole, "close", "case-1", *words).exit_code == 2


def test_who_you_are_may_stand_in_the_environment(whole: Edge) -> None:
    case_id = opened(whole)
    done = run(whole, "close", case_id, "--as", "duplicate", "--reason", "see the other", by="user:tom")
    assert done.exit_code == 0
    assert eventually(lambda: put_away(whole, case_id)).by == "user:tom"


# -- console


@pytest.fixture(scope="module")
def console(whole: Edge) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=whole.url, timeout=20, trust_env=False, follow_redirects=True) as client:
        client.post("/login", data={"token": "one-time-token"}, headers={"origin": whole.url})
        page = client.get("/who")
        client.post("/who", data={"csrf": token(page.text), "principal": "user:maria"}, headers={"origin": whole.url})
        yield client


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]


def test_the_console_attests_and_puts_away(whole: Edge, console: httpx.Client) -> None:
    case_id = opened(whole)
    page = console.get(f"/cases/{case_id}").text

    def click(kind: str, **fields: str) -> str:
        data = {"csrf": token(page), "click": f"{case_id}{len(fields)}", "text": "", "as": "", "until": "90d", **fields}
        return console.post(f"/cases/{case_id}/{kind}", data=data, headers={"origin": whole.url}).text

    assert "Say how you know that it is fixed." in click("attest")
    assert "Noted that it is fixed, in your name." in click("attest", text="saw it")
    assert "Putting a finding away needs a reason." in click("close", **{"as": "risk_accepted"})
    assert "Asked to close" in click("close", text="planned", until="30d", **{"as": "risk_accepted"})
    found = eventually(lambda: put_away(whole, case_id))
    assert (found.by, found.kind) == ("user:maria", "risk_accepted")
    shown = console.get(f"/cases/{case_id}").text
    assert "Put away as" in shown
    assert "planned" in shown


def test_the_console_shows_links(whole: Edge, console: httpx.Client) -> None:
    one, two = linked(whole)
    assert f'href="/cases/{two}"' in console.get(f"/cases/{one}").text
