"""The parts of what Slack sends when a person does something, each read strictly."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_BLOCKS = 100

UserId = Annotated[str, StringConstraints(pattern=r"\A[UW][A-Z0-9]{1,30}\z")]
TeamId = Annotated[str, StringConstraints(pattern=r"\A[TE][A-Z0-9]{1,30}\z")]
AppId = Annotated[str, StringConstraints(pattern=r"\AA[A-Z0-9]{1,30}\z")]
ChannelId = Annotated[str, StringConstraints(pattern=r"\A[CDG][A-Z0-9]{1,30}\z")]
ViewId = Annotated[str, StringConstraints(pattern=r"\AV[A-Z0-9]{1,30}\z")]
Ts = Annotated[str, StringConstraints(pattern=r"\A[0-9]{1,12}\.[0-9]{1,9}\z")]
ActionId = Annotated[str, StringConstraints(pattern=r"\A[\x21-\x7e]{1,255}\z")]
Value = Annotated[str, StringConstraints(max_length=3000)]
Trigger = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f.]{1,200}\z")]
Address = Annotated[str, StringConstraints(max_length=2000)]
Hash = Annotated[str, StringConstraints(max_length=200)]


class Part(BaseModel):
    # Slack adds fields at any time; what is read is read strictly.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class User(Part):
    id: UserId
    team_id: TeamId | None = None


class Team(Part):
    id: TeamId


class Channel(Part):
    id: ChannelId


class OnMessage(Part):
    type: Literal["message"]
    message_ts: Ts
    channel_id: ChannelId
    is_ephemeral: bool = False


class OnView(Part):
    type: Literal["view"]
    view_id: ViewId


class Action(Part):
    type: Literal["button"]
    action_id: ActionId
    value: Value = ""
    action_ts: Ts


class Envelope(Part):
    user: User
    team: Team | None
    enterprise: Team | None = None
    api_app_id: AppId
    trigger_id: Trigger
    response_url: Address = ""


class Read(Part):
    """A message as the person had it before them."""

    blocks: Annotated[list[Any], Field(max_length=MAX_BLOCKS)] | None = None
    attachments: list[Any] = Field(default_factory=list[Any])


class Click(Envelope):
    """A button of a message."""

    type: Literal["block_actions"]
    channel: Channel
    container: OnMessage
    message: Read | None = None
    actions: Annotated[list[Action], Field(min_length=1, max_length=1)]


class Shown(Part):
    """A view in which a button was pressed; the view of our own home has no callback id."""

    id: ViewId
    hash: Hash = ""
    callback_id: Annotated[str, StringConstraints(max_length=255)] = ""
    private_metadata: Value = ""


class ViewClick(Envelope):
    """A button of a dialog, or of the app's home."""

    type: Literal["block_actions"]
    container: OnView
    view: Shown
    actions: Annotated[list[Action], Field(min_length=1, max_length=1)]


class Typed(Part):
    type: Literal["plain_text_input"]
    value: Value | None = None


class Option(Part):
    value: Value


class Chosen(Part):
    type: Literal["radio_buttons", "static_select"]
    selected_option: Option | None = None


Answer = Annotated[Typed | Chosen, Field(discriminator="type")]


class State(Part):
    values: Annotated[dict[str, dict[str, Answer]], Field(max_length=MAX_BLOCKS)]


class Sent(Part):
    id: ViewId | None = None
    hash: Hash = ""
    callback_id: ActionId
    private_metadata: Value = ""
    state: State


class Submission(Envelope):
    """A dialog that was sent."""

    type: Literal["view_submission"]
    view: Sent
