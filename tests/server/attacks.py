"""What attackers of approvals do; each function is true where the attack has worked."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from attack_support import BLIND, Target, switch
from web_support import eventually

from stanch.records import New, Records
from stanch.seats import Seat

Attack = Callable[[Target, str], bool]
Off = Callable[[pytest.MonkeyPatch], None]

AWAY = "[{from: 2020-01-01T00:00:00Z, until: 2090-01-01T00:00:00Z, instead: user:lea}]"
ONE_STORED = 12  # events of a signal, what the worker does with it, and a look of the case at its clock
RACE = (("maria", "approve"), ("tom", "deny"))


def forged_signature(target: Target, name: str) -> bool:
    request = target.ask(name)
    target.press(target.token(request), secret="a guess")
    return target.is_approved(request)


def kept_click(target: Target, name: str) -> bool:
    """Signed by Slack, and sent an hour later by somebody who has kept it."""
    request = target.ask(name)
    target.press(target.token(request), stamp=str(int(time.time()) - 3600))
    return target.is_approved(request)


def captured_click(target: Target, name: str) -> bool:
    """The same bytes again are taken again."""
    request = target.ask(name, "pair")
    value, stamp = target.token(request), str(int(time.time()))
    first, second = (target.press(value, stamp=stamp, ts=f"1800.{len(name)}") for _ in range(2))
    assert first.status_code == 200
    return second.status_code == 200


def outsider(target: Target, name: str) -> bool:
    """A colleague in the channel who was not asked."""
    request = target.ask(name)
    answer = target.press(target.token(request), user="U01EVE")
    return not target.still_asks(request) or "not among the approvers" not in answer.json()["text"]


def outsider_by_api(target: Target, name: str) -> bool:
    request = target.ask(name)
    answer = target.decide(request, by="user:eve")
    return not target.still_asks(request) or answer.json()["code"] != "A006"


def guest(target: Target, name: str) -> bool:
    """An account with the approver's id that is only a guest here."""
    request, users = target.ask(name), target.workspace.users
    before = users["U01MARIA"]
    users["U01MARIA"] = type(before)(id=before.id, name=before.name, team=before.team, is_guest=True)
    try:
        target.press(target.token(request))
        return target.is_approved(request)
    finally:
        users["U01MARIA"] = before


def own_request(target: Target, name: str) -> bool:
    """Who started the run is in the team that is asked."""
    request = target.ask(name, requested_by="user:tom")
    answer = target.press(target.token(request), user="U01TOM")
    return target.is_approved(request) or "you asked for this" not in answer.json()["text"].lower()


def edited_card(target: Target, name: str) -> bool:
    """With a stolen bot token: a button of the attacker's own making."""
    request = target.ask(name)
    target.press(target.token(request, secret="not our key"))
    return target.is_approved(request)


def old_card(target: Target, name: str) -> bool:
    """A genuine button for what was asked before it changed."""
    request = target.ask(name)
    target.press(target.token(request, digest="0" * 64))
    return target.is_approved(request)


def stolen_account(target: Target, name: str) -> bool:
    """One account decides what needs two people, by clicking as often as it likes, from everywhere."""
    request = target.ask(name, "pair")
    for _ in range(3):
        target.press(target.token(request))
    target.decide(request, by="user:maria")
    return target.is_approved(request)


def removed_approver(target: Target, name: str) -> bool:
    """Asked, then taken out of the team, then clicks."""
    request = target.ask(name)
    with target.directory("members: [user:tom, user:maria]", "members: [user:tom]"):
        answer = target.press(target.token(request))
    return not target.still_asks(request) or "no longer" not in answer.json()["text"]


def stand_in_of_the_requester(target: Target, name: str) -> bool:
    """Who asked for it goes on holiday, and whoever stands in agrees."""
    request = target.ask(name, requested_by="user:tom")
    with target.directory("{name: Tom B.,", "{name: Tom B., away: " + AWAY + ","):
        target.press(target.token(request), user="U01LEA")
    return not target.still_asks(request)


