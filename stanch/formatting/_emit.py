"""Writes nodes in the one form."""

from __future__ import annotations

from stanch.formatting._comments import Comments
from stanch.formatting._nodes import Collection, Entry, Node, Scalar

STEP = 2
WIDTH = 120


class Emitter:
    """Collects lines; `kept` counts the comments written."""

    def __init__(self, comments: Comments) -> None:
        self._beside = dict(comments.beside)
        self._inner = frozenset(comments.beside)
        self.kept = 0
        self._lines: list[str] = []
        self._open = ""
        self._from: set[int] = set()

    def text(self, root: Node, below: list[str]) -> str:
        """The whole file."""
        if isinstance(root, Collection) and root.entries:
            self._block(root, 0)
        else:
            self._put(root.text if isinstance(root, Scalar) else "{}", root.line)
            self._end()
        for comment in below:
            self.kept += 1
            self._lines.append(comment)
        return "\n".join(self._lines).strip("\n") + "\n"

    def _put(self, text: str, *lines: int) -> None:
        """Add to the line that is being written; `lines` are where the text stood."""
        self._open += text
        self._from |= set(lines)

    def _end(self) -> None:
        """End the line, with the comments that stood beside what is on it."""
        beside = [self._beside.pop(number) for number in sorted(self._from) if number in self._beside]
        self.kept += len(beside)
        extra = beside[0] + "".join(f" {comment.strip()}" for comment in beside[1:]) if beside else ""
        self._lines.append((self._open + extra).rstrip())
        self._open, self._from = "", set()

    def _block(self, node: Collection, indent: int) -> None:
        for number, entry in enumerate(node.entries):
            if self._open.strip() and number == 0:
                pass  # the first key stands on the line of its dash
            else:
                self._above(entry, indent, first=number == 0)
                self._open = " " * indent
            if node.listing:
                self._item(entry, indent)
            else:
                self._pair(entry, indent)

    def _above(self, entry: Entry, indent: int, *, first: bool) -> None:
        if entry.spaced and self._lines and (not first or indent == 0):
            self._lines.append("")
        for comment in entry.above:
            self.kept += 1
            self._lines.append(" " * indent + comment)

    def _item(self, entry: Entry, indent: int) -> None:
        self._put("- ", entry.line)
        if isinstance(entry.value, Collection) and self._as_block(entry.value):
            self._block(entry.value, indent + STEP)
        else:
            self._value(entry.value, indent)

    def _pair(self, entry: Entry, indent: int) -> None:
        assert entry.key is not None
        self._put(f"{entry.key.text}:", entry.key.line)
        if isinstance(entry.value, Collection) and self._as_block(entry.value):
            self._end()
            self._block(entry.value, indent + STEP)
            return
        self._put(" " if isinstance(entry.value, Collection) or entry.value.text else "")
        self._value(entry.value, indent)

    def _value(self, node: Node, indent: int) -> None:
        if isinstance(node, Collection):
            self._put(flow(node), node.line, node.last)
            self._end()
            return
        first, *rest = node.text.split("\n")
        self._put(_header(first) if node.block else first.rstrip(), node.line)
        if not rest:
            self._from.add(node.last)
        for line in _reindented(rest, indent + STEP, block=node.block):
            self._end()
            self._open = line
        if rest and not node.block:
            self._from.add(node.last)
        self._end()

    def _as_block(self, node: Collection) -> bool:
        """What was written on one line stays on one line; what was not, only where it fits and has no comments."""
        if not node.entries:
            return False
        if not node.flow:
            return True
        if node.line == node.last:
            return False
        commented = any(number in self._inner for number in range(node.line, node.last))
        above = any(entry.above for entry in _deep(node))
        long = any("\n" in scalar for scalar in _texts(node))
        return commented or above or long or len(self._open) + len(flow(node)) > WIDTH


def _header(line: str) -> str:
    return line.partition("#")[0].rstrip()


def flow(node: Node) -> str:
    """A collection on one line: a space after each comma and colon, none inside the brackets."""
    if isinstance(node, Scalar):
        return node.text
    parts = [_member(entry) for entry in node.entries]
    return f"[{', '.join(parts)}]" if node.listing else f"{{{', '.join(parts)}}}"


def _member(entry: Entry) -> str:
    if entry.key is None:
        return flow(entry.value)
    value = flow(entry.value)
    return f"{entry.key.text}: {value}" if value else f"{entry.key.text}:"


def _deep(node: Collection) -> list[Entry]:
    found = list(node.entries)
    for entry in node.entries:
        if isinstance(entry.value, Collection):
            found += _deep(entry.value)
    return found


def _texts(node: Collection) -> list[str]:
    values = (entry.value for entry in _deep(node))
    return [value.text for value in values if isinstance(value, Scalar)]


def _reindented(lines: list[str], indent: int, *, block: bool) -> list[str]:
    """Further lines of a scalar; inside a block their own indentation beyond the first one's is content."""
    if not block:
        return [" " * indent + line.strip() if line.strip() else "" for line in lines]
    least = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return [" " * indent + line[least:] if line.strip() else "" for line in lines]
