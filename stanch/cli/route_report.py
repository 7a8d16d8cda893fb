"""What `stanch route` prints: decisions, test results and the rules, as plain data and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stanch.shapes import is_dict, is_tuple

if TYPE_CHECKING:
    from rich.tree import Tree

    from stanch.errors import Problem
    from stanch.routing import Decision, RouteTable, TestResult
    from stanch.views import FindingView


def answer(decision: Decision, finding: FindingView) -> dict[str, Any]:
    """What is printed of a decision, as plain data."""
    view, trace = decision.view, decision.trace
    return {
        "id": finding.id,
        "place": trace.place,
        "rule": decision.rule,
        "owner": view.owner.id,
        "assignee": view.assignee,
        "cc": list(view.cc),
        "notify": list(view.notify),
        "severity": view.severity,
        "lane": view.lane,
        "due": view.due.isoformat() if view.due else None,
        "ticket": view.ticket.model_dump(),
        "legal_clock": view.legal_clock,
        "tags": list(view.tags),
        "matched": trace.matched,
        "lost": [list(each) for each in trace.lost],
        "near": [list(each) for each in trace.near],
        "notes": list(trace.notes),
        "rules_digest": decision.digest,
    }


def _said(value: object) -> str:
    if is_dict(value):
        return " ".join(f"{name}={_said(each)}" for name, each in value.items())
    return ",".join(str(each) for each in value) if is_tuple(value) else str(value)


def explained(found: Mapping[str, Any]) -> Iterator[str]:
    """A decision in lines: the answer first, then why."""
    yield f"{found['place']} -> {found['owner']}"
    ticket = " ".join(_said(value) for value in found["ticket"].values() if value)
    words = {
        "rule": found["rule"],
        "assignee": found["assignee"],
        "cc": ", ".join(found["cc"]),
        "notify": ", ".join(found["notify"]),
        "severity": f"{found['severity']}, lane {found['lane']}",
        "due": found["due"] or "no deadline",
        "ticket": ticket,
        "legal clock": found["legal_clock"],
        "tags": ", ".join(found["tags"]),
        "quiet": found.get("quiet", ""),
    }
    for name, value in words.items():
        if value:
            yield f"  {name:<12}{value}"
    yield f"  {'why':<12}{found['matched'] or _unmatched(found['rule'])}"
    for note in found["notes"]:
        yield f"  {'':<12}{note}"
    for name, reason in found["lost"]:
        yield f"  {'lost':<12}{name}: {reason}"
    for name, reason in found["near"]:
        yield f"  {'near miss':<12}{name}: {reason}"
    for note in found.get("noise", ()):
        yield f"  {'noise':<12}{note}"


def _unmatched(rule: str) -> str:
    """Who owns what no rule matches; the note about an owner of the inventory follows."""
    return "no rule matches" if rule.startswith("inventory:") else "no rule matches: the default owns it"


def one_line(found: Mapping[str, Any]) -> str:
    """A decision in one line, for many findings."""
    due = found["due"] or "no deadline"
    return f"{found['place']} -> {found['owner']} ({found['rule']}, {found['severity']}, {found['lane']}, due {due})"


def report(results: list[TestResult], warnings: list[Problem]) -> dict[str, Any]:
    """The outcome of `check` as plain data."""
    tests = [
        {"name": each.name, "ok": each.ok, "differences": [list(difference) for difference in each.differences]}
        for each in results
    ]
    return {"tests": tests, "warnings": [asdict(problem) for problem in warnings]}


def report_lines(results: list[TestResult], warnings: list[Problem]) -> Iterator[str]:
    """Failed tests with what was expected, then warnings."""
    for result in results:
        if not result.ok:
            yield f"FAILED {result.name}"
            for name, wanted, got in result.differences:
                yield f"  {name}: expected {wanted}, got {got}"
    for problem in warnings:
        yield f"{problem.severity}: {problem}"


def places(table: RouteTable) -> list[dict[str, Any]]:
    """Every place of every rule, the most specific first."""
    rows = [(words, rule) for rule in table.file.rules for words in rule.match.alternatives]
    rows.sort(key=lambda row: row[0].place.rank)
    return [
        {
            "host": words.host,
            "path": words.path,
            "methods": list(words.methods),
            "rule": rule.id,
            "owner": rule.owner,
            "branches": [{"id": each.id, "when": each.when, "owner": each.owner or rule.owner} for each in rule.refine],
        }
        for words, rule in rows
    ]


def as_tree(table: RouteTable, rows: list[dict[str, Any]]) -> Tree:
    """The rows as a tree of hosts, paths and branches."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(table.name))
    hosts: dict[str, Tree] = {}
    for row in rows:
        if row["host"] not in hosts:
            hosts[row["host"]] = tree.add(Text(row["host"]))
        methods = f" {','.join(row['methods'])}" if row["methods"] else ""
        node = hosts[row["host"]].add(Text(f"{row['path']}{methods} -> {row['owner']} ({row['rule']})"))
        for branch in row["branches"]:
            node.add(Text(f"{branch['id']}: {branch['when']} -> {branch['owner']}"))
    default = table.file.default
    tree.add(Text(f"anything else -> {default.owner} ({default.id})"))
    return tree
