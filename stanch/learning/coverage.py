"""Which operations no rule is about, so that their findings fall to the default owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from stanch.errors import Problem
from stanch.learning.operations import Operation
from stanch.routing import Decision, RouteTable, address_of
from stanch.views import ApiView, FindingView

ANY = "stanch-any"  # a label that no rule names
WHEN = datetime(2026, 1, 7, 10, tzinfo=UTC)  # who owns a place does not depend on the time
Known = Callable[[FindingView], FindingView]


@dataclass(frozen=True)
class Unowned:
    """An operation that falls to the default; `near` names rules that miss it by a condition only."""

    operation: Operation
    near: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class HostShare:
    """How much of a host has an owner."""

    host: str
    operations: int
    unowned: int

    @property
    def share(self) -> float:
        """Owned part, 0.0 to 1.0."""
        return 1 - self.unowned / self.operations


@dataclass(frozen=True)
class Coverage:
    """The answer for a file."""

    default: str
    operations: int
    unowned: tuple[Unowned, ...]
    hosts: tuple[HostShare, ...]

    @property
    def percent(self) -> float:
        """Unowned part in percent."""
        return 100 * len(self.unowned) / self.operations if self.operations else 0.0


def coverage(table: RouteTable, operations: Iterable[Operation], *, known: Known | None = None) -> Coverage:
    """Look every operation up.

    Args:
        table: the rules.
        operations: of `operations_of`.
        known: gives a finding the words of the inventory, whose owners count where no rule matches.
    """
    totals: dict[str, list[int]] = {}
    unowned: list[Unowned] = []
    count = 0
    for operation in operations:
        count += 1
        total = totals.setdefault(operation.host, [0, 0])
        total[0] += 1
        missed = next(_misses(table, operation, known), None)
        if missed is not None:
            total[1] += 1
            unowned.append(Unowned(operation, missed.trace.near))
    hosts = tuple(HostShare(host, *total) for host, total in sorted(totals.items()))
    return Coverage(table.file.default.owner, count, tuple(unowned), hosts)


def _misses(table: RouteTable, operation: Operation, known: Known | None) -> Iterator[Decision]:
    """Decisions of the default about any place that the operation stands for."""
    for host in hosts_meant(operation.host):
        for path in _paths_meant(operation.path):
            api = ApiView(host=host, path=path, method=operation.method, environment=operation.environment or "prod")
            finding = FindingView(api=api)
            finding = known(finding) if known else finding
            if table.rule_at(address_of(finding)):
                continue  # much quicker than the whole decision, which only tells what is near
            decision = table.route(finding, WHEN)
            if decision.rule.partition("/")[0] == table.file.default.id and not decision.trace.matched:
                yield decision


def hosts_meant(pattern: str) -> tuple[str, ...]:
    """Hosts that a pattern stands for, without any that a rule may name: one label, and more than one."""
    if pattern == "*":
        return (ANY, f"{ANY}.{ANY}.{ANY}")
    labels = [ANY if label.startswith("{") else label for label in pattern.split(".")]
    if labels[0] != "*":
        return (".".join(labels),)
    return (".".join([ANY, *labels[1:]]), ".".join([ANY, ANY, *labels[1:]]))


def _paths_meant(path: str) -> tuple[str, ...]:
    if not path.endswith("/**"):
        return (path,)
    base = path.removesuffix("/**")
    return (base or "/", f"{base}/{{any}}/{{any}}")


def problems(found: Coverage, file: str) -> Iterator[Problem]:
    """R401 for each operation without an owner."""
    for each in found.unowned:
        operation = each.operation
        what = f"{operation.method} {operation.host}{operation.path}".strip()
        near = "; ".join(f"{rule} misses it by {reason}" for rule, reason in each.near[:3])
        hint = near or "write a rule whose match covers it, or an owner into the inventory"
        yield Problem(
            "R401",
            f"{what} falls to the default owner {found.default}",
            file,
            operation.line,
            1 if operation.line else 0,
            hint,
            "warning",
        )
