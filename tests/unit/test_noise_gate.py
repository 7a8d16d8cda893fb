"""Which commands of a case are kept from people, and which never are; and the small promises of a group."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from stanch.cases import CaseState, CaseStatus
from stanch.contract import CaseCommand, Resolved
from stanch.interpreter.messages import RunAction
from stanch.interpreter.state import Change
from stanch.noise.gate import Fate, fate_of, held, may_speak, release
from stanch.noise.group import DONE, GroupState, Phase, begin, hear
from stanch.noise.group_words import commanded
from stanch.noise.group_work import outcome, work
from stanch.noise.state import MAX_HELD
from stanch.noise.words import GroupRef, GroupTell, GroupTold, Noise, Quiet, Rung
from stanch.plan import Mode, Plan
from stanch.views import FindingView, OwnerView, RouteView

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
GROUP = GroupRef(group_id="group-x", grouping="same", wait=60, add_for=3600, max=2)
CHANGE = Change(path="block", action="block.scope", params={}, outputs={})


def case(mode: Mode = Mode.SEMI, *, quiet: str = "", grouped: bool = False) -> CaseState:
    plan = Plan.model_construct(playbook="p", mode=mode, digest="d")
    route = RouteView(owner=OwnerView(id="team:web", lead="user:tom"), assignee="user:maria")
    why = Quiet.model_validate({"kind": quiet, "rule": "r", "until": START}) if quiet else None
    noise = Noise(group=GROUP if grouped else None, quiet=why)
    state = CaseState(case_id="case-1", resolved=Resolved.model_construct(plan=plan, route=route, noise=noise))
    state.status = CaseStatus.RUNNING
    state.noise.take(noise)
    return state


def message(to: str = "user:maria", *, path: str = "tell", purpose: str = "do", **more: Any) -> RunAction:
    params = {"to": to, "template": "finding", **more}
    return RunAction(ref=f"{path}|{to}", path=path, purpose=purpose, action="chat.message", params=params, key="k")


def test_whoever_is_asked_to_decide_is_reminded_of_a_silenced_or_grouped_case() -> None:
    reminder = message(path="ok", purpose="reminder", text="Block it?")
    for state in (case(quiet="silence"), case(quiet="inhibition"), case(grouped=True)):
        assert fate_of(state, reminder) is not Fate.DO, "of a wait it is news like any other"
        state.core.approvals["ok"] = None  # type: ignore[assignment]
        assert fate_of(state, reminder) is Fate.DO


def test_words_of_its_own_about_a_change_are_no_news_of_a_group() -> None:
    words = message(text="Nothing was contained.")
    assert fate_of(case(grouped=True), words) is Fate.DO
    assert fate_of(case(grouped=True), message()) is Fate.SAY
    assert fate_of(case(Mode.MANUAL, grouped=True), words) is Fate.SAY
    assert fate_of(case(quiet="silence"), words) is Fate.HOLD, "a person has asked for quiet"


def test_a_containment_that_failed_ends_an_inhibition_but_no_silence_and_no_persons_close() -> None:
    inhibited, silenced, closed = case(quiet="inhibition"), case(quiet="silence"), case(quiet="inhibition")
    for state in (inhibited, silenced, closed):
        state.noise.hold(held(message()))
        assert not may_speak(state)
        state.status = CaseStatus.NEEDS_PERSON
    closed.close_when_over = True
    assert [may_speak(state) for state in (inhibited, silenced, closed)] == [True, False, False]


def test_what_a_group_has_answered_is_said_once_when_the_case_changes_production() -> None:
    state = case(grouped=True)
    state.noise.hold(held(message(), grouped=True))
    assert release(state) == []
    state.core.changes.append(CHANGE)
    assert [command.params["to"] for command in release(state)] == ["user:maria"]
    assert release(state) == []


def test_of_messages_to_one_person_the_first_is_kept_and_of_many_so_many() -> None:
    state = case(quiet="silence")
    assert state.noise.hold(held(message(text="first")))
    assert state.noise.hold(held(message(text="second"))), "the first stands for it"
    assert [item.params["text"] for item in state.noise.held] == ["first"]
    kept = [state.noise.hold(held(message(f"user:{number}"))) for number in range(MAX_HELD)]
    assert kept == [True] * (MAX_HELD - 1) + [False]
    assert len(state.noise.held) == MAX_HELD


def joins(name: str, *, severity: str = "low", urgent: bool = False) -> GroupTell:
    route = RouteView(owner=OwnerView(id="team:web"), assignee="user:maria", severity=severity)  # type: ignore[arg-type]
    finding = FindingView(title=f"Finding {name}")
    return GroupTell(
        kind="join", ref=GROUP, case_id=name, to=("team:web",), finding=finding, route=route, urgent=urgent
    )


def settled(state: GroupState, now: datetime) -> list[str]:
    log: list[str] = []
    while commands := work(state, now):
        for command in commands:
            log.append(command.action)
            state.case.ticket.key, state.case.ticket.state = "PAY-1", state.case.ticket.state or "new"
            outcome(state, command.ref, {"key": "PAY-1", "ref": "1.1"}, now)
    return log


def test_a_join_that_comes_again_is_no_news() -> None:
    state = begin("group-x", "e1")
    for _ in range(3):
        hear(state, joins("case-1"), START)
    assert (len(state.members), state.joined_count, state.unanswered) == (1, 1, ["case-1"])


def test_a_full_group_and_an_old_one_send_new_members_on() -> None:
    state = begin("group-x", "e1")
    for name in ("case-1", "case-2", "case-3", "case-3"):
        hear(state, joins(name), START)
    assert (list(state.members), state.visitors) == (["case-1", "case-2"], ["case-3"])
    old = begin("group-x", "e1")
    hear(old, joins("case-1"), START)
    hear(old, joins("case-2"), START + timedelta(hours=1))
    assert (list(old.members), old.visitors) == (["case-1"], ["case-2"])


def test_only_a_graver_member_tells_again_whoever_was_told() -> None:
    for graver in ({"severity": "high"}, {"urgent": True}):
        state, now = begin("group-x", "e1"), START + timedelta(minutes=2)
        state.ref = GROUP
        hear(state, joins("case-1"), START)
        assert settled(state, now) == ["ticket.create", "chat.message"]
        hear(state, joins("case-1"), now)
        assert settled(state, now) == []
        hear(state, joins("case-2", **graver), now)  # type: ignore[arg-type]
        assert settled(state, now) == ["chat.message"]


def test_the_parents_key_is_of_this_episode_alone() -> None:
    keys: list[str] = []
    for episode in ("e1", "e1", "e2"):
        state = begin("group-x", episode)
        hear(state, joins("case-1"), START)
        keys += [command.key for command in work(state, START + timedelta(minutes=2))]
    assert keys[0] == keys[1] != keys[2]


def test_a_raise_of_a_member_makes_the_group_as_urgent() -> None:
    state = begin("group-x", "e1")
    hear(state, joins("case-1"), START)
    assert work(state, START) == []
    hear(state, joins("case-1", severity="critical", urgent=True).model_copy(update={"kind": "raised"}), START)
    assert state.case.resolved is not None
    assert state.case.resolved.route.severity == "critical"
    assert [command.action for command in work(state, START)] == ["ticket.create"]
    assert state.phase is Phase.OPENING
    assert state.case.ticket.state != DONE


def test_an_answer_of_an_older_generation_and_a_hold_that_has_ended_already_change_nothing() -> None:
    state = case(grouped=True)
    assert state.noise.hears(GroupTold(group_id="group-x", generation=1, elsewhere=2))
    assert not state.noise.hears(GroupTold(group_id="group-x", generation=1, ticket={"key": "PAY-1"}))
    assert state.noise.answer is None
    late = case()
    late.noise.ended("case-source")
    quiet = Quiet(kind="inhibition", rule="r", until=START, source="case-source")
    late.noise.take(Noise(quiet=quiet))
    assert late.noise.quiet is None


def test_a_persons_word_that_comes_twice_is_said_to_members_once() -> None:
    state = begin("group-x", "e1")
    hear(state, joins("case-1"), START)
    for _ in range(2):
        commanded(state, CaseCommand(kind="close", by="user:ana", command_id="c1"), START)
    assert len(state.posts) == 1


def test_a_rung_of_a_group_is_climbed_once() -> None:
    state, now = begin("group-x", "e1"), START + timedelta(days=4)
    rung = Rung(key="1", at=START + timedelta(days=3), to=("user:tom",))
    hear(state, joins("case-1").model_copy(update={"ladder": (rung,)}), START)
    assert settled(state, now) == ["ticket.create", "chat.message", "chat.message"]
    assert settled(state, now + timedelta(hours=1)) == []


def test_a_member_rewrites_the_message_that_it_has_sent_itself_and_never_the_groups() -> None:
    def rewrite(ref: str) -> RunAction:
        return RunAction(ref="n", path="name", purpose="do", action="chat.update", params={"ref": ref}, key="k")

    grouped, alone = case(grouped=True), case()
    assert fate_of(alone, rewrite("")) is Fate.DO
    told = {"user:maria": {"channel": "D1", "ref": "1.1", "delivered": True}}
    grouped.noise.hears(GroupTold(group_id="group-x", ticket={"key": "PAY-1"}, told=told))
    assert [fate_of(grouped, rewrite(ref)) for ref in ("1.1", "", "2.2")] == [Fate.LEAVE, Fate.LEAVE, Fate.DO]
    grouped.noise.hears(GroupTold(group_id="group-x", failed="the tracker is down"))
    assert fate_of(grouped, rewrite("2.2")) is Fate.DO
    silenced = case(quiet="silence", grouped=True)
    assert fate_of(silenced, rewrite("2.2")) is Fate.LEAVE
