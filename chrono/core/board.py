"""The last observations of each market: the only state between a venue and a price.

Memory is bounded by time. Rows older than the longest window asked for are forgotten, all but one; a flood folds into
buckets of 100 ms, so a window never silently becomes shorter than it says.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from operator import mul
from typing import Any

from chrono.core.clock import Clock
from chrono.core.types import (
    PRICE_LIMIT,
    SECOND,
    Kind,
    Market,
    Quote,
    QuoteWindow,
    Tick,
    Ticker,
    TickerWindow,
    Trade,
    TradeWindow,
    Window,
)

BUCKET = 100_000_000
"""Nanoseconds of a bucket that a flood is folded into."""

RAW = 2048
"""Rows of one market kept as received before the older half is folded."""

IDS = 4096
"""Trade ids remembered per market, at least half of them at any time."""

_GENERATION = IDS // 2

AHEAD = 10 * SECOND
"""How far a venue's clock may be from ours; also how far into the future a tick may lie."""

_SAMPLES = 600
_SAMPLE_EVERY = SECOND
_FIRST_SAMPLES = 16
_SPARE = 64
_DAY = 86_400
_DROWNED = 1e-6
"""Below this part of a running sum, its difference to an earlier one is too coarse."""


class Offset:
    """How far our clock is ahead of a venue's: the median of receipt minus event time, latency included.

    The first ticks are all measured, later ones once a second, over the last ten minutes: minutes of late prints cannot
    pass for a clock that is off. Beyond ±10 s it is not a clock but a delay, and counts as age.

    Attributes
    ----------
    value : int
        Nanoseconds our clock is ahead.
    room : int
        Nanoseconds after its receipt at which a venue may date a tick.
    next_at : int
        When the next sample is due.
    """

    __slots__ = ("_recent", "_sorted", "next_at", "room", "value")

    def __init__(self) -> None:
        self.value = 0
        self.room = AHEAD
        self.next_at = 0
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []

    def measure(self, delta: int, received: int) -> None:
        """Take one sample, `received - ts_event` in nanoseconds."""
        if delta > AHEAD:
            return
        if len(self._recent) == _SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(delta)
        insort(self._sorted, delta)
        n = len(self._sorted)
        low, high = self._sorted[(n - 1) // 2], self._sorted[n // 2]
        median = low if abs(low) < abs(high) else high
        self.value = max(-AHEAD, median)
        self.room = AHEAD - self.value
        if n >= _FIRST_SAMPLES:
            self.next_at = received + _SAMPLE_EVERY

    def dated(self, ts_event: int | None, received: int) -> int | None:
        """Return the venue's time of a tick, that of its receipt where it states none, None if it is in the future."""
        if ts_event is None:
            return received - self.value
        ahead = ts_event - received
        if received >= self.next_at:
            self.measure(-ahead, received)
        return None if ahead > self.room else ts_event


class _Rows:
    """Rows of one kind of one market in the order of their event times, oldest first.

    Windows read these very lists, up to where they ended at the time: once lent they are only appended to, and whatever
    else needs doing is done to a copy.
    """

    __slots__ = ("columns", "full", "horizon", "lent", "market", "offset", "received", "since", "ts")

    width = 0
    window: type[Window]

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        self.market = market
        self.horizon = horizon
        self.offset = offset
        self.columns: tuple[list[float], ...] = tuple([] for _ in range(self.width))
        self.ts: list[int] = []
        self.received = 0
        self.since = 0
        self.full = _SPARE
        self.lent = False

    def take(self, tick: Any, received: int) -> str:
        """Place a tick, or return the word for what is wrong with it."""
        raise NotImplementedError

    def insert(self, values: Sequence[float], ts: int) -> None:
        """Put a late row where it belongs."""
        self.own()
        at = bisect_right(self.ts, ts)
        for column, value in zip(self.columns, values, strict=True):
            column.insert(at, value)
        self.ts.insert(at, ts)
        if len(self.ts) >= self.full:
            self.shrink()

    def place(self, ts: int, received: int) -> None:
        """Finish a row whose values were appended."""
        times = self.ts
        if not times:
            self.since = received
        times.append(ts)
        self.received = received
        if len(times) >= self.full:
            self.shrink()

    def own(self) -> None:
        """Leave lent lists to their windows."""
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
        into = -1
        bucket = None
        for row in range(count):
            key = self.ts[row] // BUCKET
            if key == bucket:
                self.merge(into, row)
            else:
                into, bucket = into + 1, key
                self.move(into, row)
            self.ts[into] = self.ts[row]
        for column in self.columns:
            del column[into + 1 : count]
        del self.ts[into + 1 : count]

    def move(self, into: int, row: int) -> None:
        """Copy the values of a row."""
        for column in self.columns:
            column[into] = column[row]

    def merge(self, into: int, row: int) -> None:
        """Fold a row into its bucket: of a state, such as a quote, the last one stands."""
        self.move(into, row)

    def cut(self, as_of: int, span: int) -> Window | None:
        """Return the window of `span` nanoseconds up to `as_of`, None where nothing was ever seen."""
        ts, offset = self.ts, self.offset.value
        if not ts:
            return None
        opens = as_of - span - offset
        start = bisect_right(ts, opens)
        age, quiet = as_of - offset - ts[-1], as_of - self.received
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
        )

    def turnover(self, start: int, opens: int, span: int) -> float:
        """Return quote units traded per second in a window from row `start`, which opens at an instant of the venue."""
        raise NotImplementedError


