"""The stand-in answers like Slack's published examples, signs like Slack, and shows a page that is safe to open."""

from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stanch.errors import IntakeError
from stanch.sandbox._server import Standin
from stanch.sandbox._slack.delivery import Delivered
from stanch.sandbox._slack.workspace import Shown
from stanch.sandbox.slack import SANDBOX_APP, Channel, Forgery, Person, SlackStandin
from stanch.slack.signing import Interaction, parse_interaction, verify

EXAMPLES = json.loads((Path(__file__).parents[1] / "data/slack/slack-method-examples.json").read_text())["methods"]
MODAL = {
    "type": "modal",
    "callback_id": "stanch.reason",
    "private_metadata": "tok",
    "title": {"type": "plain_text", "text": "Why?"},
    "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x"}}],
}
BUTTON = {
    "type": "button",
    "action_id": "stanch.approve",
    "value": "tok",
    "text": {"type": "plain_text", "text": "Yes"},
}
CARD = [{"type": "actions", "elements": [BUTTON]}]


class Gateway(Standin):
    """Stands where the product's web service does: verifies and reads what Slack sends."""

    name = "gateway"

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Interaction] = []
        self.seen: set[str] = set()
        self.app = Starlette(routes=[Route("/interactions", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        try:
            verify(
                body,
                request.headers,
                secrets=["old", SANDBOX_APP.signing_secret],
                now=datetime.now(UTC),
                seen=self._repeated,
            )
            self.read.append(parse_interaction(body))
        except IntakeError as error:
            return Response(status_code=error.status)
        return Response()

    def _repeated(self, signature: str) -> bool:
        repeated = signature in self.seen
        self.seen.add(signature)
        return repeated


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with Gateway() as started:
        yield started


@pytest.fixture(scope="module")
def slack(gateway: Gateway) -> Iterator[SlackStandin]:
    people = (Person("U01MARIA", "Maria <b>K</b>"), Person("U05OTHER", "Olga", team_id="T0OTHER"))
    channels = (Channel("C0PAY", "pay"), Channel("C0PAGE", "page"))
    with SlackStandin(people=people, channels=channels, request_url=gateway.url + "/interactions") as started:
        started.workspace.groups["S0PM"] = ("U01MARIA",)
        yield started


@pytest.fixture
def client(slack: SlackStandin) -> WebClient:
    return WebClient(token=SANDBOX_APP.token, base_url=slack.url + "/api/", retry_handlers=[])


def post(client: WebClient, channel: str = "C0PAY") -> SlackResponse:
    return client.chat_postMessage(channel=channel, text="card", blocks=CARD)


def _shown(slack: SlackStandin, client: WebClient) -> str:
    return str(client.views_open(trigger_id=slack.workspace.trigger(), view=MODAL)["view"]["id"])


CALLS: dict[str, Callable[[SlackStandin, WebClient], SlackResponse]] = {
    "auth.test": lambda _slack, client: client.auth_test(),
    "chat.postMessage": lambda _slack, client: post(client),
    "chat.update": lambda _slack, client: client.chat_update(channel="C0PAY", ts=post(client)["ts"], text="new"),
    "chat.postEphemeral": lambda _slack, client: client.chat_postEphemeral(channel="C0PAY", user="U01MARIA", text="x"),
    "users.info": lambda _slack, client: client.users_info(user="U01MARIA"),
    "usergroups.users.list": lambda _slack, client: client.usergroups_users_list(usergroup="S0PM"),
    "conversations.open": lambda _slack, client: client.conversations_open(users="U01MARIA"),
    "views.open": lambda slack, client: client.views_open(trigger_id=slack.workspace.trigger(), view=MODAL),
    "views.push": lambda slack, client: client.views_push(trigger_id=slack.workspace.trigger(), view=MODAL),
    "views.update": lambda slack, client: client.views_update(view_id=_shown(slack, client), view=MODAL),
}


@pytest.mark.parametrize("method", CALLS)
def test_an_ok_answer_has_what_the_published_example_has(slack: SlackStandin, client: WebClient, method: str) -> None:
    answer = CALLS[method](slack, client).data
    assert isinstance(answer, dict)
    example = EXAMPLES[method]["ok_example"]
    assert set(example) <= set(answer)
    assert {name: type(answer[name]) for name in example} == {name: type(example[name]) for name in example}


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("chat.postMessage", {"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0PAY"}, "no_text"),
        ("chat.postMessage", {"channel": "C0PAY", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.update", {"channel": "C0PAY", "ts": "1.1", "text": "x"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": "C0PAY", "user": "U0NO", "text": "x"}, "user_not_in_channel"),
        ("users.info", {"user": "U0NO"}, "user_not_found"),
        ("conversations.open", {"users": "U0NO"}, "user_not_found"),
    ],
)
def test_a_refusal_uses_a_code_that_slack_publishes(
    client: WebClient, method: str, params: dict[str, str], error: str
) -> None:
    assert error_of(client, method, params) == error
    assert error in EXAMPLES[method]["error_enum"]


def error_of(client: WebClient, method: str, params: dict[str, Any]) -> str:
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=params)
    return str(caught.value.response["error"])


