"""CODEOWNERS files of GitHub and GitLab: rows, sections, and each pattern in the words of our paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stanch.routing import PlaceWords

MAX_BYTES = 3 * 1024 * 1024  # as GitHub reads
MAX_ROWS = 1_000
_SECTION = re.compile(r"\^?\[(?P<name>[^\[\]]{1,200})\](?:\[\d{1,3}\])?(?:\s+(?P<owners>.*))?\Z")
_OWNER = re.compile(
    r"@[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*\Z|[^@\s/]{1,64}@[A-Za-z0-9.-]{1,250}\Z", re.ASCII
)
_SPLIT = re.compile(r"(?:\\.|[^\s\\])+")
_ANY = "{any}"


@dataclass(frozen=True)
class Row:
    """One line: the later of two that match a file owns it; without owners nobody does.

    Args:
        path: the pattern in our words.
        section: "" for rows before the first section, and for files without any.
    """

    line: int
    pattern: str
    path: str
    owners: tuple[str, ...]
    section: str = ""


@dataclass(frozen=True)
class Unsaid:
    """A line that our rules cannot say, and why."""

    line: int
    text: str
    why: str


class CannotSay(ValueError):
    """A pattern has no equal in our paths; the message says why."""


def read_codeowners(text: str) -> tuple[list[Row], list[Unsaid]]:
    """Rows in the order of the file, and lines that cannot be said; both know their line."""
    rows: list[Row] = []
    unsaid: list[Unsaid] = []
    section = ""
    inherited: tuple[str, ...] = ()
    for number, whole in enumerate(text.split("\n"), start=1):
        line = whole.strip()
        if not line or line.startswith("#"):
            continue
        header = _SECTION.match(line)
        try:
            if header:
                section, inherited = header["name"].strip(), _owners(_words(header["owners"] or ""))
                continue
            pattern, *owners = _words(line) or [""]
            if not pattern:
                raise CannotSay("there is no pattern in it")
            named = _owners(owners) or inherited
            rows.append(Row(number, pattern, path_of(pattern), named, section))
        except CannotSay as why:
            unsaid.append(Unsaid(number, line[:200], str(why)))
    return rows, unsaid


def _words(line: str) -> list[str]:
    """Words of a line, without a comment at its end; a backslash keeps the space behind it."""
    words: list[str] = _SPLIT.findall(line)
    end = next((index for index, word in enumerate(words) if index and word.startswith("#")), len(words))
    return words[:end]


def _owners(words: list[str]) -> tuple[str, ...]:
    for word in words:
        if word.startswith("@@"):
            raise CannotSay(f"{word[:80]} is a role, and roles are nobody in the directory")
        if not _OWNER.match(word):
            raise CannotSay(f"{word[:80]} is no owner: write @user, @org/team or an address")
    return tuple(dict.fromkeys(words))


def path_of(pattern: str) -> str:
    """A pattern as a path of ours that meets the same files.

    A pattern without a slash, but for one at its end, stands anywhere; a name stands for what is below it, too, but a
    last `*` does not; a slash at the end leaves only what is below. What GitHub does not take, or what tools read
    differently, is refused.

    Raises:
        CannotSay: our paths have no equal.
    """
    if pattern.startswith("!"):
        raise CannotSay("a pattern that takes back has no equal here")
    body = pattern.rstrip("/")
    if not body:
        raise CannotSay("this pattern is about no file")
    is_folder = pattern.endswith("/")
    names = body.strip("/").split("/")
    if is_folder and names[-1] == "**":
        raise CannotSay("tools differ in what '**/' at the end means: write '**'")
    anchored = "/" in body
    parts = [] if anchored or names == ["**"] else ["**"]
    parts += [_segment(name) for name in names]
    path = "/" + "/".join(_ended(parts, is_folder=is_folder, anchored=anchored))
    try:
        PlaceWords(path=path)
    except ValueError:
        raise CannotSay("a path of ours cannot have these characters") from None
    return path


def _ended(parts: list[str], *, is_folder: bool, anchored: bool) -> list[str]:
    if is_folder:
        return [*parts, _ANY, "**"]
    if parts[-1] == "**":  # what is below, not the folder itself
        return [*parts[:-1], _ANY, "**"] if len(parts) > 1 else parts
    if parts[-1] == _ANY:
        return parts if anchored else ["**"]
    return [*parts, "**"]


def _segment(name: str) -> str:
    if name == "**":
        return name
    if name == "*":
        return _ANY
    if "\\" in re.sub(r"\\ ", "", name):
        raise CannotSay("a path of ours cannot have escaped characters")
    if any(mark in name for mark in "[]"):
        raise CannotSay("tools differ in what brackets mean: name each file")
    if any(mark in name for mark in "?{}"):
        raise CannotSay("'?' and braces have no equal here")
    if name.count("*") > 1:
        raise CannotSay("more than one '*' in a name has no equal here")
    if not name:
        raise CannotSay("this pattern is about no file")
    return name.replace("\\ ", " ")


def regex_of(path: str) -> str:
    """The same path as an RE2 pattern for the whole of a path, for conditions."""
    found = ""
    parts = path.split("/")[1:]
    for index, part in enumerate(parts):
        if part == "**":
            found += "(/.*)?" if index == len(parts) - 1 else "(/[^/]+)*"
        elif part == _ANY:
            found += "/[^/]+"
        else:
            found += "/" + "[^/]*".join(_quoted(piece) for piece in part.split("*"))
    return f"^{found}$"


def _quoted(text: str) -> str:
    """As itself; a class of one needs no backslash, which would have to be escaped twice more on its way."""
    return "".join("\\^" if char == "^" else f"[{char}]" if char in ".$+()|" else char for char in text)


def sections_of(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Rows by section, in the order of the file; GitLab takes an owner from each."""
    names = dict.fromkeys(row.section for row in rows)
    for name in names:
        yield name, [row for row in rows if row.section == name]
