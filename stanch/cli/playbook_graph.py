"""`stanch playbook graph`: a playbook as a picture."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stanch.cli.playbook_files import load_plan


class Form(StrEnum):
    """Forms of a picture."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


def graph(
    playbook: Annotated[Path, typer.Argument(help="The playbook file.")],
    form: Annotated[Form, typer.Option("--format", help="svg, mermaid, dot or json.")] = Form.SVG,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draw a playbook: effects by colour, outline and word, approvals as gates, ways of refusal dashed."""
    text = _drawn(playbook, Form.JSON if as_json else form)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError:
        typer.echo(f"cannot write {out}", err=True)
        raise typer.Exit(2) from None


def _drawn(playbook: Path, form: Form) -> str:
    from stanch.graph import dot_of, graph_of, mermaid_of, svg_of

    plan = load_plan(playbook)
    if form is Form.SVG:
        return svg_of(plan)
    made = graph_of(plan)
    if form is Form.JSON:
        return json.dumps(made.as_json(), indent=2) + "\n"
    return mermaid_of(made) if form is Form.MERMAID else dot_of(made)
