"""The policy folder in use: the last good one, swapped whole, never changed under a reader."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from policy_support import PLAYBOOK, copied, edit, soon, store_of

from stanch import policy
from stanch.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "RELOAD_SECONDS", 0.05)


def test_a_good_edit_is_taken_and_the_running_snapshot_stays(folder: Path) -> None:
    store = store_of(folder)
    before = store.current
    edit(folder / "policy" / "guards.yaml", "tokens: []", "tokens: [tok-ceo]")
    took = soon(lambda: store.current is not before)
    assert took < 5, "it looks once a second; loading takes the rest"
    after = store.current
    assert after.guards is not None
    assert before.guards is not None
    assert (after.guards.never_block.tokens, before.guards.never_block.tokens) == (("tok-ceo",), ())
    assert after.digest != before.digest
    assert after.routes is not before.routes
    assert store.problem == ""
    with pytest.raises(FrozenInstanceError):
        before.digest = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        before.playbooks.entries["new"] = None  # type: ignore[index]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("policy/guards.yaml", "ttl: 7d", "ttl: 99d", "guards.yaml:"),
        ("policy/routes.yaml", "owner: team:payments", "owner: team:paymants", "routes.yaml:"),
        ("policy/sources.yaml", "version:", "versoin:", "sources.yaml:"),
        (f"playbooks/{PLAYBOOK}", "do: ticket.create", "do: ticket.craete", f"{PLAYBOOK}:"),
        (f"playbooks/{PLAYBOOK}", "version: playbook/v1", "{", f"{PLAYBOOK}:"),
    ],
)
def test_a_broken_edit_keeps_the_last_good_one_and_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture, name: str, old: str, new: str, said: str
) -> None:
    store = store_of(folder)
    good, kept = store.current, (folder / name).read_bytes()
    edit(folder / name, old, new)
    with caplog.at_level(logging.WARNING):
        soon(lambda: store.current and store.problem)
    assert store.current is good
    assert said in store.problem
    assert said in caplog.text
    assert len(caplog.records) == 1, "once, not at every look"
    (folder / name).write_bytes(kept)
    soon(lambda: store.current is not good)
    assert store.problem == ""


@pytest.mark.usefixtures("quick")
def test_files_that_vanish_or_are_no_text_break_nothing(folder: Path) -> None:
    store = store_of(folder)
    good = store.current
    guards = folder / "policy" / "guards.yaml"
    text = guards.read_bytes()
    guards.write_bytes(b"\xff\xfe\x00")
    soon(lambda: store.current and store.problem)
    assert store.current is good
    first = store.problem
    guards.unlink()
    soon(lambda: store.current and store.problem != first)
    assert store.current is good
    guards.write_bytes(text)
    soon(lambda: store.current and not store.problem)
    os.truncate(folder / "playbooks" / PLAYBOOK, 10)
    soon(lambda: store.current and store.problem)


@pytest.mark.usefixtures("quick")
def test_a_template_of_the_deployment_is_part_of_the_policy(folder: Path) -> None:
    store = store_of(folder)
    texts = folder / "policy" / "texts"
    texts.mkdir()
    (texts / "finding.j2").write_text("Our own title\nOur own words\n", encoding="utf-8")
    soon(lambda: "Our own" in store.texts.render("finding", {}).title)
    (texts / "finding.j2").write_text("{{ finding.__class__ }}{% set x = cycler() %}", encoding="utf-8")
    soon(lambda: store.current and store.problem)
    assert "Our own" in store.texts.render("finding", {}).title


def test_a_policy_that_never_was_good_is_an_error(folder: Path) -> None:
    (folder / "policy" / "guards.yaml").unlink()
    with pytest.raises(ConfigError) as caught:
        store_of(folder)
    assert caught.value.code == "C040"


@pytest.mark.usefixtures("quick")
def test_readers_never_see_half_of_an_edit(folder: Path) -> None:
    store = store_of(folder)
    seen: set[tuple[str, ...]] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            now = store.current
            assert now.guards is not None
            seen.add((now.digest, *now.guards.never_block.tokens))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        first = store.current.digest
        edit(folder / "policy" / "guards.yaml", "tokens: []", "tokens: [tok-ceo]")
        soon(lambda: store.current.digest != first)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert {entry[1:] for entry in seen if entry[0] == first} <= {()}
    assert {entry[1:] for entry in seen if entry[0] != first} <= {("tok-ceo",)}


def test_the_inventory_and_the_files_it_names_are_reloaded(folder: Path, quick: None) -> None:
    """A broken specification keeps the last good inventory, and says so."""
    spec = folder / "policy" / "spec.json"
    spec.write_text('{"openapi": "3.0.0", "paths": {"/one/{id}": {}}}')
    words = "version: inventory/v1\napis: {a: {host: a.example.com, criticality: low, openapi: spec.json}}\n"
    (folder / "policy" / "inventory.yaml").write_text(words)
    store = store_of(folder)

    def template(path: str) -> str:
        found = store.current.inventory.facts(host="a.example.com", path=path)
        return found.path_template if found else ""

    before = store.current.digest
    assert (template("/one/1"), template("/two/1")) == ("/one/{id}", "")
    spec.write_text('{"openapi": "3.0.0", "paths": {"/two/{id}": {}}}')
    soon(lambda: template("/two/1") == "/two/{id}")
    assert store.current.digest != before
    spec.write_text('{"openapi": "3.0.0", "paths": {"/three/{id}": {}}')
    soon(lambda: store.current and store.problem)
    assert "I110" in store.problem
    assert template("/two/1") == "/two/{id}"
    (folder / "policy" / "inventory.yaml").unlink()
    soon(lambda: template("/two/1") == "")
