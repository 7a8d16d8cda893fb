"""Templates of a folder of the deployment, checked together with the shipped ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stanch.errors import Problem
from stanch.texts.checking import SUFFIX, problems_of_all
from stanch.texts.library import shipped


def problems_of_file(path: Path, text: str) -> list[Problem]:
    """What is wrong with one template of a folder, its text as it was read."""
    others = (other for other in path.parent.glob(f"[!.]*{SUFFIX}") if other.is_file())
    beside = {other.stem: other.read_text("utf-8", "replace") for other in others}  # each has problems of its own
    found = problems_of_all({**shipped().sources, **beside, path.stem: text}, only=(path.stem,))
    return [replace(problem, file=str(path)) for problem in found if problem.file == path.stem + SUFFIX]
