"""A burst of like requests: the first have cards, the rest one notice without buttons."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from glue import NOW, Glue, request, scene

from activities import approvals
from stanch.approvals import ApprovalState
from stanch.contract import ApprovalCall
from stanch.ports import Message, Posted
from stanch.records import CaseRow


class Chat:
    def __init__(self) -> None:
        self.posted: list[Message] = []

    def post(self, message: Message) -> Posted:
        self.posted.append(message)
        return Posted(message.channel, "1.1")


def burst(glue: Glue, count: int, *, owners: tuple[str, ...] = ("team:a",), **more: bool) -> None:
    for number in range(count):
        case_id, at = f"case-{number}", NOW + timedelta(seconds=number)
        owner = owners[number % len(owners)]
        glue.records.put_case(CaseRow(case_id=case_id, version=1, opened=NOW, updated=NOW, owner=owner))
        asked = request("block.scope", {}, approval_id=f"a{number}", case_id=case_id, created_at=at, **more)
        approvals.show(glue.world, ApprovalCall(scene=scene(case_id=case_id), request=asked))


def told(
    tmp_path: Path, count: int, *, owners: tuple[str, ...] = ("team:a",), others: int = 0, **more: bool
) -> list[bool]:
    """Whether each message of one place has buttons, while requests of another playbook wait as well."""
    with Glue(tmp_path, approval_cards=2, chat={"slack": {"kind": "slack"}}) as glue:
        chat = Chat()
        glue.world._built["chat", "slack"] = chat
        for number in range(others):
            asked = request("block.scope", {}, approval_id=f"Z{number}", playbook="another")
            glue.records.put_approval(ApprovalState(request=asked))
        burst(glue, count, owners=owners, **more)
        places = {message.channel for message in chat.posted}
        return [bool(message.buttons) for message in chat.posted if message.channel == min(places)]


def test_after_the_first_cards_one_notice_leads_to_all(tmp_path: Path) -> None:
    assert told(tmp_path, 6) == [True, True, False]


def test_a_burst_is_one_however_many_others_wait(tmp_path: Path) -> None:
    assert told(tmp_path, 6, others=150) == [True, True, False]


def test_other_owners_and_high_impact_stand_alone(tmp_path: Path) -> None:
    assert told(tmp_path / "owners", 4, owners=("team:a", "team:b")) == [True] * 4
    assert told(tmp_path / "high", 4, high_impact=True) == [True] * 4


def test_a_card_of_high_impact_for_one_approver_leads_to_the_console(tmp_path: Path) -> None:
    with Glue(tmp_path, chat={"slack": {"kind": "slack"}}) as glue:
        chat = Chat()
        glue.world._built["chat", "slack"] = chat
        for excluded in ((), ("user:tom",)):
            asked = request("block.scope", {}, approval_id=f"a{excluded}", high_impact=True, excluded=excluded)
            approvals.show(glue.world, ApprovalCall(scene=scene(), request=asked))
        many, alone = chat.posted[0], chat.posted[-1]
        assert [label for label, *_ in many.buttons] == ["Approve", "Deny", "Review"]
        assert [label for label, *_ in alone.buttons] == ["Deny", "Review"]
        assert any("sign in again to decide, at http" in line for line in alone.context)
