"""What lists show while very many requests wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from test_web_console import Page
from web_support import Edge

from stanch.approvals import ApprovalRequest, ApprovalState, Need
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.web import looking
from stanch.web.console import pages

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
