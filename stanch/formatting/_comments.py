"""The comments of a file: those beside something, and those above the next entry."""

from __future__ import annotations

from dataclasses import dataclass, field

from stanch.formatting._nodes import Node, entries, scalars


@dataclass
class Comments:
    """What has to be kept.

    Args:
        beside: line -> spaces and comment after something on that line.
        below: comment lines after the last entry.
        count: of all comments, so that none is lost unseen.
    """

    beside: dict[int, str] = field(default_factory=dict[int, str])
    below: list[str] = field(default_factory=list[str])
    count: int = 0


def attach(root: Node, text: str) -> Comments:
    """Find all comments, and hang those that stand alone on the entry that follows."""
    found = Comments()
    inside = _inside(root, text)
    alone: dict[int, str] = {}
    start = 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        at = _comment(line, start, inside)
        if at is not None:
            found.count += 1
            before = line[:at]
            kept = line[at:].rstrip()
            if before.strip():
                found.beside[number] = before[len(before.rstrip()) :] + kept
            else:
                alone[number] = kept
        start += len(line) + 1
    _hang(root, alone, lines, found)
    return found


def _inside(root: Node, text: str) -> bytearray:
    """For each character whether it belongs to a scalar, where # is only a character."""
    marks = bytearray(len(text) + 1)
    for scalar in scalars(root):
        if not scalar.block:
            marks[scalar.start : scalar.end] = b"\x01" * (scalar.end - scalar.start)
            continue
        header = text.find("\n", scalar.start)  # a comment may follow the header
        end = min(scalar.end, len(text))
        if 0 <= header < end:
            marks[header:end] = b"\x01" * (end - header)
    return marks


def _comment(line: str, start: int, inside: bytearray) -> int | None:
    for at, char in enumerate(line):
        if char == "#" and not inside[start + at] and (at == 0 or line[at - 1] in " \t"):
            return at
    return None


def _hang(root: Node, alone: dict[int, str], lines: list[str], found: Comments) -> None:
    waiting = sorted(alone)
    seen: set[int] = set()
    for entry in entries(root):
        if entry.line in seen:
            continue
        seen.add(entry.line)
        mine = [number for number in waiting if number < entry.line]
        entry.above = [alone[number] for number in mine]
        waiting = waiting[len(mine) :]
        first = mine[0] if mine else entry.line
        entry.spaced = first > 0 and not lines[first - 1].strip()
    found.below = [alone[number] for number in waiting]
