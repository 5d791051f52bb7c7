"""How much a store holds: rows, bytes and span of each table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from chrono.store.models import Base


class Table(NamedTuple):
    """A table: how many rows, how many bytes with its indexes, and its first and last instant in nanoseconds.

    `bytes` is None where the database does not say, the instants where the table has none.
    """

    name: str
    rows: int
    bytes: int | None
    first: int | None
    last: int | None


def measure(connection: Connection) -> Iterator[Table]:
    """Yield each table of the store, in the order of their names; every row is counted, which takes a while."""
    sizes = _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)
    for name, table in sorted(Base.metadata.tables.items()):
        at = table.c.get("at")
        asked = [func.count(), *(() if at is None else (func.min(at), func.max(at)))]
        rows, *span = connection.execute(select(*asked).select_from(table)).one()
        first, last = span or (None, None)
        yield Table(name, rows, sizes.get(name), first, last)


def _sqlite(connection: Connection) -> Mapping[str, int]:
    # counted in pages, `pageno` of an aggregate: its sum of bytes has 32 bits, and wraps
    asked = "SELECT m.tbl_name, sum(d.pageno) * (SELECT page_size FROM pragma_page_size)"
    asked += " FROM dbstat d JOIN sqlite_master m ON m.name = d.name"
    try:
        return _sizes(connection, f"{asked} WHERE d.aggregate = 1 GROUP BY m.tbl_name")
    except DBAPIError:
        # a SQLite that was built without these tables
        return {}


def _postgresql(connection: Connection) -> dict[str, int]:
    parts = "WITH RECURSIVE part(root, id) AS (SELECT oid, oid FROM pg_class WHERE oid = ANY (ARRAY[{}]::regclass[])"
    parts += " UNION ALL SELECT root, inhrelid FROM pg_inherits JOIN part ON inhparent = id)"
    named = ", ".join(f"'{name}'" for name in Base.metadata.tables)
    asked = "SELECT root::regclass::text, sum(pg_total_relation_size(id))::bigint FROM part GROUP BY root"
    sizes = dict(_sizes(connection, f"{parts.format(named)} {asked}"))
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")).scalar():
        # what was compressed is in tables of the extension's own
        hyper = "SELECT hypertable_name::text, hypertable_size(format('%I.%I', hypertable_schema, hypertable_name))"
        sizes |= _sizes(connection, f"{hyper} FROM timescaledb_information.hypertables")
    return sizes


def _sizes(connection: Connection, asked: str) -> Mapping[str, int]:
    rows: Any = connection.execute(text(asked))
    return {name: int(size) for name, size in rows}
