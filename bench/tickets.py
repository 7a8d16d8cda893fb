"""Figures of tickets in a storm: faulty trackers, working people, killed workers (`python -m bench.tickets`).

An independent judge reads what the trackers wrote down, and compares it with what the cases say.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.faults.storm import storm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--kills", type=int, default=10, help="how often the worker is killed (SIGKILL)")
    parser.add_argument("--rate", type=float, default=0.3, help="share of calls and callbacks that go wrong")
    parser.add_argument("--seed", default="s1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = storm(Path(folder), cases=given.cases, kills=given.kills, seed=given.seed, rate=given.rate)
    print(report.text())
    for kind, found in report.verdict.harm.items():
        for place in found:
            print(f"{kind}: {place}")


if __name__ == "__main__":
    main()
