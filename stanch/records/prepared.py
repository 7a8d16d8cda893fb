"""Statements compiled once for each database; what is left for every run is to bind values and to read rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Insert, Select, Table, Update, bindparam
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType

from stanch.records.database import insert_into, insert_new

SOME = 16  # rows in one statement that gives an answer

Values = Mapping[str, Any]
Statement = Select[*tuple[Any, ...]] | Insert | Update
_Convert = Callable[[Any], Any] | None


class Prepared:
    """One statement for any number of runs.

    Running a small statement through SQLAlchemy costs several times what the database does for it: it is looked up in
    a cache, its values are named and checked, and `IN (...)` is written anew. Here that is done once, and the driver's
    own cursor runs it; values and columns go through the conversions of their types as ever. What the driver raises is
    translated where the transaction ends (`Database`).

    Args:
        statement: of Core, all values named; an insert takes every column of its table. Or what makes it for the name
            of a dialect.
    """

    def __init__(self, statement: Statement | Callable[[str], Statement]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, db: Connection, values: Values) -> None:
        """Run it with these values."""
        ready = self._for(db.dialect).ready(values)
        db.connection.cursor().execute(ready.text, ready.bound(values))

    def run_all(self, db: Connection, rows: Sequence[Values]) -> None:
        """Run it with the values of each row; not at all where there are none. Lists are as long in each."""
        if len(rows) == 1:
            self.run(db, rows[0])
        elif rows:
            ready = self._for(db.dialect).ready(rows[0])
            db.connection.cursor().executemany(ready.text, [ready.bound(values) for values in rows])

    def rows(self, db: Connection, values: Values) -> list[tuple[Any, ...]]:
        """What it gives, each row in the order of its columns."""
        compiled = self._for(db.dialect)
        ready = compiled.ready(values)
        cursor = db.connection.cursor()
        cursor.execute(ready.text, ready.bound(values))
        return [compiled.read(row) for row in cursor.fetchall()]

    def _for(self, dialect: Dialect) -> _Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            made = self._statement(dialect.name) if callable(self._statement) else self._statement
            found = self._compiled[dialect.name] = _Compiled(made, dialect)
        return found


class Inserting:
    """Inserts rows of one table unless they are there, and says which of them were not: their primary keys."""

    def __init__(self, table: Table) -> None:
        self._one = Prepared(lambda dialect: insert_new(table, dialect, returning=True))
        self._some = Prepared(lambda dialect: _insert_some(table, dialect))

    def new(self, db: Connection, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
        whole = len(rows) - len(rows) % SOME
        found = [key for start in range(0, whole, SOME) for key in self._some.rows(db, _numbered(rows, start))]
        return found + [key for row in rows[whole:] for key in self._one.rows(db, row)]


def _insert_some(table: Table, dialect: str) -> Insert:
    """One statement for some rows: one by one, each would wait for its answer before the next is sent."""
    rows: list[dict[str, Any]] = [
        {column.name: bindparam(f"{column.name}_{place}", type_=column.type) for column in table.columns}
        for place in range(SOME)
    ]
    return insert_into(table, dialect).values(rows).on_conflict_do_nothing().returning(*table.primary_key)


def _numbered(rows: Sequence[Values], start: int) -> dict[str, Any]:
    return {f"{name}_{place}": rows[start + place][name] for place in range(SOME) for name in rows[start]}


def columns_of(table: Table, kind: type) -> list[Column[Any]]:
    """The columns of a table in the order of the fields of a dataclass, so that it can be made of a row."""
    return [table.c[each.name] for each in fields(kind)]


class _Compiled:
    """A statement in the words of one database; it has as many forms as its lists have sizes."""

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        if unknown := sorted(name for name, bind in binds.items() if isinstance(bind.type, NullType)):
            raise TypeError(f"values of no type would be stored unconverted: {', '.join(unknown)}")
        self._compiled = compiled
        self._lists = tuple(name for name, bind in binds.items() if bind.expanding)
        self._fixed = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        self._binds = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in binds.items()}
        self._forms: dict[tuple[int, ...], _Form] = {}
        types = (column.type.dialect_impl(dialect) for column in statement.exported_columns)
        self._converts: list[_Convert] = [each.result_processor(dialect, None) for each in types]

    def ready(self, values: Values) -> _Form:
        """The form for lists of about these lengths."""
        sizes = tuple([_size(len(values[name])) for name in self._lists])
        found = self._forms.get(sizes)
        if found is None:
            found = self._forms[sizes] = self._form(values, sizes)
        return found

    def read(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([value if to is None else to(value) for to, value in zip(self._converts, row, strict=True)])

    def _form(self, values: Values, sizes: Sequence[int]) -> _Form:
        filled = {name: list(_filled(values[name], size)) for name, size in zip(self._lists, sizes, strict=True)}
        state = self._compiled.construct_expanded_state({**values, **filled})
        listed = {place: name for name, places in state.parameter_expansion.items() for place in places}
        names = state.positiontup if self._compiled.positional else tuple(state.parameters)
        assert names is not None
        return _Form(
            text=state.statement,
            binds=[(name, self._binds[listed.get(name, name)]) for name in names],
            lists=state.parameter_expansion,
            fixed=self._fixed,
            is_positional=self._compiled.positional,
        )


@dataclass(frozen=True)
class _Form:
    """The text of a statement, and how its values are bound."""

    text: str
    binds: Sequence[tuple[str, _Convert]]
    lists: Mapping[str, Sequence[str]]
    fixed: Values
    is_positional: bool

    def bound(self, values: Values) -> Any:
        if self.fixed or self.lists:
            values = {**self.fixed, **values, **self._listed(values)}
        if self.is_positional:
            return tuple([values[name] if to is None else to(values[name]) for name, to in self.binds])
        return {name: values[name] if to is None else to(values[name]) for name, to in self.binds}

    def _listed(self, values: Values) -> dict[str, Any]:
        return {
            place: value
            for name, places in self.lists.items()
            for place, value in zip(places, _filled(values[name], len(places)), strict=True)
        }


def _size(count: int) -> int:
    """The power of two that holds so many, so that there are few forms of a statement."""
    return 1 << (count - 1).bit_length() if count else 0


def _filled(values: Sequence[Any], size: int) -> Iterable[Any]:
    """A list of that size: what is named twice is found once."""
    return chain(values, repeat(values[-1], size - len(values))) if values else ()
