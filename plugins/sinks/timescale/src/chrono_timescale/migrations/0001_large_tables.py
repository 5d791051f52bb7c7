"""Large tables become hypertables with aggregates; without the extension they are divided by time, and have views."""

# ruff: noqa: S608 - all names are our own

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import structlog

from alembic import op
from chrono_timescale.partitions import AHEAD, PLAIN, parts

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEYS = {
    "rounds": "pipeline_id, at",
    "prices": "feed_id, at",
    "estimates": "feed_id, at, market_id",
    "verdicts": "feed_id, at, number",
    "statuses": "pipeline_id, at, number",
    "ticks": "market_id, at, number",
}

SEGMENTS = {
    "rounds": ("pipeline_id", "at"),
    "prices": ("feed_id", "at"),
    "estimates": ("feed_id, market_id", "at"),
    "verdicts": ("feed_id, market_id", "at, number"),
    "statuses": ("pipeline_id", "at, number"),
    "ticks": ("market_id", "at, number"),
}
"""What compressed rows are kept together by, and in which order; every column of a key is in one of them."""

PERIODS = {"1m": ("1 minute", "minute"), "1h": ("1 hour", "hour"), "1d": ("1 day", "day")}
"""Of each aggregate: how wide its buckets are, in two manners of speaking."""

CONTINUOUS = "WITH (timescaledb.continuous, timescaledb.materialized_only = false)"


def upgrade() -> None:
    """Divide the tables, and make what sums them up."""
    if _extended():
        _execute(hypertables())
    else:
        structlog.get_logger().info(PLAIN, component="timescale")
        _execute(divided())


def downgrade() -> None:
    """Make them ordinary tables again, with all that is in them."""
    _execute(undivided() if _divided() else ordinary())


def hypertables() -> Iterator[str]:
    """Yield what makes everything on TimescaleDB."""
    for table, (segment, order) in SEGMENTS.items():
        yield (
            f"SELECT create_hypertable('{table}', by_range('at', INTERVAL '1 hour'),"
            " create_default_indexes => false, migrate_data => true)"
        )
        # a year of hours would be too many to plan a question over, so that those of a day become one
        yield (
            f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segment}',"
            f" timescaledb.compress_orderby = '{order}', timescaledb.compress_chunk_time_interval = '1 day')"
        )
        yield f"SELECT add_compression_policy('{table}', INTERVAL '7 days')"
        yield f"SELECT add_retention_policy('{table}', INTERVAL '2 years')"
    below = {"prices": "prices", "trades": "ticks"}
    for suffix, (width, _) in PERIODS.items():
        for name, of in (("prices", continuous_prices), ("trades", continuous_trades)):
            yield f"CREATE MATERIALIZED VIEW {name}_{suffix} {CONTINUOUS} AS {of(below[name], width)} WITH NO DATA"
            # nearly as far back as rows are kept, for those from before the extension; what did not change is left
            yield (
                f"SELECT add_continuous_aggregate_policy('{name}_{suffix}', start_offset => INTERVAL '700 days',"
                f" end_offset => INTERVAL '{width}', schedule_interval => INTERVAL '{_often(suffix)}')"
            )
            below[name] = f"{name}_{suffix}"


def continuous_prices(source: str, width: str) -> str:
    """Return how published values are summed up: from themselves, or from what sums up shorter times."""
    if source == "prices":
        return (
            f"SELECT feed_id, time_bucket(INTERVAL '{width}', at) AS bucket, first(value, at) AS open,"
            " max(value) AS high, min(value) AS low, last(value, at) AS close, count(*) AS n"
            f" FROM prices WHERE value IS NOT NULL GROUP BY feed_id, time_bucket(INTERVAL '{width}', at)"
        )
    return (
        f"SELECT feed_id, time_bucket(INTERVAL '{width}', bucket) AS bucket, first(open, bucket) AS open,"
        " max(high) AS high, min(low) AS low, last(close, bucket) AS close, sum(n)::bigint AS n"
        f" FROM {source} GROUP BY feed_id, time_bucket(INTERVAL '{width}', {source}.bucket)"
    )


def continuous_trades(source: str, width: str) -> str:
    """Return how trades are summed up, likewise."""
    if source == "ticks":
        return (
            f"SELECT market_id, time_bucket(INTERVAL '{width}', at) AS bucket, first(price, at) AS open,"
            " max(price) AS high, min(price) AS low, last(price, at) AS close, sum(size) AS volume,"
            " sum(price * size) AS turnover, sum(price * size) / nullif(sum(size), 0) AS vwap, count(*) AS n"
            f" FROM ticks WHERE kind = 1 GROUP BY market_id, time_bucket(INTERVAL '{width}', at)"
        )
    return (
        f"SELECT market_id, time_bucket(INTERVAL '{width}', bucket) AS bucket, first(open, bucket) AS open,"
        " max(high) AS high, min(low) AS low, last(close, bucket) AS close, sum(volume) AS volume,"
        " sum(turnover) AS turnover, sum(turnover) / nullif(sum(volume), 0) AS vwap, sum(n)::bigint AS n"
        f" FROM {source} GROUP BY market_id, time_bucket(INTERVAL '{width}', {source}.bucket)"
    )


