"""What people are asked, put together: the rendered effects, what they touch, and who may answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from stanch.approvals import ApprovalRequest, Bound, Need
from stanch.catalog import Effect, catalog
from stanch.interpreter.run import Run, ValueProblem
from stanch.plan import Approve
from stanch.plan import Need as NeedLine
from stanch.shapes import is_dict, is_items, is_mapping

FACT = 200  # characters of a fact in the older forms of requests, which must come out the same when replayed
WHOLE_FACT = 4000  # a card that gets too long for it loses its Approve button and is read page by page
TOUCHED = ("host", "method", "path", "ips", "principal", "user_id", "client_id", "key_id", "api", "stage", "group")


def request_of(run: Run, path: str, spec: Approve, targets: tuple[Bound, ...]) -> ApprovalRequest:
    """The request of a step as of now, over what its bound steps would do."""
    return ApprovalRequest(
        approval_id=run.context.key(path, run.state.step(path).occurrence),
        case_id=run.context.case_id,
        episode=run.context.episode,
        step=path,
        question=_question(run, spec.ask),
        action=targets[0].action if targets else "",
        params=targets[0].params if targets else {},
        also=targets[1:],
        targets=tuple(_touched(target) for target in targets) if run.context.asks else (),
        ttl=_ttl(targets),
        undo=_undo_text(targets),
        requester=run.context.requested_by,
        excluded=_excluded(run, spec),
        needs=tuple(_need(run, line) for line in spec.need),
        options=spec.options,
        created_at=run.now,
        expires_at=run.now + timedelta(seconds=run.seconds(spec.expires)),
        on_timeout=spec.on_timeout,
        shown=_shown(run, spec.show),
        high_impact=any(catalog()[target.action].effect is Effect.IRREVERSIBLE for target in targets),
        reason_for=spec.reason,
        playbook=run.context.plan.playbook,
        plan_digest=run.context.plan.digest,
    )


def _question(run: Run, ask: Any) -> str:
    """The playbook's words as they are; what is filled in stays on its line, or it could look like facts of ours."""
    if run.context.asks < 2 or not is_dict(ask):
        return str(run.render(ask))
    parts = ask.get("$t")
    if not is_items(parts):
        return _on_one_line(str(run.render(ask)))
    return "".join(part if isinstance(part, str) else _on_one_line(run.render({"$t": [part]})) for part in parts)


def _on_one_line(text: str) -> str:
    return " ↵ ".join(text.splitlines())


def _touched(target: Bound) -> str:
    """What an effect touches, in one line."""
    parts = ((name, target.params.get(name)) for name in TOUCHED)
    return " ".join([target.action, *(f"{name}={value}" for name, value in parts if value not in (None, "", []))])


def _need(run: Run, line: NeedLine) -> Need:
    names = run.named(line.from_) if run.context.asks else ()
    return Need(from_=run.people(line.from_), count=line.count, label=" or ".join(line.from_), names=names)


def _excluded(run: Run, spec: Approve) -> tuple[str, ...]:
    """Who started the run never decides about it, written or not."""
    requester = run.context.requested_by
    return tuple(dict.fromkeys((*run.people(spec.not_by), *((requester,) if requester else ()))))


def _ttl(targets: tuple[Bound, ...]) -> str:
    spans = dict.fromkeys(str(target.params["ttl"]) for target in targets if "ttl" in target.params)
    return ", ".join(spans)


def _undo_text(targets: tuple[Bound, ...]) -> str:
    specs = [catalog()[target.action] for target in targets]
    return "; ".join(f"{spec.name}: {spec.inverse or 'cannot be taken back'}" for spec in specs)


def _shown(run: Run, sources: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Facts for the approver; one that is not there is said to be missing, never invented."""
    return tuple(pair for source in sources for pair in _facts(run, source))


def _facts(run: Run, source: str) -> list[tuple[str, str]]:
    label = source.removeprefix("steps.").removesuffix(".outputs")
    try:
        value = run.evaluate(source)
    except ValueProblem:
        return [(label, "not available")]
    if not value:
        return [(label, "not available")]
    if is_mapping(value):
        return [(f"{label} {name.replace('_', ' ')}", _fact(run, item)) for name, item in value.items()]
    return [(label, _fact(run, value))]


def _fact(run: Run, value: object) -> str:
    """As it is; where it has to be cut, people see that there is more, and how much."""
    text = str(value)
    if run.context.asks < 2:
        return text[:FACT]
    left = len(text) - WHOLE_FACT
    return text if left <= 0 else f"{text[:WHOLE_FACT]} [cut: {left} more characters]"
