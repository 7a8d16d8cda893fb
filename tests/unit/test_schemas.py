"""The schemas that editors use are those of the models that load the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stanch.cli.schema import Kind, schema_of

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("kind", list(Kind))
def test_the_committed_schema_is_the_models(kind: Kind) -> None:
    committed = json.loads((SCHEMAS / f"{kind.value}.json").read_text("utf-8"))
    assert committed == schema_of(kind), f"run: stanch schema {kind.value} > schemas/{kind.value}.json"
