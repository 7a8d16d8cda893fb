"""Attacks on approvals through the doors that an attacker has; each succeeds once its protection is switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import typer
from attack_support import Target, attacked
from attacks import AWAY, ROWS
from attacks_around import AROUND
from test_web_console import Page
from typer.testing import CliRunner
from web_support import SECRET, eventually

from stanch.cli.decide import approve
from stanch.errors import DependencyError
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.web.decisions import LOOKING, PATIENCE, STORING
from stanch.web.slack_clicks import ACK_SECONDS
from stanch.web.slack_people import LOOKUP_SECONDS


@pytest.fixture(scope="module")
def target(temporal: EmbeddedTemporal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with (
        pytest.MonkeyPatch.context() as patch,
        attacked(tmp_path_factory.mktemp("target"), temporal.address) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made


ALL = ROWS | AROUND


SLOW = {"deadline"}  # waits for the end of a request twice


@pytest.mark.parametrize("row", [pytest.param(row, marks=pytest.mark.long) if row in SLOW else row for row in ALL])
def test_the_attack_fails_and_would_work_without_its_protection(
    target: Target, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack, switch_off = ALL[row]
    assert not attack(target, f"{row}-on")
    switch_off(monkeypatch)
    assert attack(target, f"{row}-off"), "the test cannot fail: the attack does not work even without protection"


def test_without_an_attack_the_approver_decides(target: Target) -> None:
    request = target.ask("plain")
    assert "Approved by Maria" in target.press(target.token(request)).json()["text"]
    assert target.is_approved(request)


def test_a_click_of_nobody_knows_whom_is_nobodys(target: Target) -> None:
    request, known = target.ask("unknown"), target.workspace.user

    def fail(user_id: str) -> Any:
        raise DependencyError("Slack does not answer", code="D012")

    target.workspace.user = fail  # type: ignore[method-assign]
    try:
        target.press(target.token(request))
    finally:
        target.workspace.user = known  # type: ignore[method-assign]
    assert target.still_asks(request)


def test_who_stands_in_decides_in_the_name_of_who_is_away(target: Target) -> None:
    request = target.ask("away")
    with target.directory("{name: Maria K.,", "{name: Maria K., away: " + AWAY + ","):
        answer = target.press(target.token(request), user="U01LEA")
    assert answer.json()["text"] == "Approved by Lea P. for Maria K.."[:-1]
    assert target.is_approved(request)
    line = eventually(
        lambda: [item for item in target.records.timeline(request["case_id"]) if item.event == "approval.vote"]
    )[0]
    assert (line.data["principal"], line.data["stands_in_for"]) == ("user:lea", "user:maria")


def test_who_stands_in_for_two_takes_the_seat_that_is_left(target: Target) -> None:
    """Maria is away and votes all the same, so that her stand-in has Tom's seat, for whom she stands in, too."""
    request = target.ask("two-seats", "pair")
    away = "away: " + AWAY + ","
    with target.directory("{name: Maria K.,", "{name: Maria K., " + away, "{name: Tom B.,", "{name: Tom B., " + away):
        target.press(target.token(request))
        voted = eventually(lambda: target.records.approval(request["approval_id"]).votes)  # type: ignore[union-attr]
        assert [vote.principal for vote in voted] == ["user:maria"]
        answer = target.press(target.token(request), user="U01LEA")
    assert "Lea P. for Tom B." in answer.json()["text"]
    assert target.is_approved(request)


# -- like requests -----------------------------------------------------------------------------------------------------


def named(request: dict[str, Any], **other: str) -> dict[str, str]:
    return {name: request[name] for name in ("case_id", "approval_id", "digest")} | other


def decide(target: Target, items: list[dict[str, str]], *, by: str, verdict: str = "approve") -> httpx.Response:
    return target.http.post("/v1/decisions", json={"items": items, "verdict": verdict}, headers=target.api(by=by))


def group_of(target: Target, request: dict[str, Any]) -> str:
    waiting = target.http.get("/v1/approvals", headers=target.api()).json()["approvals"]
    return next(item["group"] for item in waiting if item["request"]["approval_id"] == request["approval_id"])