def two_votes_of_one_seat(target: Target, name: str) -> bool:
    """Maria agrees, and so does whoever stands in for her: two clicks, one say."""
    request = target.ask(name, "pair")
    with target.directory("{name: Maria K.,", "{name: Maria K., away: " + AWAY + ","):
        target.press(target.token(request))
        target.press(target.token(request), user="U01LEA")
    return len(target.case(request["case_id"])["approvals"][0]["votes"]) > 1


def decided_twice(target: Target, name: str) -> bool:
    """Denied and approved at the same moment: both say that they have decided."""
    request = target.ask(name)
    with ThreadPoolExecutor(2) as pool:
        ways = [pool.submit(target.decide, request, by=f"user:{who}", verdict=verdict) for who, verdict in RACE]
    return [way.result().status_code for way in ways].count(200) != 1


def flood(target: Target, name: str) -> bool:
    """Clicks of somebody who may not decide make the history grow."""
    request = target.ask(name)
    value = target.token(request)
    target.press(value, user="U01EVE")
    eventually(lambda: _refused(target, request))
    before = _settled_length(target, request["case_id"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: target.press(value, user="U01EVE"), range(30 if name.endswith("-off") else 200))
        )
    assert {answer.status_code for answer in answers} == {200}
    # On a busy machine a click may find no worker in time: then it is stored, once.
    return _settled_length(target, request["case_id"]) > before + ONE_STORED


def _settled_length(target: Target, case_id: str) -> int:
    """Events of a history that has come to rest."""

    def at_rest() -> int | None:
        before = target.events(case_id)
        time.sleep(0.3)
        return before if target.events(case_id) == before else None

    return eventually(at_rest)


def _refused(target: Target, request: dict[str, Any]) -> bool:
    lines = target.records.timeline(request["case_id"])
    return any(line.event == "approval.vote" and not line.data["accepted"] for line in lines)


# -- its protection, switched off -------------------------------------------------------------------------------------


def off(value: Any, *places: str) -> Off:
    return lambda patch: switch(patch, value, *places)


def no_replay_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Records, "remember_delivery", lambda *_, **__: New())


def no_seats(patch: pytest.MonkeyPatch) -> None:
    """One vote is as good as all that are needed, where votes are counted and where the change is made."""
    for module in ("judge", "consent"):
        switch(patch, lambda *_: (), f"stanch.approvals.{module}.empty_lines")


def every_refusal_is_the_first(patch: pytest.MonkeyPatch) -> None:
    refuse = import_module("stanch.approvals.judge")._refuse

    def forgetful(state: Any, vote: Any, **told: Any) -> Any:
        return refuse(state.model_copy(update={"refusals": ()}), vote, **told)

    switch(patch, forgetful, "stanch.approvals.judge._refuse")


def nothing(*_: Any, **__: Any) -> None:
    return None


ROWS: dict[str, tuple[Attack, Off]] = {
    "forged": (forged_signature, off(BLIND, "stanch.slack.signing.hmac")),
    "kept": (kept_click, off(timedelta(days=1), "stanch.slack.signing.WINDOW")),
    "captured": (captured_click, no_replay_memory),
    "outsider": (outsider, off(nothing, "stanch.approvals.judge._person")),
    "api": (outsider_by_api, off(nothing, "stanch.approvals.judge._person")),
    "guest": (guest, off(nothing, "stanch.web.slack._foreign", "stanch.web.slack_people._foreign")),
    "own": (own_request, off(lambda *_: (), "stanch.interpreter.requests._excluded")),
    "edited": (edited_card, off(BLIND, "stanch.slack._buttons.hmac")),
    "old": (old_card, off(nothing, "stanch.approvals.judge._seen")),
    "stolen": (stolen_account, no_seats),
    "removed": (removed_approver, off(lambda *_: Seat(), "stanch.web.decisions.seat_of")),
    "holiday": (stand_in_of_the_requester, off(nothing, "stanch.approvals.judge._person")),
    "seat": (two_votes_of_one_seat, off(nothing, "stanch.approvals.judge._answer")),
    "race": (decided_twice, off(nothing, "stanch.approvals.judge._over")),
    "flood": (flood, every_refusal_is_the_first),
}
