"""Nodes and edges of a plan: what may follow what, and under which condition."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from stanch.graph._text import effect_of, lines_of
from stanch.plan import Plan, PlanStep, StepKind

START, END = "start", "end"


@dataclass(frozen=True)
class Node:
    """A step, or the start or end of the run.

    Args:
        kind: of the step; start and end for those two.
        effect: read, record, notify, change, irreversible, or nothing.
        lines: particulars for people.
    """

    id: str
    kind: str
    effect: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """`label` is when it is taken; `usual` is false for the ways of refusal and failure."""

    source: str
    target: str
    label: str = ""
    usual: bool = True


@dataclass
class Graph:
    """A whole plan; steps in written order."""

    playbook: str
    title: str
    mode: str
    nodes: list[Node] = field(default_factory=list[Node])
    edges: list[Edge] = field(default_factory=list[Edge])

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, the same for the same plan."""
        return asdict(self)


@dataclass(frozen=True)
class _Way:
    """An open end that the next step is joined to."""

    source: str
    label: str = ""
    usual: bool = True


def graph_of(plan: Plan) -> Graph:
    """The graph of a plan. Start and end have ids that no step can have."""
    graph = Graph(plan.playbook, plan.title, plan.mode.value)
    graph.nodes.append(Node(":start", START))
    ways = _sequence(graph, plan.steps, [_Way(":start")])
    ways = _sequence(graph, plan.finally_, ways)
    graph.nodes.append(Node(":end", END))
    _join(graph, ways, ":end")
    return graph


def _join(graph: Graph, ways: list[_Way], target: str) -> None:
    graph.edges += dict.fromkeys(Edge(way.source, target, way.label, way.usual) for way in ways)


def _sequence(graph: Graph, steps: tuple[PlanStep, ...], ways: list[_Way]) -> list[_Way]:
    for step in steps:
        ways = _step(graph, step, ways)
    return ways


def _step(graph: Graph, step: PlanStep, ways: list[_Way]) -> list[_Way]:
    graph.nodes.append(Node(step.id, step.kind.value, effect_of(step), lines_of(step)))
    _join(graph, ways, step.id)
    found = _inside(graph, step)
    for label, steps in (("otherwise", step.otherwise), ("rejected", step.on_reject)):
        if steps:
            found += _sequence(graph, steps, [_Way(step.id, label, usual=False)])
    failed = _sequence(graph, step.failure_steps, [_Way(step.id, "failed", usual=False)]) if step.failure_steps else []
    return found + (failed if step.failure == "continue" else [])


def _inside(graph: Graph, step: PlanStep) -> list[_Way]:
    if step.kind is StepKind.STOP:
        return [_Way(step.id, f"else: not {step.when}", usual=False)] if step.when else []
    if step.branches:
        found: list[_Way] = []
        for branch in step.branches:
            found += _sequence(graph, branch.steps, [_Way(step.id, branch.when or "otherwise")])
        closed = any(branch.when is None for branch in step.branches)
        return found if closed else [*found, _Way(step.id, "none of these")]
    if step.kind is StepKind.PARALLEL:
        return [way for child in step.steps for way in _step(graph, child, [_Way(step.id)])]
    return _sequence(graph, (*step.steps, *step.last), [_Way(step.id)])
