"""Loads a playbook file: every problem at once, each with its line, its cause and the next step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from stanch.documents import Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.playbooks.checks.actions import check_actions
from stanch.playbooks.checks.approvals import check_approvals
from stanch.playbooks.checks.expressions import Expressions
from stanch.playbooks.checks.holding import check_holding
from stanch.playbooks.checks.inputs import check_inputs, check_waits
from stanch.playbooks.checks.modes import check_modes
from stanch.playbooks.checks.names import check_names, check_tests
from stanch.playbooks.checks.shape import check_shape
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


def check_playbook(text: str, file: str = "", *, templates: Collection[str] | None = None) -> Checked:
    """Check a file and keep warnings beside errors.

    Args:
        text: the YAML.
        file: its name, for the problems.
        templates: names of text templates that exist; the shipped ones where not given.
    """
    try:
        document = load(text, file)
        playbook = validate(Playbook, document)
    except ConfigError as error:
        return Checked(None, error.problems)
    report = Report(file, document)
    _check(playbook, document, report, templates=shipped_names() if templates is None else templates)
    unique = dict.fromkeys(report.problems)
    ordered = sorted(unique, key=lambda problem: (problem.line, problem.column, problem.code))
    return Checked(playbook, tuple(ordered))


def load_playbook(text: str, file: str = "", *, templates: Collection[str] | None = None) -> Playbook:
    """Load a file that must be right.

    Raises:
        ConfigError: with every problem of the file.
    """
    checked = check_playbook(text, file, templates=templates)
    if checked.playbook is None or not checked.ok:
        errors = [problem for problem in checked.problems if problem.severity == "error"]
        count = f"{len(errors)} problem{'s' if len(errors) != 1 else ''}"
        raise ConfigError(f"{file or 'playbook'}: {count}", problems=errors, code=errors[0].code)
    return checked.playbook


def _check(playbook: Playbook, document: Document, report: Report, *, templates: Collection[str]) -> None:
    tree = tree_of(playbook)
    check_shape(playbook, tree, report)
    check_inputs(playbook, report)
    check_waits(tree, report)
    check_approvals(tree, report)
    check_names(playbook, tree, templates=templates, report=report)
    check_tests(playbook, tree, report)
    check_modes(playbook, tree, report)
    check_holding(playbook, tree, report)
    _dollars(playbook, tree, report)
    expressions = Expressions(playbook, tree, document=document, report=report)
    expressions.run()
    check_actions(tree, types=expressions.types, report=report)


def _dollars(playbook: Playbook, tree: Tree, report: Report) -> None:
    check_dollars(playbook.vars, ("vars",), report)
    check_dollars(playbook.outputs, ("outputs",), report)
    for place in tree.placed:
        check_dollars(place.step.with_, (*place.path, "with"), report)
        check_dollars(place.step.set or {}, (*place.path, "set"), report)