def test_tokens_are_checked(slack: SlackStandin) -> None:
    assert error_of(WebClient(base_url=slack.url + "/api/"), "auth.test", {}) == "not_authed"
    assert error_of(WebClient(token="xoxb-other", base_url=slack.url + "/api/"), "auth.test", {}) == "invalid_auth"


def test_a_form_and_json_say_the_same(slack: SlackStandin) -> None:
    headers = {"Authorization": f"Bearer {SANDBOX_APP.token}"}
    form = {"channel": "C0PAY", "blocks": json.dumps(CARD)}
    with httpx.Client(trust_env=False, base_url=slack.url, headers=headers) as http:
        assert http.post("/api/chat.postMessage", data=form).json()["message"]["blocks"] == CARD
        assert http.post("/api/chat.postMessage", data={**form, "blocks": "[oops"}).json()["ok"] is False


PLAIN = {"type": "plain_text", "text": "x"}


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "divider"}] * 51,
        [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}],
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        [{"type": "section"}],
        [{"type": "section", "text": {"type": "plain_text", "text": ""}}],
        [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}],
        [{"type": "section", "fields": [PLAIN] * 11}],
        [{"type": "section", "fields": [{"type": "plain_text", "text": "x" * 2001}]}],
        [{"type": "context", "elements": [PLAIN] * 11}],
        [{"type": "actions", "elements": []}],
        [{"type": "actions", "elements": [{**BUTTON, "action_id": str(number)} for number in range(26)]}],
        [{"type": "actions", "elements": [BUTTON, BUTTON]}],
        [{"type": "actions", "elements": [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}]}],
        [{"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]}],
        [{"type": "actions", "elements": [{**BUTTON, "action_id": "x" * 256}]}],
        [{"type": "actions", "elements": [{**BUTTON, "style": "loud"}]}],
        [{"type": "marquee"}],
        ["text"],
    ],
)
def test_blocks_beyond_the_limits_are_refused(client: WebClient, blocks: list[Any]) -> None:
    assert error_of(client, "chat.postMessage", {"channel": "C0PAY", "blocks": blocks}) == "invalid_blocks"


def test_a_trigger_opens_one_dialog(slack: SlackStandin, client: WebClient) -> None:
    trigger = slack.workspace.trigger()
    client.views_open(trigger_id=trigger, view=MODAL)
    assert error_of(client, "views.open", {"trigger_id": trigger, "view": MODAL}) == "exchanged_trigger_id"
    long = {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    wrong = {"trigger_id": slack.workspace.trigger(), "view": long}
    assert error_of(client, "views.open", wrong) == "invalid_arguments"


def test_a_press_arrives_signed_and_readable(slack: SlackStandin, client: WebClient, gateway: Gateway) -> None:
    posted = post(client)
    assert slack.press("U01MARIA", "Yes", channel="C0PAY") == 200
    click = gateway.read[-1]
    assert (click.user_id, click.team_id, click.user_team_id) == ("U01MARIA", "T0SANDBOX", "T0SANDBOX")
    assert (click.action_id, click.value) == ("stanch.approve", "tok")
    assert (click.channel, click.message_ts) == ("C0PAY", posted["ts"])


def test_a_press_in_a_direct_message_names_that_conversation(
    slack: SlackStandin, client: WebClient, gateway: Gateway
) -> None:
    posted = post(client, "U01MARIA")
    assert slack.press("U01MARIA", "stanch.approve", channel="U01MARIA", ts=posted["ts"]) == 200
    assert gateway.read[-1].channel == posted["channel"] == "D01MARIA"


def test_a_stranger_shows_their_own_workspace(slack: SlackStandin, client: WebClient, gateway: Gateway) -> None:
    post(client)
    slack.press("U05OTHER", "Yes", channel="C0PAY")
    assert (gateway.read[-1].team_id, gateway.read[-1].user_team_id) == ("T0SANDBOX", "T0OTHER")


@pytest.mark.parametrize("forgery", Forgery)
def test_a_forged_press_is_refused(slack: SlackStandin, client: WebClient, gateway: Gateway, forgery: Forgery) -> None:
    post(client)
    assert slack.press("U01MARIA", "Yes", channel="C0PAY") == 200
    accepted = len(gateway.read)
    assert slack.press("U01MARIA", "Yes", channel="C0PAY", forgery=forgery) == 401
    assert len(gateway.read) == accepted


def test_a_dialog_arrives_with_its_answers(slack: SlackStandin, gateway: Gateway) -> None:
    assert slack.people.submit("U01MARIA", view=MODAL, answers={"reason": "partner traffic"}) == 200
    assert gateway.read[-1].inputs == (("reason", "partner traffic"),)
    assert (gateway.read[-1].action_id, gateway.read[-1].value) == ("stanch.reason", "tok")


ASKED = {"type": "input", "block_id": "verdict", "label": {"type": "plain_text", "text": "Decision"}}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"response_action": "errors", "errors": {"nowhere": "Choose one."}}, "no input block 'nowhere'"),
        ({"response_action": "update", "view": {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}}, "24"),
        ({"response_action": "update"}, "unsupported view"),
    ],
)
def test_an_answer_to_a_dialog_that_slack_would_not_take_is_a_mistake(
    slack: SlackStandin, answer: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**MODAL, "blocks": [{**ASKED, "element": {"type": "plain_text_input", "action_id": "verdict"}}]}
    monkeypatch.setattr(slack.people.delivery, "interaction", lambda _payload: Delivered(200, answer))
    with pytest.raises(ValueError, match=words):
        slack.people.send("U01MARIA", Shown(id="V1", user="U01MARIA", view=given, hash="1"), {})


