"""When an earlier attempt may last have been applied, told from one attempt of an activity to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from temporalio import activity

from stanch.errors import RetrySafe, Uncertain


class Doubt:
    """What heartbeats say of the attempts so far.

    The time since the activity was scheduled is no measure: after an hour of "slow down", a create that was lost is
    young. An attempt says first that it is under way; where it was killed, nothing earlier than its end is believed.
    """

    def __init__(self, info: activity.Info) -> None:
        self.since = None if info.attempt == 1 else _before(info)
        self._open = True
        self._begun = False

    def begin(self) -> None:
        """From here on something may be sent."""
        self._begun = True

    @property
    def details(self) -> dict[str, str]:
        """What heartbeats carry."""
        return {"attempt": "open" if self._open else "ended", "sent": self.since.isoformat() if self.since else ""}

    def end(self, error: Exception) -> None:
        """The attempt ended this way; all that may have been sent was sent by now."""
        harmless = not self._begun or isinstance(error, RetrySafe) or (isinstance(error, Uncertain) and not error.sent)
        if not harmless:
            self.since = datetime.now(UTC)
        self._open = False


def _before(info: activity.Info) -> datetime | None:
    told = info.heartbeat_details[0] if info.heartbeat_details else None
    if not isinstance(told, Mapping) or told.get("attempt") != "ended":
        return info.current_attempt_scheduled_time
    try:
        return datetime.fromisoformat(str(told.get("sent"))) if told.get("sent") else None
    except ValueError:
        return info.current_attempt_scheduled_time
