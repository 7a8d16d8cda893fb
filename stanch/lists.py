"""`policy/lists.yaml`: named lists of endpoints and of principals, and the joins that make rules of them.

A join denies what any principal on one list asks of any endpoint on another. It is one rule at one point, whatever is
on the lists; what is on them are leases, which findings add and which end by themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from stanch.documents import Codes, Document, load, validate
from stanch.errors import ConfigError, Problem
from stanch.guards.part import Part

VERSION = "lists/v1"
_CODES = Codes(unknown_key="L902", missing="L903", invalid="L904")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Side = Literal["endpoints", "principals"]


class ListWords(Part):
    """One list.

    Args:
        of: what its members are.
        owner: who answers for it.
        most: members at a time.
    """

    of: Side
    title: str = ""
    owner: str = ""
    most: int = Field(default=100, ge=1, le=500)


class JoinWords(Part):
    """One rule.

    Args:
        principals, endpoints: the two lists; a list is in one join only.
        at: the point, which must be able to join.
        most: pairs at a time: members of the one list times members of the other.
    """

    principals: Name
    endpoints: Name
    at: str = Field(min_length=1)
    title: str = ""
    most: int = Field(default=2000, ge=1, le=50000)


class ListsFile(Part):
    """`policy/lists.yaml`."""

    version: Literal["lists/v1"]
    lists: dict[Name, ListWords] = Field(default_factory=dict[str, ListWords])
    joins: dict[Name, JoinWords] = Field(default_factory=dict[str, JoinWords])

    def join_of(self, name: str) -> tuple[str, JoinWords] | None:
        """The join a list belongs to."""
        found = ((key, join) for key, join in self.joins.items() if name in (join.principals, join.endpoints))
        return next(found, None)


def load_lists(path: Path) -> ListsFile:
    """Read the lists of a policy folder; a missing file means none.

    Raises:
        ConfigError: L901 to L905, with every mistake at its line.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = f"version: {VERSION}\n"
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} is not readable UTF-8 text", code="L901", hint="it must be a text file") from None
    return parse_lists(text, str(path))


def parse_lists(text: str, file: str = "lists.yaml") -> ListsFile:
    """Read lists from their text.

    Raises:
        ConfigError: L901 to L905.
    """
    document = load(text, file, code="L901")
    found = validate(ListsFile, document, _CODES)
    problems = _problems(found, document, file)
    if problems:
        raise ConfigError(problems[0].message, problems=problems, code="L905")
    return found


def _problems(found: ListsFile, document: Document, file: str) -> list[Problem]:
    problems: list[Problem] = []
    taken: set[str] = set()

    def say(join: str, side: str, message: str) -> None:
        line, column = document.at(("joins", join, side))
        problems.append(Problem("L905", message, file, line, column, hint="see docs/lists.md"))

    for key, join in found.joins.items():
        sides: tuple[tuple[Side, str], ...] = (("principals", join.principals), ("endpoints", join.endpoints))
        for side, name in sides:
            words = found.lists.get(name)
            if words is None or words.of != side:
                say(key, side, f"{name} is no list of {side}")
            elif name in taken:
                say(key, side, f"{name} is in another join already")
            taken.add(name)
    return problems
