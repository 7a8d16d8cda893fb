"""Finds records by exact values and believes no row that it has not compared.

ServiceNow drops the parts of a query that it cannot read, and then returns anybody's records: a stranger must not pass
for ours, and among strangers ours must not be overlooked, which would make it a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from activities._servicenow.query import equals, plain
from activities._servicenow.transport import Record, Transport
from stanch.errors import AuthBlocked

FEW = 20
MANY = 1000  # newest first, when the instance did not obey the query
_NEWEST = "^ORDERBYDESCsys_created_on"


def find_exact(
    transport: Transport,
    table: str,
    where: Mapping[str, str],
    *,
    fields: Sequence[str],
    fold: bool = False,
    display: bool = False,
) -> list[Record]:
    """The records whose fields have exactly these values.

    Args:
        transport: to the instance.
        table: to look in.
        where: value by field; the fields are among `fields`.
        fields: what to read.
        fold: capitals make no difference.
        display: values as people see them.

    Raises:
        AuthBlocked: the instance does not show the fields that it was asked about.
    """
    query = equals(**where)

    def look(query: str, limit: int) -> tuple[list[Record], list[Record]]:
        rows = transport.find(table, query, fields=fields, limit=limit, display=display)
        return rows, [row for row in rows if _fits(row, where, fold=fold)]

    rows, found = look(query, FEW)
    if not found and rows:
        _visible(rows, where, table)
        found = look(query + _NEWEST, MANY)[1]
    return found


def _fits(row: Record, where: Mapping[str, str], *, fold: bool) -> bool:
    same: Callable[[str], str] = str.casefold if fold else str
    return all(same(plain(row.get(field))) == same(value) for field, value in where.items())


def _visible(rows: Sequence[Record], where: Mapping[str, str], table: str) -> None:
    hidden = [field for field in where if not any(field in row for row in rows)]
    if hidden:
        raise AuthBlocked(
            f"ServiceNow does not show {', '.join(hidden)} of {table} to this account",
            hint="let the integration user read these fields",
        )
