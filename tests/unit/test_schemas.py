"""The schemas that editors use are those of the models that load the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stanch.catalog import catalog
from stanch.cli.schema import Kind, schema_of
from stanch.documents import load
from stanch.playbooks.model import STEP_KINDS

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
DATA = ROOT / "tests/data"
GOOD = {
    Kind.PLAYBOOK: (*(ROOT / "playbooks").glob("*.yaml"), *(DATA / "playbooks").glob("*.yaml")),
    Kind.ROUTES: (ROOT / "policy/routes.yaml", DATA / "routing/routing.yaml", DATA / "ownership.yaml"),
    Kind.GUARDS: (ROOT / "policy/guards.yaml",),
    Kind.SOURCES: (ROOT / "policy/sources.yaml",),
    Kind.INVENTORY: (ROOT / "policy/inventory.yaml",),
    Kind.LISTS: (ROOT / "policy/lists.yaml",),
    Kind.FINDING: tuple((ROOT / "playbooks/fixtures").glob("*.json")),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_the_committed_schema_is_the_models(kind: Kind) -> None:
    committed = json.loads((SCHEMAS / f"{kind.value}.json").read_text("utf-8"))
    assert committed == schema_of(kind), f"run: stanch schema {kind.value} > schemas/{kind.value}.json"


def validator(kind: Kind) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind.value}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def leaves(error: Any) -> Iterator[Any]:
    """What an editor would underline: the innermost errors."""
    if not error.context:
        yield error
    for inner in error.context:
        yield from leaves(inner)


def mistakes(text: str) -> list[tuple[str, str]]:
    """Place and message of each mistake in a playbook."""
    errors = validator(Kind.PLAYBOOK).iter_errors(load(text).data)
    return [("/".join(map(str, leaf.absolute_path)), leaf.message) for error in errors for leaf in leaves(error)]


def playbook(step: str) -> str:
    return f"{{version: playbook/v1, id: a, title: A, owner: team:a, mode: manual, steps: [{step}]}}"


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, paths in GOOD.items() for path in paths], ids=lambda item: str(item)[-40:]
)
def test_an_editor_shows_no_mistake_in_what_is_shipped(kind: Kind, path: Path) -> None:
    assert list(validator(kind).iter_errors(load(path.read_text("utf-8")).data)) == []


@pytest.mark.parametrize("name", [spec.name for spec in catalog().values()])
def test_the_example_of_each_action_fits_its_branch(name: str) -> None:
    assert mistakes(playbook(catalog()[name].example)) == []


@pytest.mark.parametrize("name", ["unknown_action", "unknown_key", "two_kinds", "ids", "events"])
def test_wrong_words_are_underlined_while_typing(name: str) -> None:
    text = (DATA / f"bad/playbook_{name}.yaml").read_text("utf-8")
    assert mistakes(text)


@pytest.mark.parametrize(
    ("step", "place", "word"),
    [
        ("{id: t, do: ticket.crate, with: {summary: x}}", "steps/0/do", "ticket.crate"),
        ("{id: t, do: ticket.create, with: {sumary: x}}", "steps/0/with", "sumary"),
        ("{id: t, do: ticket.create, with: {}}", "steps/0/with", "summary"),
        ("{id: t, do: ticket.create}", "steps/0", "with"),
        ("{id: t, do: block.ip, with: {ip: 192.0.2.1, host: a.example.com, ttl: soon}}", "steps/0/with/ttl", "soon"),
        ("{id: t, stop: {status: done}, timeout: 3m}", "steps/0", "does not allow"),
        ("{id: t, stop: {status: don}}", "steps/0/stop/status", "don"),
        ("{id: t, wait: {for: [{event: ticket.resolvd}]}}", "steps/0/wait/for/0/event", "ticket.resolvd"),
    ],
)
def test_a_mistake_is_told_at_its_place(step: str, place: str, word: str) -> None:
    assert any(at == place and word in message for at, message in mistakes(playbook(step)))


def test_each_kind_of_step_and_each_action_has_a_branch() -> None:
    schema = schema_of(Kind.PLAYBOOK)
    assert {f"step.{kind}" for kind in STEP_KINDS} <= schema["$defs"].keys()
    assert {f"with.{name}" for name in catalog()} <= schema["$defs"].keys()


def test_hovering_tells_what_a_key_means_and_what_type_its_expression_has() -> None:
    schema = schema_of(Kind.PLAYBOOK)
    untold = [name for name, key in schema["properties"].items() if not key.get("description")]
    untold += [name for name, key in schema["$defs"]["Step"]["properties"].items() if not key.get("description")]
    assert untold == []
    ttl = schema["$defs"]["with.block.scope"]["properties"]["ttl"]
    assert ttl["x-expression-type"] == "duration"
    assert schema["$defs"]["Step"]["properties"]["when"]["x-expression-type"] == "bool"
