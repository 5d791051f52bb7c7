"""Rows of one market on the board, bounded by time.

Rows older than the longest window asked for are forgotten, all but one; a flood folds into buckets of 100 ms, so a
window never silently becomes shorter than it says.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import mul
from typing import Any

from chrono.core.offset import Offset
from chrono.core.rhythm import BEAT, FRESH, learned
from chrono.core.types import PRICE_LIMIT, SECOND, Market, Quote, Ticker, Trade
from chrono.core.windows import QuoteWindow, TickerWindow, TradeWindow, Window

BUCKET = 100_000_000
"""Nanoseconds of a bucket that a flood is folded into."""

RAW = 2048
"""Rows of one market kept as received before the older half is folded."""

IDS = 4096
"""Trade ids remembered per market, at least half of them at any time."""

WIDEST = 1.01
"""Ask over bid up to which a book says where the price is."""

_GENERATION = IDS // 2
_SPARE = 64
_DAY = 86_400
_DROWNED = 1e-6
"""Below this part of a running sum, its difference to an earlier one is too coarse."""


class Rows(ABC):
    """Rows of one kind of one market in the order of their event times, oldest first.

    Windows read these very arrays, up to where they ended at the time: once lent they are only appended to, and
    whatever else needs doing is done to a copy.
    """

    __slots__ = (
        "beat",
        "book",
        "columns",
        "folded",
        "full",
        "horizon",
        "lent",
        "market",
        "offset",
        "received",
        "rhythm",
        "since",
        "ts",
    )

    width = 0
    window: type[Window]

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        self.market = market
        self.horizon = horizon
        self.offset = offset
        # arrays: contiguous, a quarter of a list's memory, and no work for the garbage collector
        self.columns: tuple[array[float], ...] = tuple(array("d") for _ in range(self.width))
        self.ts: array[int] = array("q")
        self.received = 0
        self.since = 0
        self.book: Quotes | None = None
        self.beat = 0
        self.rhythm = 0
        self.full = _SPARE
        self.folded = 0
        self.lent = False

    @abstractmethod
    def take(self, tick: Any, received: int) -> str:
        """Place a tick, or return the word for what is wrong with it."""

    def insert(self, values: Sequence[float], ts: int) -> None:
        """Put a late row where it belongs."""
        self.own()
        at = bisect_right(self.ts, ts)
        self.ts.insert(at, ts)
        for column, value in zip(self.columns, values, strict=True):
            column.insert(at, value)
        if len(self.ts) >= self.full:
            self.shrink()

    def place(self, values: Sequence[float], ts: int, received: int) -> None:
        """Append a row, or put it where it belongs; a time that is none raises before anything is changed."""
        times = self.ts
        if not times:
            self.since = received
        elif ts < times[-1]:
            self.insert(values, ts)
            return
        times.append(ts)
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)
        self.received = received
        if received - self.beat >= BEAT:
            self.heard(received)
        if len(times) >= self.full:
            self.shrink()

    def heard(self, received: int) -> None:
        """Learn how often the market is updated, from updates a second or more apart."""
        if self.beat:
            self.rhythm = learned(self.rhythm, received - self.beat)
        self.beat = received

    def own(self) -> None:
        """Leave lent arrays to their windows."""
        if self.lent:
            self.lent = False
            self.columns = tuple([column[:] for column in self.columns])
            self.ts = self.ts[:]

    def shrink(self) -> None:
        """Forget what no window reaches, all but the row before; fold what is still too much."""
        # by our clock as well: a row may be dated ahead of it
        newest = min(self.ts[-1], self.received - self.offset.value)
        gone = bisect_left(self.ts, newest - self.horizon) - 1
        if gone > 0:
            self.delete(gone)
        if len(self.ts) > RAW:
            self.fold(len(self.ts) - RAW // 2)
        self.full = len(self.ts) + max(len(self.ts) // 2, _SPARE)

    def delete(self, count: int) -> None:
        """Forget the first `count` rows."""
        self.own()
        for column in self.columns:
            del column[:count]
        del self.ts[:count]

    def fold(self, count: int) -> None:
        """Merge the first `count` rows into buckets."""
        self.own()
        times, last, row = self.ts, [], 0
        while row < count:
            row = bisect_left(times, (times[row] // BUCKET + 1) * BUCKET, row, count)
            last.append(row - 1)
        self.merge(last)
        times[:count] = array("q", [times[row] for row in last])
        self.folded += count - len(last)

    def merge(self, last: Sequence[int]) -> None:
        """Fold the rows up to each of the `last` into one: of a state, such as a quote, the last one stands."""
        for column in self.columns:
            column[: last[-1] + 1] = array("d", [column[row] for row in last])

    def cut(self, as_of: int, span: int) -> Window | None:
        """Return the window of `span` nanoseconds up to `as_of`, None where nothing was ever seen."""
        ts, offset = self.ts, self.offset.value
        if not ts:
            return None
        venues_now = as_of - offset
        opens = venues_now - span
        start = bisect_right(ts, opens)
        age, quiet = venues_now - ts[-1], as_of - self.received
        stands = 0.0
        if self.book is not None and self.book.ts and age > FRESH:
            stands, age, quiet = self.book.bears_out(self.columns[0][-1], as_of, age, quiet)
        seen = as_of - self.since
        self.lent = True
        return self.window(
            self.market,
            as_of,
            span,
            self.columns,
            ts,
            offset,
            quiet if quiet > age else age,  # noqa: FURB136 - a call costs three times as much, for every market
            self.turnover(start, opens, span),
            1.0 if seen >= span else max(seen, 0) / span,
            start,
            len(ts),
            self.rhythm,
            stands,
        )

    @abstractmethod
    def turnover(self, start: int, opens: int, span: int) -> float:
        """Return quote units traded per second in a window from row `start`, which opens at an instant of the venue."""


class Trades(Rows):
    """Prints, each counted once."""

    __slots__ = ("_old", "_traded", "_young")

    width = 3
    window = TradeWindow

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        super().__init__(market, horizon, offset)
        self._traded: array[float] = array("d")
        self._young: set[str] = set()
        self._old: set[str] = set()

    def take(self, tick: Trade, received: int) -> str:
        # one pass per trade of every venue: whatever it called would cost more than what it does
        # what is no float fails in the addition, and is not met in the middle of a round
        price, size, ts, trade_id = tick.price + 0.0, tick.size + 0.0, tick.ts_event, tick.trade_id
        if not (0.0 < price < PRICE_LIMIT and 0.0 <= size < PRICE_LIMIT):
            return "invalid"
        offset = self.offset
        if ts is None:
            ts = received - offset.value
        else:
            ahead = ts - received
            if received >= offset.next_at:
                offset.measure(-ahead, received)
            if ahead > offset.room:
                return "future"
        if trade_id:
            young = self._young
            if trade_id in young or trade_id in self._old:
                return "duplicate"
            young.add(trade_id)
            if len(young) >= _GENERATION:
                self._old, self._young = young, set()
        times = self.ts
        if not times:
            self.since = received
        elif ts < times[-1]:
            self.insert((price, size, 1.0), ts)
            return ""
        times.append(ts)
        prices, sizes, prints = self.columns
        prices.append(price)
        sizes.append(size)
        prints.append(1.0)
        self.received = received
        if received - self.beat >= BEAT:
            self.heard(received)
        if len(times) >= self.full:
            self.shrink()
        return ""

    def insert(self, values: Sequence[float], ts: int) -> None:
        del self._traded[bisect_right(self.ts, ts) :]
        super().insert(values, ts)

    def delete(self, count: int) -> None:
        # summed up afresh, so that no absurd print stays in the sums for good
        del self._traded[:]
        super().delete(count)

    def fold(self, count: int) -> None:
        super().fold(count)
        del self._traded[:]

    def merge(self, last: Sequence[int]) -> None:
        # one pass per trade of a flood, in the order of the trades: sums of floats depend on it
        count, first = last[-1] + 1, 0
        prices, sizes, prints = (array("d") for _ in self.columns)
        rows = zip(*(column[:count] for column in self.columns), strict=True)
        for row in last:
            price, size, number = next(rows)
            for traded, more, times in islice(rows, row - first):
                total = size + more
                price = (price * size + traded * more) / total if total > 0.0 else traded
                size = total
                number += times
            prices.append(price)
            sizes.append(size)
            prints.append(number)
            first = row + 1
        for column, folded in zip(self.columns, (prices, sizes, prints), strict=True):
            column[:count] = folded

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - for quotes, whose rows are others
        if len(self._traded) < len(self.ts):
            self._sum()
        traded = self._traded
        if start >= len(traded):
            return 0.0
        total = traded[-1]
        made = total - traded[start - 1] if start else total
        if made < total * _DROWNED:
            prices, sizes, _ = self.columns
            made = math.fsum(map(mul, prices[start:], sizes[start:]))
        return made * SECOND / span

    def _sum(self) -> None:
        """Bring the running sums of turnover up to date."""
        prices, sizes, _ = self.columns
        total = self._traded[-1] if self._traded else 0.0
        for row in range(len(self._traded), len(self.ts)):
            total += prices[row] * sizes[row]
            self._traded.append(total)


class Quotes(Rows):
    """Tops of book; what is traded stands in the rows of trades beside them."""

    __slots__ = ("_trades",)

    width = 4
    window = QuoteWindow

    def __init__(self, market: Market, horizon: int, offset: Offset, trades: Trades) -> None:
        super().__init__(market, horizon, offset)
        self._trades = trades

    def take(self, tick: Quote, received: int) -> str:
        bid, ask, bid_size, ask_size = tick.bid, tick.ask, tick.bid_size, tick.ask_size
        if not (0.0 < bid <= ask < PRICE_LIMIT and 0.0 <= bid_size < PRICE_LIMIT and 0.0 <= ask_size < PRICE_LIMIT):
            return "invalid"
        ts = self.offset.dated(tick.ts_event, received)
        if ts is None:
            return "future"
        self.place((bid, ask, bid_size, ask_size), ts, received)
        return ""

    def bears_out(self, price: float, as_of: int, age: int, quiet: int) -> tuple[float, int, int]:
        """Return the price nearest to a last one that a newer and narrow book allows, and how old that is."""
        bid, ask, aged = self.columns[0][-1], self.columns[1][-1], as_of - self.offset.value - self.ts[-1]
        if aged >= age or ask > bid * WIDEST:
            return 0.0, age, quiet
        return min(max(price, bid), ask), aged, min(quiet, as_of - self.received)

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - a row of quotes is none of trades
        return self._trades.turnover(bisect_right(self._trades.ts, opens), opens, span)


class Tickers(Rows):
    """Last prices, with the venue's own turnover."""

    __slots__ = ()

    width = 2
    window = TickerWindow

    def take(self, tick: Ticker, received: int) -> str:
        price, volume = tick.last + 0.0, tick.volume_24h + 0.0
        if not (0.0 < price < PRICE_LIMIT and 0.0 <= volume < PRICE_LIMIT):
            return "invalid"
        ts = self.offset.dated(tick.ts_event, received)
        if ts is None:
            return "future"
        self.place((price, volume), ts, received)
        return ""

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - the venue's own 24 h figure
        return self.columns[0][-1] * self.columns[1][-1] / _DAY
