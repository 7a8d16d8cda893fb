"""What a person did in Slack, read strictly from an interaction's form body; run only after `verify`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import ValidationError

from stanch.errors import IntakeError
from stanch.shapes import is_dict
from stanch.sinks.slack_look import look_of
from stanch.sinks.text import one_line
from stanch.slack import _parts as parts

BODY_LIMIT = 256 * 1024


@dataclass(frozen=True)
class Interaction:
    """One deed of one person.

    Args:
        kind: `block_actions` (a button) or `view_submission` (a dialog sent).
        team_id: the workspace it happened in; "" for an organisation-wide installation.
        enterprise_id: the organisation of that workspace, where it has one.
        user_team_id: the workspace that the user is at home in; "" where Slack does not say.
        action_id: the button's action id, or the dialog's callback id.
        value: the button's value, or the dialog's private metadata.
        message_ts: the message with the button; "" for a button of a view.
        action_ts: when, as Slack counts; with user and message it names the click. "" for a dialog.
        response_url: where what became of it may be said to this person, as Slack gave it.
        view_id, view_hash: the dialog or home that it happened in, and its state as the person saw it.
        metadata: of that view, as we gave it.
        look: digest of what the person had read on the message; "" where Slack did not bring the message along.
        fleeting: the message was shown to this person alone, as none of ours with buttons is.
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
    response_url: str = ""
    view_id: str = ""
    view_hash: str = ""
    metadata: str = ""
    look: str = ""
    fleeting: bool = False


def parse_interaction(body: bytes) -> Interaction:
    """The deed in a verified `payload=` form body.

    Raises:
        IntakeError: status 400 (413 when too large) for anything but exactly one button press or dialog.
    """
    if len(body) > BODY_LIMIT:
        raise IntakeError("the interaction is too large", status=413, code="I424")
    return read_interaction(_payload(body))


def read_interaction(payload: Mapping[str, Any]) -> Interaction:
    """The deed in a payload that Slack has sent, by whichever way.

    Raises:
        IntakeError: status 400 for anything but exactly one button press or dialog.
    """
    try:
        if payload.get("type") == "view_submission":
            return _from_submission(parts.Submission.model_validate(payload))
        container = payload.get("container")
        if is_dict(container) and container.get("type") == "view":
            return _from_view(parts.ViewClick.model_validate(payload))
        return _from_click(parts.Click.model_validate(payload))
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


def _from_click(click: parts.Click) -> Interaction:
    if click.channel.id != click.container.channel_id:
        raise _malformed("container.channel_id")
    done = _interaction(
        click,
        kind="block_actions",
        name=click.actions[0].action_id,
        value=click.actions[0].value,
        channel=click.channel.id,
        message_ts=click.container.message_ts,
        action_ts=click.actions[0].action_ts,
    )
    read = click.message
    look = look_of(read.blocks, read.attachments) if read is not None and read.blocks is not None else ""
    return replace(done, look=look, fleeting=click.container.is_ephemeral)


def _from_view(click: parts.ViewClick) -> Interaction:
    if click.view.id != click.container.view_id:
        raise _malformed("container.view_id")
    return _interaction(
        click,
        kind="block_actions",
        name=click.actions[0].action_id,
        value=click.actions[0].value,
        action_ts=click.actions[0].action_ts,
        view=click.view,
    )


def _from_submission(sent: parts.Submission) -> Interaction:
    name, value = sent.view.callback_id, sent.view.private_metadata
    done = _interaction(sent, kind="view_submission", name=name, value=value, view=sent.view)
    answers = [pair for block in sent.view.state.values.values() for pair in block.items()]
    return replace(done, inputs=tuple((name, _said(answer)) for name, answer in answers))


def _said(answer: parts.Answer) -> str:
    if isinstance(answer, parts.Typed):
        return answer.value or ""
    return answer.selected_option.value if answer.selected_option is not None else ""


def _interaction(
    envelope: parts.Envelope,
    *,
    kind: Literal["block_actions", "view_submission"],
    name: str,
    value: str,
    channel: str = "",
    message_ts: str = "",
    action_ts: str = "",
    view: parts.Shown | parts.Sent | None = None,
) -> Interaction:
    return Interaction(
        kind=kind,
        user_id=envelope.user.id,
        team_id=_id(envelope.team),
        enterprise_id=_id(envelope.enterprise),
        user_team_id=envelope.user.team_id or "",
        api_app_id=envelope.api_app_id,
        action_id=name,
        value=value,
        channel=channel,
        message_ts=message_ts,
        action_ts=action_ts,
        trigger_id=envelope.trigger_id,
        response_url=envelope.response_url,
        view_id=(view.id or "") if view is not None else "",
        view_hash=view.hash if view is not None else "",
        metadata=view.private_metadata if view is not None else "",
    )


def _id(team: parts.Team | None) -> str:
    return team.id if team is not None else ""


def _malformed(place: str) -> IntakeError:
    return IntakeError("the interaction is not one that Slack sends", status=400, code="I423", place=place)
