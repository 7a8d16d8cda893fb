"""The connection to the records database: durable settings, short transactions, and errors that leak nothing."""

from __future__ import annotations

import hmac
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, Table, and_, create_engine, event, func, make_url, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from stanch.errors import ConfigError, DependencyError
from stanch.records.schema import SCHEMA_VERSION, meta, metadata
from stanch.records.upgrading import tuned, upgraded

_T = TypeVar("_T")
PRAGMAS = ("busy_timeout=10000", "synchronous=FULL", "foreign_keys=ON")
WAL_SECONDS = 10.0
CREATION_LOCK = 0x5374616E6368  # any number that no other program uses in this database


class Database:
    """Base of the parts of records: read and write transactions on one engine, safe to share between threads."""

    def __init__(self, url: str, key: bytes) -> None:
        if len(key) < 16:
            raise ConfigError("the records key is too short", code="C301", hint="use at least 16 random bytes")
        self._key = key
        self._engine = _engine(url)
        modes = ({"stanch_write": True, "stanch_lasting": lasting} for lasting in (False, True))
        self._writing = [self._engine.execution_options(**mode) for mode in modes]
        self._errors = (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error)
        # SQLite has one writer, and whoever waits for it polls: threads of one process wait for each other instead.
        # Nothing else gives it back: no activity of ours is cancelled inside its thread (activities/_defining.py).
        self._turn = threading.RLock() if self._is_sqlite else nullcontext()
        self._prepare()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def ping(self) -> None:
        """Raise DependencyError unless records can be read."""
        with self._read() as db:
            db.execute(select(meta.c.name).limit(1))

    @contextmanager
    def _read(self, *, snapshot: bool = False) -> Generator[Connection]:
        with _translated(self._errors), self._engine.connect() as db:
            if snapshot and not self._is_sqlite:
                db.execution_options(isolation_level="REPEATABLE READ")
            with db.begin():
                yield db

    @contextmanager
    def _write(self, *, lasting: bool = True) -> Generator[Connection]:
        """A write transaction.

        Args:
            lasting: whether it is on the disk when this ends. What is also stored elsewhere, or can be had again, need
                not wait for that: it survives the end of the process, but a power cut may take the last of it.
        """
        with _translated(self._errors), self._turn, self._writing[lasting].connect() as db, db.begin():
            if not lasting and not self._is_sqlite:
                db.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
            yield db

    @contextmanager
    def _joining(self, db: Connection | None) -> Generator[Connection]:
        """The caller's transaction, or one of its own where there is none."""
        if db is not None:
            yield db
            return
        with self._write() as own:
            yield own

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _insert_new(self, db: Connection, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert unless the row is there; True where it was not."""
        return db.execute(insert_new(table, db.dialect.name, returning=True), values).first() is not None

    def _upsert(
        self, db: Connection, table: Table, values: Mapping[str, Any], *, unless_newer: str | tuple[str, ...] = ""
    ) -> bool:
        """Insert or replace by primary key, but never replace a row whose `unless_newer` column is ahead.

        Of several such columns each counts where those before it are equal.
        """
        statement = upsert(table, db.dialect.name, names=tuple(values), unless_newer=unless_newer)
        return db.execute(statement.returning(*table.primary_key), values).first() is not None

    def _lock(self, db: Connection, name: str) -> None:
        """Hold a named lock until the transaction ends (SQLite has one writer anyway)."""
        self._insert_new(db, meta, {"name": f"lock:{name}", "value": ""})
        if not self._is_sqlite:
            db.execute(select(meta.c.name).where(meta.c.name == f"lock:{name}").with_for_update())

    def _prepare(self) -> None:
        wanted = {"schema": str(SCHEMA_VERSION), "key": hmac.digest(self._key, b"stanch-records", "sha256").hex()}
        with self._write() as db:
            if not self._is_sqlite:
                db.execute(select(func.pg_advisory_xact_lock(CREATION_LOCK)))
            metadata.create_all(db)
            for name, value in wanted.items():
                self._insert_new(db, meta, {"name": name, "value": value})
            found = {row["name"]: row["value"] for row in rows(db, select(meta).where(meta.c.name.in_(wanted)))}
            _check_key(found, wanted)
            _check_schema(upgraded(db, found["schema"]))  # what is refused here is left as it was
            tuned(db)


# Statements are made once: building one and finding it in the cache costs several times what the database does.


@cache
def insert_new(table: Table, dialect: str, *, returning: bool = False) -> Any:
    """Inserts rows unless they are there; `returning` gives the primary keys of those that were not."""
    statement = insert_into(table, dialect).on_conflict_do_nothing()
    return statement.returning(*table.primary_key) if returning else statement


@cache
def upsert(table: Table, dialect: str, *, names: tuple[str, ...], unless_newer: str | tuple[str, ...] = "") -> Any:
    """Inserts rows or replaces them by primary key, but never one whose `unless_newer` columns are ahead."""
    statement = insert_into(table, dialect)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    newer = (unless_newer,) if isinstance(unless_newer, str) else unless_newer
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=_is_newer(table, statement, newer))


def _is_newer(table: Table, statement: Any, names: tuple[str, ...]) -> Any:
    if not any(names):
        return None
    is_as_new = table.c[names[-1]] <= statement.excluded[names[-1]]
    for name in reversed(names[:-1]):
        same, newer = table.c[name] == statement.excluded[name], table.c[name] < statement.excluded[name]
        is_as_new = or_(newer, and_(same, is_as_new))
    return is_as_new


def insert_into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def rows(db: Connection, query: Executable) -> list[dict[str, Any]]:
    """The rows by column name."""
    return [{str(name): value for name, value in row.items()} for row in db.execute(query).mappings()]


def rows_in_parts(values: Iterable[_T], size: int = 500) -> Iterator[list[_T]]:
    """Parts small enough for the bound parameters of one statement."""
    listed = list(values)
    return (listed[start : start + size] for start in range(0, len(listed), size))


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        hint = "write it like sqlite:////var/lib/stanch/records.db or postgresql+psycopg://host/stanch"
        raise ConfigError("the records URL is not a database URL", code="C302", hint=hint) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError("records need SQLite or PostgreSQL", code="C302")
    return _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else _postgres_engine(parsed)


def _postgres_engine(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError:
        hint = "pip install 'psycopg[binary]' and write postgresql+psycopg://"
        raise ConfigError("the PostgreSQL driver is not installed", code="C302", hint=hint) from None


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ConfigError("records in memory would not survive a restart", code="C302", hint="name a file")
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN would come too late to take the write lock
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("stanch_write"):
            _synchronous(connection, "FULL" if options["stanch_lasting"] else "NORMAL")
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if options.get("stanch_write") else "BEGIN")

    return engine


def _synchronous(connection: Connection, level: str) -> None:
    """With a write-ahead log, NORMAL loses no consistency, only the last transactions of a power cut."""
    if connection.info.get("synchronous", "FULL") != level:
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.info["synchronous"] = level


def _write_ahead(connection: Any) -> None:
    """Switch to a write-ahead log; SQLite does not wait by itself while another process makes the same file."""
    deadline = time.monotonic() + WAL_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _check_key(found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    if found["key"] != wanted["key"]:
        hint = "use the key the records were begun with; without it the ledger cannot be continued or verified"
        raise ConfigError("these records were written with another key", code="C304", hint=hint)


def _check_schema(version: str) -> None:
    if version != str(SCHEMA_VERSION):
        message = f"records have schema {version[:20]}, this release needs {SCHEMA_VERSION}"
        raise ConfigError(message, code="C303", hint="run the release that wrote them, or restore a copy of before")


@contextmanager
def _translated(errors: tuple[type[Exception], ...]) -> Generator[None]:
    try:
        yield
    except errors as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        hint = "check the database and its disk; work that needs it is tried again"
        raise DependencyError(f"records cannot be used ({kind})", code="D010", hint=hint) from None
