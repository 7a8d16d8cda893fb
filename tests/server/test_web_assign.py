"""A case changes hands over HTTP, from the shell, in the console and in Slack: once each, by known people only."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from typer.testing import CliRunner
from web_support import SECRET, Edge, eventually, finding

from stanch.cli import case as case_cli
from stanch.ports import ChatUser, Check, Message, Posted
from stanch.records import Reassignment
from stanch.sandbox.temporal import EmbeddedTemporal
from stanch.slack.signing import sign

SIGNING = "a-signing-secret-of-slack"
SLACK = {"kind": "slack", "signing_secrets": [SIGNING], "team_id": "T0HOME"}
_NUMBERS = itertools.count()


class Chat:
    """A workspace that remembers what was posted."""

    def __init__(self) -> None:
        names = ("U01MARIA", "U01TOM", "U01GONE", "U0NOBODY")
        self.users = {name: ChatUser(id=name, name=name, team="T0HOME") for name in names}
        self.users["U01GUEST"] = ChatUser(id="U01GUEST", name="g", team="T0HOME", is_guest=True)
        self.posted: list[Message] = []

    def user(self, user_id: str) -> ChatUser:
        return self.users[user_id]

    def post(self, message: Message) -> Posted:
        self.posted.append(message)
        return Posted(message.channel, "1.1")

    def update(self, posted: Posted, message: Message) -> None:
        return None

    def doctor(self) -> Sequence[Check]:
        return []


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat()


@pytest.fixture(scope="module")
def busy(temporal: EmbeddedTemporal, chat: Chat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("assign")
    with (
        pytest.MonkeyPatch.context() as patch,
        Edge(folder, temporal.address, with_worker=True, chat=(chat, SLACK)) as made,
    ):
        patch.setenv("STANCH_TEST_OWN", SECRET)
        yield made


def opened(busy: Edge) -> str:
    number = next(_NUMBERS)
    api = {"host": "shop.example.com", "method": "GET", "path": f"/assign{number}/1"}
    answer = busy.send(finding(uid=f"A-{number}", api=api), delivery_id=f"a-{number}")
    case_id: str = answer.json()["results"][0]["case_id"]
    eventually(lambda: (busy.case(case_id).get("live") or {}).get("summary", {}).get("ticket_key"))
    return case_id


def give(busy: Edge, case_id: str, *, by: str = "user:maria", key: str = "", **body: Any) -> httpx.Response:
    headers = busy.api(by=by) | ({"idempotency-key": key} if key else {})
    return busy.http.post(f"/v1/cases/{case_id}/assign", json=body, headers=headers)


def rows(busy: Edge, case_id: str) -> list[Reassignment]:
    return [row for row in busy.records.reassignments() if row.case_id == case_id]


def holder(busy: Edge, case_id: str) -> tuple[str, str]:
    summary = busy.case(case_id)["live"]["summary"]
    return summary["owner"], summary["assignee"]


def test_over_http_it_changes_case_ticket_ledger_and_counts_once(busy: Edge, chat: Chat) -> None:
    case_id = opened(busy)
    assert holder(busy, case_id) == ("team:shop", "user:maria")
    for _ in range(2):
        assert give(busy, case_id, key="click-1", to="user:tom", text="it is *his* <!here>").status_code == 202
    (row,) = eventually(lambda: rows(busy, case_id))
    assert (row.from_owner, row.to_owner, row.by, row.via) == ("user:maria", "user:tom", "user:maria", "api")
    assert (row.rule, row.category, row.path) == ("shop", "API3:2023", row.path)
    assert row.path.startswith("/assign")
    line = next(item for item in busy.records.timeline(case_id) if item.event == "case.assigned")
    assert (line.actor, line.data["reason"]) == ("user:maria", "it is *his* <!here>")
    assert holder(busy, case_id) == ("team:shop", "user:tom")
    key = busy.case(case_id)["live"]["summary"]["ticket_key"]
    assert eventually(lambda: busy.records.board_ticket(key).assignee == "user:tom")
    told = eventually(lambda: [each for each in chat.posted if each.case_id == case_id and "Yours now" in each.title])
    assert told[0].channel == "U01TOM"
    assert len(rows(busy, case_id)) == 1


def test_to_a_team_it_changes_the_owner_and_its_lead_has_it(busy: Edge) -> None:
    case_id = opened(busy)
    assert give(busy, case_id, to="team:shop").status_code == 202  # theirs already
    assert give(busy, case_id, to="user:tom").status_code == 202
    eventually(lambda: rows(busy, case_id))
    assert [row.to_owner for row in rows(busy, case_id)] == ["user:tom"]


def test_whom_the_plan_asks_stays_as_it_was_agreed(busy: Edge) -> None:
    case_id = opened(busy)
    give(busy, case_id, to="user:tom")
    eventually(lambda: rows(busy, case_id))
    (asked,) = eventually(lambda: busy.case(case_id)["approvals"])
    assert asked["request"]["needs"][0]["from_"] == ["user:maria"]


@pytest.mark.parametrize(
    ("by", "body", "status", "code"),
    [
        ("", {"to": "user:tom"}, 403, "W002"),
        ("user:maria", {"to": "user:gone"}, 422, "W006"),
        ("user:maria", {"to": "user:tomm"}, 422, "W006"),
        ("user:maria", {"to": "schedule:x"}, 422, "W006"),
        ("user:maria", {"to": ""}, 422, "W006"),
        ("user:maria", {}, 422, "W006"),
        ("user:maria", {"to": "user:tom", "as": "fixed"}, 422, "W006"),
        ("user:maria", {"to": "user:tom", "text": "x" * 2001}, 422, "W006"),
    ],
)
def test_only_known_people_give_to_known_people(
    busy: Edge, by: str, body: dict[str, Any], status: int, code: str
) -> None:
    case_id = opened(busy)
    answer = give(busy, case_id, by=by, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if body.get("to") == "user:tomm":
        assert "user:tom" in answer.json()["hint"]
    assert rows(busy, case_id) == []


def test_only_cases_are_given_away(busy: Edge) -> None:
    for name in ("case-none", "enforce-edge"):
        answer = give(busy, name, to="user:tom")
        assert (answer.status_code, answer.json()["code"]) == (404, "W005")
    comment = busy.http.post(
        f"/v1/cases/{opened(busy)}/comment", json={"text": "x", "to": "user:tom"}, headers=busy.api(by="user:tom")
    )
    assert comment.status_code == 422


def test_from_the_shell(busy: Edge) -> None:
    case_id = opened(busy)
    environment = {"STANCH_URL": busy.url, "STANCH_API_TOKEN": busy.services.api_token, "STANCH_AS": "user:maria"}
    done = CliRunner().invoke(case_cli.app, ["assign", case_id, "user:tom", "--reason", "knows it"], env=environment)
    assert (done.exit_code, done.stdout.strip()) == (0, "assign: accepted")
    (row,) = eventually(lambda: rows(busy, case_id))
    assert row.via == "cli"
    wrong = CliRunner().invoke(case_cli.app, ["assign", case_id, "nobody"], env=environment)
    assert wrong.exit_code == 2
    assert "W006" in wrong.stderr


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]


@pytest.fixture(scope="module")
def console(busy: Edge) -> Iterator[httpx.Client]:
    own = {"origin": busy.url}
    with httpx.Client(base_url=busy.url, timeout=20, trust_env=False, follow_redirects=True, headers=own) as client:
        client.post("/login", data={"token": "one-time-token"})
        client.post("/who", data={"csrf": token(client.get("/who").text), "principal": "user:maria"})
        yield client


def test_in_the_console_with_a_form_of_this_session(busy: Edge, console: httpx.Client) -> None:
    case_id = opened(busy)
    page = console.get(f"/cases/{case_id}")
    assert '<option value="user:tom">Tom B.</option>' in page.text
    assert "user:gone" not in page.text
    data = {"csrf": token(page.text), "click": "c1", "to": "user:tom", "text": "", "as": ""}
    address = f"/cases/{case_id}/assign"
    assert console.post(address, data=data | {"csrf": "x"}).status_code == 403
    assert "Nobody of that name" in console.post(address, data=data | {"to": ""}).text
    for _ in range(2):
        assert "Asked to give it to them" in console.post(address, data=data).text
    (row,) = eventually(lambda: rows(busy, case_id))
    assert (row.via, row.by) == ("console", "user:maria")
    assert "Given to somebody else" in console.get(f"/cases/{case_id}").text


# -- Slack


def slash(busy: Edge, text: str, *, user: str = "U01MARIA", team: str = "T0HOME", **how: str) -> httpx.Response:
    fields = {
        "command": "/stanch",
        "text": text,
        "user_id": user,
        "team_id": team,
        "trigger_id": how.get("trigger", f"1.{next(_NUMBERS)}.a"),
        "response_url": "https://hooks.slack.com/commands/1",
    }
    body = how.get("body", urlencode(fields)).encode()
    stamp = how.get("stamp", str(int(time.time())))
    headers = {
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": sign(body, timestamp=stamp, secret=how.get("secret", SIGNING)),
        "content-type": "application/x-www-form-urlencoded",
    }
    return busy.http.post("/v1/slack/commands", content=body, headers=headers)


@pytest.mark.parametrize("to", ["user:tom", "<@U01TOM|tom>", "<@U01TOM>"])
def test_in_slack_by_name_or_mention(busy: Edge, to: str) -> None:
    case_id = opened(busy)
    answer = slash(busy, f"assign {case_id} {to} because &lt;b&gt;").json()
    assert answer == {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": f"Case {case_id} goes to Tom B.",
    }
    (row,) = eventually(lambda: rows(busy, case_id))
    assert (row.by, row.to_owner, row.via) == ("user:maria", "user:tom", "slack")
    line = next(item for item in busy.records.timeline(case_id) if item.event == "case.assigned")
    assert line.data["reason"] == "because <b>"


def test_one_use_of_the_command_counts_once(busy: Edge) -> None:
    case_id = opened(busy)
    for words in ("first", "again"):  # another signature, the same use
        slash(busy, f"assign {case_id} user:tom {words}", trigger="1.77.b")
    eventually(lambda: rows(busy, case_id))
    slash(busy, f"assign {case_id} user:maria", trigger="1.78.b")
    eventually(lambda: len(rows(busy, case_id)) == 2)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ({"user": "U0NOBODY"}, "not in the directory"),
        ({"user": "U01GONE"}, "not in the directory"),
        ({"user": "U01GUEST"}, "guests"),
        ({"team": "T0OTHER"}, "another workspace"),
    ],
)
def test_who_may_not_is_told_why(busy: Edge, who: dict[str, str], words: str) -> None:
    case_id = opened(busy)
    answer = slash(busy, f"assign {case_id} user:tom", **who)
    assert answer.status_code == 200
    assert words in answer.json()["text"]
    assert rows(busy, case_id) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "`/stanch assign"),
        ("help", "`/stanch assign"),
        ("assign CASE", "`/stanch assign"),
        ("assign ../../etc user:tom", "no such case"),
        ("assign case-none user:tom", "no such case"),
        ("assign case-none user:&lt;!channel&gt;", "no such case"),
        ("assign case-none &lt;!here&gt;", "no such case"),
    ],
)
def test_what_cannot_be_done_is_explained_without_markup(busy: Edge, text: str, words: str) -> None:
    answer = slash(busy, text)
    assert answer.status_code == 200
    assert words in answer.json()["text"]
    assert "<" not in answer.json()["text"]


def test_a_mention_of_somebody_unknown_assigns_nobody(busy: Edge) -> None:
    case_id = opened(busy)
    assert "not in the directory" in slash(busy, f"assign {case_id} <@U0NOBODY>").json()["text"]
    assert "Nobody of that name" in slash(busy, f"assign {case_id} &lt;!channel&gt;").json()["text"]
    assert rows(busy, case_id) == []


def test_forged_old_repeated_and_malformed_commands_are_refused(busy: Edge) -> None:
    stamp = str(int(time.time()))
    assert slash(busy, "help", secret="another").status_code == 401
    assert slash(busy, "help", stamp=str(int(time.time()) - 301)).status_code == 401
    assert slash(busy, "help", stamp=stamp, trigger="1.1").status_code == 200
    assert slash(busy, "help", stamp=stamp, trigger="1.1").status_code == 401
    assert busy.http.post("/v1/slack/commands", content=b"text=help").status_code == 401
    for body in ("", "text=a&text=b", "command=/stanch&text=x&user_id=<&team_id=T0HOME&trigger_id=1.1", "%ff", "a"):
        assert slash(busy, "", body=body).status_code == 400, body


def test_the_trackers_word_counts_as_well_and_our_own_move_does_not_count_again(
    busy: Edge, console: httpx.Client
) -> None:
    case_id = opened(busy)
    key = busy.case(case_id)["live"]["summary"]["ticket_key"]
    give(busy, case_id, to="user:tom")
    eventually(lambda: busy.records.board_ticket(key).assignee == "user:tom")
    page = console.get(f"/board/{key}").text
    for to in ("user:tom", "user:maria"):  # the first changes nothing
        console.post(f"/board/{key}/assign", data={"csrf": token(page), "to": to})
    eventually(lambda: len(rows(busy, case_id)) == 2)
    last = rows(busy, case_id)[-1]
    assert (last.from_owner, last.to_owner, last.by, last.via) == ("user:tom", "user:maria", "user:maria", "board")
    assert holder(busy, case_id)[1] == "user:maria"
