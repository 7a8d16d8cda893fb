"""What we changed and what stood there before, written on the stage or plan itself as tags."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from activities._apigw.calls import Gateway
from stanch.errors import Rejected, Uncertain
from stanch.shapes import is_dict

State = dict[str, Any]
_TAG = re.compile(r"stanch-change:(?P<key>[0-9a-f]{12}):(?P<part>\d)")
_PART = 240
_MOST_PARTS = 6
_NAME = re.compile(r"(?P<where>restapis/[a-z0-9]+/stages/[\w-]+|usageplans/[A-Za-z0-9]+)/(?P<key>[0-9a-f]{12})")


@dataclass(frozen=True)
class Record:
    """One change. `after` is the whole state as it was read back, so that a person's later change shows."""

    kind: str
    case_id: str
    spot: Mapping[str, str]
    before: State
    after: State

    def packed(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")  # tags take no braces or quotes

    @classmethod
    def unpacked(cls, text: str) -> Self | None:
        try:
            found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return cls(**found) if is_dict(found) else None
        except (ValueError, TypeError, binascii.Error):
            return None

    def with_after(self, after: State) -> Record:
        return replace(self, after=after)


def named(where: str, key: str) -> str:
    """The name of a change: it says where its record is."""
    return f"{where}/{key}"


def parsed(name: str) -> tuple[str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise Rejected("this is not the name of a change", code="V013", hint="use the output of the action")
    return found["where"], found["key"]


class Records:
    """Reads and writes them. `where` is `restapis/ID/stages/NAME` or `usageplans/ID`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def all(self, where: str) -> dict[str, Record]:
        """Every record there, by key; what cannot be read is left alone."""
        parts: dict[str, dict[int, str]] = {}
        for name, value in self._tags(where).items():
            found = _TAG.fullmatch(name)
            if found is not None:
                parts.setdefault(found["key"], {})[int(found["part"])] = value
        texts = {key: "".join(pieces[number] for number in sorted(pieces)) for key, pieces in parts.items()}
        records = {key: Record.unpacked(text) for key, text in texts.items()}
        return {key: record for key, record in records.items() if record is not None}

    def put(self, where: str, key: str, record: Record) -> None:
        text = record.packed()
        pieces = [text[start : start + _PART] for start in range(0, len(text), _PART)]
        if len(pieces) > _MOST_PARTS:
            raise Rejected("what stands there is too much to be noted down in tags", hint="change it by hand")
        kept = {f"stanch-change:{key}:{number}": piece for number, piece in enumerate(pieces)}
        old = [name for name in self._tags(where) if name.startswith(f"stanch-change:{key}:") and name not in kept]
        self._gateway.tag(where, kept)
        if old:
            self._gateway.untag(where, old)
        if self.all(where).get(key) != record:
            raise Uncertain("API Gateway accepted the tags, but a read does not show them", hint="look at its tags")

    def drop(self, where: str, key: str) -> None:
        names = [name for name in self._tags(where) if name.startswith(f"stanch-change:{key}:")]
        if names:
            self._gateway.untag(where, names)

    def _tags(self, where: str) -> Mapping[str, str]:
        if where.startswith("usageplans/"):
            return self._gateway.plan(where.removeprefix("usageplans/")).tags
        _, api, _, stage = where.split("/")
        return self._gateway.stage(api, stage).get("tags") or {}
