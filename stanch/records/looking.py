"""Says of deliveries what records know: who is new, whose each finding is, what is only counted. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, select

from stanch.records import schema
from stanch.records.aliases import Settled, settle_cases
from stanch.records.arriving import Arrival, Item, Taken
from stanch.records.database import Database, rows_in_parts
from stanch.records.intake import Conflict, New, Repeat
from stanch.records.places import Place, counterparts, met
from stanch.records.placing import books_of, changes_of
from stanch.records.prepared import Prepared

_table = schema.deliveries
_SEEN = Prepared(
    select(_table.c.delivery_id, _table.c.body_digest, _table.c.result, _table.c.finished).where(
        _table.c.source == bindparam("of"), _table.c.delivery_id.in_(bindparam("listed", expanding=True))
    )
)
Before = New | Repeat | Conflict


class Looking(Database):
    """Deliveries on their way to cases, as far as they can be told from what is known."""

    def look(self, arrivals: Sequence[Arrival]) -> list[Taken]:
        """What becomes of deliveries, one after the other, as if each was kept before the next.

        Whoever asks must not ask of the same delivery, problem or operation again before it is kept (`Arrivals.keep`).
        """
        with self._read() as db:
            before = _before(db, arrivals)
            going = [arrival for arrival, seen in zip(arrivals, before, strict=True) if _goes_on(seen)]
            taken = _taken(db, going, [seen for seen in before if _goes_on(seen)])
            return [next(taken) if _goes_on(seen) else Taken(seen) for seen in before]


def _taken(db: Connection, arrivals: Sequence[Arrival], before: Sequence[Before]) -> Iterator[Taken]:
    if not arrivals:
        return
    settled = _settled(db, arrivals)
    placed = [_in_cases(arrival, found) for arrival, found in zip(arrivals, settled, strict=True)]
    # Of a case that is opened now nothing is known; should a person have put it away all the same, it will know that.
    known = {each.case_id for found in settled for each in found if each.how != "new"}
    books = books_of(db, known, min(arrival.at for arrival in arrivals))
    near = _near(db, placed)
    for arrival, seen, found in zip(placed, before, settled, strict=True):
        changes = changes_of(books, arrival)
        yield Taken(
            seen,
            placed=tuple(changes.placed),
            arrival=arrival,
            aliases=tuple(row for each in found for row in each.rows),
            opened=tuple(changes.opened),
            counted=changes.counted,
            fresh=changes.fresh,
            near=bool(near) and any(place in near for place in places_in(arrival)),
        )


def _settled(db: Connection, arrivals: Sequence[Arrival]) -> list[list[Settled]]:
    """The case of each finding of each delivery."""
    items = [item for arrival in arrivals for item in arrival.items]
    if not items:
        return [[] for _ in arrivals]
    new = {item.names.primary: item.row.case_id for item in items}
    names = [item.names for item in items]
    found = settle_cases(db, names, mint=new.__getitem__, at=arrivals[0].at)
    return [[next(found) for _ in arrival.items] for arrival in arrivals]


def _in_cases(arrival: Arrival, settled: Sequence[Settled]) -> Arrival:
    if all(each.case_id == item.row.case_id for item, each in zip(arrival.items, settled, strict=True)):
        return arrival
    items = (_in_case(item, each.case_id) for item, each in zip(arrival.items, settled, strict=True))
    return replace(arrival, items=tuple(items))


def _in_case(item: Item, case_id: str) -> Item:
    return item if case_id == item.row.case_id else replace(item, row=replace(item.row, case_id=case_id))


def places_in(arrival: Arrival) -> list[Place]:
    """Where the problems of a delivery are, each with its case."""
    return [_place_in(item.place, item.row.case_id) for item in arrival.items if item.place is not None and item.opens]


def _place_in(place: Place, case_id: str) -> Place:
    return place if place.case_id == case_id else replace(place, case_id=case_id)


def _near(db: Connection, arrivals: Sequence[Arrival]) -> set[Place]:
    """Those of the places that another case may be linked with: the other side is known, or in this very batch."""
    places = [place for arrival in arrivals for place in places_in(arrival)]
    if not places:
        return set()
    known = counterparts(db, places)
    return {place for place in places if known(place)} | set(met(places))


def _before(db: Connection, arrivals: Sequence[Arrival]) -> list[Before]:
    """What is known of each delivery by its id; of two with the same id, the second is a repeat of the first."""
    known: dict[tuple[str, str], tuple[str, Repeat]] = {}
    ids: dict[str, dict[str, None]] = {}
    for arrival in arrivals:
        ids.setdefault(arrival.source, {})[arrival.delivery_id] = None
    for source, wanted in ids.items():
        for part in rows_in_parts(wanted):
            for delivery_id, digest, result, finished in _SEEN.rows(db, {"of": source, "listed": part}):
                known[source, delivery_id] = (digest, Repeat(result, finished))
    found: list[Before] = []
    for arrival in arrivals:
        key = (arrival.source, arrival.delivery_id)
        digest, repeat = known.get(key, ("", None))
        if repeat is None:
            known[key] = (arrival.body_digest, Repeat(None, finished=False))
        found.append(New() if repeat is None else repeat if digest == arrival.body_digest else Conflict())
    return found


def _goes_on(seen: Before) -> bool:
    return isinstance(seen, New) or (isinstance(seen, Repeat) and not seen.finished)
