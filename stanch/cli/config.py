"""`stanch config show`: every setting with where its value came from; secrets are shown as references only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from stanch.secrets import SCHEME
from stanch.shapes import is_dict, is_list

HIDDEN = "********"
WORDS = ("secret", "token", "passw", "passphrase", "credential", "key", "authorization")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*:[^@\s]*(?=@)")

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
    from stanch.settings import load_settings, origin_of

    rows = list(_flat(load_settings().model_dump(mode="json"), ()))
    if as_json:
        typer.echo(
            json.dumps([{"name": ".".join(path), "value": value, "origin": origin_of(path)} for path, value in rows])
        )
        return
    for path, value in rows:
        typer.echo(f"{'.'.join(path)} = {json.dumps(value)}" + (f"   # {origin_of(path)}" if origin else ""))


def _flat(values: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        place = (*path, name)
        if is_dict(value) and value:
            yield from _flat(value, place)
        else:
            yield place, _masked(name, value)


def _masked(name: str, value: Any) -> Any:
    """A secret that somebody wrote in clear is not repeated here."""
    if is_list(value):
        return [_masked(name, item) for item in value]
    if not isinstance(value, str) or not value or value.startswith(SCHEME):
        return value
    return HIDDEN if any(word in name.lower() for word in WORDS) else _PASSWORD.sub(HIDDEN, value)
