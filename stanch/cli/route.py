"""`stanch route`: who owns a finding and why, and whether the ownership file keeps its own promises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.cli import route_import, route_learn
from stanch.cli.route_given import findings_of, load_table, say, show_lines

if TYPE_CHECKING:
    from stanch.inventory import ApiInventory
    from stanch.routing import RouteTable
    from stanch.views import FindingView

app = typer.Typer(name="route", help="Ownership rules: test, check, show, learn, import.", no_args_is_help=True)
app.command("coverage")(route_learn.coverage)
app.command("impact")(route_learn.impact)
app.command("suggest")(route_learn.suggest)
app.add_typer(route_import.app)
DEFAULT_FILE = Path("policy/routes.yaml")
RoutesOption = Annotated[Path, typer.Option("--routes", help="The ownership file, or the policy folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.command("test")
def route_test(
    target: Annotated[
        str, typer.Argument(help="A URL, or a file with findings as JSON or NDJSON; - is standard input.")
    ],
    method: Annotated[str, typer.Option(help="HTTP method.")] = "",
    severity: Annotated[str, typer.Option(help="info, low, medium, high or critical.")] = "",
    category: Annotated[str, typer.Option(help="OWASP API category, such as API8:2023.")] = "",
    environment: Annotated[str, typer.Option(help="prod, staging ...")] = "",
    expect: Annotated[str, typer.Option(help="Exit 1 unless this owner comes out.")] = "",
    routes: RoutesOption = DEFAULT_FILE,
    inventory: Annotated[
        Path | None,
        typer.Option(help="Whose owners count where no rule matches; else inventory.yaml beside the rules."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say who owns a URL or finding, by when it is due, and why; nothing is sent."""
    from stanch.cli.route_report import explained, one_line

    table = load_table(routes)
    given = {"method": method.upper(), "severity": severity, "category": category, "environment": environment}
    apis = _inventory(inventory or (routes if routes.is_dir() else routes.parent) / "inventory.yaml", table)
    findings = [_looked_up(finding, apis) for finding in findings_of(target, given)]
    now = datetime.now(UTC)
    answers = [_answered(table, finding, now) for finding in findings]
    if as_json:
        for each in answers:
            typer.echo(json.dumps(each))
    elif len(answers) == 1:
        show_lines(explained(answers[0]))
    else:
        show_lines(one_line(each) for each in answers)
    wrong = [each for each in answers if expect and each["owner"] != expect]
    for each in wrong:
        say(f"{each['place']} goes to {each['owner']}, not to {expect}")
    raise typer.Exit(1 if wrong else 0)


def _answered(table: RouteTable, finding: FindingView, now: datetime) -> dict[str, Any]:
    """The decision, and what the noise layer has looked at."""
    from stanch.cli.route_report import answer
    from stanch.noise.judging import Scene, noise_of

    decision = table.route(finding, now)
    noise = noise_of(table, None, Scene(finding, decision.view, now))
    quiet = noise.quiet.words if noise.quiet else ""
    return {**answer(decision, finding), "quiet": quiet, "noise": list(noise.considered)}


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="The ownership file, or the policy folder.")] = DEFAULT_FILE,
    as_json: JsonOption = False,
) -> None:
    """Run the tests inside the file and point out what is doubtful; exits 1 when a test fails or a rule has none."""
    from stanch.cli.route_report import report, report_lines
    from stanch.routing import check as run_tests
    from stanch.routing import lint

    table = load_table(path)
    results = run_tests(table)
    warnings = lint(table, results, now=datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(report(results, warnings)))
    else:
        show_lines(report_lines(results, warnings))
        failed = sum(not result.ok for result in results)
        doubtful = sum(problem.severity == "warning" for problem in warnings)
        say(f"{len(results)} tests, {failed} failed, {doubtful} warnings")
    bad = any(not result.ok for result in results) or any(problem.code == "R107" for problem in warnings)
    raise typer.Exit(1 if bad else 0)


@app.command("show")
def show(routes: RoutesOption = DEFAULT_FILE, as_json: JsonOption = False) -> None:
    """Print the rules as a tree, by host and then path, the most specific first."""
    from stanch.cli.route_report import as_tree, places

    table = load_table(routes)
    rows = places(table)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    from rich.console import Console

    Console(highlight=False).print(as_tree(table, rows))


def _inventory(path: Path, table: RouteTable) -> ApiInventory:
    """The inventory; an empty one where there is no such file."""
    from stanch.inventory import load_inventory

    return load_inventory(path, routes=table)


def _looked_up(finding: FindingView, apis: ApiInventory) -> FindingView:
    """With the words of the inventory, where it knows the place; else as written."""
    known = apis.known(finding)
    return known if known.api.id else finding
