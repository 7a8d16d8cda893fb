"""`stanch playbook`: try a playbook without sending anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.cli.findings_in import findings_in
from stanch.cli.playbook_diff import diff
from stanch.cli.playbook_exchange import export, import_
from stanch.cli.playbook_files import all_usable, files_in, load_book, read_text, say, stopped
from stanch.cli.playbook_fmt import fmt
from stanch.cli.playbook_golden import is_scenario, run_golden, scenarios_in
from stanch.cli.playbook_graph import graph
from stanch.cli.playbook_told import as_json as told_as_json
from stanch.cli.playbook_told import show_promises
from stanch.shapes import is_dict

if TYPE_CHECKING:
    from stanch.plan import Plan
    from stanch.playbooks.examples import Moment
    from stanch.simulate import Report, Result
    from stanch.views import FindingView, RouteView

app = typer.Typer(name="playbook", help="Check, test and simulate playbooks; nothing is sent.", no_args_is_help=True)
DEFAULT_FOLDER = Path("playbooks")


@app.command("test")
def run_tests(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Playbook files or folders; playbooks/ by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Results as JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what each failed test did.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Write down anew what comes of golden files.")] = False,
) -> None:
    """Run the tests inside playbook files, and golden files; exits 1 when one fails, 3 when a file is not usable."""
    given = paths or [DEFAULT_FOLDER]
    golden = [path for path in given if is_scenario(path)]
    results: list[Result] = []
    files = list(files_in([path for path in given if path not in golden]))
    all_usable(files)
    for path in files:
        results += _inside(path)
    golden += [path for folder in given for path in scenarios_in(folder)]
    results += [run_golden(path, update=update) for path in golden]
    if as_json:
        typer.echo(json.dumps([_result(result) for result in results], indent=2))
    else:
        _show_results(results, verbose=verbose)
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


def _inside(path: Path) -> list[Result]:
    from stanch.playbooks.calling import callees_of
    from stanch.simulate import run_example

    playbook = load_book(path)
    callees = callees_of(playbook, path)
    return [run_example(playbook, test, folder=path.parent, callees=callees) for test in playbook.tests]


@app.command("simulate")
def simulate(
    playbook: Annotated[Path, typer.Argument(help="The playbook file.")],
    finding: Annotated[Path, typer.Option(help="A finding, or a report of a tool.")],
    route: Annotated[
        Path | None, typer.Option(help="Words of the route as JSON or YAML: owner, assignee, due ...")
    ] = None,
    routes: Annotated[Path | None, typer.Option(help="Ownership file that says who owns it and who is who.")] = None,
    timeline: Annotated[
        Path | None, typer.Option(help="What happens meanwhile, as in the tests of a playbook.")
    ] = None,
    mode: Annotated[str, typer.Option(help="Run at most this free: manual, semi or auto.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Run a playbook on a finding with invented answers and a virtual clock; nothing is sent."""
    from stanch.errors import StanchError
    from stanch.playbooks import compile_plan
    from stanch.playbooks.calling import callees_of
    from stanch.simulate import Setting
    from stanch.simulate import simulate as run
    from stanch.simulate.driver import TooLong

    loaded = load_book(playbook)
    try:
        seen = findings_in(finding)[0][1]
        told = _told(timeline)
        plan = compile_plan(loaded, source=str(playbook), callees=callees_of(loaded, playbook))
        view, people = _owned(routes, seen, plan) if routes else (_route(route, seen), {})
        effective = _mode(mode, plan.mode.value)
        setting = Setting(timeline=told[0], mocks=told[1], people=people, mode=effective)
        report = run(plan, seen, view, setting=setting)
    except (StanchError, TooLong) as error:
        raise stopped(error) from None
    if as_json:
        typer.echo(json.dumps(told_as_json(plan, report), indent=2))
        return
    show_promises(plan, report)
    _show_report(report)


def _yaml(path: Path) -> Any:
    from stanch.documents import load

    return load(read_text(path), str(path)).data


def _route(path: Path | None, finding: FindingView) -> RouteView:
    from pydantic import ValidationError

    from stanch.errors import ConfigError
    from stanch.simulate.examples import route_of

    try:
        return route_of(_yaml(path) if path else {}, finding)
    except (ValidationError, TypeError, AttributeError):
        raise ConfigError(f"{path} does not hold words of a route", code="P403") from None


def _owned(routes: Path, finding: FindingView, plan: Plan) -> tuple[RouteView, dict[str, tuple[str, ...]]]:
    """Route and people as the ownership file has them."""
    from stanch.routing import read_routes
    from stanch.simulate.driver import START
    from stanch.simulate.people import resolved

    table = read_routes(routes)
    view = table.route(finding, START).view
    return view, resolved(plan, view, lambda name: table.people.resolve(name, START))


def _told(path: Path | None) -> tuple[list[Moment], dict[str, Any]]:
    """Timeline and mocks of a file that holds `timeline:` and `mocks:`, or a list of moments alone."""
    from pydantic import TypeAdapter, ValidationError

    from stanch.errors import ConfigError
    from stanch.playbooks.examples import Moment

    data = _yaml(path) if path else dict[str, Any]()
    held: dict[str, Any] = data if is_dict(data) else {"timeline": data}
    moments, mocks = held.get("timeline", []), held.get("mocks", {})
    try:
        return TypeAdapter(list[Moment]).validate_python(moments), TypeAdapter(dict[str, Any]).validate_python(mocks)
    except ValidationError:
        raise ConfigError(f"{path} is not a timeline", code="P112", hint="see the tests of a playbook") from None


def _mode(asked: str, own: str) -> Any:
    from stanch.plan import Mode

    if asked not in tuple(Mode):
        typer.echo("--mode is manual, semi or auto", err=True)
        raise typer.Exit(2)
    return min(Mode(asked), Mode(own), key=lambda mode: mode.rank)


def _result(result: Result) -> dict[str, object]:
    return {
        "playbook": result.playbook,
        "test": result.name,
        "ok": result.ok,
        "mismatches": list(result.mismatches),
        "report": result.report.as_json() if result.report else None,
    }


def _show_results(results: list[Result], *, verbose: bool) -> None:
    for result in results:
        say(f"{'ok  ' if result.ok else 'FAIL'} {result.playbook}: {result.name}")
        for mismatch in result.mismatches:
            say(f"       {mismatch}")
        if verbose and not result.ok and result.report:
            _show_timeline(result.report, indent="       ")
    failed = sum(not result.ok for result in results)
    typer.echo(f"{len(results)} tests, {failed} failed", err=True)


def _show_timeline(report: Report, *, indent: str = "") -> None:
    from stanch.durations import format_duration

    for line in report.timeline:
        step = f"{line.step}: " if line.step else ""
        say(f"{indent}{format_duration(line.at):>8}  {step}{line.what}")


def _show_report(report: Report) -> None:
    say(f"{report.playbook}: {report.status}{' - ' + report.reason if report.reason else ''}")
    _show_timeline(report, indent="  ")
    sections = (
        ("approvals", [f"{item.step}: {item.outcome} - {item.question}" for item in report.approvals]),
        ("waiting on", list(report.waiting_on)),
        (
            "stands in production",
            [f"{item.step}: {item.action}, undone by {item.undo}" for item in report.open_changes],
        ),
        ("problems", list(report.problems)),
    )
    for title, lines in sections:
        if lines:
            say(f"{title}:")
            for line in lines:
                say(f"  {line}")


app.command("graph")(graph)
app.command("diff")(diff)
app.command("fmt")(fmt)
app.command("export")(export)
app.command("import")(import_)
