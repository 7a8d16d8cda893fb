"""Small deliberate mistakes in what decides about consent, put into functions that are loaded already.

As a pytest plugin (`-p mutating`, with its folder on the path) it makes the mistake that STANCH_MUTANT names.
"""

# ruff: noqa: E501 - a line is one mistake, old text beside new

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any

JUDGE, CONSENT, SEATS = "stanch.approvals.judge", "stanch.approvals.consent", "stanch.seats"
RUN, ASK, GUARD = "stanch.interpreter.consent", "stanch.interpreter.approve", "activities._guard"
MODEL, MATCH = "stanch.approvals.model", "stanch.approvals.matching"


@dataclass(frozen=True)
class Mutant:
    """One mistake: in a module, this text instead of that."""

    module: str
    old: str
    new: str


# Found by the machine alone; behind most others stands a second check, so that no effect shows the mistake.
QUICK: dict[str, Mutant] = {
    "left-may-vote": Mutant(JUDGE, "if vote.lapsed:", "if False:"),
    "ends-twice": Mutant(JUDGE, "if state.settled is not None:\n        return Code", "if False:\n        return Code"),
    "any-parameters": Mutant(CONSENT, "canonical(list(pair)) == wanted", "pair[0] == action"),
}

MUTANTS: dict[str, Mutant] = {
    **QUICK,
    "stand-in-of-excluded": Mutant(JUDGE, "if vote.for_ and vote.for_ in request.excluded:", "if False:"),
    "two-votes-a-person": Mutant(JUDGE, "earlier.principal == vote.principal for", "False for"),
    "stale-counts": Mutant(JUDGE, "if vote.digest != request.digest:", "if False:"),
    "no-is-yes": Mutant(JUDGE, "if verdict == DENY:", "if False:"),
    "needs-of-then": Mutant(CONSENT, "request if needs is None else", "request if True else"),
    "one-is-enough": Mutant(CONSENT, "if request.high_impact and len(people) < 2 and", "if False and"),
    "gone-still-counts": Mutant(GUARD, "vote[1] == DENY or active(world.people, vote[0])", "True"),
    "anybody-stands-in": Mutant(SEATS, "and people.present(person, now) == principal", "and people.away(person, now) is not None"),
    "excluded-may-vote": Mutant(JUDGE, "if vote.principal in request.excluded:", "if False:"),
    "end-counts": Mutant(JUDGE, "return now >= (end", "return now > (end"),
    "click-at-the-end": Mutant(JUDGE, "vote.at < end else", "vote.at <= end else"),
    "no-grace": Mutant(JUDGE, "end + GRACE if", "end if"),
    "grace-for-ever": Mutant(JUDGE, "return now >= (end + GRACE", "return now >= (now + GRACE"),
    "anybody-votes": Mutant(JUDGE, "if vote.seat not in request.approvers():", "if False:"),
    "two-votes-a-seat": Mutant(JUDGE, "earlier.seat == vote.seat for", "False for"),
    "other-request": Mutant(JUDGE, "if vote.approval_id != request.approval_id:", "if False:"),
    "light-is-enough": Mutant(JUDGE, "or not _weighty(request, votes, verdict)", ""),
    "step-up-of-others": Mutant(JUDGE, "any(vote.step_up for vote in votes if vote.verdict == verdict)", "True"),
    "voters-for-seats": Mutant(JUDGE, "empty_lines(lines, _seats(votes, verdict)) or", "empty_lines(lines, _voters(votes, verdict)) or"),
    "expires-late": Mutant(JUDGE, "or now < request.expires_at:", "or now <= request.expires_at:"),
    "expires-early": Mutant(JUDGE, "or now < request.expires_at:", "or False:"),
    "expires-what-ended": Mutant(JUDGE, "if state.settled is not None or now", "if now"),
    "silence-chooses": Mutant(JUDGE, 'request.on_timeout if request.on_timeout in request.options else ""', "request.on_timeout"),
    "no-memory": Mutant(JUDGE, "if before.decision_id == vote.decision_id:", "if False:"),
    "anybodys-decision": Mutant(JUDGE, "if (before.principal, before.verdict) != (vote.principal, vote.verdict):", "if False:"),
    "endless-refusals": Mutant(JUDGE, "and len(state.refusals) < MAX_REFUSALS", ""),
    "every-refusal-new": Mutant(JUDGE, "and not known and", "and"),
    "any-answer": Mutant(JUDGE, "if vote.verdict not in request.verdicts:", "if False:"),
    "no-reason": Mutant(JUDGE, "and not vote.reason.strip()", "and False"),
    "vote-used-up": Mutant(JUDGE, "request.alone and", "False and"),
    "choice-approves": Mutant(JUDGE, '(Outcome.CHOSEN, verdict) if request.options else (Outcome.APPROVED, "")', '(Outcome.APPROVED, "")'),
    "proof-without-consent": Mutant(CONSENT, "or state.settled.outcome is not Outcome.APPROVED", ""),
    "proof-for-another": Mutant(CONSENT, "if (proof.approval_id, proof.digest) != (request.approval_id, request.digest):", "if proof.approval_id != request.approval_id:"),
    "denial-forgotten": Mutant(CONSENT, "if any(verdict == DENY for _, verdict in proof.votes):", "if False:"),
    "seat-counted-twice": Mutant(CONSENT, "or len(set(seats)) < len(seats)", ""),
    "left-one-of-two": Mutant(CONSENT, "if stood_in.get(who, who) in current.approvers()]", "]"),
    "step-up-of-who-left": Mutant(CONSENT, "and len(people) == len(voted)", ""),
    "step-up-of-who-is-gone": Mutant(GUARD, "proof.step_up and len(votes) == len(proof.votes)", "proof.step_up"),
    "no-lines-is-yes": Mutant(CONSENT, "if not lines or", "if"),
    "any-verdict": Mutant(CONSENT, "if verdict == APPROVE)", "if True)"),
    "seat-forgotten": Mutant(CONSENT, "seats = [stood_in.get(who, who) for", "seats = [who for"),
    "step-up-by-denial": Mutant(CONSENT, "for vote in state.votes if vote.verdict != DENY)", "for vote in state.votes) or True"),
    "greedy": Mutant(MATCH, "or _seat(seated[person], lines, people, seated, tried)", ""),
    "excluded-fill-lines": Mutant(MODEL, "frozenset(need.from_) - barred,", "frozenset(need.from_),"),
    "excluded-approve": Mutant(MODEL, "for person in need.from_) - frozenset(self.excluded)", "for person in need.from_)"),
    "seat-of-the-past": Mutant(SEATS, "principal in need.from_ and _own(people, need, principal)", "principal in need.from_"),
    "gone-keeps-seat": Mutant(SEATS, "return active(people, person) and any(", "return any("),
    "no-longer-meant": Mutant(SEATS, "return active(people, person) and any(_means(people, name, person) for name in names_of(need))", "return active(people, person)"),
    "unapproved-runs": Mutant(RUN, 'or run.state.step(gate).outputs.get("approved") is not True', ""),
    "changed-plan-runs": Mutant(RUN, "if covers(state.request, action=wanted.action, params=wanted.params):", "if True:"),
    "asks-for-ever": Mutant(RUN, "if step.occurrence >= MAX_ASKED:", "if False:"),
    "gate-forgotten": Mutant(RUN, 'return demoted(run) or GATED in run.state.step(path).seen', "return False"),
    "all-ends-approve": Mutant(ASK, "approved = settled.outcome is Outcome.APPROVED", "approved = True"),
    "timeout-unsaid": Mutant(ASK, '"timeout" if settled.outcome is Outcome.EXPIRED else "vote"', '"vote"'),
    "unfit-is-asked": Mutant(ASK, "if problems:", "if False:"),
    "manual-asks": Mutant(ASK, "if step.approve.binds and run.context.mode is Mode.MANUAL:", "if False:"),
    "withdrawn-stays-open": Mutant(ASK, 'state.model_copy(update={"settled": settled})\n    run.finish_step', "state\n    run.finish_step"),
    "never-expires": Mutant(ASK, 'run.start_timer(f"{path}|expire", request.expires_at)', "pass"),
    "unasked-parameters": Mutant(GUARD, "if call.consent is None or not covers(call.consent, action=call.action, params=call.params):", "if False:"),
    "unasked-lease": Mutant(GUARD, "if request is None or not _covers_lease(request, lease):", "if False:"),
    "longer-than-asked": Mutant(GUARD, "and left <= ttl_of(wanted)", ""),
    "proof-of-nothing": Mutant(GUARD, "    if problems:\n        raise Refused(problems[0]", "    if False:\n        raise Refused(problems[0]"),
}  # fmt: skip


