"""`stanch serve`, `worker`, `bootstrap`, `doctor`: the processes of a deployment and the check of its links."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stanch.cli import app as root

if TYPE_CHECKING:
    from stanch.ports import Check


def _registry() -> Any:
    """The composition root that started this command."""
    return root.REGISTRY["worker"]


def serve() -> None:
    """Run the web service until SIGTERM or Ctrl-C."""
    asyncio.run(_serve())


async def _serve() -> None:
    import secrets

    import uvicorn

    from stanch.temporal import connect
    from stanch.web.app import create_app

    client = await connect()
    registry = _registry()
    login_token = secrets.token_urlsafe(24)
    services = registry.web_services(client, login_token=login_token)
    web = services.settings.web
    config = uvicorn.Config(
        create_app(services), host=web.host, port=web.port, log_level="warning", access_log=False, server_header=False
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        if running.done():
            raise typer.Exit(4)
        await asyncio.sleep(0.02)
    typer.echo(f"login token: {login_token}")
    typer.echo(f"web ready: http://{web.host}:{web.port}")
    sys.stdout.flush()
    await running


def worker(
    queues: Annotated[str, typer.Option(help="Task queues, separated by commas; all where not given.")] = "",
) -> None:
    """Run Temporal workers until SIGTERM or Ctrl-C."""
    arguments = ["--queues", queues] if queues else []
    raise typer.Exit(_registry().main(arguments))


def bootstrap(as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False) -> None:
    """Register search attributes and make the database schema; safe to repeat."""
    added = asyncio.run(_bootstrap())
    result = {"search_attributes_added": added, "records": "ready"}
    typer.echo(
        json.dumps(result) if as_json else f"search attributes added: {', '.join(added) or 'none'}; records ready"
    )


async def _bootstrap() -> list[str]:
    from stanch.temporal import connect, register_search_attributes

    _registry().make_world().records.close()
    return await register_search_attributes(await connect())


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False) -> None:
    """Name every broken link, with what to do about it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    checks = _registry().checks()
    if as_json:
        typer.echo(json.dumps([vars(check) for check in checks]))
    else:
        for check in checks:
            typer.echo(_line(check))
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


def _line(check: Check) -> str:
    from stanch.sinks.terminal import safe_text

    mark = "ok  " if check.ok else "FAIL"
    fix = f" -> {check.fix}" if check.fix and not check.ok else ""
    return safe_text(f"{mark} {check.name}: {check.detail}{fix}", limit=400)
