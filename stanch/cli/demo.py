"""`stanch demo` and `stanch dev`: everything on this machine, with and without sample findings."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stanch.sandbox.scenarios import Scenarios
    from stanch.sandbox.stack import Stack

WEB_PORT = 8321
MARK = ".stanch-demo"
STYLES = {"manual": "cyan", "semi": "yellow", "auto": "green", "attack": "magenta"}


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Leave when all four cases reached their end.")] = False,
    folder: Annotated[Path, typer.Option(help="Where everything is kept; emptied first.")] = Path(".stanch/demo"),
    port: Annotated[int, typer.Option(help="Port of the web service; a free one where it is taken.")] = WEB_PORT,
) -> None:
    """Start everything, send real findings, show what happens and prove the effects."""
    started = time.monotonic()
    _empty(folder)
    more = {"playbooks": {"attach_owasp_policy": {"inputs": {"soak": "2s"}}}}
    with _running(folder, port=port, durable=False, more=more) as stack:
        scenarios = _scenarios(stack)
        results = _play(scenarios)
        _say("", f"all scenarios took {time.monotonic() - started:.0f} s")
        for name, good in results.items():
            _say(name, "as expected" if good else "NOT as expected")
        _where(stack)
        if not leave:
            _hold(stack)
    raise typer.Exit(0 if all(results.values()) else 1)


def dev(
    folder: Annotated[Path, typer.Option(help="Where data is kept between runs.")] = Path(".stanch/dev"),
    port: Annotated[int, typer.Option(help="Port of the web service; a free one where it is taken.")] = WEB_PORT,
) -> None:
    """Run everything embedded and keep the data; no sample findings are sent."""
    _claim(folder)
    with _usable(folder):
        (folder / MARK).unlink(missing_ok=True)  # what dev keeps, no later demo empties
    with _running(folder, port=port, durable=True, more={}) as stack:
        _where(stack)
        _hold(stack)


def _empty(folder: Path) -> None:
    """Empty the folder of an earlier demo, and of nothing else."""
    from stanch.errors import ConfigError

    with _usable(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / MARK).is_file():
            hint = "name a new or empty folder, or one of an earlier demo"
            raise ConfigError(f"{folder} is not empty and not a folder of the demo", code="C014", hint=hint)
    _claim(folder)
    with _usable(folder):
        _clear(folder)
        (folder / MARK).write_text("`stanch demo` empties this folder at its start.\n", encoding="utf-8")


def _clear(folder: Path) -> None:
    import shutil

    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _claim(folder: Path) -> None:
    """Keep others from starting in this folder, or from emptying it, for as long as this process lives."""
    import fcntl

    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # not closed: the lock goes with the process
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise


@contextlib.contextmanager
def _usable(folder: Path) -> Generator[None]:
    """Say of what the system refuses whether another one runs there, or the folder is at fault."""
    from stanch.errors import ConfigError

    try:
        yield
    except BlockingIOError:
        hint = f"end it there with Ctrl-C, use it by `source {folder / 'env'}`, or name another --folder"
        raise ConfigError(f"another demo or dev runs in {folder}", code="C014", hint=hint) from None
    except OSError as error:
        no_folder = isinstance(error, FileExistsError | NotADirectoryError)
        why = "it is no folder" if no_folder else str(error.strerror or error)
        raise ConfigError(f"{folder} cannot be used: {why}", code="C014", hint="name another --folder") from None


@contextlib.contextmanager
def _running(folder: Path, *, port: int, durable: bool, more: Mapping[str, object]) -> Generator[Stack]:
    from stanch.sandbox.stack import Stack

    for number in (signal.SIGTERM, signal.SIGINT):  # a shell may have had SIGINT ignored for us
        signal.signal(number, _interrupt)
    _say("", "starting Temporal, stand-ins, an API behind Envoy, a worker and the web service ...")
    begun = time.monotonic()
    with _usable(folder):
        stack = Stack(folder, durable=durable, web_port=_free(port), more=more, scheduled=True)
    try:
        stack.start()
        _say("", f"up in {time.monotonic() - begun:.1f} s")
        write_environment(stack)
        yield stack
    finally:
        _say("", "stopping")
        stack.stop()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _free(port: int) -> int:
    """The wanted port, or 0 (any) where somebody else has it."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _scenarios(stack: Stack) -> Scenarios:
    from stanch.sandbox.client import StanchClient
    from stanch.sandbox.scenarios import Scenarios

    secrets = stack.estate
    client = StanchClient(
        stack.web_url, data_dir=stack.data_dir, secret_of=lambda name: secrets.secret(f"source_{name}")
    )
    return Scenarios(stack, client, _say)


def _play(scenarios: Scenarios) -> dict[str, bool]:
    from stanch.errors import StanchError

    scenarios.normal_traffic()
    results: dict[str, bool] = {}
    for name in STYLES:
        try:
            results[name] = bool(getattr(scenarios, name)())
        except StanchError as error:
            _say(name, f"{error.code} {error.message} ({error.hint})")
            results[name] = False
    return results


def write_environment(stack: Stack) -> None:
    """What a second terminal needs, as a file to be sourced."""
    import shlex

    own = ("STANCH_", "TEMPORAL_")
    values = {name: value for name, value in stack.environment().items() if name.startswith(own)}
    values |= {"STANCH_URL": stack.web_url, "STANCH_SEND_SECRET": stack.estate.secret("source_own")}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(values.items())]
    path = stack.folder / "env"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _where(stack: Stack) -> None:
    gateway = stack.estate.gateway
    lines = {
        "console": f"{stack.web_url}/login  (token: {stack.login_token})",
        "Slack stand-in": f"{stack.estate.slack.url}/  (press buttons as Maria or Ana)",
        "Jira stand-in": f"{stack.estate.jira.url}/  (resolve, reopen, reassign, comment)",
        "ServiceNow": f"{stack.estate.servicenow.url}/  (the same)",
        "Temporal": f"http://127.0.0.1:{stack.temporal.ui_port}/" if not stack.external else stack.external,
        "API behind Envoy": gateway.url if gateway is not None else "",
        "second terminal": f"source {stack.folder / 'env'}",
        "logs": f"{stack.folder}/worker.log, {stack.folder}/web.log",
    }
    for name, place in lines.items():
        _say("", f"{name + ':':<17} {place}")


def _hold(stack: Stack) -> None:
    """Stay until Ctrl-C; a worker that was killed is started again, as a supervisor would."""
    from stanch.errors import StanchError

    _say("", "running until Ctrl-C; a killed worker is started again")
    said = ""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(0.5)
            try:
                stack.revive()
                if said:
                    _say("", "it runs again")
                said = ""
            except StanchError as error:  # with a broken policy none starts; it is tried until that is mended
                words = f"{error.code} {error.message} ({error.hint}); it is tried again"
                if words != said:
                    _say("", words)
                said = words


def _say(name: str, line: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from stanch.sinks.terminal import safe_text

    clock = time.strftime("%H:%M:%S")
    text = Text(f"{clock} {name:<7} {safe_text(line, limit=300)}", style=STYLES.get(name, "bold"))
    Console(file=sys.stdout, highlight=False, soft_wrap=True).print(text)