def ordinary() -> Iterator[str]:
    """Yield what makes ordinary tables of hypertables."""
    for suffix in reversed(PERIODS):
        yield f"DROP MATERIALIZED VIEW trades_{suffix}"
        yield f"DROP MATERIALIZED VIEW prices_{suffix}"
    yield from _joined()


def divided() -> Iterator[str]:
    """Yield what makes everything on PostgreSQL alone."""
    now = datetime.now(UTC)
    for table in KEYS:
        new = f"{table}_new"
        yield f"CREATE TABLE {new} (LIKE {table}) PARTITION BY RANGE (at)"
        # what lies outside of all parts, such as what a venue dated in the year 1970, is no reason to refuse it
        yield f"CREATE TABLE {table}_other PARTITION OF {new} DEFAULT"
        first = op.get_bind().exec_driver_sql(f"SELECT least(min(at), now()) FROM {table}").scalar_one()
        for part in parts(table, first, now + AHEAD):
            yield part.made(new)
        yield from _exchanged(table)
        yield f"CREATE INDEX ix_{table}_at ON {table} USING brin (at) WITH (autosummarize = on)"
    for suffix, (_, unit) in PERIODS.items():
        yield f"CREATE VIEW prices_{suffix} AS {plain_prices(unit)}"
        yield f"CREATE VIEW trades_{suffix} AS {plain_trades(unit)}"


def plain_prices(unit: str) -> str:
    """Return how published values are summed up without the extension, in the same columns."""
    return (
        f"SELECT feed_id, date_trunc('{unit}', at, 'UTC') AS bucket, (array_agg(value ORDER BY at))[1] AS open,"
        " max(value) AS high, min(value) AS low, (array_agg(value ORDER BY at DESC))[1] AS close, count(*) AS n"
        f" FROM prices WHERE value IS NOT NULL GROUP BY feed_id, date_trunc('{unit}', at, 'UTC')"
    )


def plain_trades(unit: str) -> str:
    """Return how trades are summed up without the extension, in the same columns."""
    return (
        f"SELECT market_id, date_trunc('{unit}', at, 'UTC') AS bucket,"
        " (array_agg(price ORDER BY at, number))[1] AS open, max(price) AS high, min(price) AS low,"
        " (array_agg(price ORDER BY at DESC, number DESC))[1] AS close, sum(size) AS volume,"
        " sum(price * size) AS turnover, sum(price * size) / nullif(sum(size), 0) AS vwap, count(*) AS n"
        f" FROM ticks WHERE kind = 1 GROUP BY market_id, date_trunc('{unit}', at, 'UTC')"
    )


def undivided() -> Iterator[str]:
    """Yield what makes ordinary tables of those divided by time."""
    for suffix in reversed(PERIODS):
        yield f"DROP VIEW trades_{suffix}"
        yield f"DROP VIEW prices_{suffix}"
    yield from _joined()


def _joined() -> Iterator[str]:
    """Make an ordinary table of each."""
    for table in reversed(KEYS):
        yield f"CREATE TABLE {table}_new (LIKE {table})"
        yield from _exchanged(table)


def _exchanged(table: str) -> Iterator[str]:
    """Put the rows of a table into the new one beside it, and that in its place."""
    yield f"INSERT INTO {table}_new SELECT * FROM {table}"
    yield f"DROP TABLE {table}"
    yield f"ALTER TABLE {table}_new RENAME TO {table}"
    yield f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({KEYS[table]})"
    if table == "rounds":
        yield "CREATE INDEX ix_rounds_pipeline_id_round ON rounds (pipeline_id, round)"


def _often(suffix: str) -> str:
    return {"1m": "1 minute", "1h": "10 minutes", "1d": "1 hour"}[suffix]


def _extended() -> bool:
    # compression and aggregates are not under its other licence, Apache's
    there = "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"
    there += " AND current_setting('timescaledb.license', true) = 'timescale'"
    return bool(op.get_bind().exec_driver_sql(there).scalar_one())


def _divided() -> bool:
    kind = "SELECT relkind::text FROM pg_class WHERE oid = 'prices'::regclass"
    return bool(op.get_bind().exec_driver_sql(kind).scalar_one() == "p")


def _execute(statements: Iterator[str]) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
