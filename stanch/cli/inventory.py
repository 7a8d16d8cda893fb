"""`stanch inventory`: what is known of our APIs, where it comes from, and what it says of a target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stanch.findings import Finding
    from stanch.inventory import ApiInventory
    from stanch.routing import RouteTable

app = typer.Typer(name="inventory", help="The APIs of this organisation: check, show, import.", no_args_is_help=True)
DEFAULT_FILE = Path("policy/inventory.yaml")
FileOption = Annotated[Path, typer.Option("--inventory", help="The inventory file.")]
RoutesOption = Annotated[Path | None, typer.Option("--routes", help="The ownership file; else routes.yaml beside it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="The inventory file.")] = DEFAULT_FILE,
    routes: RoutesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the file, the OpenAPI files it names and its owners; exits 3 for a mistake."""
    from dataclasses import asdict

    from stanch.documents import load
    from stanch.inventory import warnings_of

    found = load_file(path, routes)
    warnings = warnings_of(found.file, load(path.read_text("utf-8"), str(path)))
    counts = {"apis": len(found.file.apis), "resources": len(found.file.resources), "templates": found.templates}
    if as_json:
        typer.echo(json.dumps({**counts, "warnings": [asdict(each) for each in warnings]}))
        return
    for each in warnings:
        _line(f"warning: {each}")
    _line(", ".join(f"{number} {name}" for name, number in counts.items()))


@app.command("show")
def show(
    target: Annotated[str, typer.Argument(help="A URL, the name of a resource, or a file with findings.")],
    inventory: FileOption = DEFAULT_FILE,
    routes: RoutesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which API a target is, and why; exits 1 where nothing is known of one."""
    found = load_file(inventory, routes)
    answers = [_answer(found, finding, name) for name, finding in _targets(target)]
    for answer in answers:
        if as_json:
            typer.echo(json.dumps(answer))
        else:
            _show(answer)
    raise typer.Exit(0 if answers and all(answer["api"] for answer in answers) else 1)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="OpenAPI files and Backstage catalogues.")],
    routes: Annotated[Path, typer.Option("--routes", help="Whose directory names the owners.")] = Path(
        "policy/routes.yaml"
    ),
    as_json: JsonOption = False,
) -> None:
    """Print an inventory made from OpenAPI files and Backstage catalogues; nothing is changed."""
    from stanch.inventory import Written, read_draft

    table = _routes(routes) if routes.is_file() else None
    written = Written(read_draft(files, folder=routes.parent), table)
    notes = [*written.notes, *(f"{made}: {name} in the catalogue" for made, name in written.unknown.items())]
    if as_json:
        typer.echo(json.dumps({"inventory": written.data, "notes": notes}))
    else:
        typer.echo(written.text(), nl=False)
    for note in notes:
        _line(note, err=True)
    _line(f"{len(written.data['apis'])} APIs, {len(written.data['resources'])} resources", err=True)


def load_file(path: Path, routes: Path | None) -> ApiInventory:
    """The inventory with the routes beside it and the sections of the settings.

    Raises:
        ConfigError: it is not there or has mistakes.
    """
    from stanch.errors import ConfigError
    from stanch.inventory import load_inventory
    from stanch.settings import load_settings

    if not path.is_file():
        raise ConfigError(f"there is no {path}", code="I101", hint="name the inventory file")
    beside = routes or path.parent / "routes.yaml"
    table = _routes(beside) if routes or beside.is_file() else None
    return load_inventory(path, routes=table, sections=load_settings().inventory)


def _routes(path: Path) -> RouteTable:
    from stanch.cli.route_given import load_table

    return load_table(path)


def _targets(target: str) -> Iterator[tuple[str, Finding]]:
    """Findings of a file; of a URL or the name of a resource one that says only that."""
    from stanch.cli.explain import findings_in
    from stanch.findings import Origin, to_finding
    from stanch.findings.report import FindingReport
    from stanch.routing import split_url

    if target == "-" or Path(target).is_file():
        yield from ((finding.uid, finding) for finding in findings_in(Path(target)))
        return
    host, path = split_url(target)
    given: dict[str, Any] = {"api": {"host": host, "path": path}} if _is_url(target) else {}
    report = FindingReport.model_validate({**given, "resource": {"uid": target}})
    yield target, to_finding(report, Origin(stable_id=False))


def _is_url(target: str) -> bool:
    return "://" in target or ("." in target.partition("/")[0] and ":" not in target.partition("/")[0])


def _answer(inventory: ApiInventory, finding: Finding, name: str) -> dict[str, Any]:
    from stanch.findings import complete
    from stanch.findings.view import facts_of

    facts, api = facts_of(finding, inventory), complete(finding, inventory).api
    return {
        "target": name,
        "api": facts.api_id,
        "why": facts.why or "nothing in the inventory is about it",
        "host": api.host or facts.host,
        "owner": facts.owner,
        "criticality": facts.criticality or "unknown",
        "business_owner": facts.business_owner,
        "environment": facts.environment,
        "path": api.path,
        "path_template": api.path_template,
        "template_basis": api.template_basis,
        "gateway": facts.gateway.model_dump(),
    }


def _show(answer: dict[str, Any]) -> None:
    _line(f"{answer['target']} -> {answer['api'] or 'unknown'}")
    gateway = " ".join(value for value in answer["gateway"].values() if value)
    for name, value in {**answer, "gateway": gateway}.items():
        if name not in ("target", "api") and value:
            _line(f"  {name.replace('_', ' '):<16}{value}")


def _line(text: str, *, err: bool = False) -> None:
    from stanch.sinks.terminal import safe_text

    typer.echo(safe_text(text, limit=2000, lines=True).replace("\n", " "), err=err)
