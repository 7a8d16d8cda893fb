"""`stanch doctor` on the policy: the folder as it is, and every process that runs with another one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from glue import Glue

from activities import _doctor
from stanch.policy_state import PolicyUse
from stanch.ports import Check


@pytest.fixture
def glue(tmp_path: Path) -> Iterator[Glue]:
    with Glue(tmp_path) as made:
        yield made


def of_policy(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks if check.name.startswith("policy")}


def say(glue: Glue, process: str, digest: str, problem: str = "") -> None:
    now = datetime.now(UTC)
    glue.records.say_policy(PolicyUse(process, digest, problem, now, now))


def test_processes_are_held_against_the_folder(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_doctor, "_temporal", lambda: iter(()))
    digest = glue.policy.current.digest
    say(glue, "web@a:1", digest)
    say(glue, "worker@b:2", "0" * 64)
    say(glue, "worker@c:3", digest, problem="routes.yaml:3:1 R001 no such owner")
    found = of_policy(_doctor.examine(glue.world))
    assert {name: check.ok for name, check in found.items()} == {
        "policy": True,
        "policy of web@a:1": True,
        "policy of worker@b:2": False,
        "policy of worker@c:3": False,
    }
    assert "R001" in found["policy of worker@c:3"].detail
    assert "same policy folder" in found["policy of worker@b:2"].fix


def test_where_nothing_starts_the_running_ones_are_still_named(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    from stanch.errors import ConfigError

    monkeypatch.setattr(_doctor, "_temporal", lambda: iter(()))
    say(glue, "worker@b:2", "0" * 64, problem="routes.yaml:3:1 R001 no such owner")
    checks = _doctor.not_started(ConfigError("routes.yaml has 1 mistake", code="R001"), glue.settings)
    told = [(check.name, check.ok) for check in checks if check.name != "settings"]
    assert told == [("start", False), ("policy of worker@b:2", False)]


def test_halts_and_open_breakers_are_named(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_doctor, "_temporal", lambda: iter(()))
    glue.records.halt("playbook:x", by="user:ana", reason="drill", at=datetime.now(UTC), freeze=True)
    found = {check.name: check for check in _doctor.examine(glue.world)}
    halted = found["halt of playbook:x"]
    assert (halted.ok, "user:ana" in halted.detail, "drill" in halted.detail) == (False, True, True)
    assert "lifts" in halted.detail
    assert "`stanch resume playbook:x`" in halted.fix
    glue.records.resume("playbook:x")
    assert not [check.name for check in _doctor.examine(glue.world) if check.name.startswith("halt")]


def test_it_says_which_settings_it_is_about(glue: Glue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STANCH_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    first = next(_doctor.examine(glue.world))
    assert (first.name, f"there is no {tmp_path / 'stanch.toml'}" in first.detail) == ("settings", True)
    (tmp_path / "stanch.toml").write_text("", encoding="utf-8")
    assert next(_doctor.examine(glue.world)).detail == str(tmp_path / "stanch.toml")


def test_a_connector_that_fails_in_its_own_way_leaves_the_rest(glue: Glue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Check]:
        raise KeyError("a secret word")

    monkeypatch.setattr(_doctor, "_temporal", lambda: iter(()))
    monkeypatch.setattr(_doctor, "_examined", broken)
    monkeypatch.setattr(glue.world, "sections", lambda port: {"one": {}} if port == "chat" else {})
    monkeypatch.setattr(glue.world, "connector", lambda *_: None)
    found = {check.name: check for check in _doctor.examine(glue.world)}
    assert (found["one: doctor"].ok, "secret" in found["one: doctor"].detail) == (False, False)
    assert found["records"].ok