def test_an_app_that_does_not_answer_is_seen() -> None:
    with SlackStandin(
        people=[Person("U1", "u")], channels=[Channel("C0", "c")], request_url="http://127.0.0.1:9/"
    ) as lone:
        client = WebClient(token=SANDBOX_APP.token, base_url=lone.url + "/api/", retry_handlers=[])
        post(client, "C0")
        assert lone.press("U1", "Yes", channel="C0") == 0


class Tags(html.parser.HTMLParser):
    """Collects elements, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.fixture
def browser(slack: SlackStandin) -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, base_url=slack.url, headers={"Origin": slack.url}) as http:
        yield http


HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'><a href="javascript:alert(1)">x</a>{{ 7*7 }}'


def test_the_page_shows_hostile_text_as_text(client: WebClient, browser: httpx.Client) -> None:
    text = {"type": "plain_text", "text": HOSTILE}
    marked = {"type": "mrkdwn", "text": HOSTILE.replace("<", "&lt;").replace(">", "&gt;")}
    button = {**BUTTON, "action_id": '"><b>', "text": {"type": "plain_text", "text": "<u>y"}}
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": text, "fields": [text, marked]},
        {"type": "context", "elements": [text, marked]},
        {"type": "actions", "elements": [button]},
    ]
    client.chat_postMessage(channel="C0PAGE", text=HOSTILE, blocks=blocks)
    client.chat_postMessage(channel="C0PAGE", text=HOSTILE)
    page = browser.get("/", params={"as": HOSTILE})
    tags = Tags()
    tags.feed(page.text)
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "b", "u"}
    assert not [name for _, attrs in tags.seen for name in attrs if name.startswith("on")]
    assert all(str(attrs.get("href", "/")).startswith("/") for _, attrs in tags.seen)
    assert "49" not in re.findall(r"\b49\b", page.text)
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6


def test_the_page_allows_nothing_but_its_own_style_and_forms(browser: httpx.Client) -> None:
    policy = browser.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert browser.get("/style.css").headers["content-type"].startswith("text/css")


def test_a_button_on_the_page_presses(client: WebClient, browser: httpx.Client, gateway: Gateway) -> None:
    posted = post(client)
    form = {"as": "U01MARIA", "channel": "C0PAY", "ts": str(posted["ts"]), "button": "stanch.approve"}
    answer = browser.post("/press", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?as=U01MARIA")
    assert gateway.read[-1].message_ts == posted["ts"]
    assert browser.post("/press", data={**form, "button": "other"}).status_code == 404
    assert browser.post("/press", data={"as": "U01MARIA"}).status_code == 404


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_another_site_cannot_press_or_read(
    client: WebClient, browser: httpx.Client, gateway: Gateway, headers: dict[str, str]
) -> None:
    posted = post(client)
    accepted = len(gateway.read)
    form = {"as": "U01MARIA", "channel": "C0PAY", "ts": str(posted["ts"]), "button": "stanch.approve"}
    assert browser.post("/press", data=form, headers=headers).status_code == 403
    assert len(gateway.read) == accepted
    if "Host" in headers:
        assert browser.get("/", headers=headers).status_code == 403
