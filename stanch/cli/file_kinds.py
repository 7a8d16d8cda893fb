"""What a policy file is meant to be: by its version line, by its words, by where it stands."""

from __future__ import annotations

import difflib
from pathlib import Path

_KINDS = {name: name for name in ("playbook", "guards", "sources", "inventory", "scenario", "lists")} | {
    "routing": "routes",
    "routes": "routes",
}
_SUFFIXES = (".yaml", ".yml")
_MARKS = (  # words that only this kind of file has together
    ({"steps", "mode"}, "playbook"),
    ({"steps", "title"}, "playbook"),
    ({"rules", "default"}, "routes"),
    ({"rules", "directory"}, "routes"),
    ({"never_block"}, "guards"),
    ({"lists", "joins"}, "lists"),
    ({"playbook", "finding"}, "scenario"),
)


def kind_of(path: Path, text: str) -> str:
    """What a file is, by its version line or its name; foreign where no policy has such a name."""
    if path.suffix == ".j2":
        return "text"
    if path.suffix not in _SUFFIXES:
        return "foreign"
    if path.parent.name == "adapters":
        return "adapter"
    if any(line.startswith(("openapi:", "swagger:")) for line in text.splitlines()[:200]):
        return "openapi"
    lines = text.splitlines()
    version = next((line for line in lines if line.startswith("version:")), "")
    word = version.removeprefix("version:").partition("#")[0].strip().strip("'\"").partition("/")[0]
    near = difflib.get_close_matches(word, _KINDS, n=1, cutoff=0.7)
    return _KINDS[near[0]] if near else _by_content(path, lines)


def _by_content(path: Path, lines: list[str]) -> str:
    """What a file without a usable version line is meant to be, so that this is told and it is not passed over."""
    words = {line.partition(":")[0] for line in lines if line[:1].isalpha()}
    marked = next((kind for marks, kind in _MARKS if marks <= words), "")
    return marked or ("playbook" if path.parent.name == "playbooks" else _KINDS.get(path.stem, ""))
