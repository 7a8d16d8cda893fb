"""What a hint brings to a case: each difference once, under a name by which the case knows it from another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stanch.ports import Ticket, TicketEvent, TicketState
from stanch.records import Records
from stanch.routing import People
from stanch.routing._directory import Directory
from stanch.tickets.following import Tracker, look


class Port:
    """A tracker's ticket as a test sets it."""

    def __init__(self) -> None:
        self.ticket = Ticket("INC0010006", "1", "servicenow", "", TicketState.NEW, version=1)

    def get_ticket(self, key: str) -> Ticket:
        return self.ticket

    def notes(self, key: str) -> list[Any]:
        return []


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    made = Records(f"sqlite:///{tmp_path / 'records.db'}", b"k" * 32)
    made.link_ticket("case-1", system="servicenow", key="INC0010006", url="", at=datetime.now(UTC))
    yield made
    made.close()


def test_what_a_doubled_hint_finds_the_second_time_has_a_name_of_its_own(records: Records) -> None:
    port = Port()
    people = People(Directory())
    tracker = Tracker("servicenow", "servicenow", port, people, records)  # type: ignore[arg-type]
    hint = TicketEvent("servicenow", "INC0010006", "msg_1")
    first = look(tracker, hint)
    assert first is not None
    again = look(tracker, hint)
    assert again is not None
    assert again.change.event_id == first.change.event_id, "nobody was told yet: the same news"
    records.see_ticket(first.after)
    assert look(tracker, hint) is None
    port.ticket = Ticket("INC0010006", "1", "servicenow", "", TicketState.DONE, version=5)
    second = look(tracker, hint)
    assert second is not None
    assert second.change.state == "done"
    assert second.change.event_id != first.change.event_id
