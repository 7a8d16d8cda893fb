"""The noise layer of one ownership file, ready to be asked: which silence, which group, which side of an inhibition."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from stanch.noise.words import GroupRef, Quiet
from stanch.routing import Grouping, Inhibit, PlaceIndex, RouteTable, Silence, address_of, judge
from stanch.shapes import is_items
from stanch.views import FindingView, RouteView

MAX_VALUE = 200
_tables: WeakKeyDictionary[RouteTable, NoiseTable] = WeakKeyDictionary()


@dataclass(frozen=True)
class Side:
    """How a finding stands to an inhibition rule: as its source, as its target, or both."""

    rule: str
    equal: str
    is_source: bool
    is_target: bool


class NoiseTable:
    """Answers for one version of the file; immutable."""

    def __init__(self, table: RouteTable) -> None:
        self._file = table.file
        self._places: PlaceIndex[str] = PlaceIndex()
        for silence in self._file.silences:
            for place in silence.match.places if silence.match else ():
                self._places.add(place, silence.id)

    def silences(self, finding: FindingView, now: datetime) -> Iterator[tuple[Silence, str]]:
        """Every silence with why it does not apply; "" where it does."""
        placed = {hit.value for hit in self._places.find(address_of(finding)) if not hit.unmet}
        for silence in self._file.silences:
            yield silence, _unmet(silence, finding, now, is_here=silence.match is None or silence.id in placed)

    def groupings(self, finding: FindingView) -> Iterator[tuple[Grouping, str]]:
        """Every grouping with why it does not apply; the first that does counts."""
        for grouping in self._file.grouping:
            verdict = judge(grouping.when, finding) if grouping.when else None
            yield grouping, "" if verdict is None or verdict.value else f"when is {verdict}"

    def sides(self, finding: FindingView, route: RouteView) -> Iterator[Side]:
        """The inhibition rules that the finding is a source or target of."""
        for rule in self._file.inhibit:
            is_source, is_target = (judge(side.when, finding).value for side in (rule.source, rule.target))
            if is_source or is_target:
                yield Side(rule.id, _equal(rule, finding, route), is_source, is_target)


def noise_table(table: RouteTable) -> NoiseTable:
    """The noise layer of a loaded file; made once for each."""
    found = _tables.get(table)
    if found is None:
        found = _tables[table] = NoiseTable(table)
    return found


def _unmet(silence: Silence, finding: FindingView, now: datetime, *, is_here: bool) -> str:
    if not silence.start <= now < silence.until:
        return "it is over" if now >= silence.until else "it has not begun"
    if not is_here:
        return "another place"
    verdict = judge(silence.when, finding) if silence.when else None
    return "" if verdict is None or verdict.value else f"when is {verdict}"


def quiet_by(silence: Silence) -> Quiet:
    """A silence that applies, as a case keeps it."""
    return Quiet(
        kind="silence",
        rule=silence.id,
        why=silence.reason,
        by=silence.by,
        until=silence.until,
        keeps_ticket="ticket" in silence.keep,
    )


def group_of(
    grouping: Grouping, finding: FindingView, route: RouteView, key: bytes, *, is_weak: bool = False
) -> GroupRef:
    """The group of a finding; its id is a keyed hash, since ids are never encrypted.

    Args:
        grouping: the rule.
        finding: what it is about.
        route: whose it is.
        key: of the hash.
        is_weak: apart from findings of sources that prove themselves.
    """
    by = tuple((word, value_of(word, finding, route)) for word in grouping.by)
    return GroupRef(
        group_id=_keyed(key, ["group1-weak" if is_weak else "group1", grouping.id, by]),
        grouping=grouping.id,
        by=tuple((word, value[:MAX_VALUE]) for word, value in by),
        wait=grouping.wait.total_seconds(),
        add_for=grouping.add_for.total_seconds(),
        max=grouping.max,
    )


def value_of(word: str, finding: FindingView, route: RouteView) -> str:
    """A word of `by` or `equal`: a field of the finding, else of its route; `owner` is the owner's name."""
    if word == "owner":
        return route.owner.id
    value: object = finding if word.partition(".")[0] in FindingView.model_fields else route
    for name in word.split("."):
        value = getattr(value, name, None)
    if is_items(value):
        return ",".join(sorted(map(str, value)))
    return "" if value is None else str(value)


def _equal(rule: Inhibit, finding: FindingView, route: RouteView) -> str:
    values = [value_of(word, finding, route) for word in rule.equal]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _keyed(key: bytes, value: object) -> str:
    raw = hmac.digest(key, json.dumps(value).encode(), "sha256")
    return "group-" + base64.b32encode(raw).decode().lower()[:26]
