"""Ticks in Parquet files, one a day and market, as `chrono store export` writes them, for replays and backtests.

The columns of a file::

    source, pair, symbol                the market, the same in every row
    received, at                        timestamps in UTC, to the nanosecond: when it was heard, and the venue's time,
                                        that of receipt where it states none; rows are in the order of `received`
    kind                                1 is a trade, 2 a quote, 3 a ticker
    price, size, side, trade_id         of a trade; a ticker has its last price and its volume of 24 h there
    bid, ask, bid_size, ask_size        of a quote
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from chrono.core.errors import ConfigError

SUFFIX = ".ticks.parquet"
"""How the names of such files end."""

COLUMNS = (
    "source",
    "pair",
    "symbol",
    "received",
    "at",
    "kind",
    "price",
    "size",
    "side",
    "trade_id",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
)


class Heard(NamedTuple):
    """A row: a tick, when it was heard and when it was, in nanoseconds since the Unix epoch; see the columns above."""

    source: str
    pair: str
    symbol: str
    received: int
    at: int
    kind: int
    price: float | None
    size: float | None
    side: str | None
    trade_id: str | None
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None


def needed() -> None:
    """Refuse to go on without what reads and writes Parquet.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    if find_spec("pyarrow") is None:
        raise ConfigError('expected what reads Parquet, is not installed; pip install "chrono-oracle[parquet]"')


def found(folder: Path) -> list[Path]:
    """Return the files of ticks in a folder and those within it, the oldest day first."""
    return sorted(folder.rglob(f"*{SUFFIX}"), key=lambda path: (path.parent.name, path))


def ticks(paths: Iterable[Path], since: int = 0, until: int = 2**63 - 1, markets: Sequence[str] = ()) -> Any:
    """Return what was heard of markets in a span, to be computed with.

    Parameters
    ----------
    paths : iterable of Path
        Files, or folders of them.
    since, until : int
        Nanoseconds since the Unix epoch; from the first to before the second, by when it was heard.
    markets : sequence of str
        Such as `kraken:BTC/USD`; all when none is given.

    Returns
    -------
    pyarrow.Table
        The columns above, sorted by market and time; `column.to_numpy()` makes arrays of them.

    Raises
    ------
    ConfigError
        If pyarrow is not installed, there is no such file, or one is damaged.
    """
    needed()
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    named = [file for path in paths for file in (found(path) if path.is_dir() else [path])]
    named = [file for file in named if file.exists()]
    if not named:
        raise ConfigError(f"expected files of ticks (*{SUFFIX}), there is none; chrono store export --ticks makes them")
    field = pc.field("received").cast(pa.int64())
    within = (field >= since) & (field < until)
    parts = []
    for file in named:
        try:
            parts.append(pq.read_table(file, columns=list(COLUMNS), filters=within, partitioning=None))
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"{file}: expected ticks in Parquet, was something else: {_said(error)}") from error
    table = pa.concat_tables(parts)
    if markets:
        whose = pc.binary_join_element_wise(table["source"], table["pair"], ":")
        table = table.filter(pc.is_in(whose, pa.array(markets)))
    return table.sort_by([("source", "ascending"), ("pair", "ascending"), ("received", "ascending")])


def heard(paths: Iterable[Path], complain: Callable[[str], None]) -> Iterator[Heard]:
    """Yield the rows of files in the order in which they were heard, reading each file when its time has come.

    Parameters
    ----------
    paths : iterable of Path
    complain : callable
        Told, in one line each, of files that cannot be read; what they hold is skipped.
    """
    needed()
    waiting = sorted(_begins(paths, complain), reverse=True)
    active: list[tuple[int, int, Heard, Iterator[Heard]]] = []
    number = 0
    while waiting or active:
        while waiting and (not active or waiting[-1][0] <= active[0][0]):
            rows = _rows(waiting.pop()[1], complain)
            first = next(rows, None)
            if first is not None:
                heapq.heappush(active, (first.received, number, first, rows))
                number += 1
        if not active:
            continue
        _, place, row, rows = active[0]
        yield row
        following = next(rows, None)
        if following is None:
            heapq.heappop(active)
        else:
            heapq.heapreplace(active, (following.received, place, following, rows))


def _begins(paths: Iterable[Path], complain: Callable[[str], None]) -> Iterator[tuple[int, Path]]:
    """Yield when each file begins, as it says itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        try:
            about = pq.read_metadata(path)
            groups = [about.row_group(place) for place in range(about.num_row_groups)]
            told = [group.column(COLUMNS.index("received")).statistics for group in groups]
            if told:
                yield min(each.min_raw for each in told), path
        except (pa.ArrowException, OSError, AttributeError, IndexError) as error:
            complain(_damaged(path, error))


def _rows(path: Path, complain: Callable[[str], None]) -> Iterator[Heard]:
    """Yield the rows of a file, which is open only while a part of it is read: there may be many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = 0
    try:
        while True:
            with pq.ParquetFile(path) as file:
                if place >= file.num_row_groups:
                    return
                group = file.read_row_group(place, columns=list(COLUMNS))
            place += 1
            columns = [group[name] for name in COLUMNS]
            values = [(each.cast(pa.int64()) if pa.types.is_timestamp(each.type) else each) for each in columns]
            yield from map(Heard._make, zip(*(each.to_pylist() for each in values), strict=True))
    except (pa.ArrowException, OSError, KeyError) as error:
        complain(_damaged(path, error))


def _damaged(path: Path, error: Exception) -> str:
    return f"{path}: expected ticks in Parquet, was something else: {_said(error)}; the rest of it is skipped"


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
