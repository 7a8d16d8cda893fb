"""What a case has really done, read from its history, and the same case in a simulation that meets the same answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from temporalio.client import WorkflowHistory

from stanch import contract
from stanch.approvals import ApprovalRequest
from stanch.catalog import catalog
from stanch.contract import ActionCall, ApprovalCall, Decision, FindingReport, Resolved, TicketChange
from stanch.playbooks.examples import Moment
from stanch.simulate import Report, Setting, simulate
from stanch.tickets.moves import PURPOSE
from stanch.tickets.moving import MOVE

BESIDE = (PURPOSE, "assigned")


class Effect(NamedTuple):
    """One action with its resolved parameters."""

    action: str
    step: str
    purpose: str
    params: dict[str, Any]


@dataclass
class Act:
    """An action as it was carried out; `ended` orders the ends, which is what simulations list."""

    call: ActionCall
    begun: datetime
    ended: datetime | None = None
    answer: dict[str, Any] | None = None

    @property
    def effect(self) -> Effect:
        return Effect(self.call.action, self.call.path, self.call.purpose, self.call.params)

    @property
    def mock(self) -> dict[str, Any]:
        assert self.ended is not None
        return {**(self.answer or {}), "takes": self.ended - self.begun}


def in_order(effects: list[Effect]) -> tuple[list[Effect], list[Effect]]:
    """What changes or looks, in its order; and what is written to people and trackers, which runs alongside.

    A busy machine decides which of two messages that are sent at once is the first to arrive.
    """
    chain = [effect for effect in effects if not _is_alongside(effect)]
    return chain, sorted((effect for effect in effects if _is_alongside(effect)), key=repr)


def _is_alongside(effect: Effect) -> bool:
    return catalog()[effect.action].effect.value in ("record", "notify")


def simulated_effects(report: Report) -> list[Effect]:
    """What a simulation lists, in the same form."""
    return [Effect(line.action, line.step, line.purpose, line.params) for line in report.effects]


class Real:
    """One case as its history tells it."""

    def __init__(self, history: WorkflowHistory) -> None:
        self._acts: dict[int, Act] = {}
        self._requests: dict[str, ApprovalRequest] = {}
        self._ticket = (False, ("", ""))
        self._start = datetime.min.replace(tzinfo=UTC)
        self.moments: list[Moment] = []
        self.resolved: Resolved | None = None
        self.report: FindingReport | None = None
        self._now = self._start
        for event in history.events:
            self._now = event.event_time.ToDatetime(tzinfo=UTC)
            self._read(event, self._now)

    @property
    def effects(self) -> list[Effect]:
        """In the order in which they ended, as a simulation would have them, where nobody gives a case away.

        What follows from that is beside the run; and a ticket that went to another tracker has the key it had before.
        """
        acts = [act for act in self._ended() if act.call.purpose not in BESIDE]
        return [act.effect._replace(params=self._unmoved(act.call.params)) for act in acts]

    def _unmoved(self, params: dict[str, Any]) -> dict[str, Any]:
        moves = [act for act in self._ended() if act.call.action == MOVE]
        was = {str((act.answer or {}).get("key")): act.call.params["key"] for act in reversed(moves)}
        return {name: was.get(value, value) if isinstance(value, str) else value for name, value in params.items()}

    @property
    def mocks(self) -> dict[str, list[dict[str, Any]]]:
        """What each action was answered, call by call."""
        found: dict[str, list[dict[str, Any]]] = {}
        for act in self._acts.values():
            found.setdefault(act.call.action, []).append(act.mock)
        return found

    def simulated(self) -> Report:
        """The same case, with the same answers and the same people, in the simulator, for as long as it has run."""
        assert self.resolved is not None
        assert self.resolved.plan is not None
        assert self.report is not None
        setting = Setting(
            mocks=self.mocks,
            timeline=[*sorted(self.moments, key=lambda moment: moment.at), self._end()],
            people=self.resolved.people,
            mode=self.resolved.mode,
            start=self._start,
        )
        return simulate(self.resolved.plan, self.report.finding, self.resolved.route, setting=setting)

    @property
    def approvals(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Step, question and who was asked."""
        found = self._requests.values()
        return [(each.step, each.question, tuple(sorted(each.approvers()))) for each in found]

    def _end(self) -> Moment:
        """Looking at something lets the simulated time pass until then."""
        return Moment.model_validate({"at": self._now - self._start, "check": {"step": "none", "state": "pending"}})

    def _ended(self) -> list[Act]:
        ended = [act for act in self._acts.values() if act.ended is not None]
        assert len(ended) == len(self._acts), "an action never ended"
        return sorted(ended, key=lambda act: act.ended or act.begun)

    def _read(self, event: Any, at: datetime) -> None:
        kind = str(event.WhichOneof("attributes")).removesuffix("_event_attributes")
        told = getattr(event, f"{kind}_event_attributes")
        reader = getattr(self, f"_on_{kind}", None)
        if reader is not None:
            reader(told, at, event.event_id)

    def _on_activity_task_scheduled(self, told: Any, at: datetime, number: int) -> None:
        given = json.loads(told.input.payloads[0].data)
        if told.activity_type.name in catalog():
            self._acts[number] = Act(ActionCall.model_validate(given), at)
        elif told.activity_type.name == contract.SHOW_APPROVAL:
            request = ApprovalCall.model_validate(given).request
            self._requests[request.approval_id] = request

    def _on_activity_task_completed(self, told: Any, at: datetime, _number: int) -> None:
        if told.scheduled_event_id in self._acts:
            act = self._acts[told.scheduled_event_id]
            act.ended, act.answer = at, json.loads(told.result.payloads[0].data)["outputs"]

    def _on_activity_task_failed(self, told: Any, at: datetime, _number: int) -> None:
        if told.scheduled_event_id in self._acts:
            act, info = self._acts[told.scheduled_event_id], told.failure.application_failure_info
            code = json.loads(info.details.payloads[0].data)
            act.ended = at
            act.answer = {"fail": told.failure.message, "outcome": info.type, "code": code}

    def _on_marker_recorded(self, told: Any, at: datetime, _number: int) -> None:
        payloads = told.details["result"].payloads if "result" in told.details else ()
        if self.resolved is None and payloads and payloads[0].data:
            self.resolved, self._start = Resolved.model_validate_json(payloads[0].data), at

    def _on_workflow_execution_signaled(self, told: Any, at: datetime, _number: int) -> None:
        data = told.input.payloads[0].data
        if told.signal_name == contract.REPORT:
            report = FindingReport.model_validate_json(data)
            self.report = self.report or report
            if report.status == "resolved":
                words = {"at": at - self._start, "event": "finding.rescan_clean", "data": {"by": report.source}}
                self.moments.append(Moment.model_validate(words))
        elif told.signal_name == contract.TICKET_CHANGED:
            self.moments += self._of_ticket(TicketChange.model_validate_json(data), at)

    def _of_ticket(self, change: TicketChange, at: datetime) -> Iterator[Moment]:
        """Trackers tell the same thing more than once; only what really changed becomes an event."""
        since, was_done, held = at - self._start, *self._ticket
        holder = (change.assignee, change.group)
        self._ticket = (change.state == "done", holder)
        if change.state == "done" and not was_done:
            yield Moment.model_validate({"at": since, "event": "ticket.resolved", "data": {"by": change.by}})
        if holder != held:
            to = change.group or change.assignee
            yield Moment.model_validate({"at": since, "event": "ticket.reassigned", "to": to})

    def _on_workflow_execution_update_accepted(self, told: Any, at: datetime, _number: int) -> None:
        vote = Decision.model_validate_json(told.accepted_request.input.args.payloads[0].data).vote
        step = self._requests[vote.approval_id].step
        word = {"approve": "approve", "deny": "reject"}.get(vote.verdict, "choose")
        words = {"at": at - self._start, word: step, "by": vote.principal, "reason": vote.reason}
        self.moments.append(Moment.model_validate(words | ({"option": vote.verdict} if word == "choose" else {})))
