"""A flood of findings that each want another address blocked stays within the budget, and each gets its answer."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from glue import HOST, NOW, Glue, job

from activities._guard import check_action
from stanch.catalog import catalog
from stanch.errors import Refused

BUDGET = 40  # changes in an hour of the shipped contain_attacker, below the 60 of any playbook


def verdict(glue: Glue, number: int) -> str:
    params = {
        "host": HOST,
        "path": "/orders/**",
        "ip": f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}",
    }
    one = job("block.ip", {**params, "ttl": "1h"}, key=f"{number:032x}")
    try:
        check_action(glue.world, one, catalog()["block.ip"].params.model_validate(one.call.params))
    except Refused as error:
        return error.code
    return "allowed"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [80, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_flood_stays_under_budget_and_nobody_is_forgotten(tmp_path: Path, count: int) -> None:
    with Glue(tmp_path) as glue, ThreadPoolExecutor(8) as threads:
        found = Counter(threads.map(lambda number: verdict(glue, number), range(count)))
        again = Counter(threads.map(lambda number: verdict(glue, number), range(20)))
    assert found == {"allowed": BUDGET, "G104": count - BUDGET}  # G104 asks a person
    assert again.total() == 20
    assert again["allowed"] <= 20


def test_after_a_halt_nothing_of_the_flood_passes(tmp_path: Path) -> None:
    with Glue(tmp_path) as glue:
        assert verdict(glue, 1) == "allowed"
        glue.records.halt("all", by="user:ana", reason="flood", at=NOW)
        with ThreadPoolExecutor(8) as threads:
            found = Counter(threads.map(lambda number: verdict(glue, number), range(2, 60)))
        assert found == {"G103": 58}
