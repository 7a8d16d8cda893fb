"""One person fills one line: the largest assignment of people to lines, whatever the order they came in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

Lines = Sequence[Collection[str]]


def empty_lines(lines: Lines, people: Iterable[str]) -> tuple[int, ...]:
    """Lines left without a person in a largest assignment; none left means all needs are met."""
    ordered = tuple(dict.fromkeys(people))
    seated: dict[str, int] = {}
    return tuple(line for line in range(len(lines)) if not _seat(line, lines, ordered, seated, set()))


def _seat(line: int, lines: Lines, people: Sequence[str], seated: dict[str, int], tried: set[str]) -> bool:
    """Find a person for the line, moving others to other lines where that helps (an augmenting path)."""
    for person in people:
        if person in tried or person not in lines[line]:
            continue
        tried.add(person)
        if person not in seated or _seat(seated[person], lines, people, seated, tried):
            seated[person] = line
            return True
    return False
