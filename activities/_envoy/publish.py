"""Our entries at one Envoy: written into the rules file, and in force once Envoy says so."""

from __future__ import annotations

from contextlib import AbstractContextManager

from activities._edge.rules import Entries
from activities._envoy.admin import EnvoyAdmin, Verdict
from activities._envoy.file import Entry, RulesFile
from stanch.errors import Uncertain


class EnvoyRules:
    """Implements Rules with a watched file; an entry is its `mode` and its `policy`."""

    def __init__(self, file: RulesFile, admin: EnvoyAdmin, *, settle: float) -> None:
        self._file = file
        self._admin = admin
        self._settle = settle

    def held(self) -> AbstractContextManager[None]:
        """See Rules."""
        return self._file.locked()

    def read(self) -> Entries:
        """See Rules; from the file alone.

        Raises:
            Rejected: the file is not one that Stanch can keep.
        """
        owned = self._file.read().owned()
        return {name: {"mode": entry.mode, "policy": entry.policy} for name, entry in owned.items()}

    def publish(self, entries: Entries) -> bool:
        """See Rules. Where they are our only entries already, make sure that Envoy has loaded them.

        Raises:
            RetrySafe: Envoy cannot be asked; nothing was written.
            Uncertain: it was written and Envoy did not say.
        """
        goal = {name: Entry(**entry) for name, entry in entries.items()}
        document, before = self._file.read(), self._admin.loaded()
        if document.holds(goal) and document.version in before.versions:
            return True
        changed = document.with_entries(goal)
        self._file.write(changed)
        verdict = self._admin.wait_for(changed.version, before=before, seconds=self._settle)
        if verdict is Verdict.SILENT:
            raise Uncertain("Envoy did not say whether it loaded the rules", hint="check that it watches the file")
        if verdict is Verdict.REFUSED:
            self._file.put_back(document)
        return verdict is Verdict.ACCEPTED
