"""Writing what a store holds as Parquet files, one a day and feed or market, sorted by time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, func, select

from chrono.core.archive import COLUMNS, SUFFIX, needed
from chrono.core.errors import ConfigError
from chrono.core.reporting import iso
from chrono.core.types import SECOND
from chrono.store.models import Estimate, Feed, Market, Pipeline, Price, Round, Tick

DAY = 86_400 * SECOND
_GROUP = 16_384
"""Rows that are read, and written, at once."""

_LATEST = 2**63 - 1


class Written(NamedTuple):
    """A file, and how many rows it has."""

    path: Path
    rows: int


class _Series(NamedTuple):
    """What goes into the files of one name."""

    model: Any
    ids: Mapping[str, int]
    columns: Mapping[str, Any]
    asked: Select[Any]
    instant: Any
    file: Callable[[str], str]


def export(
    connection: Connection, out: Path, since: int = 0, until: int = _LATEST, *, ticks: bool = False
) -> Iterator[Written]:
    """Write prices and estimates, and ticks if asked, of whole days; yield each file when it is complete.

    A file that is there is replaced. Prices and estimates go to `OUT/PIPELINE/DAY/FEED.prices.parquet` and
    `FEED.estimates.parquet`, ticks to `OUT/ticks/DAY/MARKET.ticks.parquet`.

    Parameters
    ----------
    connection : Connection
    out : Path
        A folder, made if it is not there.
    since, until : int
        Nanoseconds since the Unix epoch; every day, in UTC, that has a part in this span.
    ticks : bool
        Whether to write ticks, too.

    Raises
    ------
    ConfigError
        If pyarrow is not installed.
    """
    needed()
    for each in _all(connection, ticks=ticks):
        for name, id in each.ids.items():
            for day in _days(connection, each, id, since, until):
                path = out / each.file(iso(day)[:10]) / f"{name}{_SUFFIXES[each.model]}"
                rows = _write(connection, path, each, id, day)
                if rows:
                    yield Written(path, rows)


_SUFFIXES = {Price: ".prices.parquet", Estimate: ".estimates.parquet", Tick: SUFFIX}


def _all(connection: Connection, *, ticks: bool) -> Iterator[_Series]:
    for pipeline, name in connection.execute(select(Pipeline.id, Pipeline.name).order_by(Pipeline.name)).all():
        feeds = connection.execute(select(Feed.id, Feed.name).where(Feed.pipeline_id == pipeline)).all()
        ids = _file_names((row.id, row.name) for row in feeds)

        def folder(day: str, name: str = name) -> str:
            return f"{_clean(name)}/{day}"

        joined = and_(Round.pipeline_id == pipeline, Round.at == Price.at)
        asked = select(Feed.name, Round.round, Round.as_of, *_of(Price, _PRICE)).join(Round, joined)
        asked = asked.join(Feed, Feed.id == Price.feed_id)
        yield _Series(Price, ids, _PRICE_COLUMNS, asked.order_by(Price.at), Price.at, folder)
        joined = and_(Round.pipeline_id == pipeline, Round.at == Estimate.at)
        market = Market.source, Market.base + "/" + Market.quote
        asked = select(Feed.name, Round.round, Round.as_of, *market, *_of(Estimate, _ESTIMATE)).join(Round, joined)
        asked = asked.join(Feed, Feed.id == Estimate.feed_id).join(Market, Market.id == Estimate.market_id)
        asked = asked.order_by(Estimate.at, Estimate.market_id)
        yield _Series(Estimate, ids, _ESTIMATE_COLUMNS, asked, Estimate.at, folder)
    if ticks:
        yield _ticks(connection)


def _ticks(connection: Connection) -> _Series:
    markets = connection.execute(select(Market.id, Market.source, Market.base, Market.quote)).all()
    ids = _file_names((row.id, f"{row.source}-{row.base}-{row.quote}") for row in markets)
    market = Market.source, Market.base + "/" + Market.quote, Market.symbol
    columns = [getattr(Tick, name) for name in COLUMNS[3:]]
    asked = select(*market, *columns).join(Market, Market.id == Tick.market_id)
    kinds = dict.fromkeys(COLUMNS, "double") | dict.fromkeys(("source", "pair", "symbol", "side", "trade_id"), "text")
    kinds |= {"received": "instant", "at": "instant", "kind": "whole"}
    return _Series(Tick, ids, kinds, asked.order_by(Tick.received, Tick.number), Tick.at, lambda day: f"ticks/{day}")


_PRICE = ("value", "confidence", "agreed", "trust", "age", "rhythm", "reason", "notices")
_ESTIMATE = (
    *("value", "weight", "n", "age", "rhythm", "share", "trust", "uncertainty"),
    *("path", "method", "reason"),
)
_KINDS = dict.fromkeys(("age", "rhythm", "n"), "whole") | dict.fromkeys(("path", "method"), "text")
_KINDS |= dict.fromkeys(("reason", "notices"), "json")
_HEAD = {"feed": "text", "round": "whole", "as_of": "instant"}
_PRICE_COLUMNS = _HEAD | {name: _KINDS.get(name, "double") for name in _PRICE}
_ESTIMATE_COLUMNS = (
    _HEAD | {"source": "text", "pair": "text"} | {name: _KINDS.get(name, "double") for name in _ESTIMATE}
)


def _of(model: Any, names: Sequence[str]) -> list[Any]:
    return [getattr(model, name) for name in names]


def _owner(model: Any) -> Any:
    return model.market_id if model is Tick else model.feed_id


def _days(connection: Connection, series: _Series, id: int, since: int, until: int) -> Iterator[int]:
    """Yield the days on which there is something to write, one look at an index for each."""
    at = since // DAY * DAY
    while True:
        later = select(func.min(series.instant)).where(_owner(series.model) == id, series.instant >= at)
        found = connection.execute(later).scalar()
        if found is None or found >= until:
            return
        yield found // DAY * DAY
        at = found // DAY * DAY + DAY


def _write(connection: Connection, path: Path, series: _Series, id: int, day: int) -> int:
    """Write one file beside its place, and then there; return how many rows it has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"text": pa.string(), "json": pa.string(), "whole": pa.int64(), "double": pa.float64()}
    kinds["instant"] = pa.timestamp("ns", tz="UTC")
    schema = pa.schema([(name, kinds[kind]) for name, kind in series.columns.items()])
    within = _owner(series.model) == id, series.instant >= day, series.instant < day + DAY
    found = connection.execute(series.asked.where(*within), execution_options={"yield_per": _GROUP})
    draft, rows = path.with_name(f"{path.name}.part"), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(draft, schema, compression="zstd", use_dictionary=_repeating(series)) as file:
            for part in found.partitions():
                columns = [
                    _column(kind, values)
                    for kind, values in zip(series.columns.values(), zip(*part, strict=True), strict=True)
                ]
                file.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP)
                rows += len(part)
        if rows:
            draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: expected to write it, was refused: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return rows


def _repeating(series: _Series) -> list[str]:
    return [name for name, kind in series.columns.items() if kind in {"text", "json"} and name != "trade_id"]


def _column(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    if kind == "json":
        return [None if value is None else msgspec.json.encode(value).decode() for value in values]
    return values


def _file_names(named: Iterable[tuple[int, str]]) -> dict[str, int]:
    """Return the ids by names that a file may have, told apart where two are alike."""
    told = [(id, _clean(name)) for id, name in named]
    count = Counter(name.lower() for _, name in told)
    return {name if count[name.lower()] == 1 else f"{name}-{id}": id for id, name in sorted(told, key=lambda x: x[1])}


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]", "-", name).lstrip(".") or "-"