class _Trades(_Rows):
    __slots__ = ("_old", "_traded", "_young")

    width = 3
    window = TradeWindow

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        super().__init__(market, horizon, offset)
        self._traded: list[float] = []
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
        prices, sizes, prints = self.columns
        prices.append(price)
        sizes.append(size)
        prints.append(1.0)
        times.append(ts)
        self.received = received
        if len(times) >= self.full:
            self.shrink()
        return ""

    def insert(self, values: Sequence[float], ts: int) -> None:
        del self._traded[bisect_right(self.ts, ts) :]
        super().insert(values, ts)

    def delete(self, count: int) -> None:
        # summed up afresh, so that no absurd print stays in the sums for good
        self._traded.clear()
        super().delete(count)

    def fold(self, count: int) -> None:
        super().fold(count)
        self._traded.clear()

    def merge(self, into: int, row: int) -> None:
        prices, sizes, prints = self.columns
        size = sizes[into] + sizes[row]
        if size > 0:
            prices[into] = (prices[into] * sizes[into] + prices[row] * sizes[row]) / size
        else:
            prices[into] = prices[row]
        sizes[into] = size
        prints[into] += prints[row]

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - for quotes, whose rows are others
        if len(self._traded) < len(self.ts):
            self._sum()
        traded = self._traded
        if start >= len(traded):
            return 0.0
        made = traded[-1] - traded[start - 1] if start else traded[-1]
        if made < traded[-1] * _DROWNED:
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


class _Quotes(_Rows):
    __slots__ = ("_trades",)

    width = 4
    window = QuoteWindow

    def __init__(self, market: Market, horizon: int, offset: Offset, trades: _Trades) -> None:
        super().__init__(market, horizon, offset)
        self._trades = trades

    def take(self, tick: Quote, received: int) -> str:
        bid, ask, bid_size, ask_size = tick.bid, tick.ask, tick.bid_size, tick.ask_size
        if not (0.0 < bid <= ask < PRICE_LIMIT and 0.0 <= bid_size < PRICE_LIMIT and 0.0 <= ask_size < PRICE_LIMIT):
            return "invalid"
        ts = self.offset.dated(tick.ts_event, received)
        if ts is None:
            return "future"
        if self.ts and ts < self.ts[-1]:
            self.insert((bid, ask, bid_size, ask_size), ts)
            return ""
        bids, asks, bid_sizes, ask_sizes = self.columns
        bids.append(bid)
        asks.append(ask)
        bid_sizes.append(bid_size)
        ask_sizes.append(ask_size)
        self.place(ts, received)
        return ""

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - a row of quotes is none of trades
        return self._trades.turnover(bisect_right(self._trades.ts, opens), opens, span)


