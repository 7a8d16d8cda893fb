"""Slack as people use it, with the real library: cards, dialogs, home, commands, and who is turned away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from web_support import SECRET, Edge, eventually, finding

from activities.slack import CONNECTOR
from stanch.sandbox._server import Fault
from stanch.sandbox._slack.workspace import App, Shown
from stanch.sandbox.slack import Channel, Person, SlackStandin
from stanch.sandbox.temporal import EmbeddedTemporal

APP = App(token="xoxb-1", signing_secret="signing", team_id="T0HOME", app_token="xapp-1")
PEOPLE = (
    Person("U01MARIA", "Maria K."),
    Person("U01TOM", "Tom B."),
    Person("U01GUEST", "Gus", is_guest=True),
    Person("U01BOT", "Bot", is_bot=True),
    Person("U01LEFT", "Left", deleted=True),
    Person("U01FAR", "Far", team_id="T0OTHER"),
    Person("U01STRANGE", "Stran", is_stranger=True),
    Person("U0NOBODY", "Nobody"),
)


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackStandin]:
    with SlackStandin(app=APP, people=PEOPLE, channels=[Channel("C0SHOP", "shop")]) as made:
        yield made


def section(slack: SlackStandin, **more: Any) -> dict[str, Any]:
    return {"token": APP.token, "team_id": APP.team_id, "base_url": slack.url + "/api/", "pace": 0, **more}


@pytest.fixture(scope="module")
def edge(temporal: EmbeddedTemporal, slack: SlackStandin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    given = section(slack, app_token=APP.app_token, signing_secrets=[APP.signing_secret])
    chat = (CONNECTOR.build("slack", given), {"kind": "slack", **given})
    with (
        pytest.MonkeyPatch.context() as patch,
        Edge(tmp_path_factory.mktemp("slack"), temporal.address, with_worker=True, chat=chat) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        slack.request_url = made.url + "/v1/slack/interactions"
        eventually(lambda: slack.link.open)
        yield made


def opened(edge: Edge, name: str) -> str:
    case_id: str = edge.send(finding(uid=name), delivery_id=name).json()["results"][0]["case_id"]
    return case_id


def asked(edge: Edge, case_id: str) -> dict[str, Any]:
    found: dict[str, Any] = eventually(lambda: next(iter(edge.case(case_id)["approvals"]), None))
    return found


def card_of(edge: Edge, slack: SlackStandin, case_id: str) -> dict[str, Any]:
    """Maria's card of a case."""
    asked(edge, case_id)

    def look() -> dict[str, Any] | None:
        cards = slack.workspace.history("D01MARIA")
        return next((card for card in cards if card["metadata"]["event_payload"]["case_id"] == case_id), None)

    return eventually(look)


def press(slack: SlackStandin, card: dict[str, Any], button: str, *, who: str = "U01MARIA") -> str:
    """Press, and give what only this person is told."""
    before = slack.ledger.count("slack.responded")
    slack.workspace.direct_message("U01MARIA")
    assert slack.press(who, button, channel="D01MARIA", ts=card["ts"]) == 200
    told = eventually(lambda: slack.ledger.entries("slack.responded")[before:])[-1]
    assert told["to"] == who
    return str(told["message"]["text"])


def texts(view: Shown) -> str:
    return str(view.view["blocks"])


def outcome(edge: Edge, case_id: str) -> dict[str, Any] | None:
    steps = edge.case(case_id)["live"]["steps"]
    return steps["ok"].get("outputs") or None


def reviewed(slack: SlackStandin, card: dict[str, Any], *, who: str = "U01MARIA") -> Shown:
    assert slack.press(who, "stanch.review", channel="D01MARIA", ts=card["ts"]) == 200
    return slack.dialog(who)


def test_a_click_over_the_line_decides_and_the_card_says_who(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "click")
    card = card_of(edge, slack, case_id)
    slack.link.twice = 1
    assert "Approved by Maria K." in press(slack, card, "stanch.approve")
    assert eventually(lambda: outcome(edge, case_id))["by"] == "user:maria"

    def rewritten() -> dict[str, Any] | None:
        shown = next(one for one in slack.workspace.history("D01MARIA") if one["ts"] == card["ts"])
        return shown if "edited" in shown else None

    shown = str(eventually(rewritten)["blocks"])
    assert "Approved by Maria K." in shown
    assert "UTC" in shown
    assert "action_id" not in shown
    acked = [one for one in slack.ledger.entries("slack.acked") if one["kind"] == "interactive"]
    mine = [one["payload"] for one in acked if one["envelope_id"] == acked[-1]["envelope_id"]]
    assert mine == [mine[0]] * len(mine)
    assert not any(one["late"] for one in acked)
    slack.workspace.messages["D01MARIA", card["ts"]] = card  # as somebody still has it on the screen
    assert "lready approved" in press(slack, card, "stanch.approve")


