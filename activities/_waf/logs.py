"""Lines of a CloudWatch Logs group, the newest first, page by page and within bounds (`FilterLogEvents`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from activities._aws import outcome

_STALE = timedelta(seconds=5)  # a date has whole seconds, and servers keep it for a while
_NEWEST_FIRST = 1_704_067_200_000  # 2024 in UTC: AWS gives the newest first of nothing older
_MOST_LATE = timedelta(hours=1)  # a clock that is wrong is no lag


@dataclass(frozen=True)
class Bounds:
    """How much of a log is read at most: an answer has about 1 MB, and AWS takes few of these calls a second."""

    pages: int = 24
    size: int = 8 << 20
    seconds: float = 12.0


@dataclass(frozen=True)
class Event:
    """One line.

    Args:
        late: how long after its own time the log had it.
    """

    at: datetime
    text: str
    late: timedelta


@dataclass(frozen=True)
class Lines:
    """What was read.

    Args:
        events: newest first.
        cut: why there may be more since the time asked for, "" where there is not.
        clock: how far Amazon's clock is ahead of ours, as far as that is sure.
    """

    events: tuple[Event, ...] = ()
    cut: str = ""
    clock: timedelta = timedelta()

    @property
    def late(self) -> timedelta:
        """The longest time that one of the lines was on its way."""
        return max((event.late for event in self.events), default=timedelta())


class LogGroup:
    """One log group; safe for threads."""

    def __init__(self, client: Any, name: str, *, bounds: Bounds | None = None) -> None:
        self.name = name
        self._client, self._bounds = client, bounds or Bounds()
        self._clock = timedelta()

    def lines(self, *, since: datetime, pattern: str = "") -> Lines:
        """Lines since a time; no end is asked for, since it would be by our clock and not by Amazon's.

        Args:
            since: the first moment.
            pattern: of CloudWatch Logs; emulators leave it out, so that whoever asks looks again.

        Raises:
            NotThere: there is no such group. AuthBlocked: it may not be read. RetrySafe: throttled, or no answer.
        """
        asked = _asked(self.name, since, pattern)
        pages = list(self._pages(asked))
        found = sorted((event for _, page in pages for event in page), key=lambda event: event.at, reverse=True)
        return Lines(tuple(found), pages[-1][0], self._clock)

    def _pages(self, asked: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Event]]]:
        """Pages, each with why it is the last one although more may follow."""
        bounds, started = self._bounds, time.monotonic()
        size, more, known = 0, dict[str, str](), set[str]()
        for number in range(1, bounds.pages + 1):
            page, token = self._page({**asked, **more})
            size += sum(len(event.text) for event in page)
            full = number == bounds.pages or size >= bounds.size or time.monotonic() - started >= bounds.seconds
            stuck = token in known
            yield ("it is longer than what is read" if token and (full or stuck) else ""), page
            if not token or full or stuck:
                return
            known.add(token)
            more = {"nextToken": token}

    def _page(self, request: Mapping[str, Any]) -> tuple[list[Event], str]:
        before = datetime.now(UTC)
        with outcome("FilterLogEvents", write=False):
            answer = self._client.filter_log_events(**request)
            events = [_event(one) for one in answer["events"]]
        self._clock = _ahead(answer, before, datetime.now(UTC))
        return events, str(answer.get("nextToken") or "")


def _asked(name: str, since: datetime, pattern: str) -> dict[str, Any]:
    """Times are in milliseconds."""
    start = max(_NEWEST_FIRST, int(since.timestamp() * 1000))
    asked = {"logGroupName": name, "startTime": start, "startFromHead": False}
    return {**asked, **({"filterPattern": pattern} if pattern else {})}


def _ahead(answer: Mapping[str, Any], before: datetime, after: datetime) -> timedelta:
    """By the date of an answer, which is of some time between its question and its end, or a little earlier."""
    try:
        date = parsedate_to_datetime(str(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))
        least, most = date - after, date + _STALE - before
    except (KeyError, TypeError, ValueError):
        return timedelta()
    return max(least, timedelta()) or min(most, timedelta())


def _event(raw: Mapping[str, Any]) -> Event:
    at = int(raw["timestamp"])
    late = timedelta(milliseconds=max(0, int(raw.get("ingestionTime", at)) - at))
    return Event(datetime.fromtimestamp(at / 1000, UTC), str(raw.get("message", "")), min(late, _MOST_LATE))
