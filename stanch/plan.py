"""The checked plan that a playbook compiles to: plain JSON, pinned by its digest in every run.

Values inside `with_`, `set_` and the like are JSON; an expression is an object with the one key `$` (keeps its type)
or `$t` (a list of text and `{"$": source}` parts, joined to text). Nothing else is ever evaluated.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from stanch.plan_called import Called, Part

PLAN_VERSION = 1


class Mode(StrEnum):
    """How much a run may do alone; ordered manual < semi < auto."""

    MANUAL = "manual"
    SEMI = "semi"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        return ("manual", "semi", "auto").index(self.value)


class StepKind(StrEnum):
    DO = "do"
    APPROVE = "approve"
    WAIT = "wait"
    PARALLEL = "parallel"
    CHOOSE = "choose"
    PLAYBOOK = "playbook"
    REVERT = "revert"
    SET = "set"
    STOP = "stop"


class Retry(Part):
    """Seconds; `attempts` 0 means until the action's own time is over."""

    attempts: int = 0
    first: float = 1.0
    factor: float = 2.0
    max: float = 60.0


class Foreach(Part):
    items: Any
    name: str = "item"
    max_parallel: int = 5
    max_items: int = 50


class Check(Part):
    """A read-only action that must hold after a change, retried `within` seconds."""

    action: str
    with_: dict[str, Any] = Field(default_factory=dict)
    within: float = 120.0


class Undo(Part):
    """`action` "auto" means the action's own inverse."""

    action: str = "auto"
    with_: dict[str, Any] = Field(default_factory=dict)


class Renew(Part):
    gate: str
    ask_before: float


class Need(Part):
    """Approvers of one line: names such as `route.assignee`, `team:appsec`; `count` different people of them."""

    from_: tuple[str, ...]
    count: int = 1


class Escalate(Part):
    after: float
    to: tuple[str, ...]


class Approve(Part):
    ask: Any
    need: tuple[Need, ...]
    not_by: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    expires: Any = 14400.0
    remind_every: float | None = None
    escalate: tuple[Escalate, ...] = ()
    on_timeout: str = "reject"
    options: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()


class Awaited(Part):
    """One event a `wait` ends on: ticket.resolved, finding.rescan_clean, timer, signal."""

    event: str
    after: Any = None
    name: str = ""
    with_: dict[str, Any] = Field(default_factory=dict)


class Wait(Part):
    until: Literal["any", "all"] = "any"
    events: tuple[Awaited, ...]
    remind_every: float | None = None
    remind_to: tuple[str, ...] = ()
    follow_reassigned: bool = False
    timeout: Any = None
    on_timeout: Literal["escalate", "proceed", "fail"] = "fail"


class Stop(Part):
    """`ends` is the `playbook` step whose run is over; "" is the whole run."""

    status: Literal["done", "failed"] = "done"
    reason: Any = ""
    ends: str = ""


class Branch(Part):
    """`when` None is the `otherwise` branch."""

    when: str | None
    steps: tuple[PlanStep, ...]


class PlanStep(Part):
    """One step, compiled. `needs` are the alongside steps whose results it reads, so it waits for those."""

    id: str
    kind: StepKind
    when: str | None = None
    needs: tuple[str, ...] = ()
    alongside: bool = False
    timeout: float | None = None
    retry: Retry | None = None
    foreach: Foreach | None = None
    failure: Literal["fail", "continue"] = "fail"
    failure_steps: tuple[PlanStep, ...] = ()
    verify: Check | None = None
    undo: Undo | None = None
    irreversible: str = ""
    renew: Renew | None = None
    otherwise: tuple[PlanStep, ...] = ()
    on_reject: tuple[PlanStep, ...] = ()
    # by kind
    action: str = ""
    with_: dict[str, Any] = Field(default_factory=dict)
    bound_by: tuple[str, ...] = ()  # approvals that bind this step
    approve: Approve | None = None
    wait: Wait | None = None
    steps: tuple[PlanStep, ...] = ()
    branches: tuple[Branch, ...] = ()
    revert: str = ""
    set_: dict[str, Any] = Field(default_factory=dict)
    stop: Stop | None = None
    called: Called | None = None
    last: tuple[PlanStep, ...] = ()  # `finally` of a called playbook

    def children(self) -> tuple[PlanStep, ...]:
        """Every step directly inside this one, in written order."""
        branches = tuple(step for branch in self.branches for step in branch.steps)
        return self.steps + branches + self.last + self.failure_steps + self.otherwise + self.on_reject

    def holds(self, name: str) -> bool:
        """True where the named step is somewhere inside this one."""
        return any(child.id == name or child.holds(name) for child in self.children())


class Limits(Part):
    """Budgets as (count, seconds); past one of them auto becomes semi."""

    runs: tuple[int, float] | None = None
    changes: tuple[int, float] | None = None
    per_host: tuple[int, float] | None = None


class Plan(Part):
    """A whole playbook, compiled and checked.

    Args:
        core: version of the interpreter it was compiled for. engine: expression engine with its version.
        digest: sha256 over the canonical JSON of everything else here.
    """

    plan_version: int = PLAN_VERSION
    core: int = 1
    engine: str = ""
    playbook: str
    title: str = ""
    owner: str = ""
    mode: Mode
    role: Literal["primary", "companion", "called"] = "primary"
    source: str = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    input_types: dict[str, str] = Field(default_factory=dict)
    vars: dict[str, Any] = Field(default_factory=dict)
    guard: tuple[str, ...] = ()
    limits: Limits = Limits()
    concurrency_key: Any = None
    on_conflict: Literal["attach", "queue", "replace", "skip"] = "attach"
    steps: tuple[PlanStep, ...]
    finally_: tuple[PlanStep, ...] = ()
    outputs: dict[str, Any] = Field(default_factory=dict)
    digest: str = ""

    def walk(self) -> dict[str, PlanStep]:
        """Every step by id, in written order."""
        found: dict[str, PlanStep] = {}
        queue = list(self.steps + self.finally_)
        while queue:
            step = queue.pop(0)
            found[step.id] = step
            queue = list(step.children()) + queue
        return found


Branch.model_rebuild()
PlanStep.model_rebuild()
