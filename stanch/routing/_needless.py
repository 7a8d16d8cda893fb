"""`wins_over` that changes nothing: the rules never meet, or the order is so without it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from stanch.routing._entries import Entry
from stanch.routing._model import RoutesFile
from stanch.routing._overlap import Relation, compare_paths, hosts_meet, overlap, same_host
from stanch.routing._place import CONDITIONS
from stanch.routing._written import Found


def needless(file: RoutesFile, entries: Sequence[Entry]) -> Iterator[Found]:
    """R106, as a warning."""
    places: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        places[entry.rule.id].append(entry)
    for index, rule in enumerate(file.rules):
        for position, name in enumerate(rule.wins_over):
            pairs = [pair for one in places[rule.id] for other in places[name] if (pair := _meeting(one, other))]
            if not pairs:
                why = f"'{rule.id}' and '{name}' never meet"
            elif all(pair == "before" for pair in pairs):
                why = f"'{rule.id}' is more specific than '{name}' wherever they meet"
            else:
                continue
            path = ("rules", index, "wins_over", position)
            yield Found("R106", f"this wins_over is needless: {why}", path, "remove it", severity="warning")


def _meeting(one: Entry, other: Entry) -> str:
    """'' where they never meet, 'before' where the first wins anyway and nobody would expect else, 'open' otherwise."""
    first, second = one.place, other.place
    if same_host(first, second):
        relation = overlap(first, second).relation
        return {Relation.APART: "", Relation.INSIDE: "before"}.get(relation, "open")
    for name in CONDITIONS:
        listed, others = first.condition(name), second.condition(name)
        if listed and others and not listed & others:
            return ""
    paths = compare_paths(first.path, second.path).relation
    if paths is Relation.APART or not hosts_meet(first, second):
        return ""
    expected = paths in (Relation.INSIDE, Relation.EQUAL)  # else it answers the question that R104 asks
    return "before" if expected and first.host_rank < second.host_rank else "open"
