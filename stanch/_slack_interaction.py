"""What a person did in Slack, read strictly from an interaction's form body; run only after `verify`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from stanch.errors import IntakeError
from stanch.shapes import is_dict
from stanch.sinks.text import one_line

BODY_LIMIT = 256 * 1024

_UserId = Annotated[str, StringConstraints(pattern=r"\A[UW][A-Z0-9]{1,30}\z")]
_TeamId = Annotated[str, StringConstraints(pattern=r"\A[TE][A-Z0-9]{1,30}\z")]
_AppId = Annotated[str, StringConstraints(pattern=r"\AA[A-Z0-9]{1,30}\z")]
_ChannelId = Annotated[str, StringConstraints(pattern=r"\A[CDG][A-Z0-9]{1,30}\z")]
_Ts = Annotated[str, StringConstraints(pattern=r"\A[0-9]{1,12}\.[0-9]{1,9}\z")]
_ActionId = Annotated[str, StringConstraints(pattern=r"\A[\x21-\x7e]{1,255}\z")]
_Value = Annotated[str, StringConstraints(max_length=3000)]
_Trigger = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f.]{1,200}\z")]


@dataclass(frozen=True)
class Interaction:
    """One deed of one person.

    Args:
        kind: `block_actions` (a button) or `view_submission` (a dialog sent).
        team_id: the workspace it happened in; "" for an organisation-wide installation.
        user_team_id: the workspace that the user is at home in; "" where Slack does not say.
        action_id: the button's action id, or the dialog's callback id.
        value: the button's value, or the dialog's private metadata.
        action_ts: when, as Slack counts; with user and message it names the click. "" for a dialog.
        inputs: a dialog's answers as (action id, text), in no certain order.
    """

    kind: Literal["block_actions", "view_submission"]
    user_id: str
    team_id: str
    enterprise_id: str
    user_team_id: str
    api_app_id: str
    action_id: str
    value: str
    channel: str
    message_ts: str
    action_ts: str
    trigger_id: str
    inputs: tuple[tuple[str, str], ...] = ()


class _Part(BaseModel):
    # Slack adds fields at any time; what is read is read strictly.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _User(_Part):
    id: _UserId
    team_id: _TeamId | None = None


class _Team(_Part):
    id: _TeamId


class _Channel(_Part):
    id: _ChannelId


class _Container(_Part):
    type: Literal["message"]
    message_ts: _Ts
    channel_id: _ChannelId


class _Action(_Part):
    type: Literal["button"]
    action_id: _ActionId
    value: _Value = ""
    action_ts: _Ts


class _Envelope(_Part):
    user: _User
    team: _Team | None
    enterprise: _Team | None = None
    api_app_id: _AppId
    trigger_id: _Trigger


class _Click(_Envelope):
    type: Literal["block_actions"]
    channel: _Channel
    container: _Container
    actions: Annotated[list[_Action], Field(min_length=1, max_length=1)]


class _Input(_Part):
    type: Literal["plain_text_input"]
    value: _Value | None = None


class _State(_Part):
    values: dict[str, dict[str, _Input]]


class _View(_Part):
    callback_id: _ActionId
    private_metadata: _Value = ""
    state: _State


class _Submission(_Envelope):
    type: Literal["view_submission"]
    view: _View


def parse_interaction(body: bytes) -> Interaction:
    """The deed in a verified `payload=` form body.

    Raises:
        IntakeError: status 400 (413 when too large) for anything but exactly one button press or dialog.
    """
    if len(body) > BODY_LIMIT:
        raise IntakeError("the interaction is too large", status=413, code="I424")
    payload = _payload(body)
    try:
        if payload.get("type") == "view_submission":
            return _from_submission(_Submission.model_validate(payload))
        return _from_click(_Click.model_validate(payload))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise _malformed(one_line(place, limit=100)) from None


def _payload(body: bytes) -> dict[str, Any]:
    try:
        form = parse_qsl(body.decode("ascii"), strict_parsing=True, keep_blank_values=True, errors="strict")
        ((name, text),) = form
        payload = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _malformed("payload") from None
    if name != "payload" or not is_dict(payload):
        raise _malformed("payload")
    return payload


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _from_click(click: _Click) -> Interaction:
    if click.channel.id != click.container.channel_id:
        raise _malformed("container.channel_id")
    action = click.actions[0]
    return Interaction(
        kind="block_actions",
        user_id=click.user.id,
        team_id=_id(click.team),
        enterprise_id=_id(click.enterprise),
        user_team_id=click.user.team_id or "",
        api_app_id=click.api_app_id,
        action_id=action.action_id,
        value=action.value,
        channel=click.channel.id,
        message_ts=click.container.message_ts,
        action_ts=action.action_ts,
        trigger_id=click.trigger_id,
    )


def _from_submission(sent: _Submission) -> Interaction:
    answers = [pair for block in sent.view.state.values.values() for pair in block.items()]
    return Interaction(
        kind="view_submission",
        user_id=sent.user.id,
        team_id=_id(sent.team),
        enterprise_id=_id(sent.enterprise),
        user_team_id=sent.user.team_id or "",
        api_app_id=sent.api_app_id,
        action_id=sent.view.callback_id,
        value=sent.view.private_metadata,
        channel="",
        message_ts="",
        action_ts="",
        trigger_id=sent.trigger_id,
        inputs=tuple((name, answer.value or "") for name, answer in answers),
    )


def _id(team: _Team | None) -> str:
    return team.id if team is not None else ""


def _malformed(place: str) -> IntakeError:
    return IntakeError("the interaction is not one that Slack sends", status=400, code="I423", place=place)
