"""A plan as a picture: SVG drawn here, Mermaid, DOT and JSON."""

from __future__ import annotations

from stanch.graph._dot import dot_of
from stanch.graph._mermaid import mermaid_of
from stanch.graph._model import Edge, Graph, Node, graph_of
from stanch.graph._svg import svg_of
from stanch.graph._text import effect_of, lines_of, shown, span

__all__ = [
    "Edge",
    "Graph",
    "Node",
    "dot_of",
    "effect_of",
    "graph_of",
    "lines_of",
    "mermaid_of",
    "shown",
    "span",
    "svg_of",
]
