"""Ownership rules made from a CODEOWNERS file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stanch.errors import ConfigError
from stanch.learning.codeowners import MAX_BYTES, MAX_ROWS, Row, read_codeowners, regex_of, sections_of
from stanch.learning.conditions import literal
from stanch.learning.drafting import DraftRoutes, add_examples
from stanch.learning.ordering import last_wins
from stanch.learning.writing import CannotWrite
from stanch.routing import People, PlaceWords

MAX_WHEN = 1_900  # an expression has 2,000 characters
_NAMED = 5  # lines in one note


def of_codeowners(text: str, *, host: str = "*", people: People | None = None, name: str = "CODEOWNERS") -> DraftRoutes:
    """Rules that own what the file's last matching row owns, whatever their order.

    Args:
        text: of the file.
        host: where its paths are served; a pattern of ours.
        people: of the directory that exists.
        name: the file's name, for messages.

    Raises:
        ConfigError: R000, the file is too large, or the host is no pattern.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than {MAX_BYTES:,} bytes", code="R000", hint="split it")
    try:
        PlaceWords(host=host)
    except ValueError:
        raise ConfigError(f"{host[:80]} is no host pattern", code="R000", hint="as in *.example.com") from None
    rows, unsaid = read_codeowners(text)
    if len(rows) > MAX_ROWS:
        raise ConfigError(f"{name} has more than {MAX_ROWS:,} rows", code="R000", hint="split it")
    draft = DraftRoutes(people)
    for each in unsaid:
        draft.note(f"line {each.line}: {each.text}: {each.why}")
    for number, (section, own) in enumerate(sections_of(rows)):
        if number == 0:
            _add_rules(draft, own, host)
        else:
            _add_section(draft, section, own, host)
    draft.complete()
    for rule in draft.rules:
        rule["owner"] = rule["owner"] or draft.default
    add_examples(draft)
    return draft


def _add_rules(draft: DraftRoutes, rows: Sequence[Row], host: str) -> None:
    ordered = last_wins(rows)
    for line, later in ordered.dead.items():
        draft.note(_taken(line, later))
    everything = next((row for row in ordered.rows if row.path == "/**" and row.owners), None)
    if everything is not None:  # whose host is narrower has a rule as well
        draft.default = ref_of(draft, everything.owners[0])
        draft.default_cc = [ref_of(draft, owner) for owner in everything.owners[1:]]
    ids: dict[int, str] = {}
    for row in ordered.rows:
        if row is not everything or host != "*":
            ids[row.line] = _add_rule(
                draft, row, host, [ids[each] for each in ordered.wins_over.get(row.line, ()) if each in ids]
            )


def _taken(line: int, later: Sequence[int]) -> str:
    first, *others = later
    if not others:
        return f"line {line} never answers: line {first} comes later and takes all of it"
    named = ", ".join(map(str, later[:_NAMED])) + (" and others" if len(later) > _NAMED else "")
    return f"line {line} never answers: lines {named} come later and together take all of it"


def _add_rule(draft: DraftRoutes, row: Row, host: str, over: list[str]) -> str:
    refs = [ref_of(draft, owner) for owner in row.owners]
    rule: dict[str, Any] = {"id": draft.rule_id(row.pattern), "match": {"host": host, "path": row.path}}
    rule["owner"] = refs[0] if refs else ""  # nobody's: the default's, once it is known
    rule |= {"cc": refs[1:]} if refs[1:] else {}
    rule |= {"wins_over": over} if over else {}
    draft.rules.append(rule)
    draft.remarks[rule["id"]] = f"line {row.line}: {row.pattern}"
    return str(rule["id"])


def _add_section(draft: DraftRoutes, section: str, rows: Sequence[Row], host: str) -> None:
    """A further section adds its owners: overlays do, each where no later row of the section matches."""
    for index, row in enumerate(rows):
        later = [each for each in rows[index + 1 :] if each.owners != row.owners]
        try:
            when = _when(row, later, host)
        except CannotWrite:
            when = ""
        if not row.owners or not when or len(when) > MAX_WHEN:
            why = "has no owners" if not row.owners else "its condition would be too long: write an overlay"
            draft.note(f"line {row.line} of section {section}: {row.pattern}: {why}")
            continue
        refs = list(dict.fromkeys(ref_of(draft, owner) for owner in row.owners))
        taken = {overlay["id"] for overlay in draft.overlays}
        name = draft.rule_id(f"{section} {row.line}")
        draft.overlays.append({"id": name if name not in taken else f"{name}-{row.line}", "when": when, "cc": refs})
        draft.remarks[name] = f"line {row.line}, section {section}: {row.pattern}"


def _when(row: Row, later: Sequence[Row], host: str) -> str:
    if host == "*":
        parts: list[str] = []
    elif host.startswith("*."):
        parts = [f"finding.api.host.endsWith({literal(host[1:])})"]
    elif "{" in host:
        raise CannotWrite("a variable in the host has no equal in a condition")
    else:
        parts = [f"finding.api.host == {literal(host)}"]
    parts.append(f"finding.api.path.matches({literal(regex_of(row.path))})")
    parts += [f"!finding.api.path.matches({literal(regex_of(each.path))})" for each in later]
    return " && ".join(parts)


def ref_of(draft: DraftRoutes, owner: str) -> str:
    """Our name for `@user`, `@org/team` or an address."""
    if not owner.startswith("@"):
        known = _by_address(draft.people, owner)
        ref = draft.owner(owner, kind="user", name=owner.partition("@")[0], known=known)
        draft.users.get(ref, {}).setdefault("email", owner)
        return ref
    org, _, team = owner[1:].rpartition("/")
    if not org:
        return draft.owner(owner, kind="user", name=team)
    return draft.owner(owner, kind="team", name=team, remark=f"{owner} in CODEOWNERS")


def _by_address(people: People | None, address: str) -> str:
    return people.who("email", address) if people is not None else ""
