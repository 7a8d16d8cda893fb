"""Every command in the documentation runs, or says why it does not; every example is valid."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import facts
import pytest
from blocks import Block, blocks_of

PAGES = [facts.ROOT / "README.md", facts.ROOT / "CONTRIBUTING.md", facts.ROOT / "deploy/README.md"]
PAGES += [facts.ROOT / "deploy/iam/README.md", *sorted(facts.DOCS.glob("*.md"))]
BLOCKS = [block for page in PAGES for block in blocks_of(page)]
ONE_SHELL = ("tutorial.md", "tutorial-playbook.md")  # each has a test of its own
OFFLINE = [block for block in BLOCKS if block.is_shell and not block.not_run and block.page not in ONE_SHELL]


def of_language(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def test_pages_have_blocks_of_known_languages_only() -> None:
    """A block of another language would be neither run nor checked."""
    assert {str(block): block.language for block in BLOCKS if not block.is_shell} != {}
    known = ("text", "yaml", "json", "toml", "jinja")
    assert [str(block) for block in BLOCKS if not block.is_shell and block.language not in known] == []


def test_most_commands_run() -> None:
    shell = [block for block in BLOCKS if block.is_shell]
    assert sum(bool(block.not_run) for block in shell) <= len(shell) // 2
    assert all(len(block.not_run) > 10 for block in shell if block.not_run), "say why"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with the shipped files, where nothing that a command writes matters."""
    for name in ("policy", "playbooks", "tests", "stanch"):
        (tmp_path / name).symlink_to(facts.ROOT / name)
    return tmp_path


@pytest.mark.parametrize("block", OFFLINE, ids=str)
def test_commands(block: Block, folder: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("STANCH_", "TEMPORAL_"))}
    path = f"{Path(sys.executable).parent}:{own['PATH']}"
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder,
        env={**own, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "Traceback" not in ran.stderr
    for words in block.shows:
        assert words in ran.stdout


@pytest.mark.parametrize("block", of_language("json"), ids=str)
def test_json_examples(block: Block) -> None:
    example = json.loads(block.text)
    if "schema" in example:
        from stanch.sources import extract

        found = extract(block.text.encode(), adapter="own")
        assert len(found.findings) == 1
        assert found.quarantined == ()


@pytest.mark.parametrize("block", of_language("toml"), ids=str)
def test_settings_examples(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings load, and each connector's section fits its model."""
    from stanch.settings import load_settings

    file = tmp_path / "stanch.toml"
    file.write_text(block.text, encoding="utf-8")
    monkeypatch.setenv("STANCH_CONFIG", str(file))
    load_settings()
    models = facts.connector_models()
    whole = tomllib.loads(block.text)
    for name in ("trackers", "chat", "points", "policies", "identity", "scanners", "webhooks"):
        for section in whole.get(name, {}).values():
            model = models[section["kind"]]
            model.model_validate({key: value for key, value in section.items() if key not in ("serves", "kind")})


@pytest.mark.parametrize("block", of_language("yaml"), ids=str)
def test_yaml_examples(block: Block, tmp_path: Path) -> None:
    from stanch.documents import load
    from stanch.inventory import parse_inventory
    from stanch.sources.adapter import load_adapter

    if block.text.startswith("version: adapter/v1"):
        file = tmp_path / "acme.yaml"
        file.write_text(block.text, encoding="utf-8")
        assert load_adapter(file).id == "acme"
    elif block.text.startswith("version: inventory/v1"):
        assert parse_inventory(block.text, folder=tmp_path).templates == 4
    elif block.page == "actions.md":
        assert isinstance(load(block.text).data, list)
    else:
        assert isinstance(load(block.text).data, dict)


def test_the_example_adapter_reads_its_report(tmp_path: Path) -> None:
    from stanch.sources import extract, load_library

    (example,) = [block for block in of_language("yaml") if block.text.startswith("version: adapter/v1")]
    (tmp_path / "acme.yaml").write_text(example.text, encoding="utf-8")
    issue = {"id": "a-1", "name": "No rate limit", "check": "rate", "level": 2, "verb": "GET"}
    issue |= {"url": "https://api.example.com/users/7", "seen": "2026-03-01T10:00:00Z"}
    body = json.dumps({"product": "acme", "issues": [issue]}).encode()
    (finding,) = extract(body, adapter="auto", library=load_library([tmp_path])).findings
    assert (finding.api.host, finding.api.path, finding.severity_id) == ("api.example.com", "/users/7", 3)


def test_the_envoy_example_is_what_the_sandbox_runs(tmp_path: Path) -> None:
    """What connectors.md tells to configure is what the real Envoy of our tests has."""
    from stanch.documents import load
    from stanch.sandbox import _envoy_config as config

    layout = config.Layout(tmp_path, 1, 2, 3, issuer="i", jwks="{}")
    chain: Any = config.listeners(layout, {})["resources"][0]["filter_chains"][0]
    manager = chain["filters"][0]["typed_config"]
    examples = [load(block.text).data for block in of_language("yaml") if block.page == "connectors.md"]
    (log,) = [each["access_log"] for each in examples if "access_log" in each]
    (filters,) = [each["http_filters"] for each in examples if "http_filters" in each]
    wanted = manager["access_log"][0]["typed_config"]
    assert log[0]["typed_config"]["log_format"] == wanted["log_format"]
    rbac = next(item for item in manager["http_filters"] if item["name"] == config.RBAC_FILTER)
    assert filters[0]["config_discovery"]["type_urls"] == rbac["config_discovery"]["type_urls"]
    (rules,) = [json.loads(block.text) for block in of_language("json") if block.page == "connectors.md"]
    assert rules == config.rules({})
    for key in ("normalize_path", "merge_slashes", "path_with_escaped_slashes_action"):
        said = re.search(rf"`{key}: (\w+)`", facts.page("connectors.md"))
        assert said
        assert said[1].lower() == str(manager[key]).lower()
