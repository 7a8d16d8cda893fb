"""Who is told by mail: people without an account in chat, and everybody asked to decide while chat is down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from glue import CASE, ROOT, Glue, job, request, scene

from activities import approvals, chat
from stanch.actions.chat import Rewrite, Send
from stanch.contract import ApprovalCall
from stanch.errors import AuthBlocked, ConnectorError, Rejected, RetrySafe
from stanch.policy import PolicyStore
from stanch.ports import Message, Posted
from stanch.sandbox._server import Fault
from stanch.sandbox.smtp import SmtpStandin
from stanch.settings import Settings

ANA = "user:ana:   {name: Ana S.,   role: appsec-lead,      slack: U01ANA,"
MAILED = ANA.replace("slack: U01ANA,", "email: ana@example.com,")
BOTH = ANA + " email: ana@example.com,"


class Chat:
    """A chat system that fails as told."""

    def __init__(self, error: ConnectorError | None = None) -> None:
        self.posted: list[Message] = []
        self.error = error

    def post(self, message: Message) -> Posted:
        if self.error is not None:
            raise self.error
        self.posted.append(message)
        return Posted(message.channel, f"1.{len(self.posted)}")

    def update(self, posted: Posted, message: Message) -> None:
        self.posted.append(message)


@pytest.fixture
def mail() -> Iterator[SmtpStandin]:
    with SmtpStandin() as standin:
        yield standin


@cache
def policy_with(old: str, new: str) -> PolicyStore:
    """The shipped policy with another directory, and without playbooks, which take long to read."""
    folder = Path(mkdtemp())
    shutil.copytree(ROOT / "policy", folder / "policy")
    routes = folder / "policy" / "routes.yaml"
    routes.write_text(routes.read_text("utf-8").replace(old, new), "utf-8")
    store = PolicyStore(Settings(policy_dir=folder / "policy", playbooks_dir=folder / "none"))
    shutil.rmtree(folder)
    return store


def glue(folder: Path, mail: SmtpStandin, new: str, system: Chat | None = None, *, old: str = ANA) -> Glue:
    world = Glue(folder, mail={"office": mail.section()}, **({"chat": {"slack": {"kind": "slack"}}} if system else {}))
    world.world.policy = policy_with(old, new)
    if system is not None:
        world.world._built["chat", "slack"] = system
    return world


def ask(**more: Any) -> ApprovalCall:
    asked = request("block.scope", {"host": "api.example.com"}, **more)
    return ApprovalCall(scene=scene(), request=asked)


def test_who_has_no_account_in_chat_is_asked_by_mail(tmp_path: Path, mail: SmtpStandin) -> None:
    system = Chat()
    with glue(tmp_path, mail, MAILED, system) as own:
        call = ask()
        shown = approvals.show(own.world, call)
        assert approvals.show(own.world, call) == shown  # the second attempt sends nothing
        (letter,) = mail.mails()
        assert [message.channel for message in system.posted] == ["U01TOM"]
        assert letter["to"] == ["ana@example.com"]
        assert f"http://127.0.0.1:8321/cases/{CASE}" in letter["body"]
        assert "Nothing is decided by mail" in letter["body"]
        assert dict(shown.cards)["mail:user:ana"] == letter["headers"]["message-id"]


def test_a_mail_has_no_token_and_no_parameters(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, MAILED) as own:
        approvals.show(own.world, ask())
        (letter,) = mail.mails()
        assert "s1." not in letter["raw"]
        assert "api.example.com" not in letter["raw"]


def test_the_end_follows_the_question(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, MAILED) as own:
        call = ask()
        cards = approvals.show(own.world, call).cards
        ended = call.model_copy(update={"cards": cards, "outcome": "approved", "by": ("user:tom",)})
        approvals.close(own.world, ended)
        approvals.close(own.world, ended)
        first, second = mail.mails()
        assert second["headers"]["subject"] == "[Stanch] Approved by Tom B."
        assert second["headers"]["in-reply-to"] == first["headers"]["message-id"]


def test_while_chat_is_down_everybody_gets_one_mail(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, BOTH, Chat(RetrySafe("down", code="V204"))) as own:
        for _ in range(3):
            with pytest.raises(RetrySafe):
                approvals.show(own.world, ask())
        assert [letter["to"] for letter in mail.mails()] == [["ana@example.com"]]


def test_a_chat_system_that_asks_to_wait_is_not_down(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, BOTH, Chat(RetrySafe("wait", retry_after=1, code="V214"))) as own:
        with pytest.raises(RetrySafe):
            approvals.show(own.world, ask())
        assert mail.mails() == []


@pytest.mark.parametrize("error", [Rejected("archived", code="V212"), AuthBlocked("revoked", code="V213")])
def test_whom_chat_refuses_is_reached_all_the_same(tmp_path: Path, mail: SmtpStandin, error: ConnectorError) -> None:
    with glue(tmp_path, mail, BOTH, Chat(error)) as own:
        assert [place for place, _ in approvals.show(own.world, ask()).cards] == ["mail:user:ana"]


def test_mail_that_is_down_too_is_tried_again(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, BOTH, Chat(RetrySafe("down", code="V204"))) as own:
        mail.faults.script("rcpt", Fault("status", status=450))
        for _ in range(2):
            with pytest.raises(RetrySafe, match="down"):
                approvals.show(own.world, ask())
        assert len(mail.mails()) == 1


def test_a_message_goes_by_mail_and_its_rewriting_follows_it(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, MAILED) as own:
        sent = chat._send(own.world, job("chat.message", {}), Send(to="user:ana"))
        assert (sent.channel, sent.delivered) == ("mail:user:ana", True)
        again = Rewrite(channel=sent.channel, ref=sent.ref)
        assert chat._rewrite(own.world, job("chat.update", {}, key="1e" * 16), again).delivered
        first, second = mail.mails()
        assert second["headers"]["in-reply-to"] == first["headers"]["message-id"]


def test_who_has_neither_is_named(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, ANA.replace("slack: U01ANA,", "")) as own:
        with pytest.raises(Rejected) as refused:
            chat._send(own.world, job("chat.message", {}), Send(to="user:ana"))
        assert refused.value.code == "V012"


def test_a_team_has_an_address_of_its_own(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, "email: appsec@example.com,", old="slack: C0APPSEC,") as own:
        chat._send(own.world, job("chat.message", {}), Send(to="team:appsec"))
        assert [letter["to"] for letter in mail.mails()] == [["appsec@example.com"]]


def test_the_address_is_nowhere_but_in_the_directory(tmp_path: Path, mail: SmtpStandin) -> None:
    with glue(tmp_path, mail, MAILED) as own:
        approvals.show(own.world, ask())
        stored = (own.settings.data_dir / "records.db").read_bytes()
        assert b"ana@example.com" not in stored
