"""What holds for the project as a whole: size, form, imports, packaging."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PACKAGES = ("stanch", "workflows", "activities")
MODULES = [*sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")), ROOT / "worker.py"]

# Modules beyond 250 lines, each with the reason why it is one thing.
LONG = {
    "stanch/cases.py": "the state of a case in one serialisable object, and what is read from it",
    "stanch/contract.py": "every name and message on the wire, in one place",
    "stanch/interpreter/core.py": "the one door into the interpreter: every event and every end of a run",
    "stanch/leases.py": "every kind of lease, and what its point reports of it, as they are on the wire",
    "stanch/ports.py": "all protocols that connectors implement, side by side",
    "stanch/records/schema.py": "all tables of one database",
    "stanch/sandbox/_jira/routes.py": "the routes of one stand-in",
    "activities/servicenow.py": "one connector: every operation of the port on one table",
    "activities/_probes.py": "the proofs share how they send and read",
    "workflows/case.py": "one workflow class: its state may not be spread",
    "workflows/effects.py": "commands become activities, with what comes back",
    "workflows/enforcement.py": "one workflow class: the loop of one writer",
}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def functions() -> Iterator[tuple[str, int]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name(path)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_stay_small() -> None:
    sizes = {name(path): lines(path) for path in MODULES}
    assert {path: size for path, size in sizes.items() if size > 400} == {}
    assert {path: size for path, size in sizes.items() if size > 250 and path not in LONG} == {}
    assert [path for path in LONG if path not in sizes] == [], "no longer there"
    assert statistics.median(sizes.values()) <= 130


def test_functions_stay_small() -> None:
    sizes = dict(functions())
    assert {place: size for place, size in sizes.items() if size > 40} == {}
    assert statistics.median(sizes.values()) <= 10


def test_every_module_says_its_job() -> None:
    def docstring(path: Path) -> str:
        return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""

    assert [name(path) for path in MODULES if not docstring(path)] == []


def test_nothing_is_left_undone() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    found = [
        f"{name(path)}: {line.strip()}"
        for path in MODULES
        for line in path.read_text("utf-8").splitlines()
        if marks.search(line)
    ]
    assert found == []


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout")
    return [ROOT / path for path in listed.stdout.decode().split("\0") if path and (ROOT / path).is_file()]


def test_no_machine_of_a_developer_is_named() -> None:
    """Paths of somebody's home or workspace; samples of tools may hold their own."""
    place = re.compile(rb"(?<![\w.:/-])/(home|root|Users|work|workspace|mnt)/[A-Za-z0-9._-]+")
    found = [name(path) for path in tracked() if "tests/data/" not in name(path) and place.search(path.read_bytes())]
    assert found == []


def test_every_action_has_exactly_one_implementation() -> None:
    import worker
    from stanch.catalog import catalog

    assert set(worker.implementations()) == set(catalog())


def test_import_directions() -> None:
    ran = subprocess.run([SCRIPTS / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_help_loads_nothing_heavy() -> None:
    """`stanch --help` answers at once because it imports neither engine, nor vendor, nor web framework."""
    code = (
        "import sys, json, os\n"
        "sys.argv = ['stanch', '--help']\n"
        "leave = lambda code: (sys.stderr.write(json.dumps(sorted(sys.modules))), sys.stderr.flush(), exit(code))\n"
        "os._exit = leave\n"
        "import worker\n"
        "worker.cli()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "Usage: stanch" in ran.stdout
    loaded = set(json.loads(ran.stderr))
    heavy = {"temporalio", "boto3", "fastapi", "jira", "slack_sdk", "sqlalchemy", "pydantic", "typer", "httpx", "rich"}
    assert loaded & heavy == set()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel that is built now."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [str(SCRIPTS / "hatchling"), "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_has_what_it_needs(wheel: set[str]) -> None:
    """Everything the packages hold, and the shipped policy and playbooks."""
    for folder in (*PACKAGES, "playbooks", "policy"):
        wanted = {name(path) for path in tracked() if name(path).startswith(f"{folder}/")}
        assert wanted
        assert wanted - wheel == set()
    assert "worker.py" in wheel
    assert any(path.endswith("licenses/LICENSE") for path in wheel)
    assert any(path.endswith("entry_points.txt") for path in wheel)


def test_the_wheel_has_nothing_else(wheel: set[str]) -> None:
    allowed = (*(f"{folder}/" for folder in (*PACKAGES, "playbooks", "policy")), "worker.py", "stanch-")
    assert [path for path in wheel if not path.startswith(allowed)] == []
    assert [path for path in wheel if "__pycache__" in path] == []


def test_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")


def test_version_is_one() -> None:
    import stanch

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert stanch.__version__ == project["version"]


def test_the_image_runs_as_an_ordinary_user() -> None:
    """The Containerfile is not built here; at least it names what is there and does not end as root."""
    steps = [line.split() for line in (ROOT / "deploy/Containerfile").read_text("utf-8").splitlines() if line.strip()]
    users = [words[1] for words in steps if words[0] == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    for words in steps:
        if words[0] == "COPY" and not words[1].startswith("--"):
            assert [word for word in words[1:-1] if not (ROOT / word).exists()] == []
