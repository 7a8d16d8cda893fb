"""Puts a set of entries into force: write, wait for Envoy's verdict, take back what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

from activities._envoy.admin import EnvoyAdmin, Verdict
from activities._envoy.file import Document, Entry, RulesFile
from activities._envoy.policy import parse_name
from stanch.errors import Rejected, Uncertain


class Publisher:
    """Writes the rules file and makes sure Envoy runs what is in it. The caller holds the file's lock."""

    def __init__(self, file: RulesFile, admin: EnvoyAdmin, *, settle: float) -> None:
        self._file = file
        self._admin = admin
        self._settle = settle

    def publish(self, document: Document, entries: Mapping[str, Entry]) -> Document:
        """Make these our only entries; where they already are, make sure Envoy has loaded them.

        Raises:
            Rejected: Envoy refuses the file although nothing was added; the file is as before.
        """
        if document.holds(entries) and document.version in self._admin.loaded().versions:
            return document
        published = self._try(document, entries)
        if published is None:
            raise Rejected(
                "Envoy refuses the rules file as it stands", hint="see Envoy's log; it keeps the last good one"
            )
        return published

    def publish_each(self, document: Document, entries: Mapping[str, Entry]) -> tuple[Document, set[str]]:
        """Add entries (or replace those of the same target), halving a refused batch until the bad ones are alone.

        Returns:
            The document in force and the targets whose entries Envoy refused.
        """
        merged = _replacing(document.owned(), entries)
        if document.holds(merged):
            return document, set()
        published = self._try(document, merged)
        if published is not None:
            return published, set()
        if len(entries) == 1:
            return document, {_target(name) for name in entries}
        names = sorted(entries)
        half = len(names) // 2
        document, first = self.publish_each(document, {name: entries[name] for name in names[:half]})
        document, second = self.publish_each(document, {name: entries[name] for name in names[half:]})
        return document, first | second

    def _try(self, document: Document, entries: Mapping[str, Entry]) -> Document | None:
        """The new document once Envoy runs it; None, with the old file back, when Envoy refuses it.

        Raises:
            RetrySafe: Envoy cannot be asked; nothing was written.
            Uncertain: it was written and Envoy did not say.
        """
        before = self._admin.loaded()
        changed = document.with_entries(entries)
        self._file.write(changed)
        verdict = self._admin.wait_for(changed.version, before=before, seconds=self._settle)
        if verdict is Verdict.SILENT:
            raise Uncertain("Envoy did not say whether it loaded the rules", hint="check that it watches the file")
        if verdict is Verdict.REFUSED:
            self._file.put_back(document)
            return None
        return self._file.read()


def _replacing(current: Mapping[str, Entry], new: Mapping[str, Entry]) -> dict[str, Entry]:
    targets = {_target(name) for name in new}
    return {name: entry for name, entry in current.items() if _target(name) not in targets} | dict(new)


def _target(name: str) -> str:
    owned = parse_name(name)
    return owned.target if owned else ""
