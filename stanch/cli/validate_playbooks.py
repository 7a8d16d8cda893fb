"""What `stanch validate` finds in playbooks: each by itself, with those beside it, and its tests' findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from stanch.cli.validate_routes import people_beside

if TYPE_CHECKING:
    from stanch.devices import Declared
    from stanch.errors import Problem
    from stanch.playbooks import Playbook


def playbook_problems(
    texts: Mapping[Path, str], *, templates: set[str], routes: Mapping[Path, str] = MappingProxyType({})
) -> list[Problem]:
    """Problems of the given files, and those that they have together with other playbooks of their folders.

    Args:
        texts: the files to report on; whoever commits one file of a folder is told of conflicts with the rest.
        templates: names of text templates that were given along, beside the shipped ones and the policy folder's.
        routes: ownership rules that were given along, whose directory says whom playbooks may ask.
    """
    from stanch.playbooks.library import check_texts
    from stanch.text_names import shipped_names

    found: list[Problem] = []
    devices = _devices()
    for folder in sorted({path.parent for path in texts}):
        inside = {str(path): text for path, text in texts.items() if path.parent == folder}
        known = templates | shipped_names() | _templates_beside(folder)
        people = people_beside(folder, routes)
        checked = check_texts(inside | _beside(folder, inside), templates=known, people=people, devices=devices)
        found += [problem for problem in checked.problems if problem.file in inside]
        found += checked.across
        found += _fixtures({file: book for file, book in checked.playbooks.items() if file in inside}, inside)
    return found


def _devices() -> Mapping[str, Declared] | None:
    """The devices of this deployment's settings; None where it has none here, or none that can be read."""
    from stanch.devices import declared
    from stanch.errors import ConfigError
    from stanch.settings import file_of_settings, load_settings

    if not file_of_settings().is_file():
        return None
    try:
        return declared(load_settings().webhooks)
    except ConfigError:
        return None  # which has problems of its own


def _beside(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The other playbooks of a folder, which are read and not reported on."""
    from stanch.cli.file_kinds import kind_of

    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.y*ml")):
        if str(path) in given:
            continue
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if kind_of(path, text) == "playbook":
            found[str(path)] = text
    return found


def _templates_beside(folder: Path) -> set[str]:
    """Texts of the policy folder next to a folder of playbooks, where deployments keep them."""
    return {path.stem for path in (folder.parent / "policy" / "texts").glob("*.j2")}


def _fixtures(playbooks: Mapping[str, Playbook], texts: Mapping[str, str]) -> Iterator[Problem]:
    """P403: findings that tests name, and that are not there or are no longer findings."""
    from stanch.errors import Problem, StanchError
    from stanch.playbooks.fixtures import check_fixture

    fine: set[tuple[Path, str]] = set()
    for file, playbook in playbooks.items():
        folder = Path(file).parent
        for number, test in enumerate(playbook.tests):
            if isinstance(test.finding, str) and (folder, test.finding) in fine:
                continue
            try:
                check_fixture(test.finding, folder)
            except StanchError as error:
                line, column = _test_place(texts[file], number)
                message = f"finding of test {test.name!r}: {error.message}"
                yield Problem("P403", message, file=file, line=line, column=column, hint=error.hint)
            else:
                fine |= {(folder, test.finding)} if isinstance(test.finding, str) else set()


def _test_place(text: str, number: int) -> tuple[int, int]:
    from stanch.documents import load

    return load(text).at(("tests", number, "finding"))
