"""How a person or team is told: in the chat system where that knows them, else by e-mail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from activities._names import channel_of
from activities._posting import post_once
from activities._world import World
from stanch.errors import Rejected, RetrySafe, StanchError
from stanch.mailing import Letter, MailPort
from stanch.ports import ChatPort, Message, Posted
from stanch.sinks import mail as words

CHAT, MAIL = "chat", "mail"
BY_MAIL = "mail:"  # before a name of the directory: a place of ours, so that addresses stay in the directory
FOOTER = "Nothing is decided by mail, and replies are not read. Sign in at {url} to answer."


@dataclass(frozen=True)
class Way:
    """One way to somebody.

    Args:
        port: `chat` or `mail`.
        place: the chat system's own id, or `mail:` and a name of the directory.
        ref: whom it reaches.
    """

    port: str
    place: str
    ref: str = ""


def can_tell(world: World) -> bool:
    """Whether there is any way to tell people."""
    return bool(world.first(CHAT) or world.first(MAIL))


def way_to(world: World, ref: str) -> Way | None:
    """The way to a person, team or schedule; None where there is none."""
    name = world.first(CHAT)
    place = channel_of(world, ref, str(world.sections(CHAT)[name].get("kind", name))) if name else ""
    return Way(CHAT, place, ref) if place else mail_to(world, ref)


def mail_to(world: World, ref: str) -> Way | None:
    """The way by e-mail alone."""
    return Way(MAIL, f"{BY_MAIL}{ref}", ref) if world.first(MAIL) and channel_of(world, ref, "email") else None


def is_by_mail(place: str) -> bool:
    return place.startswith(BY_MAIL)


def chat_of(world: World) -> ChatPort:
    port: ChatPort = world.connector(CHAT, world.first(CHAT))
    return port


def deliver(world: World, way: Way, message: Message) -> Posted:
    """Tell once; `message.channel` is the way's place."""
    return post_once(world, _Post(world) if way.port == MAIL else chat_of(world), message)


def send_anew(world: World, posted: Posted, message: Message) -> Posted:
    """What was said by mail stays as it was; the new state follows it, once."""
    return post_once(world, _Post(world, answers=posted.ref), message)


def is_away(error: StanchError) -> bool:
    """Whether a chat system is down for us; one that asks to wait is not."""
    return not (isinstance(error, RetrySafe) and error.retry_after is not None)


class _Post:
    """Posting by mail, so that a message is remembered and threaded wherever it went."""

    def __init__(self, world: World, *, answers: str = "") -> None:
        self._world = world
        self._answers = answers

    def post(self, message: Message) -> Posted:
        """Send the message to whoever its place names, at the address that the directory has now."""
        world, ref = self._world, message.channel.removeprefix(BY_MAIL)
        name, address = world.first(MAIL), channel_of(self._world, ref, "email")
        if not (name and address):
            raise Rejected(f"{ref} cannot be reached by mail", code="V012", hint="add `email` to the directory")
        port: MailPort = world.connector(MAIL, name)
        return Posted(message.channel, port.send(self._letter(message, address)))

    def _letter(self, message: Message, address: str) -> Letter:
        url = self._world.settings.public_url
        where = f"{url}/cases/{message.case_id}" if message.case_id else url
        return Letter(
            key=hashlib.sha256(f"{message.channel}\0{message.key}".encode()).hexdigest()[:32],
            to=address,
            subject=words.subject(message.title),
            body=words.body(message, own=(url, *message.links), ends=FOOTER.format(url=where)),
            answers=self._answers or message.thread,
        )
