"""`stanch route coverage`, `impact` and `suggest`: what rules leave open, what a change does, what people teach."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stanch.learning.coverage import Coverage, Known
    from stanch.routing import RouteTable

DEFAULT_FILE = Path("policy/routes.yaml")
RoutesOption = Annotated[Path, typer.Option("--routes", help="The ownership file.")]
InventoryOption = Annotated[
    Path | None, typer.Option("--inventory", help="Whose owners count where no rule matches; else beside the rules.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


def coverage(
    file: Annotated[Path, typer.Argument(help="An inventory, or an OpenAPI file (2.0, 3.0, 3.1; YAML or JSON).")],
    routes: RoutesOption = DEFAULT_FILE,
    inventory: InventoryOption = None,
    host: Annotated[list[str] | None, typer.Option(help="Where an OpenAPI file is served; may be given again.")] = None,
    at_most: Annotated[str, typer.Option(help="Exit 0 up to so many unowned operations: 5, or 2.5%.")] = "0",
    as_json: JsonOption = False,
) -> None:
    """Name the operations of a file that no rule is about, and each host's share; exits 1 where there are any."""
    from stanch.cli.route_given import load_table
    from stanch.cli.route_learned import coverage_lines, coverage_report
    from stanch.learning.coverage import coverage as look_up
    from stanch.learning.operations import operations_of

    limit = _limit(at_most)
    table = load_table(routes)
    listed = operations_of(file, routes=table, hosts=_hosts(host or []))
    found = look_up(table, listed.operations, known=_known(inventory, file, routes, table))
    if as_json:
        typer.echo(json.dumps(coverage_report(found, str(file), listed.notes)))
    else:
        _lines(coverage_lines(found, str(file)))
    for note in listed.notes:
        _say(note)
    _say(f"{found.operations} operations, {len(found.unowned)} of them unowned ({found.percent:.1f}%)")
    if not found.operations:
        _say(f"{file} names no operation")
    raise typer.Exit(0 if found.operations and _within(found, limit) else 1)


def impact(
    old: Annotated[Path, typer.Argument(help="The ownership file as it is.")],
    new: Annotated[Path, typer.Argument(help="The ownership file as it would be.")],
    findings: Annotated[str, typer.Option(help="A file with findings, - for standard input; else records.")] = "",
    inventory: InventoryOption = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Of records: how far back.")] = 90,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of records: at most so many.")] = 10_000,
    fail_on: Annotated[str, typer.Option(help="Exit 1 on a change of: owner, any; none never does.")] = "none",
    as_json: JsonOption = False,
) -> None:
    """List what another version of the rules would change about known findings; nothing is sent or stored."""
    from stanch.cli.route_given import load_table
    from stanch.cli.route_learned import impact_lines, impact_report, seen_in
    from stanch.learning.impact import impact as compare

    if fail_on not in ("none", "owner", "any"):
        _say("--fail-on takes none, owner or any")
        raise typer.Exit(2)
    before, after = load_table(old), load_table(new)
    from stanch.cli.route_given import apis

    known = apis(inventory, old.parent / "inventory.yaml", before)
    found = compare(before, after, seen_in(findings, known=known, days=days, limit=limit))
    if as_json:
        typer.echo(json.dumps(impact_report(found)))
    else:
        _lines(impact_lines(found))
    if not found.findings:
        _say("no findings to compare with: name a file with --findings")
    changed = found.owner_changes if fail_on == "owner" else len(found.differences)
    raise typer.Exit(1 if fail_on != "none" and changed else 0)


def suggest(
    routes: RoutesOption = DEFAULT_FILE,
    inventory: InventoryOption = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How far back people's corrections count.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Print a patch with rules that people's reassignments teach; nothing is changed. Exits 1 where there is none."""
    from stanch.cli.local import opened
    from stanch.cli.route_suggest import lessons, report, report_lines, suggested
    from stanch.learning.patching import name_in_repository

    text = read_rules(routes)
    with opened() as (records, _):
        found = lessons(records, days)
    made = suggested(text, routes, found, inventory)
    patch = made.patch(name_in_repository(routes))
    if as_json:
        typer.echo(json.dumps(report(made, patch)))
    else:
        sys.stdout.buffer.write(patch.encode())
        for line in report_lines(made):
            _say(line)
    raise typer.Exit(0 if made.found.proposals else 1)


def read_rules(path: Path) -> str:
    """An ownership file with its line ends as they are.

    Raises:
        ConfigError: R000.
    """
    from stanch.errors import ConfigError

    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read {path}", code="R000", hint="name the file with --routes") from None


def _limit(text: str) -> tuple[float, bool]:
    """How many, and whether that is a percentage; exits 2 where it is neither."""
    number = text.strip().removesuffix("%").strip()
    percent = text.strip().endswith("%")
    try:
        value = float(number) if percent else int(number)
    except ValueError:
        value = -1
    if not 0 <= value <= (100 if percent else 10**9):
        _say("--at-most takes a number such as 5, or a percentage such as 2.5%")
        raise typer.Exit(2)
    return value, percent


def _within(found: Coverage, limit: tuple[float, bool]) -> bool:
    value, percent = limit
    return (found.percent if percent else len(found.unowned)) <= value


def _hosts(given: list[str]) -> tuple[str, ...]:
    from stanch.routing import normal_host

    hosts = tuple(normal_host(each) for each in given)
    if not all(hosts):
        _say("--host takes a host such as api.example.com")
        raise typer.Exit(2)
    return hosts


def _known(given: Path | None, file: Path, routes: Path, table: RouteTable) -> Known:
    """What knows owners: the file itself where it is an inventory, else the one beside the rules."""
    from stanch.cli.route_given import apis

    return apis(given, file if _is_inventory(file) else routes.parent / "inventory.yaml", table)


def _is_inventory(file: Path) -> bool:
    from stanch.inventory import read_documents
    from stanch.learning.operations import is_inventory, text_of

    return is_inventory(read_documents(text_of(file), str(file)))


def _lines(lines: Any) -> None:
    from stanch.cli.route_given import show_lines

    show_lines(lines)


def _say(line: str) -> None:
    from stanch.cli.route_given import say

    say(line)
