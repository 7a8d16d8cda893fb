"""All playbooks of a deployment, loaded and checked as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stanch.errors import ConfigError, Problem
from stanch.playbooks.calling import NO_INPUTS, compiled_all
from stanch.playbooks.checks.known_people import check_known
from stanch.playbooks.inlining import Callee
from stanch.playbooks.loader import Checked, Form, check_form, read_form
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report
from stanch.playbooks.selection import Choice, Entry, ambiguous, choose, index_of
from stanch.playbooks.tree import tree_of
from stanch.views import FindingView, RouteView


class PlaybookSet:
    """Immutable; plans are compiled once.

    Args:
        entries: playbooks with different ids.
        warnings: what `validate` would show but does not stop anything.
    """

    def __init__(self, entries: Collection[Entry] = (), warnings: Collection[Problem] = ()) -> None:
        self.entries = MappingProxyType({entry.id: entry for entry in entries})
        self.warnings = tuple(warnings)
        self._index = index_of(entries)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        inputs: Mapping[str, Mapping[str, Any]] = NO_INPUTS,
        templates: Collection[str] | None = None,
        people: Collection[str] | None = None,
    ) -> PlaybookSet:
        """Load every YAML file of a folder.

        Args:
            directory: not searched deeper; one that does not exist is empty.
            inputs: playbook id -> values in place of the defaults of its inputs.
            templates: names of text templates that exist; the shipped ones where not given.
            people: users, teams and schedules that exist; not judged where not given. Whom a playbook asks and who
                is not among them is a warning here: to remove somebody must be possible at any time.

        Raises:
            ConfigError: with every problem of every file.
        """
        files = sorted(directory.glob("[!.]*.y*ml")) if directory.is_dir() else []
        texts = {str(path): path.read_text("utf-8") for path in files}
        return cls.of_texts(texts, inputs=inputs, templates=templates, people=people)

    @classmethod
    def of_texts(
        cls,
        texts: Mapping[str, str],
        *,
        inputs: Mapping[str, Mapping[str, Any]] = NO_INPUTS,
        templates: Collection[str] | None = None,
        people: Collection[str] | None = None,
        others: Mapping[str, Callee] = MappingProxyType({}),
    ) -> PlaybookSet:
        """The same from texts, by file name; `others` may be called and are no part of the set."""
        found = check_texts(texts, inputs=inputs, templates=templates, people=people, others=others, in_use=True)
        problems = found.problems + found.across
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''} in playbooks"
            raise ConfigError(count, problems=errors, code=errors[0].code, hint="run `stanch validate`")
        return cls(found.entries, [problem for problem in problems if problem.severity != "error"])

    def select(self, finding: FindingView, route: RouteView) -> Choice:
        """The playbook for a finding, and why."""
        return choose(self._index, finding, route)


@dataclass
class SetCheck:
    """Everything wrong with files that belong together.

    Args:
        problems: of each file by itself, errors and warnings.
        across: problems that only several files together have.
        playbooks: by file, each that has a readable form, right or not.
        entries: those that are right.
    """

    problems: list[Problem] = field(default_factory=list[Problem])
    across: list[Problem] = field(default_factory=list[Problem])
    playbooks: dict[str, Playbook] = field(default_factory=dict[str, Playbook])
    entries: list[Entry] = field(default_factory=list[Entry])


def check_texts(
    texts: Mapping[str, str],
    *,
    inputs: Mapping[str, Mapping[str, Any]] = NO_INPUTS,
    templates: Collection[str] | None = None,
    people: Collection[str] | None = None,
    others: Mapping[str, Callee] = MappingProxyType({}),
    in_use: bool = False,
) -> SetCheck:
    """Check files by themselves and as a whole; `others` may be called and are no part of the set.

    Those `in_use` may ask people who have left.
    """
    forms = [read_form(text, file) for file, text in texts.items()]
    readable = {form.file: form.playbook for form in forms if form.playbook is not None}
    library = {name: item.playbook for name, item in others.items()}
    library |= {playbook.id: playbook for playbook in readable.values()}
    judged = {form.file: check_form(form, templates=templates, library=library) for form in forms}
    entries, more = _compiled(judged, inputs, others)
    own = [problem for checked in judged.values() for problem in checked.problems]
    own += [problem for form in forms for problem in _strangers(form, people, in_use=in_use)]
    names = frozenset(playbook.id for playbook in readable.values())
    return SetCheck([*own, *more], _across(entries, inputs, names), readable, entries)


def _strangers(form: Form, people: Collection[str] | None, *, in_use: bool) -> list[Problem]:
    if people is None or form.playbook is None or form.document is None:
        return []
    report = Report(form.file, form.document)
    check_known(tree_of(form.playbook), people, report, in_use=in_use)
    return report.problems


def _compiled(
    judged: Mapping[str, Checked], inputs: Mapping[str, Mapping[str, Any]], others: Mapping[str, Callee]
) -> tuple[list[Entry], list[Problem]]:
    """The plans of all usable files, and why some cannot be made."""
    usable = {file: item.playbook for file, item in judged.items() if item.playbook is not None and item.ok}
    by_id = {playbook.id: playbook for playbook in usable.values()}
    files = {playbook.id: file for file, playbook in usable.items()}
    problems: list[Problem] = []
    made = compiled_all(
        by_id, others=others, inputs=inputs, failed=lambda error, name: problems.extend(_told(error, files[name]))
    )
    entries = [
        Entry(playbook, made[playbook.id].plan.model_copy(update={"source": file}), file)
        for file, playbook in usable.items()
        if playbook.id in made
    ]
    return entries, problems


def _told(error: ConfigError, file: str) -> Collection[Problem]:
    """The problems of an error; one without any is a problem of the whole file."""
    return error.problems or (Problem(error.code, error.message, file=file, line=1, column=1, hint=error.hint),)


def _across(
    entries: Collection[Entry], inputs: Mapping[str, Mapping[str, Any]], readable: Collection[str]
) -> list[Problem]:
    """Problems that only several files together have; `readable` are the ids of all, right or not."""
    found = list(ambiguous(tuple(entries)))
    first: dict[str, str] = {}
    for entry in entries:
        if entry.id in first:
            message = f"playbook id {entry.id!r} is already used in {first[entry.id]}"
            found.append(Problem("P004", message, file=entry.file, line=1, column=1))
        first.setdefault(entry.id, entry.file)
    for entry in entries:
        for name in entry.playbook.on.wins_over:
            if name not in readable:
                message = f"wins_over names {name!r}, and there is no such playbook"
                found.append(Problem("P108", message, file=entry.file, line=1, column=1, severity="warning"))
    if entries:
        unknown = [name for name in inputs if name not in readable]
        found += [
            Problem("P109", f"settings give inputs to {name!r}, and there is no such playbook") for name in unknown
        ]
    return found
