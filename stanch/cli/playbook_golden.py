"""Golden files under `stanch playbook test`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stanch.cli.playbook_files import load_plan, read_text, stopped

if TYPE_CHECKING:
    from stanch.simulate import Result


def scenarios_in(path: Path) -> list[Path]:
    """The golden files that belong to a folder of playbooks."""
    return sorted((path / "scenarios").glob("*.y*ml")) if path.is_dir() else []


def is_scenario(path: Path) -> bool:
    from stanch.cli.file_kinds import kind_of

    return path.is_file() and kind_of(path, read_text(path)) == "scenario"


def run_golden(path: Path, *, update: bool) -> Result:
    """Run one, and write down what came of it where that is asked."""
    from stanch.errors import StanchError
    from stanch.simulate.golden import judged, load_scenario, run_scenario, updated

    text = read_text(path)
    try:
        scenario, _ = load_scenario(text, str(path))
        target = path.parent / scenario.playbook
        plan = load_plan(target, inputs=scenario.inputs)
        if update:
            made = updated(text, run_scenario(scenario, plan, folder=path.parent))
            if made != text:
                path.write_text(made, "utf-8")
                typer.echo(f"written: {path}", err=True)
            text = made
            scenario, _ = load_scenario(text, str(path))
        return judged(scenario, text, plan, folder=path.parent)
    except StanchError as error:
        raise stopped(error) from None
