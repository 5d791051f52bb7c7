"""What was published of each feed and why: pipelines, rounds, prices, estimates, verdicts, statuses, ticks."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

TABLES = (
    "pipelines",
    "descriptions",
    "feeds",
    "markets",
    "runs",
    "rounds",
    "prices",
    "estimates",
    "verdicts",
    "statuses",
    "ticks",
)


def upgrade() -> None:
    """Make the tables."""
    _names()
    _rounds()
    _prices()
    _estimates()
    _verdicts()
    _statuses()
    _ticks()


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _names() -> None:
    op.create_table(
        "pipelines",
        _id(),
        _told("name", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_pipelines"),
        sa.UniqueConstraint("name", name="uq_pipelines_name"),
    )
    op.create_table(
        "descriptions",
        _id(),
        _told("pipeline_id", sa.Integer()),
        _told("digest", sa.Text()),
        _told("every", sa.BigInteger()),
        _told("recipes", JSON),
        sa.PrimaryKeyConstraint("id", name="pk_descriptions"),
        sa.UniqueConstraint("pipeline_id", "digest", name="uq_descriptions_pipeline_id_digest"),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name="fk_descriptions_pipeline_id"),
    )
    op.create_table(
        "feeds",
        _id(),
        _told("pipeline_id", sa.Integer()),
        *(_told(name, sa.Text()) for name in ("name", "base", "quote")),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
        sa.UniqueConstraint("pipeline_id", "name", name="uq_feeds_pipeline_id_name"),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name="fk_feeds_pipeline_id"),
    )
    market = ("source", "base", "quote", "group", "symbol")
    op.create_table(
        "markets",
        _id(),
        *(_told(name, sa.Text()) for name in market),
        sa.PrimaryKeyConstraint("id", name="pk_markets"),
        sa.UniqueConstraint(*market, name="uq_markets_source_base_quote_group_symbol"),
    )
    op.create_table(
        "runs",
        _id(),
        _told("pipeline_id", sa.Integer()),
        _told("description_id", sa.Integer()),
        _told("spool", sa.Text()),
        _told("started", INSTANT),
        _told("position", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("spool", "started", name="uq_runs_spool_started"),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name="fk_runs_pipeline_id"),
        sa.ForeignKeyConstraint(["description_id"], ["descriptions.id"], name="fk_runs_description_id"),
    )


def _rounds() -> None:
    op.create_table(
        "rounds",
        _told("pipeline_id", sa.Integer()),
        _told("at", INSTANT),
        *(_told(name, sa.BigInteger()) for name in ("round", "as_of", "deadline")),
        _told("run_id", sa.Integer()),
        _told("feeds", sa.SmallInteger()),
        _told("estimates", sa.Integer()),
        sa.PrimaryKeyConstraint("pipeline_id", "at", name="pk_rounds"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rounds_pipeline_id_round", "rounds", ["pipeline_id", "round"])


def _prices() -> None:
    op.create_table(
        "prices",
        _told("feed_id", sa.Integer()),
        _told("at", INSTANT),
        sa.Column("value", sa.Double()),
        _told("confidence", sa.Double()),
        sa.Column("agreed", sa.Double()),
        sa.Column("trust", sa.Double()),
        _told("age", sa.BigInteger()),
        _told("rhythm", sa.BigInteger()),
        sa.Column("reason", JSON),
        sa.Column("notices", JSON),
        sa.PrimaryKeyConstraint("feed_id", "at", name="pk_prices"),
        sqlite_with_rowid=False,
    )


def _estimates() -> None:
    op.create_table(
        "estimates",
        _told("feed_id", sa.Integer()),
        _told("at", INSTANT),
        _told("market_id", sa.Integer()),
        sa.Column("value", sa.Double()),
        sa.Column("weight", sa.Double()),
        sa.Column("n", sa.Integer()),
        sa.Column("age", sa.BigInteger()),
        sa.Column("rhythm", sa.BigInteger()),
        sa.Column("share", sa.Double()),
        sa.Column("trust", sa.Double()),
        sa.Column("uncertainty", sa.Double()),
        sa.Column("path", sa.Text()),
        sa.Column("method", sa.Text()),
        sa.Column("reason", JSON),
        sa.PrimaryKeyConstraint("feed_id", "at", "market_id", name="pk_estimates"),
        sqlite_with_rowid=False,
    )


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        _told("feed_id", sa.Integer()),
        _told("at", INSTANT),
        _told("number", sa.SmallInteger()),
        _told("market_id", sa.Integer()),
        _told("detector", sa.Text()),
        _told("keep", sa.Boolean()),
        sa.Column("score", sa.Double()),
        _told("code", sa.Text()),
        _told("data", JSON),
        sa.PrimaryKeyConstraint("feed_id", "at", "number", name="pk_verdicts"),
        sqlite_with_rowid=False,
    )


def _statuses() -> None:
    op.create_table(
        "statuses",
        _told("pipeline_id", sa.Integer()),
        _told("at", INSTANT),
        _told("number", sa.BigInteger()),
        _told("component", sa.Text()),
        sa.Column("market", sa.Text()),
        *(_told(name, sa.Text()) for name in ("state", "code", "message")),
        sa.PrimaryKeyConstraint("pipeline_id", "at", "number", name="pk_statuses"),
        sqlite_with_rowid=False,
    )


def _ticks() -> None:
    op.create_table(
        "ticks",
        _told("market_id", sa.Integer()),
        _told("at", INSTANT),
        _told("number", sa.BigInteger()),
        _told("received", sa.BigInteger()),
        _told("kind", sa.SmallInteger()),
        sa.Column("price", sa.Double()),
        sa.Column("size", sa.Double()),
        sa.Column("side", sa.Text()),
        sa.Column("trade_id", sa.Text()),
        *(sa.Column(name, sa.Double()) for name in ("bid", "ask", "bid_size", "ask_size")),
        sa.PrimaryKeyConstraint("market_id", "at", "number", name="pk_ticks"),
        sqlite_with_rowid=False,
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), sa.Identity(), nullable=False)


def _told(name: str, type: sa.types.TypeEngine[object]) -> sa.Column[object]:
    return sa.Column(name, type, nullable=False)
