"""`stanch route import`: ownership rules made from CODEOWNERS files and Backstage catalogues, printed to be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stanch.learning.drafting import DraftRoutes
    from stanch.routing import People

app = typer.Typer(name="import", help="Rules made from CODEOWNERS and Backstage.", no_args_is_help=True)
RoutesOption = Annotated[
    Path, typer.Option("--routes", help="An ownership file whose directory names owners; it need not be there.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
DEFAULT_FILE = Path("policy/routes.yaml")


@app.command("codeowners")
def codeowners(
    file: Annotated[Path, typer.Argument(help="A CODEOWNERS file of GitHub or GitLab.")],
    host: Annotated[str, typer.Option(help="Where its paths are served, such as *.example.com.")] = "*",
    routes: RoutesOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Print rules that own what the last matching row owns; lines that cannot be said are listed."""
    from stanch.learning.importing import of_codeowners
    from stanch.learning.operations import text_of

    _show(of_codeowners(text_of(file), host=host, people=_people(routes), name=str(file)), as_json=as_json)


@app.command("backstage")
def backstage(
    files: Annotated[list[Path], typer.Argument(help="Catalogue files: users, groups, APIs, components, systems.")],
    routes: RoutesOption = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Print a directory and rules made from a Backstage catalogue; what cannot be said is listed."""
    from stanch.learning.backstage import of_catalogue

    _show(of_catalogue(files, people=_people(routes)), as_json=as_json)


def _people(routes: Path) -> People | None:
    from stanch.cli.route_given import load_table

    return load_table(routes).people if routes.is_file() else None


def _show(draft: DraftRoutes, *, as_json: bool) -> None:
    from stanch.cli.route_given import say

    text = draft.text()
    if as_json:
        found = {"routes": draft.data(), "text": text, "missing": draft.missing, "left_out": draft.notes}
        typer.echo(json.dumps(found))
    else:
        typer.echo(text, nl=False)
    for each in draft.missing:
        say(f"fill in {each}")
    for each in draft.notes:
        say(f"left out: {each}")
    say(f"{len(draft.rules)} rules, {len(draft.teams)} teams, {len(draft.users)} users")