def test_a_dialog_shows_all_of_it_and_decides_with_a_reason(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "dialog")
    card, request = card_of(edge, slack, case_id), asked(edge, case_id)["request"]
    view = reviewed(slack, card)
    for words in ("shop.example.com", "/orders/{", "2h", "Maria K.", request["digest"], "block.scope"):
        assert words in texts(view)
    assert slack.people.send("U01MARIA", view, {"reason": "no choice made"})["errors"] == {"verdict": "Choose one."}
    slack.people.send("U01MARIA", view, {"verdict": "deny", "reason": "a partner's <!channel> traffic"})
    assert "Rejected by Maria K." in texts(view)
    found = eventually(lambda: outcome(edge, case_id))
    assert (found["approved"], found["reason"]) == (False, "a partner's <!channel> traffic")
    slack.workspace.messages["D01MARIA", card["ts"]] = card  # as somebody still has it on the screen
    assert "no longer asked" in press(slack, card, "stanch.review")


def test_a_dialog_that_was_tampered_with_decides_nothing(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "tampered")
    card = card_of(edge, slack, case_id)
    view = reviewed(slack, card)
    genuine = view.view["private_metadata"]
    buttons = {one["action_id"]: one["value"] for one in card["blocks"][-2]["elements"]}
    for metadata in (genuine[:-1] + ("A" if genuine[-1] != "A" else "B"), "", *buttons.values()):
        answer = {**view.whole(), "private_metadata": metadata}
        assert slack.people.submit("U01MARIA", view=answer, answers={"verdict": "approve"}) == 200
        told = slack.ledger.entries("slack.submitted")[-1]["answer"]
        assert told["response_action"] == "update"
    assert outcome(edge, case_id) is None
    assert asked(edge, case_id)["votes"] == []


@pytest.mark.parametrize(
    ("who", "code", "words"),
    [
        ("U01GUEST", "I427", "guests"),
        ("U01BOT", "I427", "guests"),
        ("U01LEFT", "I427", "guests"),
        ("U01FAR", "I427", "other workspaces"),
        ("U01STRANGE", "I427", "guests"),
        ("U0NOBODY", "I428", "not in the directory"),
    ],
)
def test_outsiders_are_told_and_written_down_once(
    edge: Edge, slack: SlackStandin, who: str, code: str, words: str
) -> None:
    case_id = opened(edge, "outsiders")
    card = card_of(edge, slack, case_id)
    before = len(edge.signals(case_id))
    for _ in range(3):
        assert words in press(slack, card, "stanch.approve", who=who)
    lines = edge.http.get(f"/v1/cases/{case_id}/timeline", headers=edge.api()).json()["entries"]
    found = [line for line in lines if line["event"] == "approval.click_refused" and who in line["actor"]]
    assert [(line["actor"], line["data"]["code"]) for line in found] == [(f"slack:T0HOME:{who}", code)]
    assert len(edge.signals(case_id)) == before
    assert asked(edge, case_id)["votes"] == []


def test_lookups_that_fail_deny(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "lookup")
    card = card_of(edge, slack, case_id)
    slack.fail_next("users.info", "internal_error")
    assert "try again" in press(slack, card, "stanch.approve").lower()
    assert asked(edge, case_id)["votes"] == []


def test_the_home_lists_what_waits_for_this_person_alone(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "home")
    card_of(edge, slack, case_id)
    homes = {}
    for who in ("U01MARIA", "U01TOM", "U01GUEST"):
        assert slack.people.open_home(who) == 200
        homes[who] = eventually(lambda who=who: slack.workspace.homes.get(who))
    assert case_id in texts(homes["U01MARIA"])
    assert "stanch.review" in texts(homes["U01MARIA"])
    assert case_id not in texts(homes["U01TOM"])
    assert "guests" in texts(homes["U01GUEST"])
    button = next(
        block["elements"][0]["action_id"]
        for text, block in zip(homes["U01MARIA"].view["blocks"], homes["U01MARIA"].view["blocks"][1:], strict=False)
        if case_id in str(text) and block["type"] == "actions"
    )
    assert slack.people.press_in("U01MARIA", button=button, view=homes["U01MARIA"]) == 200
    assert "shop.example.com" in texts(slack.dialog("U01MARIA"))


