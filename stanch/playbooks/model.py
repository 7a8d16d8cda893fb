"""The playbook file as its author writes it (`playbook/v1`), word for word and before any check that needs context."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stanch.approvals.requests import MAX_OPTIONS, Answer
from stanch.playbooks.examples import Example
from stanch.playbooks.words import NotEmpty, OpenSpan, Rate, Span, Value
from stanch.routing import Match

VERSION = "playbook/v1"
STEP_KINDS = ("do", "approve", "wait", "parallel", "choose", "playbook", "revert", "set", "stop")


class Authored(BaseModel):
    """Base of everything people write: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class On(Authored):
    """Which findings a playbook is for; in the role `called` for none, it runs as a step of other playbooks only."""

    match: Match = Match(host="*")
    when: str | None = None
    wins_over: tuple[str, ...] = ()
    role: Literal["primary", "companion", "called"] = "primary"


class Input(Authored):
    """A setting of a playbook that a deployment may override, up to `max`."""

    type: Literal["string", "int", "number", "bool", "duration", "list"]
    default: Any = None
    min: Any = None
    max: Any = None
    choices: tuple[Any, ...] = ()
    description: str = ""


class Concurrency(Authored):
    """Runs with the same key share one case."""

    key: str
    on_conflict: Literal["attach", "queue", "replace", "skip"] = "attach"


class LimitWords(Authored):
    runs: Rate | None = None
    changes: Rate | None = None
    per_host: Rate | None = None


class RetryWords(Authored):
    attempts: int = Field(default=0, ge=0)
    first: Span | None = None
    factor: float = Field(default=2.0, ge=1.0)
    max: Span | None = None


class ForeachWords(Authored):
    in_: Value = Field(alias="in")
    as_: str = Field(default="item", alias="as")
    max_parallel: int = Field(default=5, ge=1, le=20)
    max_items: int = Field(default=50, ge=1, le=256)


class VerifyWords(Authored):
    do: str
    with_: dict[str, Value] = Field(default_factory=dict, alias="with")
    within: Span | None = None


class UndoWords(Authored):
    do: str
    with_: dict[str, Value] = Field(default_factory=dict, alias="with")


class FailureWords(Authored):
    do: tuple[Step, ...]
    then: Literal["fail", "continue"] = "fail"


class RenewWords(Authored):
    gate: str
    ask_before: Span


class NeedWords(Authored):
    from_: Annotated[tuple[str, ...], NotEmpty] = Field(alias="from")
    count: int = Field(default=1, ge=1, le=20)


class EscalateWords(Authored):
    after: Span
    to: Annotated[tuple[str, ...], NotEmpty]


class ApproveWords(Authored):
    ask: str
    need: Annotated[tuple[NeedWords, ...], NotEmpty]
    not_by: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    expires: OpenSpan
    remind: Span | None = None
    escalate: tuple[EscalateWords, ...] = ()
    on_timeout: str = "reject"
    options: Annotated[tuple[Answer, ...], Field(max_length=MAX_OPTIONS)] = ()
    reason: tuple[str, ...] = ()


class AwaitedWords(Authored):
    event: str
    after: OpenSpan | None = None
    name: str = ""
    key: Value = None
    finding: Value = None


class RemindWords(Authored):
    every: Span
    to: Annotated[tuple[str, ...], NotEmpty]


class WaitWords(Authored):
    until: Literal["any", "all"] = "any"
    for_: Annotated[tuple[AwaitedWords, ...], NotEmpty] = Field(alias="for")
    remind: RemindWords | None = None
    reassigned: Literal["follow", "ignore"] = "ignore"
    timeout: OpenSpan | None = None
    on_timeout: Literal["escalate", "proceed", "fail"] = "fail"


class ChoiceWords(Authored):
    when: str | None = None
    steps: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] | None = None


class StopWords(Authored):
    status: Literal["done", "failed"] = "done"
    reason: Value = ""


class Step(Authored):
    """One step: an id, exactly one kind, and modifiers."""

    id: str
    # kinds
    do: str | None = None
    approve: ApproveWords | None = None
    wait: WaitWords | None = None
    parallel: tuple[Step, ...] | None = None
    choose: tuple[ChoiceWords, ...] | None = None
    playbook: str | None = None
    revert: str | None = None
    set: dict[str, Value] | None = None
    stop: StopWords | None = None
    # modifiers
    with_: dict[str, Value] = Field(default_factory=dict, alias="with")
    when: str | None = None
    foreach: ForeachWords | None = None
    timeout: Span | None = None
    retry: RetryWords | None = None
    on_failure: Literal["fail", "continue"] | FailureWords = "fail"
    verify: VerifyWords | None = None
    undo: Literal["auto"] | UndoWords | None = None
    irreversible: str = ""
    renew: RenewWords | None = None
    hold: bool = False
    otherwise: tuple[Step, ...] = ()
    on_reject: tuple[Step, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kind keys that are written; a good step has exactly one."""
        return tuple(kind for kind in STEP_KINDS if kind in self.model_fields_set)

    @property
    def may_fail(self) -> bool:
        """The run goes on after it has failed."""
        then = self.on_failure if isinstance(self.on_failure, str) else self.on_failure.then
        return then == "continue"


class Playbook(Authored):
    """A whole file."""

    version: Literal["playbook/v1"]
    id: str
    title: str
    owner: str
    mode: Literal["manual", "semi", "auto"]
    on: On = On()
    inputs: dict[str, Input] = Field(default_factory=dict)
    vars: dict[str, Value] = Field(default_factory=dict)
    concurrency: Concurrency | None = None
    limits: LimitWords | None = None
    guard: tuple[str, ...] = ()
    steps: Annotated[tuple[Step, ...], NotEmpty]
    finally_: tuple[Step, ...] = Field(default=(), alias="finally")
    outputs: dict[str, Value] = Field(default_factory=dict)
    tests: tuple[Example, ...] = ()


FailureWords.model_rebuild()
ChoiceWords.model_rebuild()
Step.model_rebuild()
