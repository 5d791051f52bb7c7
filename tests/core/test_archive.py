"""Ticks in Parquet are read as a recording, in the order in which they were heard, whatever their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import pyarrow.parquet as pq

from chrono.core.archive import COLUMNS, ticks
from chrono.core.errors import ConfigError
from chrono.core.recording import read
from chrono.core.types import Quote, Ticker, Trade

START = 1_795_342_500_000_000_000
ABSENT = (None,) * 4


def row(source: str, after: int, kind: int, *values: Any, at: int | None = None) -> tuple[Any, ...]:
    """Return a row, heard so many nanoseconds after the start."""
    received = START + after
    return source, "BTC/USD", "btc", received, received if at is None else at, kind, *values


def write(path: Path, rows: Sequence[tuple[Any, ...]], group: int = 2) -> Path:
    """Write a file of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)})
    for name in ("received", "at"):
        place = COLUMNS.index(name)
        table = table.set_column(place, name, table[name].cast(pa.timestamp("ns", tz="UTC")))
    pq.write_table(table, path, row_group_size=group)
    return path


def trades(source: str, *after: int) -> list[tuple[Any, ...]]:
    """Return trades of a source."""
    return [row(source, each, 1, 100.0, 1.0, "buy", "7", *ABSENT) for each in after]


def test_files_are_read_in_the_order_of_receipt(tmp_path: Path) -> None:
    """Of several markets and days, some of which overlap."""
    write(tmp_path / "2026-11-22" / "a.ticks.parquet", trades("a", 0, 5000, 9000, 20_000))
    write(tmp_path / "2026-11-22" / "b.ticks.parquet", trades("b", 4000, 6000))
    write(tmp_path / "2026-11-23" / "a.ticks.parquet", trades("a", 15_000, 30_000))
    complaints: list[str] = []
    found = [(record.source, record.ts - START) for record in read([tmp_path], complaints.append)]
    assert found == [
        *[("a", 0), ("b", 4000), ("a", 5000), ("b", 6000)],
        *[("a", 9000), ("a", 15_000), ("a", 20_000), ("a", 30_000)],
    ]
    assert not complaints


def test_each_kind_of_tick_is_what_it_was(tmp_path: Path) -> None:
    """A venue's own time is told where it is not that of receipt."""
    rows = [
        row("a", 0, 1, 100.0, 2.0, "sell", "7", *ABSENT, at=START - 10_000),
        row("a", 1000, 2, *ABSENT, 99.0, 101.0, 1.0, 2.0),
        row("a", 2000, 3, 100.5, 12.0, None, None, *ABSENT),
    ]
    path = write(tmp_path / "a.ticks.parquet", rows)
    made = [record.tick.tick("s") for record in read([path], print) if record.tick is not None]
    assert made == [
        Trade("s", 100.0, 2.0, "sell", "7", START - 10_000),
        Quote("s", 99.0, 101.0, 1.0, 2.0, None),
        Ticker("s", 100.5, 12.0, None),
    ]


def test_damaged_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    """A recording need not be whole; a table for a backtest does."""
    write(tmp_path / "a.ticks.parquet", trades("a", 0))
    (tmp_path / "b.ticks.parquet").write_bytes(b"PAR1 not so")
    complaints: list[str] = []
    assert len(list(read([tmp_path], complaints.append))) == 1
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{tmp_path / 'b.ticks.parquet'}: expected ticks in Parquet, was something else")
    with pytest.raises(ConfigError, match="b.ticks.parquet: expected ticks in Parquet"):
        ticks([tmp_path])


def test_table_is_of_a_span_and_of_markets(tmp_path: Path) -> None:
    """Sorted by market and time."""
    write(tmp_path / "b.ticks.parquet", trades("b", 0, 2000))
    write(tmp_path / "a.ticks.parquet", trades("a", 1000, 3000))
    assert ticks([tmp_path])["source"].to_pylist() == ["a", "a", "b", "b"]
    assert ticks([tmp_path], START + 1000, START + 3000)["source"].to_pylist() == ["a", "b"]
    assert ticks([tmp_path], markets=["b:BTC/USD"]).num_rows == 2


def test_pyarrow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line, where it is missing."""
    path = write(tmp_path / "a.ticks.parquet", trades("a", 0))
    monkeypatch.setattr("chrono.core.archive.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="expected what reads Parquet, is not installed"):
        list(read([path], print))
