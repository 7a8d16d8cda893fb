"""The note on a Cognito user that says we disabled them, for which case and until when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stanch.leases import Lease
from stanch.ports import Owned

ATTRIBUTE = "custom:stanch_lease"
_MARKER = re.compile(r"v1 case=(?P<case>[\w.:\-]{1,128}) until=(?P<until>\d{1,12}) target=(?P<target>[0-9a-f]{1,64})")


@dataclass(frozen=True)
class Marker:
    """Value of the attribute."""

    case_id: str
    until: int  # seconds since the epoch
    target: str

    def __str__(self) -> str:
        return f"v1 case={self.case_id} until={self.until} target={self.target}"

    @classmethod
    def of(cls, lease: Lease) -> Marker:
        case_id = re.sub(r"[^\w.:\-]", "-", lease.case_id, flags=re.ASCII)[:128]
        return cls(case_id, int(lease.expires_at.timestamp()), lease.target)

    @classmethod
    def parse(cls, text: str) -> Marker | None:
        found = _MARKER.fullmatch(text)
        return None if found is None else cls(found["case"], int(found["until"]), found["target"])


@dataclass(frozen=True)
class User:
    """What AdminGetUser and ListUsers say of a user, as far as it matters here."""

    name: str
    enabled: bool
    marker: Marker | None
    foreign_marker: bool = False  # the attribute holds something that is not ours

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> User:
        listed = answer.get("UserAttributes", answer.get("Attributes", []))
        text = next((str(item.get("Value", "")) for item in listed if item["Name"] == ATTRIBUTE), "")
        marker = Marker.parse(text)
        return cls(str(answer["Username"]), bool(answer["Enabled"]), marker, bool(text) and marker is None)

    def owned(self) -> Owned | None:
        """The entry we hold, None where the user is not disabled by us."""
        if self.enabled or self.marker is None:
            return None
        until = datetime.fromtimestamp(self.marker.until, UTC)
        return Owned(name=self.name, case_id=self.marker.case_id, expires_at=until, target=self.marker.target)
