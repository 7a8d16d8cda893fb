"""The pages of both trackers: a person resolves by a button, another site does not, and texts stay texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from jira_support import connect as connect_jira
from servicenow_support import connect as connect_now
from ticket_support import HOSTILE, draft

from stanch.ports import TicketPort, TicketState
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin

Standins = JiraStandin | ServiceNowStandin
CODES = {"jira": "Won't Do", "servicenow": "Duplicate"}


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, Standins]]:
    with JiraStandin() as jira, ServiceNowStandin() as now:
        yield {"jira": jira, "servicenow": now}


@pytest.fixture(params=["jira", "servicenow"])
def tracker(request: pytest.FixtureRequest, both: dict[str, Standins]) -> Standins:
    both[request.param].reset()
    return both[request.param]


@pytest.fixture
def port(tracker: Standins) -> TicketPort:
    return connect_jira(tracker) if isinstance(tracker, JiraStandin) else connect_now(tracker)


@pytest.fixture
def browser(tracker: Standins) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tracker.url, headers={"Origin": tracker.url}, follow_redirects=True) as client:
        yield client


def press(browser: httpx.Client, key: str, do: str, **form: str) -> httpx.Response:
    """Press as a browser does: with what stands in the form of the page."""
    found = re.search(r'name="token" value="([^"]+)"', browser.get(f"/ticket/{key}").text)
    token = found.group(1) if found else ""
    return browser.post(f"/ticket/{key}", data={"token": token, "do": do, "by": "maria.k", **form})


def test_a_person_works_a_ticket_by_buttons(tracker: Standins, port: TicketPort, browser: httpx.Client) -> None:
    key = port.ensure_ticket(draft()).key
    assert f'href="/ticket/{key}"' in browser.get("/").text
    assert "tom.b" in press(browser, key, "reassign", to="tom.b").text
    assert "Is this ours?" in press(browser, key, "comment", text="Is this ours?").text
    shown = press(browser, key, "resolve", resolution=CODES[tracker.name]).text
    assert CODES[tracker.name].replace("'", "&#39;") in shown
    assert 'value="reopen"' in shown
    assert 'value="resolve"' not in shown
    done = port.get_ticket(key)
    assert (done.state, done.assignee, done.changed_by) == (TicketState.DONE, "tom.b", "maria.k")
    assert 'value="resolve"' in press(browser, key, "reopen").text
    assert port.get_ticket(key).state is TicketState.IN_PROGRESS
    assert len(tracker.callbacks.sent) >= 5


def test_the_tickets_own_link_leads_to_its_page(port: TicketPort, browser: httpx.Client) -> None:
    ticket = port.ensure_ticket(draft())
    assert f'action="/ticket/{ticket.key}"' in browser.get(ticket.url).text


def test_what_cannot_be_done_is_said_on_the_page(tracker: Standins, port: TicketPort, browser: httpx.Client) -> None:
    key = port.ensure_ticket(draft()).key
    answer = press(browser, key, "priority", to="<b>none</b>")
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert "<b>none" not in answer.text
    assert browser.get("/ticket/NONE-1").status_code == 404


@pytest.mark.parametrize("text", [*HOSTILE, "</pre><script>alert(1)</script>", '" onmouseover="x'])
def test_hostile_texts_stay_texts(tracker: Standins, port: TicketPort, browser: httpx.Client, text: str) -> None:
    key = port.ensure_ticket(draft(summary=text, body=text)).key
    port.add_note(key, text, marker="aa" * 8)
    for page in (browser.get("/"), browser.get(f"/ticket/{key}")):
        assert "<script" not in page.text
        assert 'onmouseover="x' not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_another_site_presses_nothing(
    tracker: Standins, port: TicketPort, browser: httpx.Client, headers: dict[str, str]
) -> None:
    key = port.ensure_ticket(draft()).key
    found = re.search(r'name="token" value="([^"]+)"', browser.get(f"/ticket/{key}").text)
    form = {"token": found.group(1) if found else "", "do": "resolve", "by": "maria.k"}
    assert browser.post(f"/ticket/{key}", data=form, headers=headers).status_code == 403
    assert browser.post(f"/ticket/{key}", data={**form, "token": "guess"}).status_code == 403
    order = {"do": "resolve", "key": key}
    assert httpx.post(f"{tracker.url}/_control/act", json=order, headers=headers).status_code == 403
    assert (
        httpx.post(f"{tracker.url}/_control/act", content=b"{}", headers={"content-type": "text/plain"}).status_code
        == 403
    )
    assert port.get_ticket(key).state is TicketState.NEW


@pytest.mark.parametrize("path", ["/", "/ticket/MOBP-1", "/_control/ledger", "/_control/tickets"])
def test_a_foreign_name_for_this_machine_sees_nothing(tracker: Standins, path: str) -> None:
    assert httpx.get(tracker.url + path, headers={"Host": "rebound.example"}).status_code == 403
