"""The console without a browser: login, forms, and untrusted text that stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
from web_support import Edge, eventually, finding

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} \u202eevil'


class Page(HTMLParser):
    """What a browser would build: scripts, handlers and forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.images: list[str | None] = []
        self.inputs: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "script":
            self.scripts.append(given.get("src"))
        if tag == "img":
            self.images.append(given.get("src"))
        if tag == "input" and given.get("name"):
            self.inputs[str(given["name"])] = given.get("value") or ""


@pytest.fixture
def browser(whole: Edge) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=whole.url, follow_redirects=True, timeout=20) as client:
        page = Page(client.post("/login", data={"token": whole.services.api_token}).text)
        client.post("/who", data={"csrf": page.inputs["csrf"], "principal": "user:maria"})
        yield client


def csrf(browser: httpx.Client, path: str) -> str:
    return Page(browser.get(path).text).inputs["csrf"]


def new_case(whole: Edge, name: str, **more: object) -> str:
    case: str = whole.send(finding(uid=name, **more), delivery_id=name).json()["results"][0]["case_id"]
    return case


def test_the_printed_token_works_once(whole: Edge) -> None:
    with httpx.Client(base_url=whole.url) as one, httpx.Client(base_url=whole.url) as other:
        assert one.post("/login", data={"token": "one-time-token"}).headers["location"] == "/who?next=/"
        refused = other.post("/login", data={"token": "one-time-token"})
        assert refused.status_code == 401
        assert "used before" in refused.text


