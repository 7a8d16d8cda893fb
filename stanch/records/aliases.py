"""Under which identities a problem is known: it keeps its case when its path template or its tool's id changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Insert, bindparam, select

from stanch.records import schema
from stanch.records.database import Database, insert_into, rows_in_parts
from stanch.records.prepared import Prepared, columns_of

if TYPE_CHECKING:
    from stanch.findings import Finding

LOCK = "aliases"


@dataclass(frozen=True)
class Names:
    """The identities of one finding.

    Args:
        source: that sent it; stable ids only mean something within it.
        stable: from the tool's stable id, "" where it has none.
        calculated: from rule and place; first by the template in use, then by the others.
        guessed: the template in use is that of the heuristic.
    """

    source: str
    stable: str = ""
    calculated: tuple[str, ...] = ()
    guessed: bool = False

    @classmethod
    def of(cls, finding: Finding) -> Names:
        """Those of a finding that `complete` has been through."""
        prints = finding.fingerprints
        calculated = tuple(item for item in finding.identities if item != prints.identity_src)
        guessed = finding.api.template_basis == "heuristic"
        return cls(finding.metadata.source_id, prints.identity_src, calculated, guessed)

    @property
    def all(self) -> tuple[str, ...]:
        return (self.stable, *self.calculated) if self.stable else self.calculated

    @property
    def primary(self) -> str:
        """What the id of a new case is made from."""
        return self.stable or next(iter(self.calculated), "")


@dataclass(frozen=True)
class AliasRow:
    """One identity and its case.

    Args:
        is_stable: from a tool's stable id.
        is_weak: from a template that was not in use. Two operations of a specification may share it, so it only leads
            findings here that have nothing better than the heuristic, and gives way to one for which it is in use.
    """

    identity: str
    case_id: str
    source: str
    at: datetime
    is_stable: bool = False
    is_weak: bool = False


def rows_of(names: Names, case_id: str, *, at: datetime) -> list[AliasRow]:
    """What is to be remembered of a finding whose case is settled."""
    stable = [AliasRow(names.stable, case_id, names.source, at, is_stable=True)] if names.stable else []
    return stable + [
        AliasRow(identity, case_id, names.source, at, is_weak=position > 0)
        for position, identity in enumerate(names.calculated)
    ]


def matches_of(db: Connection, names: Sequence[Names]) -> list[tuple[str | None, str]]:
    """The case of each finding, None where the problem is new, and how it was found; reads only."""
    known = _Known.read(db, names)
    return [known.why(each) for each in names]


def remember(db: Connection, given: Iterable[AliasRow]) -> None:
    """Add rows; an identity that is known keeps its case, unless it was known weakly only."""
    best: dict[str, AliasRow] = {}
    for row in given:
        if row.identity not in best or _beats(row, best[row.identity]):
            best[row.identity] = row
    _KEEP.run_all(db, [vars(best[identity]) for identity in sorted(best)])


def _beats(new: AliasRow, known: AliasRow) -> bool:
    return known.is_weak and not new.is_weak


@dataclass(frozen=True)
class Settled:
    """The case of a finding, how it was found (`stable id`, `calculated`, `alias` or `new`), and what to remember."""

    case_id: str
    how: str
    rows: tuple[AliasRow, ...] = ()


def settle_cases(
    db: Connection, names: Sequence[Names], *, mint: Callable[[str], str], at: datetime
) -> Iterator[Settled]:
    """Find or open the case of each finding, one after the other; what the first ones settle counts for the later ones.

    Args:
        db: only read from.
        names: of the findings, in their order.
        mint: makes the id of a new case from the primary identity.
        at: for new rows.
    """
    known = _Known.read(db, names)
    for each in names:
        if not each.primary:
            raise ValueError("a finding without identity would be merged with strangers")
        case, how = known.why(each)
        case = case or mint(each.primary)
        yield Settled(case, how, tuple(row for row in rows_of(each, case, at=at) if known.add(row)))


class _Known:
    """The rows that matter for some findings."""

    def __init__(self, by_identity: Mapping[str, AliasRow], stable: Iterable[AliasRow]) -> None:
        self._by_identity = dict(by_identity)
        self._holders: dict[tuple[str, str], set[str]] = {}
        for row in (*self._by_identity.values(), *stable):
            self._hold(row)

    @classmethod
    def read(cls, db: Connection, names: Sequence[Names]) -> _Known:
        wanted = dict.fromkeys(item for each in names for item in each.all if item)
        by_identity = {row.identity: row for part in rows_in_parts(wanted) for row in _read(db, _NAMED, part)}
        cases = _open_to(by_identity, names) if any(each.stable for each in names) else ()
        stable = [row for part in rows_in_parts(cases) for row in _read(db, _STABLE, part)]
        return cls(by_identity, stable)

    def _hold(self, row: AliasRow) -> None:
        if row.is_stable:
            self._holders.setdefault((row.case_id, row.source), set()).add(row.identity)

    def add(self, row: AliasRow) -> bool:
        """Take a row; False where its identity is known as well or better."""
        known = self._by_identity.get(row.identity)
        if known is not None and not _beats(row, known):
            return False
        self._by_identity[row.identity] = row
        self._hold(row)
        return True

    def why(self, names: Names) -> tuple[str | None, str]:
        """The case and what led to it. A stable id decides alone where it is known."""
        own = self._by_identity.get(names.stable)
        if own is not None:
            return own.case_id, "stable id"
        for position, identity in enumerate(names.calculated):
            row = self._by_identity.get(identity)
            if row is not None and self._may_join(names, row, first=position == 0):
                return row.case_id, "calculated" if position == 0 else "alias"
        return None, "new"

    def _may_join(self, names: Names, row: AliasRow, *, first: bool) -> bool:
        """Never into the case of another stable id of the same source: the tool says that these are two problems."""
        if row.is_weak and not (first and names.guessed):
            return False
        others = self._holders.get((row.case_id, names.source), set()) - {names.stable}
        return not (names.stable and others)


def _open_to(by_identity: Mapping[str, AliasRow], names: Iterable[Names]) -> dict[str, None]:
    """The cases that one of the findings may join, if no stable id of theirs is against it."""
    guessed = {each.calculated[0] for each in names if each.guessed and each.calculated}
    return dict.fromkeys(row.case_id for row in by_identity.values() if not row.is_weak or row.identity in guessed)


_table = schema.aliases
_rows = select(*columns_of(_table, AliasRow))
_is_listed = _table.c.case_id.in_(bindparam("listed", expanding=True))
_NAMED = Prepared(_rows.where(_table.c.identity.in_(bindparam("listed", expanding=True))))
_STABLE = Prepared(_rows.where(_is_listed, _table.c.is_stable.is_(True)))
_OF_CASE = Prepared(_rows.where(_is_listed).order_by(_table.c.at, _table.c.identity))


def _keep(dialect: str) -> Insert:
    """Inserts rows; replaces only those that are known weakly by others that are not."""
    statement = insert_into(_table, dialect)
    changed = {name: statement.excluded[name] for name in ("case_id", "source", "at", "is_stable", "is_weak")}
    beats = _table.c.is_weak.is_(True) & statement.excluded.is_weak.is_(False)
    return statement.on_conflict_do_update(index_elements=["identity"], set_=changed, where=beats)


_KEEP = Prepared(_keep)


def _read(db: Connection, query: Prepared, listed: Sequence[str]) -> Iterator[AliasRow]:
    return (AliasRow(*row) for row in query.rows(db, {"listed": listed}))


class Aliases(Database):
    """Questions about them, each in one transaction."""

    def matches_of(self, names: Sequence[Names]) -> list[tuple[str | None, str]]:
        """The case of each finding, None where the problem is new, and how it was found."""
        with self._read() as db:
            return matches_of(db, names)

    def aliases_of(self, case_id: str) -> list[AliasRow]:
        """Every identity that leads to a case, oldest first."""
        with self._read() as db:
            return list(_read(db, _OF_CASE, [case_id]))
