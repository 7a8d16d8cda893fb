"""Do the names of other steps, of texts and of tests lead somewhere?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from stanch.catalog import catalog
from stanch.playbooks.examples import MOCK_WORDS, Moment
from stanch.playbooks.inlining import inner_name
from stanch.playbooks.model import Playbook
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Placed, Tree
from stanch.playbooks.words import is_template
from stanch.shapes import is_dict, is_list


def check_names(playbook: Playbook, tree: Tree, *, templates: Collection[str], report: Report) -> None:
    """P108, P110 and P111."""
    for place in tree.placed:
        target = place.step.revert
        if target is not None:
            path = (*place.path, "revert")
            known = tree.by_id.get(target)
            if known is None:
                hint = did_you_mean(target, tree.by_id)
                report.add("P108", path, f"there is no step {target!r}", hint=hint)
            elif known.order >= place.order or known in place.chain:
                report.add("P108", path, f"step {target!r} has not run yet, so there is nothing to take back")
            elif not any(_may_change(inner) for inner in tree.inside(known)):
                hint = "name the step that changes production, or the one around it"
                report.add(
                    "P110", path, f"step {target!r} changes nothing, so there is nothing to take back", hint=hint
                )
        template = place.step.with_.get("template") if place.step.do else None
        if isinstance(template, str) and not is_template(template) and template not in templates:
            hint = did_you_mean(template, templates) or f"known: {', '.join(sorted(templates))}"
            report.add("P111", (*place.path, "with", "template"), f"there is no text template {template!r}", hint=hint)


def _may_change(place: Placed) -> bool:
    spec = catalog().get(place.step.do or "")
    unknown = place.step.do is not None and spec is None  # reported as P104
    return place.step.playbook is not None or unknown or (spec is not None and spec.effect.mutates)


def check_tests(playbook: Playbook, tree: Tree, report: Report, *, inner: Collection[str] | None) -> None:
    """P401, P402 (warnings) and mistakes inside the tests.

    Args:
        playbook: the whole file.
        tree: its steps.
        report: gets the problems.
        inner: names of the steps of playbooks that it calls; None where those are not known.
    """
    if not playbook.tests:
        hint = "add tests: with a finding and what is expected"
        report.add("P401", ("id",), "the playbook has no tests", hint=hint, severity="warning")
    told = {name for test in playbook.tests for moment in test.timeline for name in _negative(moment)}
    told |= {test.expect.waiting_on for test in playbook.tests if test.expect.waiting_on}
    for place in tree.placed:
        if place.step.approve is not None and playbook.tests and place.step.id not in told:
            message = f"no test shows what happens when nobody agrees to {place.step.id!r}"
            hint = "add a test with a rejection, or with a check after it has expired"
            report.add("P402", (*place.path, "id"), message, hint=hint, severity="warning")
    for number, test in enumerate(playbook.tests):
        for index, moment in enumerate(test.timeline):
            path = ("tests", number, "timeline", index)
            _moment(moment, path, tree, is_step=_named(tree, inner), report=report)
        _mocks(test.mocks, ("tests", number, "mocks"), report)


def _mocks(mocks: Mapping[str, Any], path: Path, report: Report) -> None:
    """An answer that an action could never give makes a test worthless."""
    for action, mock in mocks.items():
        spec = catalog().get(action)
        if spec is None:
            hint = did_you_mean(action, catalog())
            report.add("P112", (*path, action), f"there is no action {action!r}", hint=hint)
            continue
        known = set(spec.outputs.model_fields) | MOCK_WORDS
        answers = mock if is_list(mock) else [mock]
        for name in {name for answer in answers if is_dict(answer) for name in answer} - known:
            hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
            report.add("P112", (*path, action), f"{action} has no output {name!r}", hint=hint)


def _negative(moment: Moment) -> list[str]:
    found = [moment.reject] if moment.reject else []
    found += [moment.check.step] if moment.check else []
    return found


def _named(tree: Tree, inner: Collection[str] | None) -> Callable[[str], bool]:
    """Whether a step of this name will be in the plan."""
    if inner is not None:
        return lambda name: name in tree.by_id or name in inner
    calls = tuple(inner_name(place.step.id, "") for place in tree.calls)
    return lambda name: name in tree.by_id or name.startswith(calls)


def _moment(moment: Moment, path: Path, tree: Tree, *, is_step: Callable[[str], bool], report: Report) -> None:
    if len(moment.kinds) != 1:
        report.add("P112", path, "exactly one of event, approve, reject, choose or check is needed")
        return
    names = (moment.approve, moment.reject, moment.choose, moment.check.step if moment.check else None)
    for name in filter(None, names):
        base = name.partition(":")[0]
        if not is_step(base):
            report.add("P112", path, f"there is no step {base!r}", hint=did_you_mean(base, tree.by_id))
    if (moment.approve or moment.reject or moment.choose) and not moment.by:
        report.add("P112", path, "a decision needs by", hint="add by: user:NAME")
    if moment.choose and not moment.option:
        report.add("P112", path, "choose needs option", hint="add option: and the one that is chosen")
