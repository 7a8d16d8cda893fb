"""Formats a playbook: order of keys, layout and spaces; what it means is compared before anything is given back."""

from __future__ import annotations

from collections.abc import Iterable

from stanch.documents import load
from stanch.errors import ConfigError
from stanch.formatting._comments import attach
from stanch.formatting._emit import Emitter
from stanch.formatting._nodes import Collection, Entry, Node, read
from stanch.playbooks.model import STEP_KINDS, Playbook

_FIRST = ("version", "id", "title", "mode", "owner")
_TOP = dict.fromkeys((*_FIRST, *(str(field.alias or name) for name, field in Playbook.model_fields.items())))
_STEP = dict.fromkeys(
    (
        *("id", "when", "foreach", *STEP_KINDS, "with", "hold", "timeout", "retry"),
        *("verify", "undo", "irreversible", "on_failure", "renew", "on_reject", "otherwise"),
    )
)
_LISTS = frozenset({"steps", "finally", "parallel", "otherwise", "on_reject", "do"})


def format_playbook(text: str, file: str = "") -> str:
    """The file in its one form.

    Raises:
        ConfigError: it is not readable YAML (P001), or its form is too unusual to be formatted safely (P007).
    """
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    data = load(plain, file).data
    root = read(plain)
    comments = attach(root, plain)
    _ordered(root)
    emitter = Emitter(comments)
    made = emitter.text(root, comments.below)
    if emitter.kept != comments.count or not _same(made, data):
        hint = "write multi-line { } and quoted texts in a simpler way"
        raise ConfigError(f"{file or 'the file'} cannot be formatted without changing it", code="P007", hint=hint)
    return made


def _same(made: str, data: object) -> bool:
    try:
        return bool(load(made).data == data)
    except ConfigError:
        return False


def _ordered(root: Node) -> None:
    if not isinstance(root, Collection) or root.listing:
        return
    first = root.entries[0] if root.entries else None
    root.entries.sort(key=lambda entry: _rank(entry, _TOP))
    _heading(first, root.entries)
    for entry in root.entries:
        if entry.key is not None and entry.key.text != "tests":
            _steps(entry.value, entry.key.text)


def _heading(was: Entry | None, entries: list[Entry]) -> None:
    """What stands above everything is about the file, whichever key comes first."""
    if was is not None and was is not entries[0]:
        entries[0].above, was.above = [*was.above, *entries[0].above], []


def _steps(node: Node, name: str) -> None:
    """Put the keys of steps in order, wherever steps are."""
    if not isinstance(node, Collection):
        return
    for entry in node.entries:
        inner = entry.value
        if node.listing and name in _LISTS and isinstance(inner, Collection) and not inner.listing:
            inner.entries.sort(key=lambda each: _rank(each, _STEP))
            for first in inner.entries[:1]:  # it stands beside the dash, where no lines fit above it
                entry.above, first.above = [*entry.above, *first.above], []
        _steps(inner, entry.key.text if entry.key else name)


def _rank(entry: Entry, order: Iterable[str]) -> int:
    """Unknown keys come last, as they were written (sorting is stable)."""
    text = entry.key.text.strip("'\"") if entry.key else ""
    known = list(order)
    return known.index(text) if text in known else len(known)