def test_the_command_looks_and_hands_over_and_never_decides(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "words")
    card_of(edge, slack, case_id)

    def say(text: str, who: str = "U01MARIA") -> str:
        answer = slack.people.command(who, text)
        assert answer["response_type"] == "ephemeral"
        return str(answer["text"])

    assert case_id in say("list")
    assert case_id not in say("list", "U01TOM").partition("Your cases")[0]
    assert "GET shop.example.com" in say(f"show {case_id}")
    assert "no such case" in say("show nosuch")
    assert "Nothing is approved here" in say(f"approve {case_id}")
    assert "until" in say(f"snooze {case_id} 2h")
    assert "already" in say(f"snooze {case_id} 1h")
    assert "up to 24h" in say(f"snooze {case_id} 9d")
    assert "guests" in say("halt all because", "U01GUEST")
    assert "Halted" in say("halt host:nowhere.example.com just because")
    halts = edge.http.get("/v1/halt", headers=edge.api()).json()["halts"]
    assert [(one["scope"], one["by"]) for one in halts] == [("host:nowhere.example.com", "user:maria")]
    assert "goes to Tom B." in say(f"assign {case_id} &lt;@U01TOM|tom&gt;".replace("&lt;", "<").replace("&gt;", ">"))
    assert asked(edge, case_id)["votes"] == []


def test_the_line_comes_back_and_foreign_lines_are_told(edge: Edge, slack: SlackStandin) -> None:
    slack.link.foreign = 2
    before = slack.ledger.count("slack.connected")
    slack.link.disconnect()
    eventually(lambda: slack.ledger.count("slack.connected") > before and slack.link.open == 1)
    found = eventually(lambda: edge.http.get("/readyz", headers=edge.api()).json()["checks"]["slack"].get("hint"))
    assert "another process may be taking clicks" in found
    figures = edge.http.get("/metrics", headers=edge.api()).text
    assert "stanch_slack_connections_foreign 2" in figures
    slack.link.foreign = 0
    slack.link.drop()
    eventually(lambda: slack.ledger.count("slack.connected") > before + 1 and slack.link.open == 1)
    assert case_in(slack.people.command("U01MARIA", "list")["text"])


def case_in(text: str) -> bool:
    return "Your cases" in text


def test_http_gives_the_same_answers_while_no_line_is_up(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "http")
    card = card_of(edge, slack, case_id)
    lines, slack.link._lines = slack.link._lines, {}
    try:
        assert case_id in slack.people.command("U01MARIA", "list")["text"]
        assert slack.people.open_home("U01TOM") == 200
        check = {"type": "url_verification", "challenge": "abc"}
        assert slack.people.delivery.event(check).body == {"challenge": "abc"}
        assert edge.http.post("/v1/slack/events", json=check).status_code == 401
        view = reviewed(slack, card)
        slack.people.send("U01MARIA", view, {"verdict": "approve"})
    finally:
        slack.link._lines = lines
    assert eventually(lambda: outcome(edge, case_id))["by"] == "user:maria"


@pytest.mark.parametrize("way", ["line", "http"])
def test_a_dialog_that_takes_longer_says_so_and_shows_the_result_later(
    edge: Edge, slack: SlackStandin, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = opened(edge, f"late-{way}")
    views = [reviewed(slack, card_of(edge, slack, case_id)) for _ in range(2)]
    for place in ("slack", "slack_socket"):
        monkeypatch.setattr(f"stanch.web.{place}.ACK_SECONDS", 0.2)
    if way == "http":
        monkeypatch.setattr(slack.link, "_lines", {})
    for view, answers, words in (
        (views[0], {"reason": "nothing chosen"}, "Choose one. Press Review again"),
        (views[1], {"verdict": "deny", "reason": "no"}, "Rejected by Maria K."),
    ):
        slack.faults.script("users.info", Fault("delay", seconds=0.6))
        body = slack.people.send("U01MARIA", view, answers)
        assert "the result follows here" in str(body["view"])
        assert eventually(lambda view=view, words=words: words in texts(view))


def test_an_answer_is_acknowledged_in_time_however_slow_slack_is(edge: Edge, slack: SlackStandin) -> None:
    card = card_of(edge, slack, opened(edge, "slow"))
    slack.faults.script("users.info", Fault("hang", seconds=2.9))
    begun = time.monotonic()
    assert "in time" in press(slack, card, "stanch.approve")
    assert time.monotonic() - begun < 3


def test_more_clicks_of_one_who_may_not_leave_no_history(edge: Edge, slack: SlackStandin) -> None:
    case_id = opened(edge, "flood")
    card = card_of(edge, slack, case_id)
    assert "not among the approvers" in press(slack, card, "stanch.approve", who="U01TOM")
    before = eventually(lambda: settled(edge, case_id))
    for _ in range(30):
        slack.people.press("U01TOM", button="stanch.approve", channel="D01MARIA", ts=card["ts"])
    assert history(edge, case_id) == before


def settled(edge: Edge, case_id: str) -> int:
    """How long the history is, once the first refusal has been written down."""
    before = history(edge, case_id)
    time.sleep(1.0)
    return before if history(edge, case_id) == before else 0


def history(edge: Edge, case_id: str) -> int:
    async def count(client: Any) -> int:
        described = await client.get_workflow_handle(case_id).describe()
        return int(described.history_length)

    found: int = edge.in_loop(count)
    return found