@pytest.fixture(scope="module")
def like(target: Target) -> list[dict[str, Any]]:
    return [target.ask(f"like-{number}") for number in range(4)]


def test_like_requests_have_one_group_and_others_another(target: Target, like: list[dict[str, Any]]) -> None:
    other = target.ask("other", "pair")
    assert len({group_of(target, request) for request in like}) == 1
    assert group_of(target, other) != group_of(target, like[0])
    mixed = decide(target, [named(like[0]), named(other)], by="user:maria")
    assert (mixed.status_code, mixed.json()["code"]) == (422, "W015")
    assert target.still_asks(like[0])


@pytest.mark.parametrize("items", [[], ["twice", "twice"], ["other case"]])
def test_what_was_not_shown_like_this_is_not_taken(
    target: Target, like: list[dict[str, Any]], items: list[str]
) -> None:
    given = [named(like[0], **({"case_id": like[1]["case_id"]} if item == "other case" else {})) for item in items]
    assert decide(target, given, by="user:maria").status_code == 422
    assert target.still_asks(like[0])


def test_the_page_shows_each_and_decides_about_the_ticked_ones(target: Target, like: list[dict[str, Any]]) -> None:
    with httpx.Client(base_url=target.url, follow_redirects=True, timeout=20) as browser:
        page = Page(browser.post("/login", data={"token": target.services.api_token}).text)
        browser.post("/who", data={"csrf": page.inputs["csrf"], "principal": "user:maria"})
        text = browser.get("/approvals").text
        assert " like requests of hold one" in text
        assert all(request["digest"] in text for request in like)
        outside = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        for request in like:
            assert f'path: <span class="mono">{request["params"]["path"]}</span>' in outside
        fields = {"csrf": Page(text).inputs["csrf"], "verdict": "deny", "click": "c1", "reason": "not today"}
        ticked = {"item.1": " ".join(named(like[3]).values())}
        assert "1 of 1 decisions counted" in browser.post("/approvals", data=fields | ticked).text
        assert browser.post("/approvals", data=ticked | {"verdict": "approve"}).status_code == 403
    assert target.votes(like[0]) == []


def test_each_item_has_its_own_decision_and_what_changed_or_came_later_is_not_decided(
    target: Target, like: list[dict[str, Any]]
) -> None:
    later = target.ask("like-later")
    stale = named(like[2], digest="0" * 64)
    answer = decide(target, [named(like[0]), named(like[1]), stale], by="user:maria").json()
    assert answer["status"] == "partial"
    assert [result["code"] for result in answer["results"]] == ["A000", "A000", "A002"]
    assert all(target.is_approved(request) for request in like[:2])
    assert target.votes(like[1]) == [("user:maria", "approve")]
    assert target.still_asks(like[2])
    assert target.still_asks(later)
    outsider = decide(target, [named(like[2]), named(later)], by="user:eve").json()
    assert (outsider["status"], {result["code"] for result in outsider["results"]}) == ("refused", {"A006"})


def test_the_shell_prints_all_and_asks_once(target: Target) -> None:
    requests = [target.ask(f"shell-{number}", "shell") for number in range(2)]
    environment = {"STANCH_URL": target.url, "STANCH_API_TOKEN": target.services.api_token, "STANCH_AS": "user:maria"}
    arguments = [requests[0]["case_id"], "--group"]
    app = typer.Typer()
    app.command()(approve)
    asked = CliRunner().invoke(app, arguments, env=environment, input="n\n")
    assert asked.exit_code == 1
    assert all(request["digest"] in asked.stderr for request in requests)
    assert target.still_asks(requests[1])
    done = CliRunner().invoke(app, [*arguments, "--yes"], env=environment)
    assert done.exit_code == 0, done.output
    told = sorted(f"{request['case_id']} counted approved by user:maria" for request in requests)
    assert sorted(done.stdout.splitlines()) == told
    assert all(target.is_approved(request) for request in requests)


def test_slack_is_answered_only_once_the_vote_is_stored_or_the_person_told() -> None:
    """Who the person is, which seat they have, the update and the signal each have a share of Slack's time."""
    shares = (LOOKING, PATIENCE, STORING)
    assert LOOKUP_SECONDS + sum(share.total_seconds() for share in shares) < ACK_SECONDS
