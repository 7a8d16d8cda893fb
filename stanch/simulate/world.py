"""Invented answers of the outside world: what a test says, on top of plausible defaults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stanch.catalog import catalog
from stanch.durations import parse_duration
from stanch.interpreter.messages import ActionDone, ActionFailed, RunAction
from stanch.playbooks.examples import MOCK_WORDS
from stanch.shapes import is_list, is_mapping


@dataclass(frozen=True)
class Answer:
    """What an action ends with, and how long it takes."""

    event: ActionDone | ActionFailed
    takes: timedelta = timedelta(0)


class World:
    """Answers actions.

    Args:
        mocks: action -> outputs, or a list of such, one per call with the last one kept. Besides outputs a mock may
            hold `fail` (why it fails), `outcome` and `code` of the failure, and `takes` (how long it lasts).
    """

    def __init__(self, mocks: Mapping[str, Any]) -> None:
        self._mocks = mocks
        self._calls: Counter[str] = Counter()

    def answer(self, command: RunAction, now: datetime) -> Answer:
        """The end of an action that starts now; the event's time is set when it happens."""
        self._calls[command.action] += 1
        mock = {"fail": "no scanner in this simulation"} if self._silent(command) else self._mock(command.action)
        takes = _span(mock.get("takes", timedelta(0)))
        if command.purpose == "rescan" and not mock:
            mock = {"fail": "no scanner in this test", "code": "V023"}  # the timeline says when a rescan is clean
        if "fail" in mock:
            failed = ActionFailed(
                now=now + takes,
                ref=command.ref,
                code=str(mock.get("code", "V002")),
                reason=str(mock["fail"]),
                outcome=str(mock.get("outcome", "REJECTED")),
            )
            return Answer(failed, takes)
        given = {name: value for name, value in mock.items() if name not in MOCK_WORDS}
        outputs = {**self._defaults(command, now + takes), **given}
        return Answer(ActionDone(now=now + takes, ref=command.ref, outputs=outputs), takes)

    def _silent(self, command: RunAction) -> bool:
        """A second look that the core asks for by itself: without a scanner in the test there is none."""
        return command.purpose == "rescan" and command.action not in self._mocks

    def _mock(self, action: str) -> Mapping[str, Any]:
        found = self._mocks.get(action, {})
        if is_list(found):
            return found[min(self._calls[action], len(found)) - 1] if found else {}
        return found if is_mapping(found) else {}

    def _defaults(self, command: RunAction, at: datetime) -> dict[str, Any]:
        spec = catalog()[command.action]
        outputs: dict[str, Any] = spec.outputs().model_dump(mode="json")
        number = self._calls[command.action]
        if "lease_id" in outputs:
            outputs |= _held(command, at)
        elif command.action == "ticket.create":
            system = str(command.params.get("system", "board"))
            outputs |= {"key": f"T-{number}", "system": system, "url": f"https://tickets.invalid/T-{number}"}
            outputs |= {"assignee": str(command.params.get("assignee", ""))}
        elif "attachment_id" in outputs:
            attachment = str(command.params.get("attachment", f"attachment-{number}"))
            outputs |= {"attachment_id": attachment, "mode": str(command.params.get("action", "count"))}
        return outputs


def _span(takes: object) -> timedelta:
    return takes if isinstance(takes, timedelta) else parse_duration(str(takes))


def _held(command: RunAction, at: datetime) -> dict[str, Any]:
    """A lease is known by the key of the effect that took it (`stanch.leases.Lease`)."""
    lease_id = str(command.params.get("lease_id") or command.key)
    held: dict[str, Any] = {"lease_id": lease_id}
    if "ttl" in command.params:
        ends = at + parse_duration(str(command.params["ttl"]))
        ends = min(ends, datetime.fromisoformat(until)) if (until := command.params.get("until")) else ends
        held |= {"point": "simulated", "target": command.params.get("host", ""), "expires_at": ends.isoformat()}
    return held
