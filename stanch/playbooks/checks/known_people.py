"""Is everybody whom a playbook asks in the directory? Apart from all other checks, since it needs one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from stanch.playbooks.model import ApproveWords
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Tree

KINDS = ("user:", "team:", "schedule:")


def check_known(tree: Tree, people: Collection[str], report: Report, *, in_use: bool = False) -> None:
    """P210: whoever is asked, excluded or told later, by name.

    Args:
        tree: of the playbook.
        people: every user, team and schedule of the directory.
        report: takes the problems.
        in_use: the files are to be used as they are, not judged. Who is asked and not there can answer nothing, which
            is a warning then: an error would keep the directory in force that still has them. Of who is excluded
            nobody can say whom it meant, and more people than wanted could answer.
    """
    for place in tree.placed:
        if place.step.approve is not None:
            for where, name in _written(place.step.approve):
                severity = "warning" if in_use and where[0] != "not_by" else "error"
                _name((*place.path, "approve", *where), name, people, report, severity=severity)


def _name(path: Path, name: str, people: Collection[str], report: Report, *, severity: str) -> None:
    if name.startswith(KINDS) and name not in people:
        kind, _, _ = name.partition(":")
        alike = did_you_mean(name, [known for known in people if known.startswith(f"{kind}:")])
        hint = alike or f"add {name} to the directory in routes.yaml, or name somebody else here"
        report.add("P210", path, f"{name!r} is not in the directory", hint=hint, severity=severity)


def _written(asks: ApproveWords) -> Iterator[tuple[Path, str]]:
    for index, need in enumerate(asks.need):
        yield from (((("need", index, "from", place)), name) for place, name in enumerate(need.from_))
    yield from ((("not_by", place), name) for place, name in enumerate(asks.not_by))
    for index, rung in enumerate(asks.escalate):
        yield from ((("escalate", index, "to", place), name) for place, name in enumerate(rung.to))
