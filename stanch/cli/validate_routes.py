"""What `stanch validate` finds in ownership files: those that are loaded together are checked together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stanch.errors import Problem


def routes_problems(texts: Mapping[Path, str]) -> list[Problem]:
    """Of each set of files; the tests inside are run by `stanch route check`.

    A file of `routes.d` that is named alone is checked with those that it is loaded with.
    """
    from stanch.errors import ConfigError

    problems: list[Problem] = []
    for files in _sets(texts):
        try:
            problems += _doubts(
                {str(file): texts[file] if file in texts else file.read_text("utf-8") for file in files}
            )
        except (OSError, UnicodeDecodeError):
            continue  # a file that was not named; whoever names it hears that it cannot be read
        except ConfigError as error:
            problems += error.problems
    return problems


def people_beside(folder: Path, texts: Mapping[Path, str]) -> frozenset[str] | None:
    """Who is in the directory that playbooks of a folder are used with: of the given rules, else of the policy beside.

    Args:
        folder: of playbooks.
        texts: the rules that are checked along.

    Returns:
        None where there are no rules, or none that can be used: those have problems of their own.
    """
    from stanch.errors import ConfigError
    from stanch.routing import load_route_files, route_files

    own = list(texts) or route_files(folder.parent / "policy" / "routes.yaml")
    sets = _sets(dict.fromkeys((file for file in own if file.is_file()), ""))
    if len(sets) != 1:
        return None
    try:
        return load_route_files({str(file): file.read_text("utf-8") for file in sets[0]}).people.names
    except (OSError, UnicodeDecodeError, ConfigError):
        return None


def _doubts(texts: Mapping[str, str]) -> list[Problem]:
    from stanch.routing import check, lint, load_route_files

    table = load_route_files(texts)
    found = lint(table, check(table), now=datetime.now(UTC))
    return [problem for problem in found if problem.severity != "info"]  # remarks are for `stanch route check`


def _sets(texts: Mapping[Path, str]) -> list[list[Path]]:
    from stanch.routing import ROUTES_FOLDER, route_files

    together: dict[Path, list[Path]] = defaultdict(list)
    for path in texts:
        main = path.parent.parent / "routes.yaml" if path.parent.name == ROUTES_FOLDER else path
        together[main].append(path)
    return [
        sorted({*named, *(file for file in route_files(main) if file.is_file())}) for main, named in together.items()
    ]