def test_the_session_cookie_is_for_this_site_only(whole: Edge) -> None:
    cookie = httpx.post(f"{whole.url}/login", data={"token": whole.services.api_token}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()


def test_a_cookie_that_was_changed_is_no_login(whole: Edge, browser: httpx.Client) -> None:
    value = browser.cookies["stanch_session"]
    for broken in (value[:-1] + "x", "x" + value, value.split(".")[0], ".", "a.b"):
        answer = httpx.get(whole.url, headers={"cookie": f"stanch_session={broken}"})
        assert answer.status_code == 303


def test_after_logout_the_cookie_is_worthless(whole: Edge, browser: httpx.Client) -> None:
    cookie = browser.cookies["stanch_session"]
    browser.post("/logout", data={"csrf": csrf(browser, "/who")})
    assert httpx.get(whole.url, headers={"cookie": f"stanch_session={cookie}"}).status_code == 303


def test_forms_need_the_sessions_own_token(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-1")
    for path in (f"/cases/{case_id}/comment", f"/cases/{case_id}/decide", "/halt", "/resume", "/leases/x/lift"):
        for token in ("", "0" * 64):
            answer = browser.post(path, data={"csrf": token, "text": "x", "reason": "x"})
            assert answer.status_code == 403, path
    assert whole.records.halts() == []


def test_nothing_is_decided_by_a_get(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-1")
    answer = browser.get(f"/cases/{case_id}/decide", params={"verdict": "approve"})
    assert answer.status_code in (404, 405)


def test_untrusted_text_stays_text_on_every_page(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-2", title=HOSTILE, description=HOSTILE, labels=[HOSTILE])
    whole.send(finding(uid="C-3", severity=HOSTILE, title=HOSTILE), delivery_id="C-3")
    ticket = eventually(lambda: whole.case(case_id)["case"]["ticket_key"])
    eventually(lambda: whole.case(case_id)["approvals"])
    paths = ["/", f"/cases/{case_id}", f"/board/{ticket}", "/board", "/approvals", "/quarantine", "/leases", "/who"]
    for path in [*paths, f"/?q={HOSTILE}"]:
        answer = browser.get(path)
        page = Page(answer.text)
        assert answer.status_code == 200, path
        assert page.scripts == ["/static/htmx-4.0.1.min.js"], path
        assert page.images == ["/static/icon.svg"], path
        assert page.handlers == [], path
        assert "\u202e" not in answer.text, path
        assert "49" not in re.findall(r"evil.{0,20}", answer.text), path


def test_a_case_page_shows_all_that_is_approved(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-4", api={"host": "shop.example.com", "method": "GET", "path": "/invoices/7"})
    request = eventually(lambda: whole.case(case_id)["approvals"])[0]["request"]
    eventually(lambda: whole.case(case_id)["live"]["summary"]["ticket_key"])
    text = browser.get(f"/cases/{case_id}").text
    for value in ("shop.example.com", "/invoices/{p}", "block.scope", request["digest"][:12], "BOARD-"):
        assert value in text
    assert Page(text).inputs["digest"] == request["digest"]


def test_people_see_how_critical_the_api_is_before_they_decide(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-rated", api={"host": "shop.example.com", "method": "GET", "path": "/returns/7"})
    eventually(lambda: whole.case(case_id)["approvals"])
    for path in (f"/cases/{case_id}", "/approvals"):
        text = browser.get(path).text
        assert re.search(r"<dt>Criticality</dt><dd>\s*critical", text), path
        assert re.search(r"<dt>Business owner</dt><dd>\s*Maria", text), path


def test_what_waits_is_only_sent_again_when_it_changes(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-5", api={"host": "shop.example.com", "method": "GET", "path": "/carts/7"})
    eventually(lambda: whole.case(case_id)["approvals"])
    seen = re.search(r"asked\?seen=(\w+)", browser.get(f"/cases/{case_id}").text)
    assert seen is not None
    again = browser.get(f"/cases/{case_id}/asked", params={"seen": seen[1]}, headers={"hx-request": "true"})
    assert again.status_code == 204
    assert browser.get(f"/cases/{case_id}/asked", headers={"hx-request": "true"}).status_code == 200


def test_somebody_who_may_not_decide_sees_who_may(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-5", api={"host": "shop.example.com", "method": "GET", "path": "/carts/7"})
    browser.post("/who", data={"csrf": csrf(browser, "/who"), "principal": "user:tom"})
    text = browser.get(f"/cases/{case_id}").text
    assert "You are not among those who may decide: Maria K." in text
    assert 'value="approve"' not in text


def test_a_ticket_of_the_board_is_worked_on_by_a_person(whole: Edge, browser: httpx.Client) -> None:
    case_id = new_case(whole, "C-6", api={"host": "shop.example.com", "method": "GET", "path": "/refunds/7"})
    ticket = eventually(lambda: whole.case(case_id)["case"]["ticket_key"])
    token = csrf(browser, f"/board/{ticket}")
    browser.post(f"/board/{ticket}/assign", data={"csrf": token, "to": "user:tom"})
    browser.post(f"/board/{ticket}/note", data={"csrf": token, "text": "looking", "click": "n1"})
    page = browser.post(f"/board/{ticket}/resolve", data={"csrf": token, "resolution": "fixed"}).text
    assert "Done." in page
    assert "Tom B." in page
    assert "looking" in page
    found = whole.records.board_ticket(ticket)
    assert (found.assignee, found.state.value, found.changed_by) == ("user:tom", "done", "user:maria")
    assert eventually(lambda: whole.case(case_id)["live"]["summary"]["ticket_state"] == "done")


def test_a_notice_cannot_be_made_by_somebody_else(whole: Edge, browser: httpx.Client) -> None:
    browser.cookies.set("stanch_notice", "WyJ5b3Ugd29uIiwgZmFsc2Vd.0000")
    assert "you won" not in browser.get("/").text


def test_mistakes_are_explained_in_a_page(browser: httpx.Client) -> None:
    answer = browser.get("/cases/case-none")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no such case." in answer.text


def test_a_link_to_a_case_leads_there_after_the_login(whole: Edge) -> None:
    case_id = new_case(whole, "C-1")
    with httpx.Client(base_url=whole.url, follow_redirects=True) as client:
        page = client.get(f"/cases/{case_id}")
        assert str(page.url).endswith(f"/login?next=/cases/{case_id}")
        fields = Page(page.text).inputs | {"token": whole.services.api_token}
        who = Page(client.post("/login", data=fields).text).inputs
        landed = client.post("/who", data=who | {"principal": "user:tom"})
        assert str(landed.url) == f"{whole.url}/cases/{case_id}"


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/\\evil.example", "/x?y=//evil", "javascript:1"]
)
def test_a_login_leads_nowhere_else(whole: Edge, where: str) -> None:
    answer = httpx.get(f"{whole.url}/login", params={"next": where}, headers={"sec-fetch-site": "cross-site"})
    assert Page(answer.text).inputs["next"] == "/"
    assert "evil" not in answer.text


def test_a_visit_by_a_link_from_elsewhere_is_tried_again_once(whole: Edge) -> None:
    params = {"next": "/cases/case-a"}
    linked = httpx.get(f"{whole.url}/login", params=params, headers={"sec-fetch-site": "cross-site"}).text
    own = httpx.get(f"{whole.url}/login", params=params, headers={"sec-fetch-site": "same-origin"}).text
    assert 'http-equiv="refresh" content="0;url=/cases/case-a"' in linked
    assert "refresh" not in own
