"""The command line as scripts meet it: exit statuses, words instead of tracebacks, and a quick start."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from stanch import __version__, errors
from stanch.cli import app as root
from stanch.errors import ConfigError, DependencyError, IntakeError, Problem, Refused, Rejected, RetrySafe
from stanch.ports import Check

ROOT = Path(__file__).parents[2]
STANCH = str(Path(sysconfig.get_path("scripts")) / "stanch")
SECRET = "hunter2-do-not-repeat"


def run(arguments: Sequence[str], *, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a folder of its own, with nobody's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "STANCH_"))}
    environment = {**kept, "HOME": str(folder), **variables}
    return subprocess.run(
        [STANCH, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = root._run(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


# -- what every command line does --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, out, _ = call(capsys, *arguments)
    assert status == 0
    assert [name for name in root.COMMANDS if f"  {name} " not in out] == []


def test_without_a_command_help_is_shown_and_it_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys)
    assert (status, "Usage: stanch COMMAND" in out) == (2, True)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"stanch {__version__}\n", "")


@pytest.mark.parametrize(
    ("given", "meant"), [("demmo", "demo"), ("vaildate", "validate"), ("leases", "lease"), ("aprove", "approve")]
)
def test_a_slip_is_answered_with_what_was_meant(capsys: pytest.CaptureFixture[str], given: str, meant: str) -> None:
    status, out, err = call(capsys, given)
    assert (status, out) == (2, "")
    assert f"`stanch {meant}`" in err


def test_nonsense_is_not_guessed_at(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = call(capsys, "\x1b[2Jxyzzy")
    assert (status, "Did you mean" in err, "\x1b" in err) == (2, False, False)


@pytest.mark.parametrize(
    "arguments", [["validate", "--nonsense"], ["config", "shwo"], ["worker", "--queues"], ["demo", "--port", "many"]]
)
def test_usage_mistakes_are_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    status, _, err = call(capsys, *arguments)
    assert (status, "Traceback" in err, bool(err)) == (2, False, True)


@pytest.mark.parametrize("name", sorted(root.COMMANDS))
def test_every_command_is_there_and_helps(capsys: pytest.CaptureFixture[str], name: str) -> None:
    module = root.COMMANDS[name][0]
    if importlib.util.find_spec(module) is None:
        pytest.fail(f"stanch {name} leads to {module}, which does not exist")
    status, out, _ = call(capsys, name, "--help")
    assert (status, "Usage:" in out) == (0, True)


# -- errors become words and statuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("wrong file"), 3),
        (DependencyError("not there"), 4),
        (RetrySafe("busy"), 4),
        (Refused("halted"), 5),
        (IntakeError("refused"), 1),
        (Rejected("no"), 1),
    ],
)
def test_each_error_has_its_status(capsys: pytest.CaptureFixture[str], error: errors.StanchError, status: int) -> None:
    assert root.explain(error) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{error.code} {error.message}\n"


def test_an_error_says_every_problem_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("P001", "bad\x1b[31m word", file="a.yaml", line=3, column=7), Problem("P002", "worse")]
    root.explain(ConfigError("2 problems", problems=problems, code="P001", hint="fix them"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("a.yaml:3:7: P001 bad")
    assert lines[1] == "P002 worse"
    assert lines[2] == "P001 2 problems (fix them)"
    assert "\x1b" not in lines[0]


def _command(monkeypatch: pytest.MonkeyPatch, work: object) -> None:
    """A command of this test beside the real ones."""
    module = ModuleType("stanch_test_command")
    module.work = work  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stanch_test_command", module)
    monkeypatch.setitem(root.COMMANDS, "work", ("stanch_test_command", "work", ""))


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise KeyboardInterrupt

    _command(monkeypatch, work)
    assert call(capsys, "work")[0] == 130


def test_a_reader_that_went_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise BrokenPipeError

    _command(monkeypatch, work)
    status, _, err = call(capsys, "work")
    assert "Traceback" not in err
    assert status in (0, 1)


# -- as processes ------------------------------------------------------------------------------------------------------


def test_a_pipe_that_closes_early_leaves_no_traceback(tmp_path: Path) -> None:
    script = f"'{STANCH}' config show | head -c 1 >/dev/null"
    done = subprocess.run(["/bin/bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_settings_that_are_wrong_are_status_3(tmp_path: Path) -> None:
    (tmp_path / "stanch.toml").write_text(f'[web]\nport = "{SECRET}"\n', encoding="utf-8")
    done = run(["worker"], folder=tmp_path)
    assert (done.returncode, SECRET in done.stdout + done.stderr) == (3, False), done.stderr
    assert "web.port" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken_is_status_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "stanch.toml").write_text(f"[web]\nport = {port}\n", encoding="utf-8")
        done = run(["serve"], folder=tmp_path)
    assert (done.returncode, f"127.0.0.1:{port}" in done.stderr) == (4, True), done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_names_what_is_broken(tmp_path: Path) -> None:
    settings = f'policy_dir = "{ROOT}/policy"\nplaybooks_dir = "{ROOT}/playbooks"\n[chat.slack]\nkind = "slak"\n'
    (tmp_path / "stanch.toml").write_text(settings, encoding="utf-8")
    done = run(["doctor", "--json"], folder=tmp_path, TEMPORAL_ADDRESS="127.0.0.1:9")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert [name for name in ("records", "ledger", "policy") if not checks[name]["ok"]] == []
    assert (checks["temporal"]["ok"], bool(checks["temporal"]["fix"])) == (False, True)
    assert checks["slack: settings"]["ok"] is False


def test_doctor_goes_on_where_the_policy_is_broken(tmp_path: Path) -> None:
    settings = f'policy_dir = "{tmp_path}/nowhere"\nplaybooks_dir = "{ROOT}/playbooks"\n'
    (tmp_path / "stanch.toml").write_text(settings, encoding="utf-8")
    done = run(["doctor", "--json"], folder=tmp_path, TEMPORAL_ADDRESS="127.0.0.1:9")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert (checks["start"]["ok"], "routes.yaml" in checks["start"]["detail"]) == (False, True)
    assert checks["temporal"]["ok"] is False


def test_doctor_says_each_line_as_soon_as_it_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def checks() -> Iterator[Check]:
        yield Check("first", ok=True, detail="there")
        told.append(capsys.readouterr().out)
        yield Check("second", ok=False, detail="away", fix="start it")

    before = signal.getsignal(signal.SIGPIPE)
    monkeypatch.setitem(root.REGISTRY, "worker", SimpleNamespace(checks=checks))
    try:
        status, out, _ = call(capsys, "doctor")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert (told, status) == (["ok first: there\n"], 1)
    assert out == "FAIL second: away -> start it\n"


def test_a_queue_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    done = run(["worker", "--queues", "core,contian"], folder=tmp_path, TEMPORAL_ADDRESS="127.0.0.1:9")
    assert (done.returncode, "'contian'" in done.stderr, "contain" in done.stderr) == (2, True, True)


def test_a_worker_names_every_mistake_of_its_policy(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "policy", tmp_path / "policy")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "policy" / "guards.yaml").write_text("version: guards/v1\nmods: {}\n", encoding="utf-8")
    done = run(["worker"], folder=tmp_path)
    assert (done.returncode, "guards.yaml:2:1: G" in done.stderr, "()" in done.stderr) == (3, True, False), done.stderr


@pytest.mark.parametrize(
    "arguments", [["audit", "verify"], ["audit", "export", "x.jsonl"], ["case", "hold", "case-x", "--reason", "r"]]
)
def test_in_another_folder_nothing_is_said_to_be_well(tmp_path: Path, arguments: list[str]) -> None:
    done = run(arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, ""), done.stdout
    assert "there are no records here" in done.stderr
    assert str(tmp_path / "stanch.toml") in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is made there"


def test_a_reaping_without_points_is_no_good_news(tmp_path: Path) -> None:
    done = run(["lease", "reap"], folder=tmp_path)
    assert (done.returncode, "C032" in done.stderr, "lifted" in done.stderr) == (3, True, False), done.stderr


HEAVY = (
    "temporalio",
    "boto3",
    "botocore",
    "fastapi",
    "uvicorn",
    "sqlalchemy",
    "pydantic",
    "jira",
    "slack_sdk",
    "typer",
)


def test_help_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, worker; sys.argv = ['stanch', '--help']\ntry:\n    worker.cli()\nfinally:\n    pass\n"
    hook = (
        "import os, sys\n"
        "def leave(code):\n"
        f"    sys.stderr.write(','.join(name for name in {HEAVY!r} if name in sys.modules))\n"
        "    raise SystemExit(code)\n"
        "os._exit = leave\n"
    )
    done = subprocess.run([sys.executable, "-c", hook + code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    spent: list[float] = []
    for _ in range(3):
        before = os.times()
        assert run(["--help"], folder=tmp_path).returncode == 0
        after = os.times()
        spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(spent) < 0.5, "seconds of CPU, so that other work on the machine does not count"


def test_it_ends_at_once_when_its_work_is_done(tmp_path: Path) -> None:
    begun = time.monotonic()
    run(["--version"], folder=tmp_path)
    assert time.monotonic() - begun < 10
