"""Ownership at 100,000 rules: best match against a loop, growth, load with lint (`python -m bench.routing`)."""

from __future__ import annotations

import gc
import re
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench._rules import OWNERS, addresses, pattern, places
from stanch.errors import ConfigError
from stanch.routing import Address, Effort, PlaceIndex, PlaceWords, check, lint, load_route_files

SIZES = (100, 1_000, 10_000, 100_000)
LOOKUPS = 2_000
LOOP_LOOKUPS = 6  # a loop over 100,000 patterns takes a tenth of a second
ROUNDS = 7
PARTS = 10
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
    seconds, megabytes, tests = loaded(10_000)
    print(f"10,000 rules in eleven files with {tests:,} tests: {seconds:.1f} s of CPU time, {megabytes:.0f} MB kept")
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
    effort = Effort()
    for address in asked:
        index.best(address, effort=effort)
    return effort.nodes / len(asked)


def loaded(count: int) -> tuple[float, float, int]:
    """CPU seconds for files of several teams with a test for each rule, megabytes that the table keeps, and tests."""
    files = written(count)
    seconds: list[float] = []
    for _ in range(3):
        gc.collect()
        start = time.process_time()
        table = load_route_files(files)
        results = check(table)
        lint(table, results)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), memory(files), len(results)


def memory(files: Mapping[str, str]) -> float:
    """Megabytes that a loaded table keeps."""
    gc.collect()
    tracemalloc.start()
    table = load_route_files(files)
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    del table
    return kept


def written(count: int) -> dict[str, str]:
    """Ten files; whatever two owners cannot both have is left out until nothing is said against the rest."""
    rules = places(count + count // 20)
    while True:
        files = files_of(rules[:count])
        try:
            load_route_files(files)
        except ConfigError as error:
            bad = {int(name) for each in error.problems for name in re.findall(r"'r(\d+)'", each.message)[-1:]}
            rules = [words for number, words in enumerate(rules) if number not in bad]
        else:
            return files


def files_of(rules: Sequence[PlaceWords]) -> dict[str, str]:
    teams = "".join(f"    team:t{number}: {{lead: user:u}}\n" for number in range(OWNERS))
    files = {"routes.yaml": f"{HEAD}{teams}default: {{id: fallback, owner: team:t0}}\n"}
    for part in range(PARTS):
        mine = [(number, words) for number, words in enumerate(rules) if number % PARTS == part]
        body = "rules:\n" + "".join(row(*each) for each in mine) + "tests:\n" + "".join(tested(*each) for each in mine)
        files[f"routes.d/team{part}.yaml"] = f"version: routing/v1\nnamespace: team{part}\n{body}"
    return files


HEAD = """version: routing/v1
directory:
  users: {user:u: {name: U}}
  teams:
"""


def row(number: int, words: PlaceWords) -> str:
    methods = f", methods: [{', '.join(words.methods)}]" if words.methods else ""
    place = f'host: "{words.host}", path: "{words.path}"{methods}'
    return f"- {{id: r{number}, match: {{{place}}}, owner: team:t{number % OWNERS}}}\n"


def tested(number: int, words: PlaceWords) -> str:
    (address,) = addresses([words], 1, seed=number)
    api = f'host: "{address.host}", path: "{address.path}", method: {address.method}'
    return f"- {{name: t{number}, finding: {{api: {{{api}}}}}, expect: {{owner: team:t{number % OWNERS}}}}}\n"


if __name__ == "__main__":
    main()
