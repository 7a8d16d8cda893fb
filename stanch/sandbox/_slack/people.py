"""What people do in a stand-in workspace, and Slack forwards: buttons, dialogs, commands, and opening the home."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stanch.sandbox._server import Ledger
from stanch.sandbox._slack import blocks as rules
from stanch.sandbox._slack.delivery import NO_ANSWER, Delivered, Delivery, Forgery
from stanch.sandbox._slack.view_api import ViewApi
from stanch.sandbox._slack.workspace import Person, Shown, Workspace

__all__ = ["NO_ANSWER", "Delivered", "Forgery", "People", "has_button"]


class People:
    """Makes what Slack sends to the app when somebody does something."""

    def __init__(self, workspace: Workspace, ledger: Ledger, delivery: Delivery, views: ViewApi) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.delivery = delivery
        self.views = views
        self.base = ""

    def press(self, person_id: str, *, button: str, channel: str, ts: str, forgery: Forgery | None = None) -> int:
        """Press a button of a message; the HTTP status of the app, or 0 where it did not answer within 3 s."""
        with self.workspace.lock:
            person = self.workspace.people[person_id]
            message = self.workspace.messages[channel, ts]
            payload = self._click(person, message=message, channel=channel, button=button)
        done = self.delivery.interaction(payload, forgery=forgery)
        seen = {"user": person_id, "channel": channel, "ts": ts, "button": button, "forgery": forgery or ""}
        self.ledger.append("slack.pressed", {**seen, "status": done.status, "seconds": done.seconds})
        return done.status

    def press_in(self, person_id: str, *, button: str, view: Shown) -> int:
        """Press a button of a dialog, or of the person's home."""
        with self.workspace.lock:
            element = _found(rules.elements(view.view["blocks"]), button)
            payload: dict[str, Any] = {
                **self._envelope(self.workspace.people[person_id]),
                "type": "block_actions",
                "container": {"type": "view", "view_id": view.id},
                "view": {**view.whole(), "state": {"values": dict[str, Any]()}},
                "actions": [{**element, "block_id": "actions", "action_ts": self.workspace.next_ts()}],
            }
        status = self.delivery.interaction(payload).status
        self.ledger.append("slack.pressed", {"user": person_id, "view": view.id, "button": button, "status": status})
        return status

    def submit(self, person_id: str, *, view: Mapping[str, Any], answers: Mapping[str, str]) -> int:
        """Send a dialog with answers by action id."""
        return self._submit(person_id, view=view, answers=answers).status

    def send(self, person_id: str, shown: Shown, answers: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a dialog that stands, and do with it what the app says; gives the app's answer.

        Raises:
            ValueError: Slack would not take this answer, and would show the person an error.
        """
        body = self._submit(person_id, view=shown.whole(), answers=answers).body
        if problems := _answer_mistakes(shown.view, body):
            raise ValueError("; ".join(problems))
        with self.workspace.lock:
            if body.get("response_action") == "update":
                self.views.change(shown, body["view"])
            elif body.get("response_action") != "errors":
                shown.closed = True
        return body

    def command(self, person_id: str, text: str) -> Mapping[str, Any]:
        """Write `/stanch` and words behind it; gives what the app answered."""
        person = self.workspace.people[person_id]
        with self.workspace.lock:
            fields = {
                "command": "/stanch",
                "text": text,
                "user_id": person.id,
                "user_name": person.name,
                "team_id": self._team(person),
                "channel_id": "C0ANY",
                "trigger_id": self.workspace.trigger(person.id),
                "api_app_id": self.workspace.app.app_id,
                "response_url": self._response(person),
            }
            fields |= {"enterprise_id": self.workspace.app.enterprise_id} if self.workspace.app.enterprise_id else {}
        done = self.delivery.command(fields)
        self.ledger.append("slack.command", {"user": person_id, "text": text, "status": done.status})
        return done.body

    def open_home(self, person_id: str, *, tab: str = "home") -> int:
        """Open the app's home."""
        person = self.workspace.people[person_id]
        payload = {
            "type": "event_callback",
            "team_id": self._team(person),
            "api_app_id": self.workspace.app.app_id,
            "event_id": "Ev" + self.workspace.next_ts(),
            "event": {"type": "app_home_opened", "user": person_id, "channel": "D" + person_id[1:], "tab": tab},
        }
        return self.delivery.event(payload).status

    def _submit(self, person_id: str, *, view: Mapping[str, Any], answers: Mapping[str, str]) -> Delivered:
        with self.workspace.lock:
            shown = {**view, "state": {"values": dict(_typed(view, answers))}}
            envelope = self._envelope(self.workspace.people[person_id])
        done = self.delivery.interaction({**envelope, "type": "view_submission", "view": shown})
        self.ledger.append("slack.submitted", {"user": person_id, "status": done.status, "answer": dict(done.body)})
        return done

    def _click(self, person: Person, *, message: dict[str, Any], channel: str, button: str) -> dict[str, Any]:
        element = _found(rules.elements(message["blocks"]), button)
        action = {**element, "block_id": "actions", "action_ts": self.workspace.next_ts()}
        place = {"type": "message", "message_ts": message["ts"], "channel_id": channel, "is_ephemeral": False}
        return {
            **self._envelope(person),
            "type": "block_actions",
            "container": place,
            "channel": {"id": channel, "name": self.workspace.channels[channel].name},
            "message": message,
            "state": {"values": {}},
            "response_url": self._response(person),
            "actions": [action],
        }

    def _envelope(self, person: Person) -> dict[str, Any]:
        app, team = self.workspace.app, self._team(person)
        organisation = {"id": app.enterprise_id, "name": "Org"} if app.enterprise_id else None
        home = person.team_id or app.team_id
        return {
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": home},
            "api_app_id": app.app_id,
            "token": "deprecated",
            "trigger_id": self.workspace.trigger(person.id),
            "team": {"id": team, "domain": "sandbox"},
            "enterprise": organisation,
            "is_enterprise_install": False,
        }

    def _team(self, _person: Person) -> str:
        """Where it happens: here, whoever it is."""
        return self.workspace.app.team_id

    def _response(self, person: Person) -> str:
        return self.base + self.workspace.response(person.id)


def _answer_mistakes(view: Mapping[str, Any], body: Mapping[str, Any]) -> list[str]:
    """What Slack would refuse about the answer to a dialog that was sent."""
    if body.get("response_action") == "update":
        return rules.view_mistakes(body.get("view"))
    inputs = {block.get("block_id") for block in view["blocks"] if block.get("type") == "input"}
    return [f"no input block {name!r}" for name in body.get("errors", {}) if name not in inputs]


def has_button(message: Mapping[str, Any], button: str) -> bool:
    """True where a button of the message has this action id or label."""
    return any(_is(element, button) for element in rules.elements(message["blocks"]))


def _found(elements: list[dict[str, Any]], button: str) -> dict[str, Any]:
    for element in elements:
        if _is(element, button):
            return element
    raise LookupError(f"there is no button {button!r}")


def _is(element: Mapping[str, Any], button: str) -> bool:
    return button in (element["action_id"], element["text"]["text"])


def _typed(view: Mapping[str, Any], answers: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The state of a dialog's inputs by block; what it has no input for is sent as typed text."""
    left = dict(answers)
    for block in view["blocks"]:
        if block.get("type") == "input":
            element = block["element"]
            given = left.pop(element["action_id"], None)
            yield block.get("block_id", element["action_id"]), {element["action_id"]: _state(element, given)}
    for name, text in left.items():
        yield f"block-{name}", {name: {"type": "plain_text_input", "value": text}}


def _state(element: Mapping[str, Any], given: str | None) -> dict[str, Any]:
    if element["type"] == "plain_text_input":
        return {"type": "plain_text_input", "value": given}
    chosen = next((option for option in element["options"] if option["value"] == given), None)
    if given is not None and chosen is None:
        raise LookupError(f"there is no option {given!r}")
    return {"type": element["type"], "selected_option": chosen}
