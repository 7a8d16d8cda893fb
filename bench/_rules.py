"""Places made from real operation lists, the same ones on every machine, and addresses that meet them."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator
from pathlib import Path

from stanch.routing import Address, PlaceWords

DATA = Path(__file__).parent / "data"
OWNERS = 40


def operations() -> list[tuple[str, str]]:
    """(method, path template) of two vendors' APIs."""
    found: list[tuple[str, str]] = []
    for file in sorted(DATA.glob("*.txt.gz")):
        for line in gzip.decompress(file.read_bytes()).decode().splitlines():
            method, _, path = line.partition(" ")
            if method.isalpha():  # the lists have remarks
                found.append((method, path))
    return found


def places(count: int, *, seed: int = 7) -> list[PlaceWords]:
    """Different places: a quarter on wildcard hosts, a twentieth on any host, three fifths of them subtrees."""
    chosen = random.Random(seed)
    known = operations()
    made: dict[tuple[str, str, str], PlaceWords] = {}
    hosts = max(count // 12, 4)
    while len(made) < count:
        method, path = chosen.choice(known)
        path = f"{path}/**" if chosen.random() < 0.6 else path
        methods = (method,) if chosen.random() < 0.2 else ()
        words = PlaceWords(host=_host(chosen, hosts), path=path, methods=methods)
        made.setdefault((words.host, words.path, ",".join(words.methods)), words)
    return list(made.values())


def _host(chosen: random.Random, hosts: int) -> str:
    number, kind = chosen.randrange(hosts), chosen.random()
    if kind < 0.05:
        return "*"
    return f"*.s{number}.example.com" if kind < 0.30 else f"api{number}.s{number % 97}.example.com"


def addresses(rules: list[PlaceWords], count: int, *, seed: int = 11) -> Iterator[Address]:
    """Requests: nine of ten meet a rule, one of ten goes to a path or host that nobody wrote down."""
    chosen = random.Random(seed)
    for number in range(count):
        words = chosen.choice(rules)
        host = words.host.replace("*", f"x{number}") if words.host != "*" else f"y{number}.example.org"
        path = re.sub(r"\{[^}]*\}", lambda _: f"id{chosen.randrange(10_000)}", words.path.removesuffix("/**"))
        if words.path.endswith("/**") and chosen.random() < 0.5:
            path = f"{path}/more/{number}"
        if number % 10 == 9:
            host, path = (f"unknown{number}.test", path) if number % 20 == 9 else (host, f"/nothing{path}")
        yield Address(host=host, path=path, method=words.methods[0] if words.methods else "GET")


def pattern(words: PlaceWords) -> str:
    """The place as one regular expression over `host/path`, as somebody would write it by hand."""
    host = r"[^/]*" if words.host == "*" else re.escape(words.host).replace(r"\*", r"[^/]+")
    path = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(words.path.removesuffix("/**")))
    end = r"(?:/.*)?" if words.path.endswith("/**") else ""
    return f"{host}{path}{end}\\Z"
