"""`stanch serve`, `worker`, `bootstrap`, `doctor`: the processes of a deployment and the check of its links."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.cli import app as root

if TYPE_CHECKING:
    from stanch.ports import Check


BACKLOG = 1024
COLLECT_AFTER = 20_000  # objects made; a finding makes a few hundred


def _registry() -> Any:
    """The composition root that started this command."""
    return root.REGISTRY["worker"]


def serve() -> None:
    """Run the web service until SIGTERM or Ctrl-C."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())


async def _serve() -> None:
    import secrets

    import uvicorn

    from stanch.settings import load_settings
    from stanch.temporal import connect
    from stanch.web.app import create_app
    from stanch.web.serving import server_config

    web = load_settings().web
    listener = _listen(web.host, web.port)
    client = await connect()
    registry = _registry()
    login_token = secrets.token_urlsafe(24)
    services = registry.web_services(client, login_token=login_token)
    server = uvicorn.Server(server_config(create_app(services)))
    _settle_memory()
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if running.done():
            raise typer.Exit(4)
        await asyncio.sleep(0.02)
    typer.echo(f"login token: {login_token}")
    typer.echo(f"web ready: {web.model_copy(update={'port': listener.getsockname()[1]}).url}")
    sys.stdout.flush()
    await running


def _settle_memory() -> None:
    """What is loaded by now stays: the collector need not look through it again with every few findings."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def _listen(host: str, port: int) -> socket.socket:
    from stanch.errors import DependencyError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer may wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        hint = "another program has it, or the address is not this machine's; set web.host and web.port"
        raise DependencyError(f"cannot listen on {host}:{port}", code="D016", hint=hint) from None
    return listener


def worker(
    queues: Annotated[str, typer.Option(help="Task queues, separated by commas; all where not given.")] = "",
) -> None:
    """Run Temporal workers until SIGTERM or Ctrl-C."""
    arguments = ["--queues", queues] if queues else []
    raise typer.Exit(_registry().main(arguments))


def bootstrap(as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False) -> None:
    """Register search attributes and schedules, make the database schema; safe to repeat."""
    added = asyncio.run(_bootstrap())
    result = {"search_attributes_added": added, "records": "ready"}
    typer.echo(
        json.dumps(result) if as_json else f"search attributes added: {', '.join(added) or 'none'}; records ready"
    )


async def _bootstrap() -> list[str]:
    from temporalio.service import RPCError

    from stanch.errors import DependencyError
    from stanch.schedules import schedule_all
    from stanch.temporal import connect, register_search_attributes

    world = _registry().make_world()
    world.records.close()
    client = await connect()
    try:
        added = await register_search_attributes(client)
        await schedule_all(client, world.settings.trackers)
    except RPCError as error:
        hint = "check the namespace, and that this account may add search attributes and schedules"
        raise DependencyError(f"Temporal refuses ({error.status.name})", code="D018", hint=hint) from None
    return added


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False) -> None:
    """Name every broken link, with what to do about it; each line is told as soon as it is known."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    checks: list[Check] = []
    for check in _registry().checks():
        checks.append(check)
        if not as_json:
            typer.echo(_line(check))
            sys.stdout.flush()
    if as_json:
        typer.echo(json.dumps([vars(check) for check in checks]))
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


def _line(check: Check) -> str:
    from stanch.sinks.terminal import safe_text

    mark = "ok  " if check.ok else "FAIL"
    fix = f" -> {check.fix}" if check.fix and not check.ok else ""
    return safe_text(f"{mark} {check.name}: {check.detail}{fix}", limit=400)
