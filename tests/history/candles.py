"""Turns price history of others into what the venues would have sent.

A candle becomes one trade at its close: the price is the close, the size the minute's volume, the time a millisecond
before the minute ends, so that the round at the end of the minute sees it as fresh and the next minute's is not seen
early. A row of volume 0 that repeats the last price is sent as what it is, a message of size 0: that is how a frozen
market looks alive. A minute without a row is silence. Where a file says how late a minute's trades reached its recorder
(the first column with `lag` in its name), that is how late they are received.

Forms, by the first line of a file: candles `t,open,high,low,close,volume,…` with `t` in milliseconds at the start of
the minute; ticks `date,last` without sizes, each taken for one unit; and bars without a header, milliseconds since
midnight of the day in the file's name, then OHLC and volume (trades) or OHLC and size of bid and ask (quotes).
Usable by any test and by the benchmarks; needs no pytest.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from chrono import Pair, Quote, Trade

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
BEFORE_CLOSE = 1_000_000
"""Nanoseconds before the end of its minute at which a candle's close is printed."""

_NAMES = (
    # kraken_BTC-USD_1m.csv.gz
    re.compile(r"(?P<venue>[^/_]+)_(?P<base>[^/_-]+)-(?P<quote>[^/_]+)_[^/]*\.csv(\.gz)?$"),
    # coinbase/BTCUSD_20180404_trade.csv.gz
    re.compile(r"(?P<venue>[^/]+)/(?P<base>[A-Z0-9]+)(?P<quote>[A-Z]{3})_(?P<day>\d{8})_[^/]*\.csv(\.gz)?$"),
    # bitfinex/2016-06-17-dao/BTCUSD_1m.csv.gz
    re.compile(r"(?P<venue>[^/]+)/[^/]+/(?P<base>[A-Z0-9]+)(?P<quote>[A-Z]{3})_[^/]*\.csv(\.gz)?$"),
)
_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND}


class Print(NamedTuple):
    """One message of a venue: when it was received, in nanoseconds, from which source, and what it said."""

    received: int
    source: str
    tick: Trade | Quote

    @property
    def market(self) -> str:
        """The market as chrono writes it."""
        return f"{self.source}:{self.tick.symbol}"

    @property
    def price(self) -> float:
        """What the market was worth."""
        return self.tick.price if isinstance(self.tick, Trade) else (self.tick.bid + self.tick.ask) / 2

    @property
    def size(self) -> float:
        """What was traded; 0 where the row only repeats a price."""
        return self.tick.size if isinstance(self.tick, Trade) else self.tick.bid_size + self.tick.ask_size