@contextmanager
def made(mutant: Mutant) -> Iterator[None]:
    """The mistake, in every function of the module that it changes; importers of the function have it too.

    Raises:
        AssertionError: the text is not there once, or the mistake changes nothing.
    """
    module = import_module(mutant.module)
    source = inspect.getsource(module)
    assert source.count(mutant.old) == 1, f"{mutant.module} has this {source.count(mutant.old)} times: {mutant.old}"
    names: dict[str, Any] = dict(vars(module))
    exec(compile(source.replace(mutant.old, mutant.new), str(module.__file__), "exec", dont_inherit=True), names)
    before: list[tuple[FunctionType, CodeType]] = []
    try:
        for real, changed in _pairs(module, names):
            if real.__code__ != changed.__code__:
                before.append((real, real.__code__))
                real.__code__ = changed.__code__
        assert before, "the mistake is in no function"
        yield
    finally:
        for real, code in before:
            real.__code__ = code


def _pairs(module: ModuleType, names: dict[str, Any]) -> Iterator[tuple[FunctionType, FunctionType]]:
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield value, names[name]
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for part, real in vars(value).items():
                if isinstance(real, FunctionType) and isinstance(vars(names[name]).get(part), FunctionType):
                    yield real, vars(names[name])[part]


def pytest_configure() -> None:
    if name := os.environ.get("STANCH_MUTANT"):
        mistake = made(MUTANTS[name])
        mistake.__enter__()
        _kept.append(mistake)


_kept: list[Any] = []
