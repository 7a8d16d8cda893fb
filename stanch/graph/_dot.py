"""A graph as DOT text for Graphviz."""

from __future__ import annotations

from stanch.graph._model import Graph, Node

_SHAPES = {
    "start": "ellipse",
    "end": "ellipse",
    "approve": "hexagon",
    "choose": "diamond",
    "wait": "ellipse",
    "parallel": "component",
    "stop": "octagon",
}
_COLOURS = {
    "read": "#eaf2fb",
    "record": "#eef6ee",
    "notify": "#f4f0fa",
    "change": "#fdf0dc",
    "irreversible": "#fbe3e1",
}


def dot_of(graph: Graph) -> str:
    """A digraph; all text is inside quoted strings."""
    lines = ["digraph playbook {", '  node [shape=box, style=filled, fontname="sans-serif"];']
    lines += [f"  {_quoted(node.id)} [{_words(node)}];" for node in graph.nodes]
    for edge in graph.edges:
        style = "" if edge.usual else ", style=dashed"
        words = f"label={_quoted(edge.label)}{style}"
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [{words}];")
    return "\n".join((*lines, "}")) + "\n"


def _words(node: Node) -> str:
    first = node.kind if node.id.startswith(":") else node.id
    marked = f"{node.effect.upper()}: {first}" if node.effect else first
    width = 3 if node.effect in ("change", "irreversible") else 1
    label = "\\n".join(_inner(line) for line in (marked, *node.lines))
    shape, colour = _SHAPES.get(node.kind, "box"), _COLOURS.get(node.effect, "#ffffff")
    return f'label="{label}", shape={shape}, fillcolor="{colour}", penwidth={width}'


def _inner(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _quoted(text: str) -> str:
    return f'"{_inner(text)}"'
