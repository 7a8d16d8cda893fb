"""`stanch playbook fmt`: one form, the same meaning, every comment kept."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stanch.cli.playbook import app
from stanch.documents import load
from stanch.errors import ConfigError
from stanch.formatting import format_playbook
from stanch.playbooks import check_playbook, compile_plan

ROOT = Path(__file__).parents[2]
BOOKS = [*sorted((ROOT / "playbooks").glob("*.yaml")), *sorted((ROOT / "tests/data/playbooks").glob("*.yaml"))]
BAD = sorted((ROOT / "tests/data/bad").glob("playbook_*.yaml"))
runner = CliRunner()


def digest(text: str) -> str:
    checked = check_playbook(text)
    assert checked.playbook is not None
    assert checked.ok, checked.problems
    return compile_plan(checked.playbook).digest


def remarks(text: str) -> list[str]:
    return sorted(re.findall(r"# remark \d+", text))


def disturbed(text: str, seed: int) -> str:
    """The same file with remarks, empty lines, blanks at line ends and foreign line ends at random places."""
    chance = random.Random(seed)
    data, count = load(text).data, 0
    lines = text.split("\n")
    for _ in range(30):
        at = chance.randrange(len(lines))
        count += 1
        kind = chance.randrange(4)
        line = lines[at]
        changed = [f"{' ' * chance.randrange(9)}# remark {count}", line] if kind == 0 else ["", line]
        changed = [f"{line}  # remark {count}"] if kind == 1 and line.strip() and "#" not in line else changed
        changed = [line + "   "] if kind == 2 else changed
        tried = "\n".join([*lines[:at], *changed, *lines[at + 1 :]])
        try:
            same = load(tried).data == data
        except ConfigError:
            continue
        if same:
            lines = tried.split("\n")
    return "\n".join(lines)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", range(6))
def test_what_a_playbook_means_and_every_remark_survive(path: Path, seed: int) -> None:
    text = disturbed(path.read_text("utf-8"), seed)
    made = format_playbook(text)
    assert digest(made) == digest(text)
    assert remarks(made) == remarks(text) != []
    assert made.count("#") == text.count("#")
    assert format_playbook(made) == made


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_playbook_with_mistakes_is_formatted_or_refused_and_never_harmed(path: Path) -> None:
    text = path.read_text("utf-8")
    try:
        data = load(text).data
    except ConfigError:
        with pytest.raises(ConfigError, match="mistake"):
            format_playbook(text)
        return
    made = format_playbook(text)
    assert data == load(made).data
    assert format_playbook(made) == made


@pytest.mark.parametrize("path", BOOKS[:5], ids=lambda path: path.stem)
def test_what_is_shipped_has_the_one_form(path: Path) -> None:
    assert format_playbook(path.read_text("utf-8")) == path.read_text("utf-8")


UNTIDY = """\ufeff# about all
title:   "A: b"   # beside the title\r
version: playbook/v1
id: a


owner: team:a
mode: manual
steps:
# above the step
- do: chat.message
  # above the id
  id: tell
  with: { to : "x",
          text: "long",   # inside
          template: finding }
- id: note
  do: ticket.comment
  with:
      key: T-1
      text: |   # after the header
          first line
            deeper # no comment

          last line
tests: []
# below all
"""

TIDY = """# about all
version: playbook/v1
id: a
title: "A: b"   # beside the title
mode: manual

owner: team:a
steps:
  # above the step
  # above the id
  - id: tell
    do: chat.message
    with:
      to : "x"
      text: "long"   # inside
      template: finding
  - id: note
    do: ticket.comment
    with:
      key: T-1
      text: |   # after the header
        first line
          deeper # no comment

        last line
tests: []
# below all
"""


def test_an_untidy_file_becomes_tidy() -> None:
    assert format_playbook(UNTIDY) == TIDY.replace("to :", "to:")


def test_the_command_checks_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(BOOKS[0].read_bytes().replace(b"\n", b"\r\n"))
    result = runner.invoke(app, ["fmt", "--check", str(path)])
    assert (result.exit_code, "has another form" in result.stdout) == (1, True)
    assert b"\r\n" in path.read_bytes()
    assert runner.invoke(app, ["fmt", str(path)]).exit_code == 0
    assert path.read_bytes() == BOOKS[0].read_bytes()
    assert [item.name for item in tmp_path.iterdir()] == ["a.yaml"]
    result = runner.invoke(app, ["fmt", "--check", str(path)])
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_file_that_is_no_yaml_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("version: playbook/v1\nsteps: [\n")
    result = runner.invoke(app, ["fmt", str(path)])
    assert (result.exit_code, "P001" in result.stderr) == (3, True)
    assert path.read_text() == "version: playbook/v1\nsteps: [\n"


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_bytes((ROOT / "policy/routes.yaml").read_bytes() + b"\n\n")
    result = runner.invoke(app, ["fmt", str(path)])
    assert (result.exit_code, "is no playbook" in result.stderr) == (0, True)
    assert path.read_bytes().endswith(b"\n\n\n")
