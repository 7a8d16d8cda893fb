"""Ownership at 100,000 rules: best match against a regex loop, growth, load with full lint (`python -m bench.routing`)."""

from __future__ import annotations

import gc
import re
import resource
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench._rules import OWNERS, addresses, pattern, places
from stanch.errors import ConfigError
from stanch.routing import Address, PlaceIndex, PlaceWords, check, lint, load_routes

SIZES = (100, 1_000, 10_000, 100_000)
LOOKUPS = 2_000
LOOP_LOOKUPS = 6  # a loop over 100,000 patterns takes a tenth of a second
ROUNDS = 7
BARS = {"speed": 3_000.0, "growth": 5.0, "load": 10.0}


def main() -> None:
    rules = places(SIZES[-1])
    tries = {size: built(rules[:size]) for size in SIZES}
    asked = {size: list(addresses(rules[:size], LOOKUPS)) for size in SIZES}
    patterns = [re.compile(pattern(words)) for words in rules]
    times = measured(tries, asked, patterns)
    base = times[SIZES[0], "best"]
    print(f"{'rules':>8} {'best us':>9} {'all us':>9} {'nodes':>7} {'growth':>7}")
    for size in SIZES:
        best, every = times[size, "best"], times[size, "all"]
        print(
            f"{size:8,} {best * 1e6:9.2f} {every * 1e6:9.2f} {nodes(tries[size], asked[size]):7.1f} {best / base:7.2f}"
        )
    loop = times[SIZES[-1], "loop"]
    speed, growth = loop / times[SIZES[-1], "best"], times[SIZES[-1], "best"] / base
    print(f"a regex loop over {SIZES[-1]:,} rules: {loop * 1e3:.1f} ms a lookup")
    seconds, megabytes, tested = loaded(10_000)
    print(
        f"10,000 rules and {tested:,} tests loaded, checked and linted in {seconds:.1f} s of CPU time, {megabytes:.0f} MB"
    )
    verdict("best match is faster than the loop by", speed, BARS["speed"], more=True)
    verdict("growth of a lookup from 100 to 100,000 rules", growth, BARS["growth"], more=False)
    verdict("seconds for 10,000 rules with full lint", seconds, BARS["load"], more=False)


def verdict(what: str, value: float, bar: float, *, more: bool) -> None:
    good = value >= bar if more else value <= bar
    print(f"{'holds' if good else 'FAILS'}: {what} {value:,.1f} (bar: {'at least' if more else 'at most'} {bar:,.0f})")


def built(rules: Sequence[PlaceWords]) -> PlaceIndex[int]:
    index: PlaceIndex[int] = PlaceIndex()
    for number, words in enumerate(rules):
        index.add(words.place, number)
    return index


def measured(
    tries: dict[int, PlaceIndex[int]], asked: dict[int, list[Address]], patterns: list[re.Pattern[str]]
) -> dict[tuple[int, str], float]:
    """Seconds of CPU time a lookup: medians of rounds in which every candidate takes its turn."""
    texts = [f"{each.host}{each.path}" for each in asked[SIZES[-1]][:: LOOKUPS // LOOP_LOOKUPS]]
    candidates: dict[tuple[int, str], tuple[Callable[[], None], int]] = {}
    for size, index in tries.items():
        candidates[size, "best"] = (lambda index=index, size=size: _each(index.best, asked[size])), LOOKUPS
        candidates[size, "all"] = (lambda index=index, size=size: _each(index.find, asked[size])), LOOKUPS
    candidates[SIZES[-1], "loop"] = (lambda: _loop(patterns, texts)), len(texts)
    taken: dict[tuple[int, str], list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, (run, count) in candidates.items():
            start = time.process_time()
            run()
            taken[name].append((time.process_time() - start) / count)
    return {name: statistics.median(each) for name, each in taken.items()}


def _each(look: Callable[[Address], object], asked: list[Address]) -> None:
    for address in asked:
        look(address)


def _loop(patterns: list[re.Pattern[str]], texts: list[str]) -> None:
    for text in texts:
        [number for number, each in enumerate(patterns) if each.match(text)]


def nodes(index: PlaceIndex[int], asked: list[Address]) -> float:
    from stanch.routing import Effort

    effort = Effort()
    for address in asked:
        index.best(address, effort=effort)
    return effort.nodes / len(asked)


def loaded(count: int) -> tuple[float, float, int]:
    """CPU seconds and megabytes for one file of rules with a test for each host; rules that conflict are left out."""
    text, tests = rules_file(count)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    table = load_routes(text, "bench.yaml")
    lint(table.file, check(table), name="bench.yaml")
    return time.process_time() - start, memory(text), tests


def memory(text: str) -> float:
    """Megabytes that a loaded table keeps."""
    gc.collect()
    tracemalloc.start()
    table = load_routes(text, "bench.yaml")
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    del table
    return kept


HEAD = """version: routing/v1
directory:
  users: {user:u: {name: U}}
  teams:
"""


def rules_file(count: int) -> tuple[str, int]:
    rows = [row(number, words) for number, words in enumerate(places(count + count // 20))]
    while True:
        text = file_of(rows[:count])
        try:
            load_routes(text, "bench.yaml")
        except ConfigError as error:
            bad = {int(name) for each in error.problems for name in re.findall(r"'r(\d+)'", each.message)[-1:]}
            rows = [each for number, each in enumerate(rows) if number not in bad]
            rows = [re.sub(r"id: r\d+", f"id: r{number}", each) for number, each in enumerate(rows)]
            continue
        return text, 0


def row(number: int, words: PlaceWords) -> str:
    methods = f", methods: [{', '.join(words.methods)}]" if words.methods else ""
    place = f'host: "{words.host}", path: "{words.path}"{methods}'
    return f"- {{id: r{number}, match: {{{place}}}, owner: team:t{number % OWNERS}}}\n"


def file_of(rows: list[str]) -> str:
    teams = "".join(f"    team:t{number}: {{lead: user:u}}\n" for number in range(OWNERS))
    return f"{HEAD}{teams}default: {{id: fallback, owner: team:t0}}\nrules:\n{''.join(rows)}"


if __name__ == "__main__":
    main()
