"""Time of `stanch validate` on 100 playbooks, start of the process included (`python bench/validate.py`)."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
STANCH = Path(sys.executable).with_name("stanch")
COUNT = 100
ROUNDS = 7
YAML = """
import pathlib, sys, yaml
for path in pathlib.Path(sys.argv[1]).glob("*.yaml"):
    yaml.load(path.read_text(), yaml.CSafeLoader)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "playbooks"
        size = make(folder, COUNT)
        print(f"{COUNT} playbooks, {size / 1024:.0f} KiB; seconds of {ROUNDS} runs")
        print(f"{'':40} {'median':>6} {'worst':>6} {'of processor':>12}")
        measure("python -c pass", [sys.executable, "-c", "pass"])
        measure("the same files through yaml.load alone", [sys.executable, "-c", YAML, str(folder)])
        measure("stanch validate", [str(STANCH), "validate", str(folder)])


def make(folder: Path, count: int) -> int:
    """Copies of the shipped playbooks, each for a host of its own; gives their size in bytes."""
    shutil.copytree(ROOT / "playbooks/fixtures", folder / "fixtures")
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "playbooks").glob("*.yaml"))]
    for number in range(count):
        text = texts[number % len(texts)]
        (folder / f"book_{number:03}.yaml").write_text(_own(text, number), "utf-8")
    return sum(path.stat().st_size for path in folder.glob("*.yaml"))


def _own(text: str, number: int) -> str:
    """Another id and another host, so that no two are for the same place."""
    lines = [f"id: book_{number}" if line.startswith("id: ") else line for line in text.splitlines()]
    match = f'  match: {{host: "api{number}.example.com", path: /**}}'
    lines = [match if line.startswith("  match: ") else line for line in lines]
    return "\n".join(line for line in lines if not line.startswith("  wins_over: ")) + "\n"


def measure(what: str, command: list[str]) -> None:
    walls, works = [], []
    for _ in range(ROUNDS):
        used, began = _used(), time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - began)
        works.append(_used() - used)
        if ended.returncode:
            raise SystemExit(f"{what}: status {ended.returncode}\n{ended.stdout[:2000]}{ended.stderr[-2000:]}")
    print(f"{what:40} {statistics.median(walls):6.2f} {max(walls):6.2f} {statistics.median(works):12.2f}")


def _used() -> float:
    """Processor time of the processes that have ended, so that a busy machine does not count."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    main()
