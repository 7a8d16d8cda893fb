"""What lists show while very many requests wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from test_web_console import Page
from web_support import ROUTES, Edge, FixedPolicy, Rules

from stanch.approvals import ApprovalRequest, ApprovalState, Need
from stanch.routing import load_routes
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.web import looking
from stanch.web.console import pages
from stanch.web.slack_home import waiting_for

END = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(scope="module")
def full(temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A web service where 230 cases ask."""
    with Edge(tmp_path_factory.mktemp("bursts"), temporal.address) as made:
        for number in range(230):
            made.records.put_approval(ApprovalState(request=request(number)))
        yield made


def request(number: int, **more: Any) -> ApprovalRequest:
    given: dict[str, Any] = {
        "approval_id": f"a-{number}",
        "case_id": f"case-burst-{number}",
        "episode": "e",
        "step": "ok",
        "question": f"Block number {number}?",
        "needs": (Need(from_=("user:maria",), names=("user:maria",)),),
        "created_at": END - timedelta(hours=4),
        "expires_at": END + timedelta(seconds=number),
    }
    return ApprovalRequest(**(given | more))


def page(edge: Edge, principal: str = "user:maria") -> str:
    with httpx.Client(base_url=edge.url, follow_redirects=True, timeout=20) as browser:
        first = Page(browser.post("/login", data={"token": edge.services.api_token}).text)
        browser.post("/who", data={"csrf": first.inputs["csrf"], "principal": principal})
        return browser.get("/approvals").text


def test_the_list_holds_more_than_two_hundred(full: Edge) -> None:
    found = full.http.get("/v1/approvals", headers=full.api()).json()["approvals"]
    assert len(found) == 230
    assert "more wait" not in page(full)


def test_the_page_says_that_it_is_cut(full: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (looking, pages):
        monkeypatch.setattr(module, "MOST_PENDING", 5)
    text = page(full)
    assert "These are the 5 that end soonest; more wait" in text
    assert "number 4?" in text
    assert "number 5?" not in text


def test_who_stands_in_decides_in_the_console_and_sees_it_at_home(full: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(principal: str) -> bool:
        return any(item.case_id == "case-burst-0" for item in asyncio.run(waiting_for(full.services, principal)))

    assert "You are not among those who may decide" in page(full, "user:tom")
    assert not waits("user:tom")
    away = "{name: Maria K., away: [{from: 2020-01-01T00:00:00Z, until: 2090-01-01T00:00:00Z, instead: user:tom}],"
    known = full.services.policy.current
    routes = load_routes(ROUTES.replace("{name: Maria K.,", away))
    changed = FixedPolicy(Rules(known.sources, routes, known.inventory))
    monkeypatch.setattr(full.services, "policy", changed)
    text = page(full, "user:tom")
    assert "You are not among those who may decide" not in text
    assert 'value="approve"' in text
    assert waits("user:tom")
