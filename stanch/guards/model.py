"""What guards go by: the policy people write, the state of the moment, and the attempt that is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stanch.documents import Duration
from stanch.guards import targets
from stanch.guards.breaker import BreakerRules
from stanch.guards.part import Part
from stanch.leases import MAX_TTL_SECONDS, Wire

VERSION = "guards/v1"
Modes = Literal["manual", "semi", "auto"]


def _readable(read: Callable[[str], object], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            read(text)
        except ValueError:
            raise ValueError(f"not {what}") from None
        return text

    return check


Address = Annotated[str, AfterValidator(_readable(targets.addresses, "an address or network"))]
Host = Annotated[str, AfterValidator(_readable(targets.host_name, "a host name"))]
PathText = Annotated[str, AfterValidator(_readable(targets.path_pattern, "a path"))]
Name = Annotated[str, AfterValidator(_readable(targets.name, "a name"))]


class ProtectedPath(Part):
    """A path that may never be blocked; `unless` excuses a block narrowed to a principal or to addresses."""

    path: PathText
    host: Host = "*"
    unless: tuple[Literal["principal", "ip"], ...] = ()


def _path_entry(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


class NeverBlock(Part):
    """The never-block list; any overlap counts, in either direction."""

    ips: tuple[Address, ...] = ()
    users: tuple[Name, ...] = ()
    clients: tuple[Name, ...] = ()
    tokens: tuple[Name, ...] = ()
    hosts: tuple[Host, ...] = ()
    paths: tuple[
        Annotated[ProtectedPath, BeforeValidator(_path_entry, json_schema_input_type=str | ProtectedPath)], ...
    ] = ()


class Prefixes(Part):
    """The widest networks that may be blocked."""

    v4: int = Field(ge=24, le=32)
    v6: int = Field(ge=48, le=128)


class Shares(Part):
    """The largest share of requests: of a host's, that a block for everybody hits, or that a log leaves unknown."""

    automatic: float = Field(default=0.05, ge=0, le=1)
    approved: float = Field(default=1.0, ge=0, le=1)


class People(Part):
    """The most principals that a log may show behind an address that is blocked without naming one of them."""

    automatic: int = Field(default=3, ge=0)
    approved: int = Field(default=50, ge=0)


class Limits(Part):
    """How far a block may go.

    Args:
        unknown: the largest share of the requests in question of which the log cannot tell whether they would be hit;
            a log that is missing leaves all of them unknown.
        everybody: whether a block that names neither principal nor address needs people, is never allowed, or may run
            automatically.
    """

    ttl: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=MAX_TTL_SECONDS))] = timedelta(
        seconds=MAX_TTL_SECONDS
    )
    automatic: Prefixes = Prefixes(v4=32, v6=64)
    approved: Prefixes = Prefixes(v4=24, v6=48)
    share: Shares = Shares()
    principals: People = People()
    unknown: Shares = Shares()
    everybody: Literal["approval", "never", "automatic"] = "approval"


class Budgets(Part):
    """Changes in an hour that nobody approved: for each playbook, each source, and all together."""

    playbook: int = Field(default=60, ge=0)
    source: int = Field(default=120, ge=0)
    all: int = Field(default=200, ge=0)


class GuardPolicy(Part):
    """`policy/guards.yaml`.

    Args:
        known_hosts: the only hosts that may be touched; empty means any.
        modes: the highest mode for each environment; `default` is for all others.
    """

    version: Literal["guards/v1"]
    never_block: NeverBlock = NeverBlock()
    limits: Limits = Limits()
    known_hosts: tuple[Host, ...] = ()
    modes: dict[str, Modes] = Field(default={"default": "semi"})
    budgets: Budgets = Budgets()
    breaker: BreakerRules = BreakerRules()

    def mode_for(self, environment: str) -> Modes:
        """The highest mode an environment allows."""
        return self.modes.get(environment, self.modes.get("default", "semi"))

    def budgets_for(self, *, playbook: str, source: str) -> dict[str, int]:
        """Hourly budgets by scope, for a reservation in records."""
        budgets = self.budgets
        return {f"playbook:{playbook}": budgets.playbook, f"source:{source}": budgets.source, "all": budgets.all}


class Stop(Wire):
    """A halt in force; `freeze` stops lifts too."""

    scope: str
    freeze: bool = False


class GuardState(Wire):
    """The state of the moment, read from records.

    Args:
        readable: False where it could not be read; then nothing new is allowed.
        generation: of what was read; older than the attempt's means it must be read again.
        halted: halts in force.
        protected: additions to the never-block list at run time: (kind, value), kinds as in the list's words,
            in the singular (`ip`, `user`, `client`, `token`, `host`, `path`).
        budget_left: room before this change, by budget; below one stops what nobody approved.
        breakers: scopes whose recent changes failed too often; stops what nobody approved.
    """

    readable: bool = True
    generation: int = 0
    halted: tuple[Stop, ...] = ()
    protected: tuple[tuple[str, str], ...] = ()
    budget_left: dict[str, int] = Field(default_factory=dict[str, int])
    breakers: tuple[str, ...] = ()


class Blast(Wire):
    """What recorded traffic shows of a block; by default it shows nothing.

    Args:
        principals: seen behind its addresses in the window.
        unknown: share of the requests in question of which the record cannot tell.
        narrower: what the finding names that is narrower than an address: token or user.
        why: what is missing.
    """

    principals: int = 0
    unknown: float = 1.0
    narrower: str = ""
    why: str = ""


class Attempt(Wire):
    """Who wants to do it, and under what consent.

    Args:
        mode: of the run; a change that people approved counts as semi.
        removing: it lifts a block of ours, so only a freeze stops it.
        ttl: seconds the block stands; None where it has no end.
        share: share of the host's requests it would hit by the estimate, None where unknown.
        blast: what traffic shows of it; None where nobody looks at traffic.
        generation: of the guard state the plan was made with.
        rated: whether the inventory knows how critical the host is; what is unknown is not changed automatically.
    """

    action: str
    mode: Modes
    approved: bool = False
    removing: bool = False
    environment: str = "prod"
    playbook: str = ""
    source: str = ""
    point: str = ""
    host: str = ""
    ttl: float | None = None
    share: float | None = None
    blast: Blast | None = None
    generation: int = 0
    rated: bool = True

    def scopes(self) -> frozenset[str]:
        """The halt scopes this attempt falls under."""
        parts: Mapping[str, Any] = {
            "action": self.action,
            "environment": self.environment,
            "playbook": self.playbook,
            "source": self.source,
            "point": self.point,
        }
        return frozenset({"all", *(f"{kind}:{value}" for kind, value in parts.items() if value)})


class Refusal(Wire):
    """Why something may not be done, and what would help."""

    code: str
    message: str
    hint: str = ""
