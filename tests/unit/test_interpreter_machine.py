"""Random small playbooks and random worlds: whatever happens in whatever order, the promises of a run hold."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interp_support import Bench

from stanch.approvals import covers
from stanch.catalog import catalog
from stanch.interpreter.messages import ActionDone, ActionFailed, AskApproval, RunAction, Started, TimerFired
from stanch.interpreter.state import RunStatus
from stanch.plan import Mode, Plan
from stanch.playbooks import Playbook, compile_plan

LONG = os.environ.get("STANCH_PROFILE") == "long"
EXAMPLES = 1500 if LONG else 150
EVENTS = 40
HAPPENINGS = ("ticket.resolved", "ticket.reopened", "finding.rescan_clean", "finding.reported", "signal.go", "signal.x")

Words = dict[str, Any]

WHENS = (None, None, "finding.count == 3", "finding.count > 5", "vars.n == 1", "finding.count / 0 == 1")
NEED: list[Words] = [{"from": ["team:appsec"]}]
CHANGES: tuple[Words, ...] = (
    {"do": "block.scope", "with": {"host": "api.example.com", "ttl": "4h"}},
    {"do": "policy.attach", "with": {"host": "api.example.com", "groups": ["Common"]}},
    {"do": "user.sign_out", "with": {"user_id": "mallory"}, "irreversible": "they sign in again"},
    {"do": "block.scope", "with": {"host": "api.example.com", "path": "/${{ vars.n }}", "ttl": "4h"}},
)
OTHERS: tuple[Words, ...] = (
    {"do": "traffic.usage", "with": {"host": "api.example.com"}},
    {"do": "ticket.create", "with": {"summary": "x"}},
    {"do": "ticket.create", "with": {"summary": "x"}, "hold": True},
    {"do": "block.scope", "with": {"host": "${{ finding.actor.user_id }}", "ttl": "4h"}},
)
FAILURES: tuple[Any, ...] = ("fail", "fail", "continue")
LOOP = {"in": "${{ finding.labels }}", "max_parallel": 2}


@st.composite
def a_step(draw: st.DrawFn, names: Any, depth: int, asked: list[str]) -> Words:
    kinds = ["change", "change", "other", "wait", "set", "stop", "revert", "approve", "approve"]
    kind = draw(st.sampled_from(kinds + (["parallel", "choose"] if depth else [])))
    step: Words = {"id": f"s{next(names)}"}
    when = draw(st.sampled_from(WHENS))
    if when:
        step["when"] = when
        if draw(st.booleans()):
            step["otherwise"] = [{"id": f"s{next(names)}", **OTHERS[0]}]
    return step | draw(_KINDS[kind](names, depth, asked))


@st.composite
def a_change(draw: st.DrawFn, names: Any, depth: int, asked: list[str]) -> Words:
    words = dict(draw(st.sampled_from(CHANGES)))
    words["on_failure"] = draw(_failures(names))
    if draw(st.booleans()):
        words["verify"] = {"do": "probe.expect_blocked", "within": "1m"}
    if "irreversible" not in words and draw(st.booleans()):
        words["undo"] = "auto"
    if draw(st.integers(0, 3)) == 0:
        words["foreach"] = LOOP
    elif asked and draw(st.booleans()):
        words["gate"] = draw(st.sampled_from(asked))
    return words


def _failures(names: Any) -> st.SearchStrategy[Any]:
    steps = st.builds(lambda then: {"do": [{"id": f"s{next(names)}", **OTHERS[0]}], "then": then}, _THENS)
    return st.one_of(st.sampled_from(FAILURES), steps)


_THENS = st.sampled_from(("fail", "continue"))


@st.composite
def an_approval(draw: st.DrawFn, names: Any, depth: int, asked: list[str]) -> Words:
    words: Words = {"ask": "Go", "need": NEED, "expires": "2h"}
    if draw(st.booleans()):
        words["need"] = [{"from": ["team:appsec"], "count": 2}]
    if draw(st.booleans()):
        words["remind"] = "1h"
    approve: Words = {"approve": words}
    if draw(st.integers(0, 3)) == 0:
        words |= {"options": ["keep", "lift"], "on_timeout": "keep"}
    elif draw(st.booleans()):
        approve["on_reject"] = [{"id": f"s{next(names)}", **OTHERS[0]}]
    return approve


@st.composite
def a_wait(draw: st.DrawFn, names: Any, depth: int, asked: list[str]) -> Words:
    events: list[Words] = [
        {"event": "ticket.resolved"},
        {"event": "finding.rescan_clean"},
        {"event": "timer", "after": "30m"},
        {"event": "signal", "name": "go"},
    ]
    words: Words = {"for": draw(st.lists(st.sampled_from(events), min_size=1, max_size=2))}
    words["until"] = draw(st.sampled_from(("any", "all")))
    if draw(st.booleans()):
        words |= {"timeout": "3h", "on_timeout": draw(st.sampled_from(("escalate", "proceed", "fail")))}
    if draw(st.booleans()):
        words["remind"] = {"every": "1h", "to": ["ticket.assignee", "user:maria"]}
    return {"wait": words}


def steps_of(names: Any, depth: int, asked: list[str], most: int) -> st.SearchStrategy[list[Words]]:
    return st.lists(a_step(names, depth, asked), min_size=1, max_size=most)


@st.composite
def a_group(draw: st.DrawFn, names: Any, depth: int, asked: list[str]) -> Words:
    inner = draw(steps_of(names, depth - 1, asked, 3))
    words: Words = {"on_failure": draw(st.sampled_from(FAILURES))}
    if draw(st.booleans()):
        words["verify"] = {"do": "probe.expect_blocked", "within": "1m"}
    if draw(st.booleans()):
        return words | {"parallel": inner}
    other = draw(steps_of(names, depth - 1, asked, 2))
    return words | {"choose": [{"when": "vars.n == 1", "steps": inner}, {"otherwise": other}]}


def _other(names: Any, depth: int, asked: list[str]) -> st.SearchStrategy[Words]:
    return st.builds(lambda words, failure: {**words, "on_failure": failure}, st.sampled_from(OTHERS), _failures(names))


_KINDS: dict[str, Any] = {
    "change": a_change,
    "other": _other,
    "wait": a_wait,
    "approve": an_approval,
    "parallel": a_group,
    "choose": a_group,
    "set": lambda *_: st.sampled_from(({"set": {"n": 2}}, {"set": {"n": "${{ vars.n }}"}})),
    "stop": lambda *_: st.sampled_from(({"stop": {}}, {"stop": {"status": "failed", "reason": "x"}})),
    "revert": lambda *_: st.just({"revert": "?"}),
}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = count()
    mode = draw(st.sampled_from(("auto", "auto", "semi")))
    steps = draw(steps_of(names, 2, [], 5))
    last = draw(st.one_of(st.just([]), st.just([{"id": "last", **OTHERS[1]}])))
    _finish_words(draw, steps, mode)
    body = {"version": "playbook/v1", "id": "p", "title": "p", "owner": "team:appsec", "mode": mode}
    return compile_plan(Playbook.model_validate({**body, "vars": {"n": 1}, "steps": steps, "finally": last}))


def _finish_words(draw: st.DrawFn, steps: list[Words], mode: str) -> None:
    """Bind changes to earlier approvals (in a semi playbook all of them), let reverts lead to earlier steps."""
    gates: list[Words] = []
    earlier: list[str] = []
    opening: Words = {"id": "first", "approve": {"ask": "Go", "need": NEED, "expires": "2h"}}
    for step in [opening, *walk(steps)]:
        if "approve" in step:
            gates.append(step)
        if "revert" in step:
            step["revert"] = draw(st.sampled_from(earlier)) if earlier else "first"
        if step.get("do") in ("block.scope", "policy.attach", "user.sign_out"):
            _bind(draw, step, gates, mode)
        earlier.append(step["id"])
    steps.insert(0, opening)


def _bind(draw: st.DrawFn, step: Words, gates: list[Words], mode: str) -> None:
    step.pop("gate", None)
    if mode == "semi" or draw(st.integers(0, 2)) == 0:
        step.pop("foreach", None)
        gate = draw(st.sampled_from(gates))
        gate["approve"].setdefault("binds", []).append(step["id"])
        if step["do"] == "block.scope" and draw(st.booleans()):
            step["renew"] = {"gate": gate["id"], "ask_before": "1h"}


def walk(steps: list[Words]) -> list[Words]:
    found: list[Words] = []
    for step in steps:
        found.append(step)
        found += walk(step.get("parallel", []))
        for branch in step.get("choose", []):
            found += walk(branch.get("steps", []) + branch.get("otherwise", []))
        failure = step.get("on_failure")
        found += walk(failure["do"] if isinstance(failure, dict) else [])
        found += walk(step.get("otherwise", []) + step.get("on_reject", []))
    return found


class World:
    """What may happen next, and what must hold after it."""

    def __init__(self, plan: Plan, mode: Mode) -> None:
        self.mode = mode
        self.seen = 0
        self.bench = Bench(plan, mode=mode, start=False)
        self.sent: list[Any] = []

    def draw_event(self, data: st.DataObject) -> None:
        bench = self.bench
        choices = ["happen", "time", "noise"]
        choices += ["act"] * 4 if bench.pending else []
        choices += ["vote"] * 2 if bench.state.approvals else []
        choices += ["cancel"] if data.draw(st.integers(0, 11)) == 0 else []
        getattr(self, f"_{data.draw(st.sampled_from(choices))}")(data)
        self.check()

    def _act(self, data: st.DataObject) -> None:
        ref = data.draw(st.sampled_from(list(self.bench.pending)))
        how = data.draw(st.sampled_from(("done", "done", "done", "REJECTED", "UNCERTAIN", "TIMEOUT", "asks")))
        self.sent.append(ref)
        if how == "done":
            more = data.draw(st.sampled_from(({}, {}, {"already": True}, {"clean": False}, {"expires_at": ""})))
            self.bench.done(ref, **more)
        else:
            code = "G104" if how == "asks" else "V002"
            self.bench.fail(ref, outcome=how if how.isupper() else "REJECTED", code=code)

    def _vote(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(list(self.bench.state.approvals)))
        who = data.draw(st.sampled_from(("user:tom", "user:ines", "user:lead", "user:eve")))
        verdict = data.draw(st.sampled_from(("approve", "approve", "approve", "keep", "deny")))
        self.bench.vote(path, who, verdict, step_up=True)

    def _time(self, data: st.DataObject) -> None:
        self.bench.wait(data.draw(st.sampled_from((60, 1800, 3600, 10800))))

    def _happen(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(HAPPENINGS))
        self.bench.happen(name, **({"key": "T-1"} if name.startswith("ticket") else {}))
        leases = [change.outputs.get("lease_id") for change in self.bench.state.open_changes]
        if leases and data.draw(st.integers(0, 3)) == 0:
            self.bench.happen("lease.ended", lease_id=data.draw(st.sampled_from(leases)), state="expired")

    def _noise(self, data: st.DataObject) -> None:
        """Something that has been said already, or was never asked, changes nothing."""
        bench = self.bench
        known = [ref for ref in self.sent if ref not in bench.pending]
        ref = data.draw(st.sampled_from([*known, "s0|do|99", "nobody|verify|1"]))
        before = bench.state.model_dump_json()
        for event in (
            ActionDone(now=bench.now, ref=ref, outputs={"lease_id": "x"}),
            ActionFailed(now=bench.now, ref=ref, outcome="UNCERTAIN"),
            TimerFired(now=bench.now, ref="nobody|timeout"),
        ):
            assert bench.feed(event) == []
        assert bench.state.model_dump_json() == before

    def _cancel(self, data: st.DataObject) -> None:
        self.bench.cancel()

    def drain(self) -> None:
        """The world answers everything and time passes; nobody votes any more."""
        bench = self.bench
        for _ in range(400):
            if bench.state.status.final and not bench.pending:
                return
            if bench.pending:
                bench.done(next(iter(bench.pending)))
            else:
                for name in ("finding.rescan_clean", "ticket.resolved", "signal.go"):
                    bench.happen(name, key="T-1")
                if not bench.pending and bench.state.timers:
                    bench.wait((min(bench.state.timers.values()) - bench.now).total_seconds())
            self.check()
        raise AssertionError(f"the run does not end: {bench.state.status}")

    # -- what must hold ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        bench = self.bench
        for command in bench.commands[self.seen :]:
            if isinstance(command, RunAction):
                self._allowed(command)
        self.seen = len(bench.commands)
        assert not bench.stuck_without_reason(), "nothing will ever wake this run"
        assert len(bench.state.problems) <= 100
        assert set(bench.state.facts) <= {"ticket", "ticket_key", "finding", "assignee", "signal.go"}
        lifted = [item.params["lease_id"] for item in bench.of(RunAction) if item.action == "block.lift"]
        assert len(lifted) == len(set(lifted)), "a lease is given back twice"
        if bench.state.status.final:
            self._at_the_end()

    def _allowed(self, command: RunAction) -> None:
        if command.purpose not in ("do", "renewed") or not catalog()[command.action].effect.mutates:
            return
        assert self.mode is not Mode.MANUAL
        if self.mode is Mode.SEMI or command.purpose == "renewed":
            proof = command.approval
            assert proof is not None, f"{command.ref} runs without consent"
            assert any(verdict == "approve" for _, verdict in proof.votes)
            asked = [item.request for item in self.bench.of(AskApproval)]
            request = next(item for item in asked if item.approval_id == proof.approval_id)
            assert request.digest == proof.digest
            assert covers(request, action=command.action, params=command.params)

    def _at_the_end(self) -> None:
        bench = self.bench
        assert bench.state.timers == {}
        assert {step.status.value for name, step in bench.state.steps.items() if name in bench.plan.walk()} <= {
            "ok",
            "skipped",
            "failed",
            "rejected",
        }
        assert len(bench.ended) == len(bench.asked), "a card stays open"
        states = {state for _, state in bench.changes()}
        assert "undoing" not in states
        if bench.state.status in (RunStatus.FAILED, RunStatus.CANCELLED):
            assert "open" not in states, "a change is left behind"


MODES = st.sampled_from((Mode.AUTO, Mode.SEMI, Mode.SEMI, Mode.MANUAL))


@given(plans(), st.data())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
def test_whatever_happens_the_promises_of_a_run_hold(plan: Plan, data: st.DataObject) -> None:
    wanted = data.draw(MODES)
    mode = min((wanted, plan.mode), key=lambda item: item.rank)
    world = World(plan, mode)
    world.bench.feed(Started(now=world.bench.now))
    world.check()
    for _ in range(data.draw(st.integers(0, EVENTS))):
        if world.bench.state.status.final and not world.bench.pending:
            break
        world.draw_event(data)
    world.drain()
    assert world.bench.finished