class Series(NamedTuple):
    """One file, and the venue and pair whose history it is."""

    path: Path
    source: str
    pair: Pair

    @classmethod
    def of(cls, path: Path, market: str = "") -> Series:
        """Describe a file by its market, `kraken:BTC/USD`, or by its name.

        Raises
        ------
        ValueError
            If the name is none of the known forms.
        """
        if market:
            source, _, pair = market.rpartition(":")
            return cls(path, source, Pair.parse(pair))
        for name in _NAMES:
            if match := name.search(path.as_posix()):
                return cls(path, match["venue"], Pair(match["base"], match["quote"]))
        raise ValueError(f"{path.name}: expected a name like kraken_BTC-USD_1m.csv.gz; state its market")

    @property
    def market(self) -> str:
        """The market as chrono writes it."""
        return f"{self.source}:{self.pair}"

    def prints(self) -> Iterator[Print]:
        """Yield what the venue would have sent, in the order of the file.

        Raises
        ------
        ValueError
            If the first line is that of no known form.
        """
        with _opened(self.path) as lines:
            first = next(lines).strip()
            if first.startswith("t,"):
                yield from self._candles(first.split(","), lines)
            elif first.startswith("date,"):
                yield from self._ticks(lines)
            elif first[:1].isdigit():
                yield from self._bars(chain((first,), lines))
            else:
                raise ValueError(f"{self.path.name}: expected candles, ticks or bars, was {first[:80]!r}")

    def _trade(self, ts: int, price: str, size: str, lag: int = 0) -> Print:
        return Print(ts + lag, self.source, Trade(str(self.pair), float(price), float(size or 0), ts_event=ts))

    def _candles(self, header: Sequence[str], lines: Iterable[str]) -> Iterator[Print]:
        close, volume = header.index("close"), header.index("volume")
        late = next((index for index, name in enumerate(header) if "lag" in name), None)
        unit = 0 if late is None else _unit(header[late])
        for line in lines:
            row = line.rstrip("\n").split(",")
            lag = 0 if late is None else int(float(row[late] or 0) * unit)
            yield self._trade(_close(int(row[0])), row[close], row[volume], max(lag, 0))

    def _ticks(self, lines: Iterable[str]) -> Iterator[Print]:
        for line in lines:
            date, _, last = line.strip().partition(",")
            yield self._trade(_instant(date, "%Y-%m-%d %H:%M:%S"), last, "1")

    def _bars(self, lines: Iterable[str]) -> Iterator[Print]:
        match = re.search(r"_(\d{8})_", self.path.name)
        if match is None:
            raise ValueError(f"{self.path.name}: expected a day in the name of bars, like _20180404_")
        midnight = _instant(match[1], "%Y%m%d") // 1_000_000
        for line in lines:
            row = line.strip().split(",")
            ts = _close(midnight + int(row[0]))
            if len(row) < 11:
                yield self._trade(ts, row[4], row[5])
            elif all((row[4], row[9])):
                bid, bid_size, ask, ask_size = (float(row[index] or 0) for index in (4, 5, 9, 10))
                yield Print(ts, self.source, Quote(str(self.pair), bid, ask, bid_size, ask_size, ts))


def series(*places: Path | str) -> list[Series]:
    """Describe files, `file=venue:BASE/QUOTE`, and all files of folders whose name says what they are."""
    found: dict[Path, Series] = {}
    for place in places:
        text, _, market = str(place).partition("=")
        path = Path(text)
        for file in sorted(path.rglob("*.csv*")) if path.is_dir() else [path]:
            try:
                found[file] = Series.of(file, market)
            except ValueError:
                if not path.is_dir():
                    raise
    return list(found.values())


def prints(described: Iterable[Series], start: int = 0, end: int = 2**63) -> list[Print]:
    """Return the messages of some histories received after `start` and up to `end`, in the order of their receipt."""
    found = [said for one in described for said in one.prints() if start < said.received <= end]
    return sorted(found, key=lambda said: said.received)


def lines(said: Iterable[Print]) -> Iterator[dict[str, Any]]:
    """Yield messages as the lines of a recording of ticks."""
    for received, source, tick in said:
        if isinstance(tick, Trade):
            what = {"type": "trade", "pair": tick.symbol, "price": tick.price, "size": tick.size}
        else:
            sizes = {"bid_size": tick.bid_size, "ask_size": tick.ask_size}
            what = {"type": "quote", "pair": tick.symbol, "bid": tick.bid, "ask": tick.ask, **sizes}
        what["ts_event"] = tick.ts_event
        yield {"v": 1, "ts": received, "source": source, "conn": 1, "kind": "tick", "tick": what}


def instant(text: str) -> int:
    """Return the nanoseconds of an ISO time, in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def written(ts: int) -> str:
    """Return an instant as people write it, to the minute in UTC."""
    return datetime.fromtimestamp(ts / SECOND, UTC).strftime("%Y-%m-%d %H:%M")


def _opened(path: Path) -> Any:
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def _unit(name: str) -> int:
    """Return the nanoseconds of the unit in a column's name, such as `lag_s`; of a millisecond, as `t` is."""
    return next((_UNITS[part] for part in reversed(name.split("_")) if part in _UNITS), _UNITS["ms"])


def _close(opened_ms: int) -> int:
    return opened_ms * 1_000_000 + MINUTE - BEFORE_CLOSE


def _instant(text: str, form: str) -> int:
    return int(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()) * SECOND
