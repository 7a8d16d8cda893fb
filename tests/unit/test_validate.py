"""`stanch validate` as pipelines, review tools and commit hooks call it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from stanch.cli.sarif import as_sarif
from stanch.error_table import meanings
from stanch.errors import Problem

ROOT = Path(__file__).parents[2]
STANCH = Path(sys.executable).with_name("stanch")
BAD = sorted((ROOT / "tests/data/bad").glob("playbook_*.yaml"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A repository of somebody else, with files of every kind."""
    for name in ("playbooks", "policy"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "policy/texts").mkdir()
    (tmp_path / "policy/texts/own.j2").write_text("A title\n\n{{ finding.title }}\n")
    (tmp_path / "README.md").write_text("# Ours\n")
    return tmp_path


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STANCH, *words], cwd=site, capture_output=True, text=True, timeout=60, check=False)


def broken(site: Path) -> str:
    path = site / "playbooks/triage.yaml"
    path.write_text(path.read_text("utf-8").replace("do: ticket.create", "do: ticket.crate"))
    return "playbooks/triage.yaml"


def of_the_right_shape(log: Any) -> None:
    """What SARIF 2.1.0 requires (OASIS, sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.29, 3.30, 3.49)."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    for each in log["runs"]:
        driver = each["tool"]["driver"]
        assert isinstance(driver["name"], str)
        assert re.fullmatch(r"\d+\.\d+\.\d+", driver["semanticVersion"])
        assert each["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        assert all(isinstance(call["executionSuccessful"], bool) for call in each["invocations"])
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(ids) == len(set(ids))
        for rule in driver["rules"]:
            assert all(rule[name]["text"] for name in ("shortDescription", "help") if name in rule)
        for result in each["results"]:
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert result["message"]["text"]
            for location in result["locations"]:
                place = location["physicalLocation"]
                assert not re.search(r"[ \\]", place["artifactLocation"]["uri"])
                assert place.get("region", {}).get("startLine", 1) >= 1
                assert place.get("region", {}).get("startColumn", 1) >= 1
                assert place["artifactLocation"].get("uriBaseId", "%SRCROOT%") in each["originalUriBaseIds"]
            assert all(isinstance(mark, str) for mark in result["partialFingerprints"].values())


def test_sarif_names_rule_help_region_and_a_relative_place(site: Path) -> None:
    path = broken(site)
    ended = run(site, "validate", "--sarif")
    log = json.loads(ended.stdout)
    of_the_right_shape(log)
    (result,) = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (ended.returncode, result["ruleId"], result["level"]) == (3, "P104", "error")
    assert place["artifactLocation"] == {"uri": path, "uriBaseId": "%SRCROOT%"}
    line = (site / path).read_text("utf-8").splitlines()[place["region"]["startLine"] - 1]
    assert line[place["region"]["startColumn"] - 1 :].startswith("ticket.crate")
    (rule,) = log["runs"][0]["tool"]["driver"]["rules"]
    assert "Next step:" in rule["help"]["text"]
    assert "`" not in rule["help"]["text"]


def test_sarif_of_every_broken_file_has_the_right_shape(site: Path) -> None:
    (site / "a folder").mkdir()
    for path in BAD:
        shutil.copy(path, site / "a folder")
    ended = run(site, "validate", "a folder", "--sarif")
    log = json.loads(ended.stdout)
    of_the_right_shape(log)
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }
    assert {unquote(uri) for uri in uris} == {f"a folder/{path.name}" for path in BAD}
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules if "help" not in rule] == []


def test_a_good_site_gives_an_empty_log(site: Path) -> None:
    log = json.loads(run(site, "validate", "--sarif").stdout)
    of_the_right_shape(log)
    assert log["runs"][0]["results"] == []


def test_the_same_problem_keeps_its_fingerprint_when_lines_move() -> None:
    marks = [
        as_sarif([Problem("P104", "there is no action", file="a.yaml", line=line)])["runs"][0]["results"][0]
        for line in (3, 30)
    ]
    assert marks[0]["partialFingerprints"] == marks[1]["partialFingerprints"]
    assert marks[0]["locations"] != marks[1]["locations"]


def test_a_file_outside_keeps_its_whole_place(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.yaml"
    outside.write_text("version: playbook/v1\n")
    log = json.loads(run(site, "validate", str(outside), "--sarif").stdout)
    assert {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in log["runs"][0]["results"]} == {
        outside.as_uri()
    }


def test_every_code_that_is_documented_has_a_help_text() -> None:
    assert len(meanings()) > 100
    assert all(means and step for means, step in meanings().values())


def test_the_manifest_of_hooks_is_one() -> None:
    words = [
        str(Path(sys.executable).with_name("pre-commit")),
        "validate-manifest",
        str(ROOT / ".pre-commit-hooks.yaml"),
    ]
    assert subprocess.run(words, check=False).returncode == 0


STAGED = ["playbooks/triage.yaml", "policy/routes.yaml", "policy/guards.yaml", "policy/texts/own.j2"]


@pytest.mark.parametrize("names", [[name] for name in STAGED] + [STAGED])
def test_the_hook_passes_what_is_right_file_by_file_and_together(site: Path, names: list[str]) -> None:
    hook = HOOKS["stanch-validate"]
    assert all(re.search(hook["files"], name) for name in names)
    ended = run(site, *shlex.split(hook["entry"])[1:], *names)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_the_hook_refuses_a_broken_file_among_others(site: Path) -> None:
    broken(site)
    ended = run(site, *shlex.split(HOOKS["stanch-validate"]["entry"])[1:], *STAGED)
    assert ended.returncode == 3
    assert ended.stdout.startswith("playbooks/triage.yaml:")
    assert "1 errors" in ended.stderr


def test_the_form_hook_refuses_a_playbook_in_another_form(site: Path) -> None:
    hook = HOOKS["stanch-fmt"]
    assert not re.search(hook["files"], "playbooks/scenarios/x.yaml")
    words = shlex.split(hook["entry"])[1:]
    assert run(site, *words, "playbooks/triage.yaml").returncode == 0
    path = site / "playbooks/triage.yaml"
    path.write_text(path.read_text("utf-8") + "\n\n")
    assert run(site, *words, "playbooks/triage.yaml").returncode == 1


def test_files_of_other_kinds_are_passed_over_and_said_so(site: Path) -> None:
    (site / "policy/other.yaml").write_text("a: 1\n")
    ended = run(site, "validate", "README.md", "playbooks/fixtures/data_exposure.json", "policy/other.yaml")
    assert ended.returncode == 0
    assert ended.stdout.count("info: C030 skipped") == 2
    assert "policy/other.yaml:1:1: warning: C030" in ended.stdout
    assert run(site, "validate", "--strict", "policy/other.yaml").returncode == 3
    assert run(site, "validate", "nowhere.yaml").returncode == 2


def test_one_file_is_checked_together_with_those_beside_it(site: Path) -> None:
    """Whoever commits one playbook must hear that it is for the same findings as another."""
    text = (site / "playbooks/config_issue_ticket.yaml").read_text("utf-8")
    (site / "playbooks/another.yaml").write_text(text.replace("id: config_issue_ticket", "id: another"))
    ended = run(site, "validate", "playbooks/another.yaml")
    assert (ended.returncode, "P106" in ended.stdout) == (3, True)
    own = (site / "playbooks/triage.yaml").read_text("utf-8").replace("template: finding}", "template: own}")
    (site / "playbooks/triage.yaml").write_text(own)
    assert "P111" not in run(site, "validate", "playbooks/triage.yaml").stdout


@pytest.mark.parametrize("content", ["steps: []\n", "- 1\n", "", "{a: [}\n", "\x00\n", "{version: playbook/v1}\n"])
def test_whatever_lies_among_playbooks_is_judged_as_one(site: Path, content: str) -> None:
    (site / "playbooks/odd.yaml").write_text(content)
    ended = run(site, "validate", "playbooks/odd.yaml")
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert ended.stdout.startswith("playbooks/odd.yaml:")


def test_bytes_that_are_no_text_are_told(site: Path) -> None:
    (site / "playbooks/odd.yaml").write_bytes(b"\xff\xfe\x00")
    ended = run(site, "validate", "playbooks")
    assert (ended.returncode, "P001 the file is not readable UTF-8 text" in ended.stdout) == (3, True)
