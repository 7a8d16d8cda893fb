"""Loads a playbook file: every problem at once, each with its line, its cause and the next step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stanch.documents import Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.playbooks.checks.actions import check_actions
from stanch.playbooks.checks.approvals import check_approvals
from stanch.playbooks.checks.bridging import check_bridging
from stanch.playbooks.checks.calls import check_calls, inner_names
from stanch.playbooks.checks.expressions import Expressions
from stanch.playbooks.checks.holding import check_holding
from stanch.playbooks.checks.inputs import check_inputs, check_waits
from stanch.playbooks.checks.modes import check_modes
from stanch.playbooks.checks.names import check_names, check_tests
from stanch.playbooks.checks.shape import check_shape
from stanch.playbooks.checks.traps import check_traps
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report
from stanch.playbooks.tree import Tree, tree_of
from stanch.playbooks.values import check_dollars
from stanch.text_names import shipped_names


@dataclass(frozen=True)
class Checked:
    """What came of a file: the playbook where it has a readable form, and everything wrong with it."""

    playbook: Playbook | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True)
class Form:
    """A file that was read and not judged yet: where it has no readable form, only what is wrong with that."""

    file: str
    document: Document | None = None
    playbook: Playbook | None = None
    problems: tuple[Problem, ...] = ()


def read_form(text: str, file: str = "") -> Form:
    """Read a file as a playbook, before any check that needs more than its form."""
    try:
        document = load(text, file)
        return Form(file, document, validate(Playbook, document))
    except ConfigError as error:
        return Form(file, problems=error.problems)


def check_form(
    form: Form, *, templates: Collection[str] | None = None, library: Mapping[str, Playbook] | None = None
) -> Checked:
    """Judge a file that was read; arguments as of `check_playbook`."""
    if form.playbook is None or form.document is None:
        return Checked(None, form.problems)
    report = Report(form.file, form.document)
    known = shipped_names() if templates is None else templates
    _check(form.playbook, form.document, report, templates=known, library=library)
    unique = dict.fromkeys(report.problems)
    ordered = sorted(unique, key=lambda problem: (problem.line, problem.column, problem.code))
    return Checked(form.playbook, tuple(ordered))


def check_playbook(
    text: str,
    file: str = "",
    *,
    templates: Collection[str] | None = None,
    library: Mapping[str, Playbook] | None = None,
) -> Checked:
    """Check a file and keep warnings beside errors.

    Args:
        text: the YAML.
        file: its name, for the problems.
        templates: names of text templates that exist; the shipped ones where not given.
        library: the playbooks that it may call, by id; where not given, what it calls is not judged.
    """
    return check_form(read_form(text, file), templates=templates, library=library)


def load_playbook(
    text: str,
    file: str = "",
    *,
    templates: Collection[str] | None = None,
    library: Mapping[str, Playbook] | None = None,
) -> Playbook:
    """Load a file that must be right.

    Raises:
        ConfigError: with every problem of the file.
    """
    checked = check_playbook(text, file, templates=templates, library=library)
    if checked.playbook is None or not checked.ok:
        errors = [problem for problem in checked.problems if problem.severity == "error"]
        count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''}"
        raise ConfigError(f"{file or 'playbook'}: {count}", problems=errors, code=errors[0].code)
    return checked.playbook


def _check(
    playbook: Playbook,
    document: Document,
    report: Report,
    *,
    templates: Collection[str],
    library: Mapping[str, Playbook] | None,
) -> None:
    tree = tree_of(playbook)
    check_shape(playbook, tree, report)
    check_inputs(playbook, report)
    check_waits(tree, report)
    check_approvals(tree, report)
    check_names(playbook, tree, templates=templates, report=report)
    check_tests(playbook, tree, report, inner=None if library is None else inner_names(tree, library))
    check_modes(playbook, tree, report)
    check_holding(playbook, tree, report)
    check_bridging(playbook, tree, report)
    _dollars(playbook, tree, report)
    check_traps(document, report)
    expressions = Expressions(playbook, tree, document=document, report=report, library=library or {})
    expressions.run()
    check_actions(tree, types=expressions.types, report=report)
    if library is not None:
        check_calls(playbook, tree, library=library, types=expressions.types, report=report)


def _dollars(playbook: Playbook, tree: Tree, report: Report) -> None:
    check_dollars(playbook.vars, ("vars",), report)
    check_dollars(playbook.outputs, ("outputs",), report)
    for place in tree.placed:
        check_dollars(place.step.with_, (*place.path, "with"), report)
        check_dollars(place.step.set or {}, (*place.path, "set"), report)
