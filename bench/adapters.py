"""CPU time per finding of intake: parse, recognise, map, redact, identify (`python bench/adapters.py`)."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from stanch.intake.redaction import Redactor
from stanch.sources import extract, shipped

SAMPLES = Path(__file__).parent.parent / "tests/data/samples"
ROUNDS = 30


def main() -> None:
    shipped()
    redactor = Redactor(b"bench")
    print(f"{'sample':46} {'findings':>8} {'auto ms/finding':>16} {'named ms/finding':>17}")
    for path in sorted(file for file in SAMPLES.iterdir() if file.suffix in (".json", ".jsonl", ".sarif", ".ndjson")):
        body = path.read_bytes()
        found = extract(body, redactor=redactor)
        if not found.findings:
            continue
        adapter = found.findings[0].metadata.adapter.id
        auto, named = (_median(body, name, redactor) for name in ("auto", adapter))
        count = len(found.findings)
        print(f"{path.name:46} {count:8} {auto / count:16.3f} {named / count:17.3f}")
    one = json.loads((SAMPLES / "own_attack.json").read_text())
    many = json.dumps([one | {"uid": f"T-{number}"} for number in range(500)]).encode()
    print(f"{'own array of 500':46} {500:8} {_median(many, 'auto', redactor, 3) / 500:16.3f}", end="")
    print(f" {_median(many, 'own', redactor, 3) / 500:17.3f}")


def _median(body: bytes, adapter: str, redactor: Redactor, rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        extract(body, adapter=adapter, redactor=redactor)
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