class _Tickers(_Rows):
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
        if self.ts and ts < self.ts[-1]:
            self.insert((price, volume), ts)
            return ""
        prices, volumes = self.columns
        prices.append(price)
        volumes.append(volume)
        self.place(ts, received)
        return ""

    def turnover(self, start: int, opens: int, span: int) -> float:  # noqa: ARG002 - the venue's own 24 h figure
        return self.columns[0][-1] * self.columns[1][-1] / _DAY


class _Slot:
    """Everything seen of one market."""

    __slots__ = ("quotes", "tickers", "trades")

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        self.trades = _Trades(market, horizon, offset)
        self.quotes = _Quotes(market, horizon, offset, self.trades)
        self.tickers = _Tickers(market, horizon, offset)


class Inlet:
    """Where the ticks of one source enter the board: stamped, checked, placed, counted.

    Attributes
    ----------
    accepted : int
        Ticks that reached the board.
    dropped : Counter
        Ticks that did not: `invalid`, `duplicate`, `future` or `unknown_symbol`.
    on_tick : callable or None
        Told of each tick that came without a time of receipt: the recorder of sources that bring their own connection.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self.offset = Offset()
        self.accepted = 0
        self.dropped: Counter[str] = Counter()
        self.on_tick: Callable[[Tick, int], None] | None = None
        self._board = board
        self._clock = clock
        self._rows: dict[str, Mapping[type[Tick], _Rows]] = {}

    def watch(self, slot: _Slot) -> None:
        """Let the ticks of a market in."""
        self._rows[slot.trades.market.symbol] = {Trade: slot.trades, Quote: slot.quotes, Ticker: slot.tickers}

    def __call__(self, tick: Tick, received: int | None = None) -> None:
        """Take a tick; `received` is when it was received, now when the source does not say."""
        if received is None:
            received = self._clock.now()
            if self.on_tick is not None:
                self.on_tick(tick, received)
        if received > self._board.sealed_until:
            self._board.seal(received)
        try:
            fault = self._rows[tick.symbol][type(tick)].take(tick, received)
        except KeyError:
            fault = "invalid" if tick.symbol in self._rows else "unknown_symbol"
        except TypeError:
            # a parser that passed on null or text: a check of types for every tick would cost more
            fault = "invalid"
        if fault:
            self.dropped[fault] += 1
        else:
            self.accepted += 1


def _unsealed(now: int) -> None:
    """Nothing waits for the board."""


class Board:
    """All markets of a pipeline.

    Parameters
    ----------
    markets : mapping of Market to int
        What is watched, with the nanoseconds of the longest window to be asked for; symbols are unique per source.
    clock : Clock
        Stamps the ticks of sources that do not.

    Attributes
    ----------
    sealed_until : int
        A tick received later than this must not be seen by a round that is still to be priced: `seal` is called first.
    inlets : dict of str to Inlet
        The way in, per source.
    """

    def __init__(self, markets: Mapping[Market, int], clock: Clock) -> None:
        self.sealed_until: int = 2**63
        self.seal: Callable[[int], None] = _unsealed
        self.inlets: dict[str, Inlet] = {}
        self._slots: dict[Market, _Slot] = {}
        for market, horizon in markets.items():
            inlet = self.inlets.get(market.source)
            if inlet is None:
                inlet = self.inlets[market.source] = Inlet(self, clock)
            slot = self._slots[market] = _Slot(market, horizon, inlet.offset)
            inlet.watch(slot)

    def window(self, market: Market, kind: Kind, span: int, as_of: int) -> Window | None:
        """Return what was seen of a market in the `span` nanoseconds up to `as_of`; None if nothing ever was."""
        rows: _Rows = getattr(self._slots[market], kind)
        return rows.cut(as_of, span)
