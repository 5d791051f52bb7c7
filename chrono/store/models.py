"""The tables: what was published of each feed and why, for years.

Small tables name things once: pipelines, feeds, markets, and recipes, which say how feeds were priced; large ones hold
numbers and those names' ids, and are only appended to. An instant is nanoseconds since the Unix epoch here; SQLite
keeps it so, PostgreSQL as `timestamptz`, in microseconds, which is what partitions, hypertables and dashboards want.
A round's own instant is kept to the nanosecond beside it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, ForeignKey, Identity, Index, MetaData, SmallInteger, Text, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON, DateTime, Double, Integer, TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = 1000
"""Nanoseconds in what PostgreSQL keeps instants in."""


class Instant(TypeDecorator[int]):
    """Nanoseconds since the Unix epoch."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Keep it as a whole number, or as what PostgreSQL can divide into partitions."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Write it."""
        return moment(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002 - as it is called
        """Read it."""
        return nanoseconds(value) if isinstance(value, datetime) else value


def moment(instant: int) -> datetime:
    """Return nanoseconds as PostgreSQL keeps them, to the microsecond before.

    Examples
    --------
    >>> moment(1_795_342_500_000_001_999).isoformat()
    '2026-11-22T10:15:00.000001+00:00'
    """
    return _EPOCH + timedelta(microseconds=instant // MICROSECOND)


def nanoseconds(at: datetime) -> int:
    """Return a moment in nanoseconds since the Unix epoch."""
    return (at - _EPOCH) // timedelta(microseconds=1) * MICROSECOND


Json = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
"""Small objects; in PostgreSQL they can be asked for parts."""


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: BigInteger, float: Double, str: Text, dict[str, Any]: Json, list[Any]: Json}  # noqa: RUF012


class Pipeline(Base):
    """A pipeline, by the name in its file."""

    __tablename__ = "pipelines"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Description(Base):
    """How all feeds of a pipeline were priced, while its file stayed as it was."""

    __tablename__ = "descriptions"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(Integer, ForeignKey("pipelines.id"))
    digest: Mapped[str]
    """SHA-256 of `recipes`, in hex."""
    every: Mapped[int]
    """Nanoseconds between rounds."""
    recipes: Mapped[dict[str, Any]]
    """A `Description`, as JSON."""

    __table_args__ = (UniqueConstraint("pipeline_id", "digest"),)


class Feed(Base):
    """A series of prices: one feed of one pipeline."""

    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(Integer, ForeignKey("pipelines.id"))
    name: Mapped[str]
    base: Mapped[str]
    quote: Mapped[str]

    __table_args__ = (UniqueConstraint("pipeline_id", "name"),)


class Market(Base):
    """One pair at one source."""

    __tablename__ = "markets"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    source: Mapped[str]
    base: Mapped[str]
    quote: Mapped[str]
    group: Mapped[str]
    symbol: Mapped[str]

    __table_args__ = (UniqueConstraint("source", "base", "quote", "group", "symbol"),)


class Run(Base):
    """One run of a pipeline: what lies between two of them is no gap."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(Integer, ForeignKey("pipelines.id"))
    description_id: Mapped[int] = mapped_column(Integer, ForeignKey("descriptions.id"))
    spool: Mapped[str]
    """Which spool its rounds came through."""
    started: Mapped[int] = mapped_column(Instant)
    position: Mapped[int]
    """The number of the newest entry of this run that is written: all up to it are, none after it is."""

    __table_args__ = (UniqueConstraint("spool", "started"),)


class Round(Base):
    """When was looked; how many rows of other tables belong to it is what a check counts."""

    __tablename__ = "rounds"

    pipeline_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    round: Mapped[int]
    as_of: Mapped[int]
    """`at`, to the nanosecond."""
    deadline: Mapped[int]
    run_id: Mapped[int] = mapped_column(Integer)
    feeds: Mapped[int] = mapped_column(SmallInteger)
    estimates: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index(None, "pipeline_id", "round"), {"sqlite_with_rowid": False})


class Price(Base):
    """What was published of a feed, or why it had no value; a rate that no one declared as a feed has one, too."""

    __tablename__ = "prices"

    feed_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    value: Mapped[float | None]
    confidence: Mapped[float]
    agreed: Mapped[float | None]
    """What the venues agreed on: other than `value` where that was refused."""
    trust: Mapped[float | None]
    """The confidence of that agreement, before those left out are counted."""
    age: Mapped[int]
    """Nanoseconds; 0 where there is no value."""
    rhythm: Mapped[int]
    reason: Mapped[dict[str, Any] | None]
    notices: Mapped[list[Any] | None]

    __table_args__ = ({"sqlite_with_rowid": False},)


class Estimate(Base):
    """What one market said of a feed, or why it had nothing to say.

    `value` and `weight` are in the feed's quote, except of what was dropped before it was converted: those have no
    `path` although their market's quote is another one. `age` and `rhythm` are the market's own, whatever the rates'.
    All but `reason` are null where there was no estimate. `share` is its part of the value, null where it had none;
    what was dropped has a `reason`.
    """

    __tablename__ = "estimates"

    feed_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    market_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[float | None]
    weight: Mapped[float | None]
    n: Mapped[int | None] = mapped_column(Integer)
    age: Mapped[int | None]
    rhythm: Mapped[int | None]
    share: Mapped[float | None]
    trust: Mapped[float | None]
    uncertainty: Mapped[float | None]
    path: Mapped[str | None]
    """The rates it was converted with, joined by ` × `; null where there were none."""
    method: Mapped[str | None]
    """Null where it is the type of the feed's aggregator."""
    reason: Mapped[dict[str, Any] | None]
    """Why it was dropped."""

    __table_args__ = ({"sqlite_with_rowid": False},)


class Verdict(Base):
    """What a detector said of a market; out of the ordinary by nature."""

    __tablename__ = "verdicts"

    feed_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """Its place among those of the round, from 0."""
    market_id: Mapped[int] = mapped_column(Integer)
    detector: Mapped[str]
    keep: Mapped[bool]
    score: Mapped[float | None]
    """Null where the detector had no number."""
    code: Mapped[str]
    data: Mapped[dict[str, Any]]

    __table_args__ = ({"sqlite_with_rowid": False},)


class Status(Base):
    """How a component, or one market of it, was doing from then on."""

    __tablename__ = "statuses"

    pipeline_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """Its place among all that its run said."""
    component: Mapped[str]
    market: Mapped[str | None]
    state: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]

    __table_args__ = ({"sqlite_with_rowid": False},)


class Tick(Base):
    """What a venue said, where a sink was asked to keep it: kind 1 is a trade, 2 a quote, 3 a ticker.

    A trade has `price`, `size`, `side` and `trade_id`, a quote the other four; a ticker its last price and its volume
    of 24 h as `price` and `size`.
    """

    __tablename__ = "ticks"

    market_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(Instant, primary_key=True)
    """The venue's time, that of receipt where it states none."""
    number: Mapped[int] = mapped_column(primary_key=True)
    """Keeps apart what has one instant: when it was heard, in nanoseconds, counted up where that is taken."""
    received: Mapped[int]
    kind: Mapped[int] = mapped_column(SmallInteger)
    price: Mapped[float | None]
    size: Mapped[float | None]
    side: Mapped[str | None]
    trade_id: Mapped[str | None]
    bid: Mapped[float | None]
    ask: Mapped[float | None]
    bid_size: Mapped[float | None]
    ask_size: Mapped[float | None]

    __table_args__ = ({"sqlite_with_rowid": False},)
