"""A plan as a CACAO 2.0 playbook: its order, branches and questions as CACAO has them, the rest in an extension."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from stanch.cacao._ids import object_id, playbook_id
from stanch.cacao._words import command_of, description_of, particulars_of
from stanch.canonical import rfc3339
from stanch.plan import Plan, PlanStep, StepKind

Object = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DESCRIPTION = (
    "Exported from the playbook {}; people carry it out, since CACAO knows neither approvals nor ways back. "
    "The extension holds what it leaves out."
)
_LEADING = ("on_completion", "on_success", "on_failure", "on_true", "on_false")
_TYPES = {"manual": ["notification", "remediation"], "semi": ["mitigation", "remediation"], "auto": ["mitigation"]}


def export_plan(plan: Plan, *, modified: datetime = EPOCH) -> Object:
    """The playbook as plain JSON; the same plan and time give the same bytes.

    Args:
        plan: as compiled.
        modified: when this version was made; CACAO tells versions by it.
    """
    return _Export(plan).playbook(modified)


class _Export:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workflow: dict[str, Object] = {}
        self._owner = object_id("identity", plan.owner)
        self._agent = object_id("organization", plan.owner)
        self._extension = object_id("extension-definition", "stanch")

    def playbook(self, modified: datetime) -> Object:
        plan = self._plan
        end = self._end("the end")
        first = self._sequence((*plan.steps, *plan.finally_), end)
        start = object_id("start", plan.playbook)
        self._workflow = {start: {"type": "start", "name": "start", "on_completion": first}, **self._workflow}
        self._prune(start)
        return {
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": playbook_id(plan.playbook),
            "name": plan.title,
            "description": _DESCRIPTION.format(plan.playbook),
            "playbook_types": _TYPES[plan.mode.value],
            "created_by": self._owner,
            "created": rfc3339(modified),
            "modified": rfc3339(modified),
            "revoked": False,
            "labels": ["stanch", f"mode-{plan.mode.value}"],
            "workflow_start": start,
            "workflow": self._workflow,
            "agent_definitions": {self._agent: {"type": "organization", "name": plan.owner}},
            "extension_definitions": {self._extension: self._definition()},
            "playbook_extensions": {self._extension: self._whole()},
        }

    def _prune(self, start: str) -> None:
        """Drop the ends of branches that never get there."""
        led = {start}
        for words in self._workflow.values():
            led |= {words[name] for name in _LEADING if name in words} | set(words.get("next_steps", ()))
        self._workflow = {name: words for name, words in self._workflow.items() if name in led}

    def _definition(self) -> Object:
        return {
            "type": "extension-definition",
            "name": "stanch-playbook",
            "description": "Mode, limits, guards, approvals, proofs and ways back of a Stanch playbook (playbook/v1).",
            "created_by": self._owner,
            "schema": "urn:stanch:playbook:v1",
            "version": "1.0.0",
        }

    def _whole(self) -> Object:
        plan = self._plan.model_dump(mode="json", exclude={"steps", "finally_"}, exclude_defaults=True)
        return {"plan": plan | {"mode": self._plan.mode.value}}

    def _end(self, *names: str) -> str:
        name = object_id("end", self._plan.playbook, *names)
        self._workflow[name] = {"type": "end", "name": "end"}
        return name

    def _sequence(self, steps: Sequence[PlanStep], following: str) -> str:
        """The id of the first of these steps, which end at `following`."""
        for step in reversed(steps):
            following = self._step(step, following)
        return following

    def _branch(self, steps: Sequence[PlanStep], *names: str) -> str:
        """A branch of its own, with the end step that CACAO wants of each."""
        return self._sequence(steps, self._end(*names))

    def _step(self, step: PlanStep, following: str) -> str:
        if step.when is None:
            return self._kind(step, following)
        words: Object = {"on_true": self._kind(step, self._end(step.id, "when"))}
        if step.otherwise:
            words["on_false"] = self._branch(step.otherwise, step.id, "otherwise")
        return self._condition((step.id,), step.when, words, following)

    def _condition(self, names: Sequence[str], source: str, words: Object, following: str) -> str:
        made = object_id("if-condition", self._plan.playbook, *names)
        self._workflow[made] = {
            "type": "if-condition",
            "name": f"{' '.join(names)}: condition",
            "description": "The condition is written in CEL, as in the playbook it comes from.",
            "condition": source,
            **words,
            "on_completion": following,
        }
        return made

    def _kind(self, step: PlanStep, following: str) -> str:
        if step.branches:
            return self._choice(step, following)
        if step.kind is StepKind.PARALLEL:
            return self._parallel(step, following)
        if step.kind is StepKind.PLAYBOOK:
            return self._sequence((*step.steps, *step.last), following)
        return self._action(step, following)

    def _choice(self, step: PlanStep, following: str) -> str:
        """One condition after the other; the first that is true is taken."""
        last = step.branches[-1]
        closed = last.when is None
        below = self._branch(last.steps, step.id, "otherwise") if closed else None
        for number, branch in reversed(list(enumerate(step.branches[:-1] if closed else step.branches))):
            words: Object = {"on_true": self._branch(branch.steps, step.id, f"branch {number}")}
            words |= {"on_false": below} if below else {}
            after = following if number == 0 else self._end(step.id, f"after {number}")
            below = self._condition((step.id, f"branch {number + 1}"), branch.when or "", words, after)
        found = below or following
        if found in self._workflow:
            self._workflow[found].setdefault("step_extensions", {self._extension: particulars_of(step)})
            self._when_failed(found, step)
        return found

    def _when_failed(self, name: str, step: PlanStep) -> None:
        """Where one of several steps inside fails."""
        if step.failure_steps:
            words = self._workflow[name]
            words["on_success"] = words.pop("on_completion")
            words["on_failure"] = self._branch(step.failure_steps, step.id, "failed")

    def _parallel(self, step: PlanStep, following: str) -> str:
        made = object_id("parallel", self._plan.playbook, step.id)
        branches = [self._branch((child,), step.id, child.id) for child in step.steps]
        words: Object = {"type": "parallel", "name": step.id, "next_steps": branches, "on_completion": following}
        self._workflow[made] = words | {"step_extensions": {self._extension: particulars_of(step)}}
        self._when_failed(made, step)
        return made

    def _action(self, step: PlanStep, following: str) -> str:
        made = object_id("action", self._plan.playbook, step.id)
        words: Object = {
            "type": "action",
            "name": step.id,
            "description": description_of(step),
            "commands": [{"type": "manual", "command": command_of(step)}],
            "agent": self._agent,
            "step_extensions": {self._extension: particulars_of(step)},
        }
        if step.approve:
            variable = f"__{step.id}_approved__"
            told = "true when everybody who is needed has agreed"
            words["step_variables"] = {variable: {"type": "string", "description": told, "constant": False}}
            words["out_args"] = [variable]
            following = self._refused(step, variable, following)
        if step.failure_steps:
            words["on_success"] = following
            words["on_failure"] = self._branch(step.failure_steps, step.id, "failed")
        else:
            words["on_completion"] = self._end(step.id, "stop") if step.kind is StepKind.STOP else following
        self._workflow[made] = words
        return made

    def _refused(self, step: PlanStep, variable: str, following: str) -> str:
        if not step.on_reject:
            return following
        end = self._end(step.id, "agreed")
        words: Object = {"on_true": end, "on_false": self._branch(step.on_reject, step.id, "rejected")}
        return self._condition((step.id, "agreed"), f"{variable}:value = 'true'", words, following)
