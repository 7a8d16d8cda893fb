"""The verbs for people's systems, from the plan's words to what arrives in trackers and chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from glue import CASE, HOST, NOW, Glue, job, note, nothing, request, scene

from activities import approvals, board, chat, evidence, ledger, policies, tickets
from activities._run import perform
from stanch.approvals import ApprovalRequest, ApprovalState, Bound, Need, Outcome
from stanch.contract import ApprovalCall, CaseSummary, LedgerNote, Recording
from stanch.errors import ConfigError, Rejected, RetrySafe, Uncertain
from stanch.ports import Excerpt, TicketState
from stanch.records import CaseFilter, Entry
from stanch.sandbox._server import Fault
from stanch.sandbox.jira import JiraStandin
from stanch.sandbox.servicenow import ServiceNowStandin
from stanch.sandbox.slack import SANDBOX_APP, Channel, Person, SlackStandin
from stanch.slack.signing import KEY_ID, Verdict, read_button_token
from stanch.views import ApiView, FindingView, OwnerView, RouteView, TicketTarget

FINDING = FindingView(
    id="F-1",
    title="Orders give out card numbers",
    source="own",
    category="API3:2023",
    severity="high",
    api=ApiView(host=HOST, path="/orders/17", path_template="/orders/{id}", method="GET"),
)
QUICK = {"timeout": 4.0, "connect_timeout": 1.0, "settle": 0.2, "poll": 0.02}
EMERGENCY = "emergency_patch"


@pytest.fixture(scope="module")
def jira() -> Iterator[JiraStandin]:
    with JiraStandin() as standin:
        yield standin


@pytest.fixture(scope="module")
def servicenow() -> Iterator[ServiceNowStandin]:
    with ServiceNowStandin() as standin:
        yield standin


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackStandin]:
    people = [Person(id="U01MARIA", name="Maria"), Person(id="U01ANA", name="Ana"), Person(id="U01TOM", name="Tom")]
    with SlackStandin(people=people, channels=[Channel(id="C0PAY", name="payments")]) as standin:
        yield standin


@pytest.fixture
def glue(
    tmp_path: Path,
    jira: JiraStandin,
    servicenow: ServiceNowStandin,
    slack: SlackStandin,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Glue]:
    jira.reset()
    servicenow.reset()
    monkeypatch.setenv("GLUE_JIRA", "jira-token")
    trackers = {
        "jira": {
            "kind": "jira",
            "url": jira.url,
            "email": "stanch@example.com",
            "token": "secret://env/GLUE_JIRA",
            "project": "SEC",
            **QUICK,
        },
        "servicenow": {
            "kind": "servicenow",
            "url": servicenow.url,
            "user": "stanch",
            "password": servicenow.password,
            **QUICK,
        },
    }
    section = {
        "kind": "slack",
        "token": SANDBOX_APP.token,
        "signing_secrets": [SANDBOX_APP.signing_secret],
        "team_id": SANDBOX_APP.team_id,
        "base_url": slack.url + "/api/",
    }
    with Glue(tmp_path, trackers=trackers, chat={"slack": section}) as made:
        yield made


def route(system: str, **more: Any) -> RouteView:
    target = {
        "jira": TicketTarget(system="jira", project="PAY", type="Bug"),
        "servicenow": TicketTarget(system="servicenow", group="Mobile Product"),
        "board": TicketTarget(),
    }[system]
    owner = {"jira": "team:payments", "servicenow": "team:mobile-product", "board": "team:payments"}[system]
    given = {"owner": OwnerView(id=owner), "assignee": "user:maria", "ticket": target, "lane": EMERGENCY}
    return RouteView(**{**given, "severity": "high", "due": NOW + timedelta(days=7), **more})


def creating(system: str, *, key: str = "0f" * 16, attempt: int = 1, **more: Any) -> Any:
    params: dict[str, Any] = {
        "system": system,
        "summary": FINDING.title,
        "assignee": "user:maria",
        "cc": ["user:tom"],
        "due": (NOW + timedelta(days=7)).isoformat(),
        "template": "data_exposure",
        **more.pop("params", {}),
    }
    where = scene(finding=FINDING, route=more.pop("of", None) or route(system), **more)
    return job("ticket.create", params, key=key, attempt=attempt, scene=where)


def create(glue: Glue, one: Any) -> dict[str, Any]:
    return perform(glue.world, one, tickets.IMPLEMENTATIONS["ticket.create"], nothing).outputs


def do(glue: Glue, action: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
    return perform(glue.world, job(action, params, **more), tickets.IMPLEMENTATIONS[action], nothing).outputs


# -- tickets -----------------------------------------------------------------------------------------------------------


def test_a_ticket_in_jira_has_project_type_person_and_words(glue: Glue, jira: JiraStandin) -> None:
    made = create(glue, creating("jira"))
    (issue,) = jira.issues()
    assert (made["key"], made["system"], made["state"]) == (issue.key, "jira", "new")
    assert issue.key.startswith("PAY-")
    assert issue.assignee == "maria.k"
    assert issue.fields["summary"] == FINDING.title
    assert issue.watchers == ["tom.b"]
    text = json.dumps(issue.fields["description"])
    assert CASE in text
    assert "/orders/" in text
    assert made["assignee"] == "user:maria", "the case speaks of people by their names in the directory"
    assert glue.records.case_of_ticket("jira", issue.key) == CASE


def test_a_ticket_in_servicenow_has_group_and_person(glue: Glue, servicenow: ServiceNowStandin) -> None:
    made = create(glue, creating("servicenow"))
    (row,) = servicenow.records()
    assert row["assignment_group"] == servicenow.state.group("Mobile Product")
    assert row["assigned_to"] == servicenow.state.user("maria.k")
    assert row["short_description"] == FINDING.title
    assert "Meant for" not in row["description"]
    assert (made["assignee"], made["group"]) == ("user:maria", "team:mobile-product")


def test_a_team_as_assignee_is_its_group(glue: Glue, servicenow: ServiceNowStandin) -> None:
    other = route("servicenow", owner=OwnerView(id="team:payments"), ticket=TicketTarget(system="servicenow"))
    create(glue, creating("servicenow", of=other, params={"assignee": "team:mobile-product"}))
    (row,) = servicenow.records()
    assert row["assignment_group"] == servicenow.state.group("Mobile Product")
    assert not row.get("assigned_to")


def test_a_team_without_a_group_there_is_not_made_up(glue: Glue, servicenow: ServiceNowStandin) -> None:
    other = route("servicenow", owner=OwnerView(id="team:payments"), ticket=TicketTarget(system="servicenow"))
    create(glue, creating("servicenow", of=other))
    (row,) = servicenow.records()
    assert "Meant for" not in row["description"]


def test_the_board_speaks_of_people_as_the_directory_does(glue: Glue) -> None:
    made = create(glue, creating("board"))
    kept = glue.records.board_ticket(made["key"])
    assert (kept.assignee, kept.team, kept.watchers) == ("user:maria", "team:payments", ("user:tom",))
    assert (made["assignee"], made["group"]) == ("user:maria", "team:payments")
    assert (kept.severity, kept.lane, kept.case_id) == ("high", EMERGENCY, CASE)
    assert kept.due == NOW + timedelta(days=7)


def test_a_tracker_that_is_not_configured_becomes_the_board_with_the_owner(tmp_path: Path) -> None:
    with Glue(tmp_path) as glue:
        made = create(glue, creating("servicenow"))
        kept = glue.records.board_ticket(made["key"])
        assert (made["system"], kept.team, kept.type) == ("board", "team:mobile-product", "")


def test_a_tracker_of_another_name_is_known_by_its_kind(glue: Glue, jira: JiraStandin) -> None:
    trackers = {"jira-eu": glue.settings.trackers["jira"]}
    with Glue(glue.folder / "other", trackers=trackers) as other:
        made = create(other, creating("jira-eu", of=route("jira")))
        assert (made["system"], made["assignee"]) == ("jira-eu", "user:maria")
    (issue,) = jira.issues()
    assert (issue.key.partition("-")[0], issue.assignee) == ("PAY", "maria.k")


def test_people_without_an_account_leave_a_ticket_without_assignee(glue: Glue, jira: JiraStandin) -> None:
    made = create(glue, creating("jira", params={"assignee": "user:nobody", "cc": ["user:nobody"]}))
    (issue,) = jira.issues()
    assert (issue.assignee, issue.watchers, made["assignee"]) == ("", [], "")


@pytest.mark.parametrize("system", ["jira", "servicenow"])
def test_a_second_attempt_finds_the_first_ticket(
    glue: Glue, jira: JiraStandin, servicenow: ServiceNowStandin, system: str
) -> None:
    standin: Any = {"jira": jira, "servicenow": servicenow}[system]
    standin.faults.script("create", Fault("drop_after"))
    with pytest.raises(Uncertain):
        create(glue, creating(system))
    found = create(glue, creating(system, attempt=2))
    assert found["key"]
    assert len(jira.issues() if system == "jira" else servicenow.records()) == 1
    assert not any(line.uncertain for line in glue.timeline())


def test_a_case_that_came_back_reopens_its_ticket(glue: Glue, jira: JiraStandin) -> None:
    first = create(glue, creating("jira"))
    jira.transition(first["key"], by="tom.b")
    back = {"ticket_system": "jira", "ticket_key": first["key"], "episode": "episode-2"}
    for attempt in (1, 2):
        again = create(glue, creating("jira", key="1f" * 16, attempt=attempt, **back))
        assert (again["key"], again["state"]) == (first["key"], "in_progress")
    issue = jira.issue(first["key"])
    assert len(jira.issues()) == 1
    assert len(issue.comments) == 1, "one note a return"
    assert "came back on" in json.dumps(issue.comments, default=str)


def test_a_ticket_that_is_still_open_is_left_alone(glue: Glue, jira: JiraStandin) -> None:
    first = create(glue, creating("jira"))
    create(glue, creating("jira", key="1f" * 16, ticket_system="jira", ticket_key=first["key"]))
    assert jira.issue(first["key"]).comments == []


def test_every_return_of_a_board_ticket_has_its_note(glue: Glue) -> None:
    first = create(glue, creating("board"))
    back = {"ticket_system": "board", "ticket_key": first["key"]}
    for hours in (1, 2):
        do(
            glue,
            "ticket.close",
            {"key": first["key"], "text": f"Closed {hours}"},
            scene=scene(**back),
            key=f"{hours}c" * 16,
        )
        one = creating("board", key=f"{hours}f" * 16, **back)
        create(glue, type(one)(call=one.call, spec=one.spec, attempt=1, since=NOW + timedelta(hours=hours)))
    texts = [each.text for each in glue.records.board_ticket(first["key"]).notes]
    assert len([text for text in texts if "came back" in text]) == 2
    assert glue.records.board_ticket(first["key"]).state is TicketState.IN_PROGRESS


def test_closing_says_why_and_where(glue: Glue, jira: JiraStandin) -> None:
    first = create(glue, creating("jira"))
    on = scene(ticket_system="jira", ticket_key=first["key"])
    moved = do(glue, "ticket.close", {"key": first["key"]}, key="2f" * 16, scene=on)
    assert (moved["state"], jira.issue(first["key"]).resolution) == ("done", "Done")
    assert CASE in json.dumps(jira.issue(first["key"]).comments, default=str)


def test_a_comment_is_written_once(glue: Glue, jira: JiraStandin) -> None:
    first = create(glue, creating("jira"))
    on = scene(ticket_system="jira", ticket_key=first["key"])
    for attempt in (1, 2):
        do(
            glue,
            "ticket.comment",
            {"key": first["key"], "text": "Block lifted"},
            key="3f" * 16,
            scene=on,
            attempt=attempt,
        )
    assert len(jira.issue(first["key"]).comments) == 1


def test_handing_over(glue: Glue, servicenow: ServiceNowStandin) -> None:
    first = create(glue, creating("servicenow"))
    on = scene(ticket_system="servicenow", ticket_key=first["key"])
    moved = do(glue, "ticket.assign", {"key": first["key"], "to": "user:tom"}, key="4f" * 16, scene=on)
    assert moved["assignee"] == "user:tom"
    on_board = create(glue, creating("board", key="5f" * 16))
    given = {"key": on_board["key"], "to": "user:ana"}
    moved = do(glue, "ticket.assign", given, key="6f" * 16, scene=scene(ticket_system="board"))
    assert (moved["assignee"], moved["group"]) == ("user:ana", "team:payments")
    given["to"] = "team:appsec"
    moved = do(glue, "ticket.assign", given, key="7f" * 16, scene=scene(ticket_system="board"))
    assert (moved["assignee"], moved["group"]) == ("", "team:appsec")


@pytest.mark.parametrize("to", ["user:nobody", "team:nowhere", "team:payments", "", "Payments"])
def test_nobody_unknown_is_handed_a_ticket(glue: Glue, to: str) -> None:
    first = create(glue, creating("servicenow"))
    on = scene(ticket_system="servicenow", ticket_key=first["key"])
    with pytest.raises(Rejected) as caught:
        do(glue, "ticket.assign", {"key": first["key"], "to": to}, key="4f" * 16, scene=on)
    assert caught.value.code == "V011"
    assert (to or "nobody") in caught.value.message


def test_the_connector_speaks_of_no_secret(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLUE_JIRA")
    with pytest.raises(ConfigError) as caught:
        create(glue, creating("jira"))
    assert caught.value.code == "C022"
    with pytest.raises(ConfigError):
        glue.world.connector("scanner", "nothing")


# -- chat --------------------------------------------------------------------------------------------------------------


def send(glue: Glue, to: str, **params: Any) -> dict[str, Any]:
    one = job(
        "chat.message",
        {"to": to, "template": "data_exposure_pm", **params},
        scene=scene(finding=FINDING, route=route("jira")),
    )
    return perform(glue.world, one, chat.IMPLEMENTATIONS["chat.message"], nothing).outputs


@pytest.mark.parametrize(
    ("to", "place"),
    [("user:maria", "U01MARIA"), ("team:payments", "C0PAY"), ("C0PAY", "C0PAY"), ("schedule:appsec-oncall", "")],
)
def test_a_message_reaches_its_place(glue: Glue, slack: SlackStandin, to: str, place: str) -> None:
    before = len(slack.ledger.entries("slack.posted"))
    sent = send(glue, to)
    assert sent["ref"]
    posted = slack.ledger.entries("slack.posted")[before:]
    assert len(posted) == 1
    if place:
        assert CASE in json.dumps(slack.newest(place))


@pytest.mark.parametrize("to", ["user:nobody", "team:nowhere", "", "Carol", "Unknown person"])
def test_who_cannot_be_reached_is_said_clearly(glue: Glue, to: str) -> None:
    with pytest.raises(Rejected) as caught:
        send(glue, to)
    assert caught.value.code == "V012"


def test_who_has_left_gets_nothing(glue: Glue) -> None:
    glue.change_policy(
        "routes.yaml", "  teams:\n", "    user:eva: {name: Eva, slack: U01MARIA, active: false}\n  teams:\n"
    )
    with pytest.raises(Rejected, match="cannot be reached"):
        send(glue, "user:eva")


def test_without_chat_nothing_is_sent_and_the_case_goes_on(tmp_path: Path) -> None:
    with Glue(tmp_path) as glue:
        assert send(glue, "user:maria")["delivered"] is False


# -- approvals ---------------------------------------------------------------------------------------------------------

PARAMS = {"host": HOST, "path": "/orders/{id}", "method": "GET", "ttl": "2h"}


def asking(**more: Any) -> ApprovalRequest:
    also = (Bound(action="user.suspend", params={"user_id": "mallory", "ttl": "4h"}),)
    need = Need(from_=("user:maria", "user:ana"), count=1, label="route.assignee or team:appsec")
    given = {
        "also": also,
        "needs": (need,),
        "shown": (("Requests in 24 h", "1,204"),),
        "undo": "block.scope: block.lift",
    }
    return request("block.scope", PARAMS, **{**given, **more})


def card(slack: SlackStandin, person: str) -> tuple[str, list[dict[str, Any]]]:
    """The newest card of a person: all its text, and its buttons."""
    message = slack.newest(person)
    buttons = [each for block in message["blocks"] if block["type"] == "actions" for each in block["elements"]]
    return json.dumps(message["blocks"], ensure_ascii=False), buttons


def test_a_card_shows_everything_that_is_approved(glue: Glue, slack: SlackStandin) -> None:
    asked = asking()
    shown = approvals.show(glue.world, ApprovalCall(scene=scene(outbox=(note(),)), request=asked))
    assert len(shown.cards) == 2
    assert glue.events() == ["case.status"]
    text, buttons = card(slack, "U01MARIA")
    wanted = [*PARAMS.values(), *PARAMS, "block.scope", "user.suspend", "mallory", "4h", "1,204", "block.lift", CASE]
    assert [word for word in wanted if word not in text] == []
    assert asked.digest[:12] in text
    assert [each["action_id"] for each in buttons] == ["stanch.approve", "stanch.deny", "stanch.review"]
    read = read_button_token(buttons[0]["value"], secrets={KEY_ID: glue.keys.buttons}, now=NOW)
    assert (read.verdict, read.digest, read.case_id) == (Verdict.APPROVE, asked.digest, CASE)
    pending = glue.records.approvals()
    assert [each.request for each in pending] == [asked]


def test_a_card_with_options_has_one_button_each(glue: Glue, slack: SlackStandin) -> None:
    asked = asking(options=("lift", "keep_for_a_day"), on_timeout="lift")
    approvals.show(glue.world, ApprovalCall(scene=scene(), request=asked))
    _, buttons = card(slack, "U01ANA")
    names = ["stanch.option.lift", "stanch.option.keep_for_a_day", "stanch.review"]
    assert [each["action_id"] for each in buttons] == names
    assert [each["text"]["text"] for each in buttons] == ["Lift", "Keep for a day", "Review"]
    read = read_button_token(buttons[1]["value"], secrets={KEY_ID: glue.keys.buttons}, now=NOW)
    assert (read.verdict, read.option) == (Verdict.OPTION, "keep_for_a_day")


def test_a_card_that_does_not_fit_cannot_be_approved(glue: Glue, slack: SlackStandin) -> None:
    asked = asking(shown=tuple((f"Fact {number}", "x" * 1500) for number in range(20)))
    approvals.show(glue.world, ApprovalCall(scene=scene(), request=asked))
    text, buttons = card(slack, "U01MARIA")
    assert "cannot be approved here" in text
    assert [each["action_id"] for each in buttons] == ["stanch.deny", "stanch.review"]
    read = read_button_token(buttons[1]["value"], secrets={KEY_ID: glue.keys.buttons}, now=NOW)
    assert (read.verdict, read.option) == (Verdict.REVIEW, "")


def say(glue: Glue, to: str, *, key: str, text: str = "", template: str = "data_exposure_pm") -> dict[str, Any]:
    one = job(
        "chat.message",
        {"to": to, "template": template, "text": text},
        scene=scene(finding=FINDING, route=route("jira")),
    )
    one = replace(one, call=one.call.model_copy(update={"key": key}))
    return perform(glue.world, one, chat.IMPLEMENTATIONS["chat.message"], nothing).outputs


def test_an_option_called_review_is_not_what_the_review_button_says(glue: Glue, slack: SlackStandin) -> None:
    facts = tuple((f"Fact {number}", "x" * 1500) for number in range(20))
    asked = asking(options=("review", "lift"), on_timeout="lift", shown=facts)
    approvals.show(glue.world, ApprovalCall(scene=scene(), request=asked))
    _, (button,) = card(slack, "U01ANA")
    read = read_button_token(button["value"], secrets={KEY_ID: glue.keys.buttons}, now=NOW)
    assert (button["action_id"], read.verdict, read.option) == ("stanch.review", Verdict.REVIEW, "")


def test_high_impact_names_where_one_may_decide_alone(glue: Glue, slack: SlackStandin) -> None:
    approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking(high_impact=True)))
    assert f"signed in at {glue.settings.public_url}/cases/{CASE}" in card(slack, "U01ANA")[0]


def test_shown_again_after_a_loss_nobody_gets_a_second_card(glue: Glue, slack: SlackStandin) -> None:
    before, asked = slack.ledger.count("slack.posted"), ApprovalCall(scene=scene(), request=asking())
    first = approvals.show(glue.world, asked)
    assert approvals.show(glue.world, asked) == first
    assert slack.ledger.count("slack.posted") == before + 2


def test_messages_of_a_case_share_a_thread_and_cards_stand_by_themselves(glue: Glue, slack: SlackStandin) -> None:
    shown = approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))
    root = dict(shown.cards)["D01MARIA"]
    say(glue, "user:maria", text="first", key="k1")
    said = slack.newest("U01MARIA")
    assert said["thread_ts"] == root
    assert "thread_ts" not in slack.workspace.messages["D01MARIA", root]
    slack.fail_next("chat.postMessage", "thread_not_found")
    say(glue, "user:maria", text="second", key="k2")
    assert "thread_ts" not in slack.newest("U01MARIA")


def test_a_card_that_was_removed_is_said_anew(glue: Glue, slack: SlackStandin) -> None:
    shown = approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))
    slack.workspace.delete(*shown.cards[0])
    ended = ApprovalCall(scene=scene(), request=asking(), outcome="approved", by=("user:ana",), cards=shown.cards)
    approvals.close(glue.world, ended)
    text, buttons = card(slack, "U01MARIA")
    assert "Approved by Ana" in text
    assert buttons == []


def test_reminders_are_kept_from_whoever_snoozed_them_and_nobody_else(glue: Glue, slack: SlackStandin) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    line = Entry(
        CASE, "e", "k", datetime.now(UTC), "user:maria", "reminders.snoozed", data={"until": until.isoformat()}
    )
    glue.records.append([line])
    before = slack.ledger.count("slack.posted")
    assert not say(glue, "user:maria", template="reminder", key="r1")["delivered"]
    assert slack.ledger.count("slack.posted") == before
    assert say(glue, "user:ana", template="reminder", key="r2")["delivered"]
    assert say(glue, "user:maria", template="escalation", key="r3")["delivered"]
    glue.records.append([replace(line, key="k9", actor="user:ana", data={"until": "9999-01-01T00:00:00+00:00"})])
    assert say(glue, "user:ana", template="reminder", key="r4")["delivered"], "nobody is silenced for ever"


def test_the_excluded_get_no_card(glue: Glue, slack: SlackStandin) -> None:
    before = len(slack.ledger.entries("slack.posted"))
    approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking(excluded=("user:maria",))))
    assert len(slack.ledger.entries("slack.posted")) == before + 1


@pytest.mark.parametrize(
    ("outcome", "settled", "words"),
    [
        ("approved", Outcome.APPROVED, "Approved by Maria K."),
        ("rejected", Outcome.REJECTED, "Rejected by Maria K."),
        ("expired", Outcome.EXPIRED, "Expired"),
        ("withdrawn", Outcome.EXPIRED, "Withdrawn"),
        ("keep_for_a_day", Outcome.CHOSEN, "Keep for a day by Maria K."),
    ],
)
def test_an_ended_card_has_no_buttons(
    glue: Glue, slack: SlackStandin, outcome: str, settled: Outcome, words: str
) -> None:
    asked = asking()
    shown = approvals.show(glue.world, ApprovalCall(scene=scene(), request=asked))
    by = ("user:maria",) if "by" in words else ()
    ended = ApprovalCall(scene=scene(), request=asked, outcome=outcome, by=by, reason="too wide", cards=shown.cards)
    for _ in range(2):
        approvals.close(glue.world, ended)
    for person in ("U01MARIA", "U01ANA"):
        text, buttons = card(slack, person)
        assert buttons == []
        assert words in text
        assert "too wide" in text
    assert glue.records.approvals() == []
    kept = glue.records.approval(asked.approval_id)
    assert kept is not None
    assert kept.settled is not None
    assert kept.settled.outcome is settled


def test_one_place_that_is_refused_keeps_nobody_else_waiting(glue: Glue, slack: SlackStandin) -> None:
    slack.fail_next("chat.postMessage", "channel_not_found")
    shown = approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))
    assert len(shown.cards) == 1
    cards = (("C0GONE", "1.1"), *shown.cards)
    slack.fail_next("chat.update", "message_not_found")
    ended = ApprovalCall(scene=scene(), request=asking(), outcome="approved", by=("user:ana",), cards=cards)
    approvals.close(glue.world, ended)
    assert card(slack, "U01ANA")[1] == []


def test_a_card_loses_its_buttons_also_where_another_could_never_be_shown(glue: Glue, slack: SlackStandin) -> None:
    """The case knows of no card then; a live one would go on asking for what is decided."""
    slack.fail_next("chat.postMessage", "internal_error")
    with pytest.raises(Uncertain):
        approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))
    assert card(slack, "U01ANA")[1] != []
    approvals.close(glue.world, ApprovalCall(scene=scene(), request=asking(), outcome="approved", by=("user:ana",)))
    text, buttons = card(slack, "U01ANA")
    assert (buttons, "Approved by Ana" in text) == ([], True)


def test_a_chat_that_refuses_everything_says_so(glue: Glue, slack: SlackStandin) -> None:
    for _ in range(2):
        slack.fail_next("chat.postMessage", "channel_not_found")
    with pytest.raises(Rejected):
        approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))
    assert len(glue.records.approvals()) == 1, "console and shell can decide all the same"


def test_a_chat_that_is_busy_is_asked_again(glue: Glue, slack: SlackStandin) -> None:
    slack.fail_next("chat.postMessage", "ratelimited")
    with pytest.raises((RetrySafe, Uncertain)):
        approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking()))


def test_without_chat_the_request_is_listed(tmp_path: Path) -> None:
    with Glue(tmp_path) as glue:
        assert approvals.show(glue.world, ApprovalCall(scene=scene(), request=asking())).cards == ()
        assert glue.records.approvals() == [ApprovalState(request=asking())]
        ended = ApprovalCall(scene=scene(), request=asking(), outcome="approved", by=("user:ana",))
        assert approvals.close(glue.world, ended).cards == ()
        assert glue.records.approvals() == []


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_evidence_is_a_file_named_by_its_digest(glue: Glue) -> None:
    import hashlib

    one = job("evidence.snapshot", {}, scene=scene(finding=FINDING))
    first = perform(glue.world, one, evidence.IMPLEMENTATIONS["evidence.snapshot"], nothing).outputs
    second = perform(glue.world, one, evidence.IMPLEMENTATIONS["evidence.snapshot"], nothing).outputs
    path = Path(first["path"])
    assert first == second
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first["sha256"] == path.stem
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(path.read_text())["finding"]["title"] == FINDING.title
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_evidence_says_what_the_log_did_not_show(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Excerpt(({"path": "/a"},), "partial: 3 lines of it cannot be read")
    monkeypatch.setattr(glue.world, "serving", lambda *_, **__: "edge")
    monkeypatch.setitem(glue.world._built, ("point", "edge"), SimpleNamespace(samples=lambda **_: found))
    one = job("evidence.snapshot", {}, scene=scene(finding=FINDING))
    kept = perform(glue.world, one, evidence.IMPLEMENTATIONS["evidence.snapshot"], nothing).outputs
    body = json.loads(Path(kept["path"]).read_text())
    assert (body["coverage"], body["requests"], kept["items"]) == (found.coverage, [{"path": "/a"}], 2)


def test_evidence_without_traffic_says_so(glue: Glue) -> None:
    away = FINDING.model_copy(update={"api": FINDING.api.model_copy(update={"host": "nobody.example.net"})})
    one = job("evidence.snapshot", {}, scene=scene(finding=away))
    kept = perform(glue.world, one, evidence.IMPLEMENTATIONS["evidence.snapshot"], nothing).outputs
    body = json.loads(Path(kept["path"]).read_text())
    assert (body["coverage"][:5], body["requests"], kept["items"]) == ("none:", [], 1)


def test_an_attachment_must_name_its_connector(glue: Glue) -> None:
    for attachment in ("acl/rule", "", "nowhere::acl/rule"):
        with pytest.raises((Rejected, ConfigError)):
            perform(
                glue.world,
                job("policy.detach", {"attachment": attachment}),
                policies.IMPLEMENTATIONS["policy.detach"],
                nothing,
            )


def test_the_board_is_always_well(glue: Glue) -> None:
    assert all(check.ok for check in board.BoardTickets(glue.records, "http://127.0.0.1").doctor())


def _summary() -> CaseSummary:
    given = dict.fromkeys(
        ("title", "source", "category", "host", "path", "method", "assignee", "rule", "playbook"), "x"
    )
    return CaseSummary(
        **given,
        case_id=CASE,
        episode="episode-1",
        state="waiting",
        severity="high",
        owner="team:payments",
        mode="semi",
        opened=NOW,
        updated=NOW,
    )


def test_a_recording_may_be_repeated(glue: Glue) -> None:
    data = {"by": "user:maria", "from": "team:payments", "to": "team:appsec", "via": "jira", "about": {"rule": "x"}}
    moved = LedgerNote(number=2, at=NOW, event="ticket.reassigned", data=data)
    told = Recording(scene=scene(outbox=(note(1), moved)), summary=_summary())
    for _ in range(2):
        ledger.record(glue.world, told)
    assert glue.events() == ["case.status", "ticket.reassigned"]
    assert [row.case_id for row in glue.records.cases(CaseFilter())] == [CASE]
    (learned,) = glue.records.reassignments()
    assert (learned.from_owner, learned.to_owner) == ("team:payments", "team:appsec")
    assert (learned.by, learned.via, learned.rule) == ("user:maria", "jira", "x")


@pytest.mark.parametrize(
    ("host", "words"),
    [("api.example.com", ["high", "Maria K."]), ("old.example.com", ["unknown"])],
)
def test_a_card_says_how_critical_the_api_is_and_whose(
    glue: Glue, slack: SlackStandin, host: str, words: list[str]
) -> None:
    approvals.show(glue.world, ApprovalCall(scene=scene(host=host, finding=None), request=asking()))
    text, _ = card(slack, "U01MARIA")
    assert [word for word in ("Criticality", "Business owner", *words) if word not in text] == []
