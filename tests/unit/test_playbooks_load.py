"""Playbook files: what loads, what is refused where, and what the shipped ones promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stanch.errors import ConfigError
from stanch.playbooks import check_playbook, compile_plan, load_playbook
from stanch.playbooks.library import PlaybookSet

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "tests/data/playbooks").glob("*.yaml"))
BAD = sorted((ROOT / "tests/data/bad").glob("playbook_*.yaml"))
SHIPPED = sorted((ROOT / "playbooks").glob("*.yaml"))
_MARK = re.compile(r"# <- (P\d{3})")


@pytest.mark.parametrize("path", [*EXAMPLES, *SHIPPED], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_good_file_has_no_problem_at_all(path: Path) -> None:
    assert check_playbook(path.read_text(), path.name).problems == ()


def test_there_are_files_to_judge() -> None:
    assert len(EXAMPLES) == 4
    assert len(SHIPPED) >= 4
    assert len(BAD) >= 25


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem.removeprefix("playbook_"))
def test_each_mistake_is_found_on_its_line_and_nothing_else_is(path: Path) -> None:
    text = path.read_text()
    marked = [(number, code) for number, line in enumerate(text.split("\n"), 1) for code in _MARK.findall(line)]
    problems = check_playbook(text, path.name).problems
    assert sorted((problem.line, problem.code) for problem in problems) == sorted(marked)
    assert all(problem.column > 0 and problem.file == path.name and problem.message for problem in problems)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem.removeprefix("playbook_"))
def test_a_file_with_errors_is_refused_with_all_of_them(path: Path) -> None:
    text = path.read_text()
    errors = [problem for problem in check_playbook(text, path.name).problems if problem.severity == "error"]
    if not errors:
        assert load_playbook(text, path.name).id == "broken"
        return
    with pytest.raises(ConfigError) as caught:
        load_playbook(text, path.name)
    assert list(caught.value.problems) == errors


def test_a_misspelt_word_gets_the_right_one() -> None:
    problems = check_playbook((ROOT / "tests/data/bad/playbook_unknown_action.yaml").read_text()).problems
    assert "ticket.create" in problems[0].hint


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_half_a_file_never_crashes_the_loader(path: Path) -> None:
    text = path.read_text()
    for cut in range(0, len(text), 97):
        check_playbook(text[:cut], path.name)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_file_with_any_line_left_out_loads_or_says_why(path: Path) -> None:
    lines = path.read_text().split("\n")
    for left_out in range(0, len(lines), 5):
        checked = check_playbook("\n".join(lines[:left_out] + lines[left_out + 1 :]), path.name)
        if checked.ok:
            assert checked.playbook is not None
            compile_plan(checked.playbook)
        else:
            assert all(problem.line >= 0 and problem.message for problem in checked.problems)


@pytest.mark.parametrize("span", ["99999999999d", "9" * 5000 + "s", "-5m", "5 parsecs", "1h;"])
def test_an_absurd_duration_is_a_problem_and_no_crash(span: str) -> None:
    text = SHIPPED[0].read_text().replace("timeout: 1h", f"timeout: {span!r}")
    assert [problem.code for problem in check_playbook(text).problems] == ["P001"]


def test_own_text_templates_are_known_when_they_are_named() -> None:
    text = SHIPPED[0].read_text().replace("template: policy_attach", "template: our_words")
    assert {problem.code for problem in check_playbook(text).problems} == {"P111"}
    assert check_playbook(text, templates={"our_words", "handover"}).ok


def test_the_shipped_playbooks_load_as_a_set() -> None:
    found = PlaybookSet.load(ROOT / "playbooks")
    assert set(found.entries) == {path.stem for path in SHIPPED}
    assert found.warnings == ()


def test_a_folder_that_does_not_exist_is_an_empty_set(tmp_path: Path) -> None:
    assert not PlaybookSet.load(tmp_path / "none").entries


def test_all_files_of_a_folder_report_at_once(tmp_path: Path) -> None:
    for path in BAD[:3]:
        (tmp_path / path.name).write_text(path.read_text())
    with pytest.raises(ConfigError) as caught:
        PlaybookSet.load(tmp_path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {path.name for path in BAD[:3]}
