"""`stanch route`: who owns a finding and why, and whether the ownership file keeps its own promises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.cli import route_import, route_learn
from stanch.shapes import is_dict

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


def load_table(path: Path) -> RouteTable:
    """An ownership file, or all of a policy folder, ready to answer.

    Raises:
        ConfigError: it cannot be read or has mistakes.
    """
    from stanch.routing import read_routes

    return read_routes(path)


def _inventory(path: Path, table: RouteTable) -> ApiInventory:
    """The inventory; an empty one where there is no such file."""
    from stanch.inventory import load_inventory

    return load_inventory(path, routes=table)


def _looked_up(finding: FindingView, apis: ApiInventory) -> FindingView:
    """With the words of the inventory, where it knows the place; else as written."""
    known = apis.known(finding)
    return known if known.api.id else finding


def findings_of(target: str, given: Mapping[str, str]) -> Iterator[FindingView]:
    """Findings of a target, with what was given on the command line laid over them.

    Raises:
        IntakeError: the file holds something that is not a finding.
    """
    if target == "-" or Path(target).is_file():
        for item in _items(_read(target)):
            yield overlaid(_finding(item), given)
    else:
        yield overlaid(_of_url(target), given)


def _read(target: str) -> str:
    from stanch.errors import IntakeError

    try:
        return typer.get_text_stream("stdin").read() if target == "-" else Path(target).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise IntakeError("the findings are not readable UTF-8 text") from None


def _items(text: str) -> Iterator[Any]:
    """One JSON value, an array, or one JSON value a line."""
    from stanch.errors import IntakeError

    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if whole is not None:
        yield from whole if isinstance(whole, list) else [whole]
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                raise IntakeError(f"line {number} is not JSON", hint="give one finding a line") from None


def _finding(item: Any) -> FindingView:
    """A canonical finding as `stanch findings` prints it, or one in hand-written form."""
    from pydantic import ValidationError

    from stanch.errors import IntakeError
    from stanch.findings.fixtures import parse_view
    from stanch.findings.model import Finding
    from stanch.findings.view import view_of

    if not is_dict(item):
        raise IntakeError("a finding must be a JSON object")
    if "finding_info" not in item:
        return parse_view(item)
    try:
        return view_of(Finding.model_validate(item))
    except ValidationError:
        raise IntakeError("this is not a canonical finding", hint="`stanch findings FILE` prints them") from None


def _of_url(target: str) -> FindingView:
    from stanch.routing import normal_host, split_url
    from stanch.views import ApiView, FindingView

    host, path = split_url(target)
    return FindingView(api=ApiView(host=normal_host(host), path=path))


def overlaid(finding: FindingView, given: Mapping[str, str]) -> FindingView:
    """The finding with non-empty words of the command line in place of its own; exits 2 for an unknown severity."""
    from stanch.views import SEVERITIES

    if given.get("severity") and given["severity"] not in SEVERITIES:
        typer.echo(f"--severity must be one of {', '.join(SEVERITIES)}", err=True)
        raise typer.Exit(2)
    own = {name: given[name] for name in ("severity", "category") if given.get(name)}
    api = {name: given[name] for name in ("method", "environment") if given.get(name)}
    return finding.model_copy(update={**own, "api": finding.api.model_copy(update=api)})


def show_lines(lines: Iterable[str]) -> None:
    """Untrusted words on standard output: each line stays one line, its indentation is ours."""
    from stanch.sinks.terminal import safe_text

    for line in lines:
        typer.echo(safe_text(line, limit=2000, lines=True).replace("\n", " "))


def say(line: str) -> None:
    from stanch.sinks.terminal import safe_text

    typer.echo(safe_text(line, limit=1000), err=True)
