"""`stanch slack manifest`: the Slack app as Slack takes it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _group() -> None:
    """The Slack app: manifest."""


@app.command()
def manifest(
    http: Annotated[bool, typer.Option("--http", help="Slack calls Stanch; otherwise Socket Mode.")] = False,
    url: Annotated[str, typer.Option(help="With --http: where Slack reaches Stanch.")] = "",
    groups: Annotated[bool, typer.Option("--groups", help="For the setting `deciders`: read user groups.")] = False,
) -> None:
    """Print the app manifest, with exactly the scopes that are used; paste it at api.slack.com/apps."""
    from stanch.errors import ConfigError
    from stanch.settings import load_settings
    from stanch.slack.manifest import manifest as made

    place = (url or load_settings().public_url).rstrip("/") if http else ""
    if http and not place.startswith("https://"):
        hint = "give --url https://..., or use Socket Mode"
        raise ConfigError("Slack reaches nothing but https addresses", code="C037", hint=hint)
    json.dump(made(socket=not http, groups=groups, url=place), sys.stdout, indent=2)
    sys.stdout.write("\n")
