"""A graph as Mermaid text; no text of a playbook can become markup."""

from __future__ import annotations

import re

from stanch.graph._model import Graph, Node

_SAFE = re.compile(r"[A-Za-z0-9 .,_:=/-]")
_SHAPES = {
    "start": ('(["', '"])'),
    "end": ('(["', '"])'),
    "approve": ('{{"', '"}}'),
    "choose": ('{"', '"}'),
    "wait": ('(["', '"])'),
    "parallel": ('[["', '"]]'),
    "stop": ('[/"', '"/]'),
}
_CLASSES = (
    "classDef read fill:#eaf2fb,stroke:#2f6db3,color:#111",
    "classDef record fill:#eef6ee,stroke:#3d7a45,color:#111",
    "classDef notify fill:#f4f0fa,stroke:#6a4fa3,color:#111",
    "classDef change fill:#fdf0dc,stroke:#b36b00,stroke-width:3px,color:#111",
    "classDef irreversible fill:#fbe3e1,stroke:#a3271d,stroke-width:4px,color:#111",
    "classDef gate fill:#fffbe0,stroke:#7a6a00,stroke-width:3px,color:#111",
)


def mermaid_of(graph: Graph) -> str:
    """A flowchart. Ids are numbers of ours; every character that means something to Mermaid is written as its code."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart TD", *(f"  {names[node.id]}{_body(node)}" for node in graph.nodes)]
    for edge in graph.edges:
        arrow = "-->" if edge.usual else "-.->"
        label = f'|"{_escaped(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    lines += [f"  {line}" for line in _CLASSES]
    lines += [f"  class {names[node.id]} {kind}" for node in graph.nodes if (kind := _class(node))]
    return "\n".join(lines) + "\n"


def _class(node: Node) -> str:
    return "gate" if node.kind == "approve" else node.effect


def _body(node: Node) -> str:
    before, after = _SHAPES.get(node.kind, ('["', '"]'))
    effect = f"{node.effect.upper()}: " if node.effect else ""
    first = node.kind if node.id.startswith(":") else f"{effect}{node.id}"
    if node.kind == "approve":
        first = f"GATE: {node.id}"
    return before + "<br/>".join(_escaped(line) for line in (first, *node.lines)) + after


def _escaped(text: str) -> str:
    return "".join(char if _SAFE.fullmatch(char) else f"#{ord(char)};" for char in text)
