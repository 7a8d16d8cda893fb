"""The command `stanch`: mounts the commands, lazily, and turns expected errors into words and exit codes."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from types import ModuleType
from typing import Any

REGISTRY: dict[str, ModuleType] = {}

# command -> (module, attribute, one line of help). Nothing is imported before it is asked for.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("stanch.cli.demo", "demo", "Show everything: embedded Temporal, stand-ins, four scenarios."),
    "dev": ("stanch.cli.demo", "dev", "The same without sample findings; data is kept."),
    "serve": ("stanch.cli.serve", "serve", "Run the web service: webhooks, API, console."),
    "worker": ("stanch.cli.serve", "worker", "Run Temporal workers."),
    "bootstrap": (
        "stanch.cli.serve",
        "bootstrap",
        "Register search attributes and schedules, make the schema.",
    ),
    "send": ("stanch.cli.send", "send", "Sign a finding file and post it."),
    "findings": ("stanch.cli.findings", "findings", "Show what a body would become; sends nothing."),
    "validate": ("stanch.cli.validate", "validate", "Check playbooks, routes, inventory, guards and sources."),
    "explain": ("stanch.cli.explain", "explain", "Why a finding or case becomes what it becomes."),
    "schema": ("stanch.cli.schema", "schema", "JSON Schema of the files people write, for editors."),
    "route": ("stanch.cli.route", "app", "Ownership rules: test, check, show."),
    "inventory": ("stanch.cli.inventory", "app", "The APIs of this organisation: check, show, import."),
    "playbook": ("stanch.cli.playbook", "app", "Playbooks: test, simulate, graph, diff, fmt, export, import."),
    "case": ("stanch.cli.case", "app", "Cases: list, show, timeline, comment, close, reopen, hold."),
    "original": ("stanch.cli.original", "app", "The body of a delivery as it arrived, for evidence."),
    "approve": ("stanch.cli.decide", "approve", "Approve what a case asks."),
    "deny": ("stanch.cli.decide", "deny", "Deny what a case asks."),
    "lease": ("stanch.cli.lease", "app", "Live blocks: list, show, lift, reap."),
    "list": ("stanch.cli.lists", "app", "Named lists that joins deny: show."),
    "ticket": ("stanch.cli.ticket", "app", "Tickets: compare them with their cases."),
    "halt": ("stanch.cli.decide", "halt", "Stop new changes; --freeze stops lifts too."),
    "resume": ("stanch.cli.decide", "resume", "Allow changes again."),
    "protect": ("stanch.cli.protect", "app", "What may never be blocked: add, remove, check, list."),
    "audit": ("stanch.cli.audit", "app", "The ledger: verify."),
    "slack": ("stanch.cli.slack", "app", "The Slack app: manifest."),
    "config": ("stanch.cli.config", "app", "Settings: show, with where each value came from."),
    "doctor": ("stanch.cli.serve", "doctor", "Name every broken link, with a fix."),
}


def _main_help() -> str:
    from stanch import __version__

    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name.ljust(width)}  {entry[2]}" for name, entry in COMMANDS.items()]
    return "\n".join(
        (
            "Usage: stanch COMMAND [ARGS]...",
            "",
            "Sees each API security finding through to a proven fix.",
            "",
            "Commands:",
            *lines,
            "",
            f"stanch {__version__}. `stanch COMMAND --help` says more.",
        )
    )


def _command(name: str) -> Any:
    """The command as click knows it: a typer application or a plain function made into one."""
    import typer

    module, attribute, _ = COMMANDS[name]
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name)(found)
    return typer.main.get_command(single)


def main(registry: ModuleType, arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit status (design: 0 ok, 1 no, 2 usage, 3 file, 4 unreachable, 5 guard).

    The process ends with `os._exit` after flushing: with an open Temporal client a normal exit can abort.
    """
    REGISTRY["worker"] = registry
    given = sys.argv[1:] if arguments is None else arguments
    code = _run(given)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):  # whoever read it has seen enough
            stream.flush()
    os._exit(code)


def _run(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        sys.stdout.write(_main_help() + "\n")
        return 0 if given else 2
    if given[0] == "--version":
        from stanch import __version__

        sys.stdout.write(f"stanch {__version__}\n")
        return 0
    if given[0] not in COMMANDS:
        import difflib

        close = difflib.get_close_matches(given[0], COMMANDS, n=1)
        meant = f" Did you mean `stanch {close[0]}`?" if close else ""
        sys.stderr.write(f"There is no command {given[0]!r}.{meant} `stanch --help` lists them.\n")
        return 2
    return _invoke(given)


def _invoke(given: list[str]) -> int:
    from stanch.errors import StanchError

    try:
        _command(given[0]).main(args=given[1:], prog_name=f"stanch {given[0]}")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except StanchError as error:
        return explain(error)
    except BrokenPipeError:
        return 0
    return 0


def explain(error: Any) -> int:
    """Say what went wrong and what to do, never with a traceback; gives the exit status."""
    from stanch import errors
    from stanch.sinks.terminal import safe_text

    for problem in getattr(error, "problems", ()):
        sys.stderr.write(safe_text(str(problem), limit=400) + "\n")
    hint = f" ({error.hint})" if error.hint else ""
    sys.stderr.write(safe_text(f"{error.code} {error.message}{hint}", limit=500) + "\n")
    statuses = (
        (errors.Refused, 5),
        (errors.ConfigError, 3),
        (errors.DependencyError, 4),
        (errors.RetrySafe, 4),
        (errors.IntakeError, 1),
    )
    return next((status for kind, status in statuses if isinstance(error, kind)), 1)
