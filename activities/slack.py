"""Slack as a chat system: cards, their later states, and who a person is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from activities._section import read_section
from activities._slack.cards import Card, card
from activities._slack.outcomes import perform, unclear
from activities._slack.pace import Turn
from activities._slack.surface import SlackConfig, Surface
from stanch.errors import ConnectorError, Rejected
from stanch.ports import ChatUser, Check, Connector, Message, Posted
from stanch.sinks.slack_look import look_of
from stanch.sinks.text import one_line
from stanch.slack.manifest import scopes_of

EVENT_TYPE = "stanch"
CLOCK_SECONDS = 60.0

_USER = re.compile(r"[UW][A-Z0-9]{1,30}", re.ASCII)
_PLACE = re.compile(r"[CDGUW][A-Z0-9]{1,30}", re.ASCII)
_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}", re.ASCII)


class Slack(Surface):
    """`stanch.ports.ChatPort` over the Web API; safe to use from several threads."""

    def post(self, message: Message) -> Posted:
        """Post a card.

        Slack knows no idempotency key, so after Uncertain a second post makes a second card; both carry the key in
        their metadata and decide the same approval.
        """
        _known(message.channel, _PLACE, "channel")
        shown = card(message)
        answer = self._write("chat.postMessage", channel=message.channel, message=message, shown=shown)
        channel, ts = str(answer.get("channel") or ""), str(answer.get("ts") or "")
        if not (_PLACE.fullmatch(channel) and _TS.fullmatch(ts)):
            raise unclear(writes=True)
        return Posted(channel=channel, ref=ts)

    def update(self, posted: Posted, message: Message) -> None:
        """Replace a card; the same update twice is harmless.

        Of several that wait for the same card only the one asked for last is sent; the others are done with it.
        """
        _known(posted.channel, _PLACE, "channel")
        _known(posted.ref, _TS, "message reference")
        self._write("chat.update", channel=posted.channel, message=message, shown=card(message), ts=posted.ref)

    def look(self, message: Message) -> str:
        """What people read of the message, as the digest that a click on it is compared with."""
        return look_of(card(message).blocks)

    def user(self, user_id: str) -> ChatUser:
        """The account as Slack describes it now; accounts of other workspaces have another `team`."""
        _known(user_id, _USER, "user id")
        answer = perform(lambda: self._client.users_info(user=user_id), writes=False)
        found = answer.get("user")
        if not isinstance(found, dict) or found.get("id") != user_id:
            raise unclear(writes=False)
        return _chat_user(found)

    def doctor(self) -> Sequence[Check]:
        """Token, workspace, scopes and clock."""
        try:
            answer = perform(self._client.auth_test, writes=False)
        except ConnectorError as error:
            return [Check(name="slack token", ok=False, detail=error.message, fix=error.hint)]
        headers = {name.lower(): value for name, value in answer.headers.items()}
        team = str(answer.get("team_id") or "")
        return [
            Check(name="slack token", ok=True, detail=one_line(str(answer.get("user") or ""))),
            self._check_team(team),
            _check_scopes(headers.get("x-oauth-scopes", ""), needed=scopes_of(groups=bool(self.config.deciders))),
            _check_clock(headers.get("date", ""), now=datetime.now(UTC)),
            *self._check_group(),
            *self._check_line(),
        ]

    def _check_group(self) -> list[Check]:
        group = self.config.deciders
        if not group:
            return []
        try:
            found = self.members(group)
        except ConnectorError as error:
            return [Check(name="slack deciders", ok=False, detail=error.message, fix=error.hint)]
        fix = "put people into the user group; until then nobody can decide in Slack"
        return [Check(name="slack deciders", ok=bool(found), detail=f"{len(found)} in {group}", fix=fix)]

    def _check_line(self) -> list[Check]:
        """Whether Slack would give a line; none is opened, so that no click goes to this process."""
        if self.config.app_token is None:
            return []
        token = self.config.app_token.get_secret_value()
        try:
            perform(lambda: self._client.apps_connections_open(app_token=token), writes=False)
        except ConnectorError as error:
            return [Check(name="slack socket mode", ok=False, detail=error.message, fix=error.hint)]
        return [Check(name="slack socket mode", ok=True, detail="the app token is taken")]

    def _write(self, method: str, *, channel: str, message: Message, shown: Card, ts: str = "") -> Any:
        payload = {
            "channel": channel,
            "text": shown.text,
            "blocks": shown.blocks,
            "link_names": False,
            "parse": "none",
            "metadata": {
                "event_type": EVENT_TYPE,
                "event_payload": {"key": message.key, "case_id": message.case_id},
            },
        }
        payload |= {"ts": ts} if ts else _post_only(message)
        turn = Turn(channel, what=message.key, card=ts)
        return self._pace.take(turn, lambda: perform(lambda: self._client.api_call(method, json=payload), writes=True))

    def _check_team(self, team: str) -> Check:
        return Check(
            name="slack workspace",
            ok=team == self.config.team_id,
            detail=one_line(team),
            fix="set team_id to the workspace that the token belongs to, or use that workspace's token",
        )


def build(name: str, section: Mapping[str, Any]) -> Slack:
    """The connector from its section, secrets resolved."""
    return Slack(read_section(SlackConfig, name, section))


def _post_only(message: Message) -> dict[str, Any]:
    thread = {"thread_ts": message.thread} if _TS.fullmatch(message.thread) else {}
    return {"unfurl_links": False, "unfurl_media": False, **thread}


def _known(value: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(value):
        raise Rejected(
            f"this is no Slack {what}", code="V211", hint="use Slack ids in the directory, such as C0123ABCD"
        )


def _chat_user(found: Mapping[str, Any]) -> ChatUser:
    profile = found.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    guest = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_invited_user")
    bot = ("is_bot", "is_workflow_bot", "is_connector_bot")
    return ChatUser(
        id=str(found["id"]),
        name=one_line(str(found.get("real_name") or profile.get("real_name") or found.get("name") or "")),
        email=one_line(str(profile.get("email") or "")),
        team=str(found.get("team_id") or profile.get("team") or ""),
        is_bot=found["id"] == "USLACKBOT" or any(found.get(flag) for flag in bot),
        is_guest=any(found.get(flag) for flag in guest),
        deleted=bool(found.get("deleted")),
        teams=_teams(found.get("enterprise_user")),
    )


def _teams(organisation: object) -> tuple[str, ...]:
    """Of an account in an Enterprise Grid: the organisation and its workspaces that the account belongs to."""
    if not isinstance(organisation, dict):
        return ()
    teams = organisation.get("teams")
    names = (organisation.get("enterprise_id"), *(teams if isinstance(teams, list) else ()))
    return tuple(name for name in names if isinstance(name, str) and name)


def _check_scopes(text: str, *, needed: Sequence[str]) -> Check:
    granted = {scope.strip() for scope in text.split(",")}
    missing = [scope for scope in needed if scope not in granted]
    detail = f"missing: {', '.join(missing)}" if missing else f"all {len(needed)} granted"
    return Check(name="slack scopes", ok=not missing, detail=detail, fix="add the scopes and install the app again")


def _check_clock(date: str, *, now: datetime) -> Check:
    """Signed requests are refused when this machine's clock is minutes away from Slack's."""
    try:
        skew = abs((parsedate_to_datetime(date) - now).total_seconds())
    except (ValueError, TypeError):
        return Check(name="slack clock", ok=True, detail="Slack sent no date to compare with")
    return Check(
        name="slack clock", ok=skew <= CLOCK_SECONDS, detail=f"{skew:.0f} s apart", fix="synchronise the clock"
    )


CONNECTOR = Connector(port="chat", kind="slack", build=build)
