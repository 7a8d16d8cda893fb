"""`stanch playbook diff`: what a new version of a playbook means, for its reviewer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stanch.cli.playbook_files import load_book, load_plan, say, stopped

if TYPE_CHECKING:
    from stanch.comparing import Change, Outcome


def diff(
    old: Annotated[Path, typer.Argument(help="The playbook as it is.")],
    new: Annotated[Path, typer.Argument(help="The playbook as it shall be.")],
    replay: Annotated[
        Path | None, typer.Option(help="Recorded findings: a file, NDJSON or a folder; lists those with other effects.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Exit 0 although something gets riskier.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The differences as JSON.")] = False,
) -> None:
    """Say what changes in meaning: approvals, changes, their length and width, selection; exits 1 when risk grows."""
    from stanch.comparing import Weight, compare

    sides = [(load_book(path), load_plan(path)) for path in (old, new)]
    changes = compare(sides[0], sides[1])
    outcomes = _replayed(old, new, replay) if replay else []
    if as_json:
        told = {"changes": [asdict(each) for each in changes], "findings": [asdict(each) for each in outcomes]}
        typer.echo(json.dumps(told, indent=2))
    else:
        _show(changes, outcomes)
    riskier = any(change.weight is Weight.RISK for change in changes)
    raise typer.Exit(1 if riskier and not accept else 0)


def _replayed(old: Path, new: Path, recorded: Path) -> list[Outcome]:
    from stanch.cli.findings_in import findings_in
    from stanch.comparing import replay
    from stanch.errors import StanchError

    sides = [(load_book(path), load_plan(path)) for path in (old, new)]
    try:
        return list(replay(sides[0], sides[1], findings_in(recorded)))
    except StanchError as error:
        raise stopped(error) from None


def _show(changes: tuple[Change, ...], outcomes: list[Outcome]) -> None:
    for change in changes:
        step = f"{change.step}: " if change.step else ""
        say(f"{change.weight.value:<5}  {step}{change.message}")
    for outcome in outcomes:
        say(f"finding {outcome.name} ({outcome.title}), {_WHERE[outcome.where]}")
        say(f"       was: {'; '.join(outcome.was) or 'not for this playbook'}")
        say(f"       now: {'; '.join(outcome.now) or 'not for this playbook'}")
    risks = sum(change.weight.value == "risk" for change in changes)
    told = f"{len(changes)} differences, {risks} of them riskier" if changes else "no difference in meaning"
    typer.echo(f"{told}; {len(outcomes)} findings with other effects" if outcomes else told, err=True)


_WHERE = {"selected": "is taken or not", "alone": "while nobody answers", "agreed": "when everybody agrees"}
