"""CloudWatch Logs as far as WAF's logs need it: groups that lines reach late, read page by page (`FilterLogEvents`)."""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stanch.sandbox._aws.shapes import AwsError, check, service

Answer = dict[str, Any]
PAGE_BYTES = 1 << 20
PAGE_EVENTS = 10_000
NEWEST_FIRST = 1_704_067_200_000  # milliseconds
_TERM = re.compile(r'"([^"]*)"')
_MEMBER = re.compile(r'\{ \$\.(\w+) = "([^"]*)" \}')


@dataclass(frozen=True)
class Event:
    """A line.

    Args:
        at: milliseconds since the epoch. seen: when it can be read, on the same clock.
    """

    id: str
    at: int
    seen: int
    message: str


class CloudWatchLogs:
    """Log groups of one account and region. Not safe for threads; the front holds a lock around each call.

    Args of a stand-in that tests set:
        lag: seconds until a line can be read.
        page: events on a page, so that few lines make many pages.
        gaps: every second page is empty, as AWS says pages may be.
    """

    def __init__(self) -> None:
        self._groups: dict[str, list[Event]] = {}
        self._tokens: dict[str, tuple[Mapping[str, Any], int]] = {}
        self._numbers = itertools.count(1)
        self.lag = 0.0
        self.page = PAGE_EVENTS
        self.gaps = False
        self.asked: list[Mapping[str, Any]] = []
        self._operations: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "CreateLogGroup": self._create,
            "FilterLogEvents": self._filter,
        }

    def has(self, operation: str) -> bool:
        return operation in self._operations

    def groups(self) -> Sequence[str]:
        return list(self._groups)

    def put(self, group: str, message: Mapping[str, Any] | str, *, at: float, lag: float | None = None) -> None:
        """A line of a group that is there, with its time and lag in seconds; for another it is lost, as at AWS."""
        if group in self._groups:
            late = self.lag if lag is None else lag
            text = message if isinstance(message, str) else json.dumps(message)
            event = Event(f"{next(self._numbers):056d}", int(at * 1000), int((at + late) * 1000), text)
            self._groups[group].append(event)

    def arrive(self) -> None:
        """Whatever is on its way is there now."""
        now = int(time.time() * 1000)
        for name, events in self._groups.items():
            self._groups[name] = [replace(one, seen=min(one.seen, now)) for one in events]

    def call(self, operation: str, request: Mapping[str, Any]) -> Answer:
        """Answer one operation.

        Raises:
            AwsError: what AWS would answer instead.
        """
        shape = service("logs").operation_model(operation).input_shape
        try:
            if shape is not None:
                check(request, shape, operation)
        except AwsError as error:
            raise _wrong(str(error.body["message"])) from None
        return self._operations[operation](request)

    def _create(self, request: Mapping[str, Any]) -> Answer:
        name = str(request["logGroupName"])
        if name in self._groups:
            raise AwsError("ResourceAlreadyExistsException", "the log group is there")
        self._groups[name] = []
        return {}

    def _filter(self, request: Mapping[str, Any]) -> Answer:
        self.asked.append(request)
        if ("logGroupName" in request) == ("logGroupIdentifier" in request):
            raise _wrong("either a name or an identifier")
        name = str(request.get("logGroupName") or request["logGroupIdentifier"]).partition(":log-group:")
        events = self._groups.get((name[2] or name[0]).removesuffix(":*"))
        if events is None:
            raise AwsError("ResourceNotFoundException", "the specified log group does not exist")
        if request.get("startTime", 0) > request.get("endTime", 1 << 60):
            raise _wrong("the time range ends before it begins")
        if request.get("startFromHead") is False and request.get("startTime", 0) < NEWEST_FIRST:
            raise _wrong("startFromHead may be false from January 1, 2024 on only")
        return self._paged(_matching(events, request), request)

    def _paged(self, found: Sequence[Event], request: Mapping[str, Any]) -> Answer:
        start, number = self._position(request)
        if self.gaps and number % 2:
            return {"events": [], "nextToken": self._token(request, start, number + 1), "searchedLogStreams": []}
        page: list[Event] = []
        size = 0
        for event in found[start:]:
            size += len(event.message.encode()) + 26  # what each event counts beside its text
            if len(page) >= min(self.page, int(request.get("limit", PAGE_EVENTS))) or (page and size > PAGE_BYTES):
                break
            page.append(event)
        end = start + len(page)
        token = {"nextToken": self._token(request, end, number + 1)} if end < len(found) else {}
        return {"events": [_described(event) for event in page], "searchedLogStreams": [], **token}

    def _position(self, request: Mapping[str, Any]) -> tuple[int, int]:
        """Where a page begins, and its number; a token is good for the question it was given for."""
        token = request.get("nextToken")
        if token is None:
            return 0, 0
        asked, place = self._tokens.get(str(token), ({}, 0))
        if asked != {name: value for name, value in request.items() if name != "nextToken"}:
            raise _wrong("the specified nextToken is invalid")
        return divmod(place, 1 << 20)

    def _token(self, request: Mapping[str, Any], start: int, number: int) -> str:
        token = uuid.uuid4().hex
        asked = {name: value for name, value in request.items() if name != "nextToken"}
        self._tokens[token] = (asked, (start << 20) + number)
        return token


def _matching(events: Sequence[Event], request: Mapping[str, Any]) -> list[Event]:
    now, meets = time.time() * 1000, _pattern(str(request.get("filterPattern", "")))
    start, end = int(request.get("startTime", 0)), int(request.get("endTime", 1 << 60))
    found = [one for one in events if start <= one.at <= end and one.seen <= now and meets(one.message)]
    return sorted(found, key=lambda one: (one.at, one.seen, one.id), reverse=request.get("startFromHead") is False)


def _pattern(pattern: str) -> Callable[[str], bool]:
    """One quoted term, or one member of a JSON line that is a text."""
    if not pattern:
        return lambda _: True
    if (member := _MEMBER.fullmatch(pattern)) is not None:
        return partial(_has, member[1], member[2])
    if (term := _TERM.fullmatch(pattern)) is not None:
        return lambda message: term[1] in message
    raise _wrong("invalid filter pattern")


def _has(name: str, value: str, message: str) -> bool:
    try:
        return bool(json.loads(message).get(name) == value)
    except (ValueError, AttributeError, RecursionError):
        return False


def _described(event: Event) -> Answer:
    return {
        "logStreamName": "eu-central-1_acl_0",
        "timestamp": event.at,
        "message": event.message,
        "ingestionTime": event.seen,
        "eventId": event.id,
    }


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
