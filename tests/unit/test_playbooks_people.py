"""Whom a playbook asks must be in the directory: at `stanch validate`, and whenever a policy is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stanch.cli.validate import check_files
from stanch.errors import ConfigError
from stanch.policy import PolicyStore
from stanch.settings import Settings

ROOT = Path(__file__).parents[2]
PLAYBOOK = """version: playbook/v1
id: ask
title: Ask
owner: team:appsec
mode: manual
on: {match: {host: x.example.com}}
steps:
  - id: ok
    approve:
      ask: Well?
      need: [{from: ["user:anna", "team:appsec", route.owner.id]}]
      not_by: ["schedule:nights"]
      escalate: [{after: 1h, to: ["team:nobody"]}]
      expires: 2h
      on_timeout: reject
"""


def town(tmp_path: Path, playbook: str = PLAYBOOK) -> Path:
    shutil.copytree(ROOT / "policy", tmp_path / "policy")
    (tmp_path / "playbooks").mkdir()
    file = tmp_path / "playbooks" / "ask.yaml"
    file.write_text(playbook, "utf-8")
    return file


@pytest.mark.parametrize("along", [False, True])
def test_each_stranger_is_told_at_its_place(tmp_path: Path, along: bool) -> None:
    file = town(tmp_path)
    files = [file, *([tmp_path / "policy" / "routes.yaml"] if along else [])]
    found = [problem for problem in check_files(files) if problem.file == str(file) and problem.code == "P210"]
    assert [(problem.line, problem.message.partition(" is")[0]) for problem in found] == [
        (11, "'user:anna'"),
        (12, "'schedule:nights'"),
        (13, "'team:nobody'"),
    ]
    assert "user:ana" in found[0].hint
    assert all(problem.severity == "error" for problem in found)


def test_a_policy_that_asks_a_stranger_is_not_loaded(tmp_path: Path) -> None:
    town(tmp_path)
    settings = Settings(policy_dir=tmp_path / "policy", playbooks_dir=tmp_path / "playbooks")
    with pytest.raises(ConfigError) as refused:
        PolicyStore(settings)
    assert {problem.code for problem in refused.value.problems} == {"P210"}
    known = PLAYBOOK.replace("user:anna", "user:ana").replace("team:nobody", "team:appsec")
    (tmp_path / "playbooks" / "ask.yaml").write_text(
        known.replace('not_by: ["schedule:nights"]', "not_by: []"), "utf-8"
    )
    assert list(PolicyStore(settings).current.playbooks.entries) == ["ask"]


def test_without_a_directory_nobody_is_a_stranger(tmp_path: Path) -> None:
    file = town(tmp_path)
    shutil.rmtree(tmp_path / "policy")
    assert [problem for problem in check_files([file]) if problem.code == "P210"] == []
