"""`stanch config show`: every setting with where its value came from; secrets are shown as references only."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

app = typer.Typer(help="Settings of this deployment.", no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Settings of this deployment."""


@app.command("show")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Also say where each value came from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Print the settings in force."""
    from stanch.settings import load_settings

    settings = load_settings()
    values = settings.model_dump(mode="json")
    rows = [(name, value, _origin(name, settings.model_fields_set)) for name, value in _flat(values)]
    if as_json:
        typer.echo(json.dumps([{"name": name, "value": value, "origin": where} for name, value, where in rows]))
        return
    for name, value, where in rows:
        typer.echo(f"{name} = {json.dumps(value)}" + (f"   # {where}" if origin else ""))


def _flat(values: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        found += _flat(value, place) if isinstance(value, dict) and value else [(place, value)]
    return [(name, _masked(name, value)) for name, value in found]


def _masked(name: str, value: Any) -> Any:
    """A secret that somebody wrote in clear is not repeated here."""
    words = ("secret", "token", "password", "key")
    hidden = isinstance(value, str) and value and not value.startswith("secret://")
    return "********" if hidden and any(word in name.rpartition(".")[2] for word in words) else value


def _origin(name: str, given: set[str]) -> str:
    variable = "STANCH_" + name.upper().replace(".", "__")
    if variable in os.environ:
        return variable
    from stanch.settings import FILE_VARIABLE

    file = os.environ.get(FILE_VARIABLE, "stanch.toml")
    return file if name.partition(".")[0] in given else "default"
