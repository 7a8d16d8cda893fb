"""Is everybody whom a playbook asks in the directory? Apart from all other checks, since it needs one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from stanch.playbooks.model import ApproveWords
from stanch.playbooks.report import Report, did_you_mean
from stanch.playbooks.tree import Path, Tree

KINDS = ("user:", "team:", "schedule:")


def check_known(tree: Tree, people: Collection[str], report: Report) -> None:
    """P210: whoever is asked, excluded or told later, by name.

    Args:
        tree: of the playbook.
        people: every user, team and schedule of the directory.
        report: takes the problems.
    """
    for place in tree.placed:
        if place.step.approve is not None:
            _names(place.step.approve, (*place.path, "approve"), people, report)


def _names(asks: ApproveWords, path: Path, people: Collection[str], report: Report) -> None:
    for where, name in _written(asks):
        if name.startswith(KINDS) and name not in people:
            kind, _, _ = name.partition(":")
            alike = did_you_mean(name, [known for known in people if known.startswith(f"{kind}:")])
            hint = alike or f"add {name} to the directory in routes.yaml, or name somebody else here"
            report.add("P210", (*path, *where), f"{name!r} is not in the directory", hint=hint)


def _written(asks: ApproveWords) -> Iterator[tuple[Path, str]]:
    for index, need in enumerate(asks.need):
        yield from (((("need", index, "from", place)), name) for place, name in enumerate(need.from_))
    yield from ((("not_by", place), name) for place, name in enumerate(asks.not_by))
    for index, rung in enumerate(asks.escalate):
        yield from ((("escalate", index, "to", place), name) for place, name in enumerate(rung.to))
