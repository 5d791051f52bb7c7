"""The last observations of each market: the only state between a venue and a price.

Memory is bounded by time. Rows older than the longest window asked for are forgotten, all but one; a flood folds into
buckets of 100 ms, so a window never silently becomes shorter than it says.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chrono.core.clock import Clock
from chrono.core.types import (
    PRICE_LIMIT,
    SECOND,
    Kind,
    Market,
    Prior,
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

AHEAD = 10 * SECOND
"""How far a venue's clock may be from ours; also how far into the future a tick may lie."""

_SAMPLES = 600
_SAMPLE_EVERY = SECOND
_FIRST_SAMPLES = 16
_SPARE = 64
_DAY = 86_400

class Offset:
    """How far our clock is ahead of a venue's: the median of receipt minus event time, latency included.

    The first ticks are all measured, later ones once a second, over the last ten minutes: minutes of late prints cannot
    pass for a clock that is off. Beyond ±10 s it is not a clock but a delay, and counts as age.
    """

    def __init__(self) -> None:
        self.value = 0
        self.next_at = 0
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []

    def measure(self, delta: int, received: int) -> None:
        """Take one sample, `received - ts_event` in nanoseconds."""
        if len(self._recent) == _SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(delta)
        insort(self._sorted, delta)
        n = len(self._sorted)
        low, high = self._sorted[(n - 1) // 2], self._sorted[n // 2]
        median = low if abs(low) < abs(high) else high
        self.value = max(-AHEAD, min(AHEAD, median))
        if n >= _FIRST_SAMPLES:
            self.next_at = received + _SAMPLE_EVERY


class _Rows:
    """Rows of one kind of one market in the order of their event times, oldest first."""

    width = 0
    window: type[Window]

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.columns: tuple[list[float], ...] = tuple([] for _ in range(self.width))
        self.ts: list[int] = []
        self.received: list[int] = []
        self.since = 0
        self.full = _SPARE

    def insert(self, values: Sequence[float], ts: int, received: int) -> None:
        """Put a late row where it belongs."""
        at = bisect_right(self.ts, ts)
        for column, value in zip(self.columns, values, strict=True):
            column.insert(at, value)
        self.ts.insert(at, ts)
        self.received.insert(at, received)

    def place(self, ts: int, received: int) -> None:
        """Finish a row whose values were appended."""
        if not self.ts:
            self.since = received
        self.ts.append(ts)
        self.received.append(received)
        if len(self.ts) >= self.full:
            self.shrink()

    def shrink(self) -> None:
        """Forget what no window reaches, all but the row before; fold what is still too much."""
        self.delete(max(bisect_left(self.ts, self.ts[-1] - self.horizon) - 1, 0))
        if len(self.ts) > RAW:
            self.fold(len(self.ts) - RAW // 2)
        self.full = len(self.ts) + max(len(self.ts) // 2, _SPARE)

    def delete(self, count: int) -> None:
        """Forget the first `count` rows."""
        for column in self.columns:
            del column[:count]
        del self.ts[:count]
        del self.received[:count]

    def fold(self, count: int) -> None:
        """Merge the first `count` rows into buckets, in place."""
        into = -1
        bucket = None
        for row in range(count):
            key = self.ts[row] // BUCKET
            if key == bucket:
                self.merge(into, row)
                self.received[into] = max(self.received[into], self.received[row])
            else:
                into, bucket = into + 1, key
                self.move(into, row)
                self.received[into] = self.received[row]
            self.ts[into] = self.ts[row]
        for column in self.columns:
            del column[into + 1 : count]
        del self.ts[into + 1 : count]
        del self.received[into + 1 : count]

    def move(self, into: int, row: int) -> None:
        """Copy the values of a row."""
        for column in self.columns:
            column[into] = column[row]

    def merge(self, into: int, row: int) -> None:
        """Fold a row into its bucket: of a state, such as a quote, the last one stands."""
        self.move(into, row)

    def cut(self, market: Market, as_of: int, span: int, offset: int, turnover: float | None = None) -> Window | None:
        """Return the window of `span` nanoseconds up to `as_of`, None where nothing was ever seen."""
        ts = self.ts
        if not ts:
            return None
        start = bisect_right(ts, as_of - span - offset)
        seen = as_of - self.since
        return self.window(
            market,
            as_of,
            span,
            [column[start:] for column in self.columns],
            ts[start:],
            offset=offset,
            age=max(as_of - self.received[-1], as_of - ts[-1] - offset),
            turnover=self.turnover(start, span) if turnover is None else turnover,
            covers=1.0 if seen >= span else max(seen, 0) / span,
            prior=Prior(self.standing(start - 1), ts[start - 1] + offset) if start else None,
        )

    def standing(self, row: int) -> float:
        """Return the one number that stands for a row."""
        return self.columns[0][row]

    def turnover(self, start: int, span: int) -> float:  # noqa: ARG002 - only trades and tickers know
        """Return quote units traded per second since row `start`."""
        return 0.0


class _Trades(_Rows):
    width = 3
    window = TradeWindow

    def __init__(self, horizon: int) -> None:
        super().__init__(horizon)
        self._traded: list[float] = []
        self._forgotten = 0.0
        self._young: set[str] = set()
        self._old: set[str] = set()

    @staticmethod
    def valid(tick: Trade) -> bool:
        return 0.0 < tick.price < PRICE_LIMIT and 0.0 <= tick.size < PRICE_LIMIT

    def add(self, tick: Trade, ts: int, received: int) -> None:
        if self.ts and ts < self.ts[-1]:
            self.insert((tick.price, tick.size, 1.0), ts, received)
            return
        prices, sizes, prints = self.columns
        prices.append(tick.price)
        sizes.append(tick.size)
        prints.append(1.0)
        self.place(ts, received)

    def repeated(self, trade_id: str) -> bool:
        """Remember a trade id; two generations bound the memory."""
        if trade_id in self._young or trade_id in self._old:
            return True
        self._young.add(trade_id)
        if len(self._young) >= IDS // 2:
            self._old, self._young = self._young, set()
        return False

    def insert(self, values: Sequence[float], ts: int, received: int) -> None:
        del self._traded[bisect_right(self.ts, ts) :]
        super().insert(values, ts, received)

    def delete(self, count: int) -> None:
        if count:
            self._sum()
            self._forgotten = self._traded[count - 1]
            del self._traded[:count]
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

    def turnover(self, start: int, span: int) -> float:
        self._sum()
        if not self._traded:
            return 0.0
        before = self._traded[start - 1] if start else self._forgotten
        return max(self._traded[-1] - before, 0.0) * SECOND / span

    def _sum(self) -> None:
        """Bring the running sums of turnover up to date."""
        prices, sizes, _ = self.columns
        total = self._traded[-1] if self._traded else self._forgotten
        for row in range(len(self._traded), len(self.ts)):
            total += prices[row] * sizes[row]
            self._traded.append(total)


class _Quotes(_Rows):
    width = 4
    window = QuoteWindow

    @staticmethod
    def valid(tick: Quote) -> bool:
        return (
            0.0 < tick.bid <= tick.ask < PRICE_LIMIT
            and 0.0 <= tick.bid_size < PRICE_LIMIT
            and 0.0 <= tick.ask_size < PRICE_LIMIT
        )

    def add(self, tick: Quote, ts: int, received: int) -> None:
        if self.ts and ts < self.ts[-1]:
            self.insert((tick.bid, tick.ask, tick.bid_size, tick.ask_size), ts, received)
            return
        bids, asks, bid_sizes, ask_sizes = self.columns
        bids.append(tick.bid)
        asks.append(tick.ask)
        bid_sizes.append(tick.bid_size)
        ask_sizes.append(tick.ask_size)
        self.place(ts, received)

    def standing(self, row: int) -> float:
        return (self.columns[0][row] + self.columns[1][row]) / 2


class _Tickers(_Rows):
    width = 2
    window = TickerWindow

    @staticmethod
    def valid(tick: Ticker) -> bool:
        return 0.0 < tick.last < PRICE_LIMIT and 0.0 <= tick.volume_24h < PRICE_LIMIT

    def add(self, tick: Ticker, ts: int, received: int) -> None:
        if self.ts and ts < self.ts[-1]:
            self.insert((tick.last, tick.volume_24h), ts, received)
            return
        last, volume = self.columns
        last.append(tick.last)
        volume.append(tick.volume_24h)
        self.place(ts, received)

    def turnover(self, start: int, span: int) -> float:  # noqa: ARG002 - the venue's own 24 h figure
        return self.columns[0][-1] * self.columns[1][-1] / _DAY


class _Slot:
    """Everything seen of one market."""

    __slots__ = ("market", "quotes", "tickers", "trades")

    def __init__(self, market: Market, horizon: int) -> None:
        self.market = market
        self.trades = _Trades(horizon)
        self.quotes = _Quotes(horizon)
        self.tickers = _Tickers(horizon)

    def window(self, kind: Kind, as_of: int, span: int, offset: int) -> Window | None:
        if kind == "trades":
            return self.trades.cut(self.market, as_of, span, offset)
        if kind == "tickers":
            return self.tickers.cut(self.market, as_of, span, offset)
        start = bisect_right(self.trades.ts, as_of - span - offset)
        return self.quotes.cut(self.market, as_of, span, offset, self.trades.turnover(start, span))


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

    def __init__(self, board: Board, slots: Iterable[_Slot], clock: Clock) -> None:
        self.offset = Offset()
        self.accepted = 0
        self.dropped: Counter[str] = Counter()
        self.on_tick: Callable[[Tick, int], None] | None = None
        self._board = board
        self._clock = clock
        self._slots = {slot.market.symbol: slot for slot in slots}

    def __call__(self, tick: Tick, received: int | None = None) -> None:
        """Take a tick; `received` is when it was received, now when the source does not say."""
        if received is None:
            received = self._clock.now()
            if self.on_tick is not None:
                self.on_tick(tick, received)
        if received > self._board.sealed_until:
            self._board.seal(received)
        slot = self._slots.get(tick.symbol)
        if slot is None:
            self.dropped["unknown_symbol"] += 1
        elif type(tick) is Trade:
            rows = slot.trades
            if rows.valid(tick):
                ts = self._event_time(tick.ts_event, received)
                if ts is None:
                    self.dropped["future"] += 1
                elif tick.trade_id and rows.repeated(tick.trade_id):
                    self.dropped["duplicate"] += 1
                else:
                    self.accepted += 1
                    rows.add(tick, ts, received)
            else:
                self.dropped["invalid"] += 1
        else:
            self._state(slot, tick, received)

    def _state(self, slot: _Slot, tick: Any, received: int) -> None:
        """Take a quote or a ticker: the state of a market rather than an event."""
        rows: Any = slot.quotes if type(tick) is Quote else slot.tickers if type(tick) is Ticker else None
        if rows is None or not rows.valid(tick):
            self.dropped["invalid"] += 1
        elif (ts := self._event_time(tick.ts_event, received)) is None:
            self.dropped["future"] += 1
        else:
            self.accepted += 1
            rows.add(tick, ts, received)

    def _event_time(self, ts_event: int | None, received: int) -> int | None:
        """Return the venue's time of a tick, that of its receipt where it states none, None if it lies in the future."""
        offset = self.offset
        if ts_event is None:
            return received - offset.value
        if received >= offset.next_at:
            offset.measure(received - ts_event, received)
        return None if ts_event + offset.value > received + AHEAD else ts_event


def _unsealed(now: int) -> None:
    """Nothing waits for the board."""


class Board:
    """All markets of a pipeline.

    Parameters
    ----------
    markets : mapping of Market to int
        What is watched, with the nanoseconds of the longest window that will be asked for; symbols are unique per source.
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
        self._slots = {market: _Slot(market, horizon) for market, horizon in markets.items()}
        by_source: dict[str, list[_Slot]] = {}
        for slot in self._slots.values():
            by_source.setdefault(slot.market.source, []).append(slot)
        self.inlets = {source: Inlet(self, slots, clock) for source, slots in by_source.items()}

    def window(self, market: Market, kind: Kind, span: int, as_of: int) -> Window | None:
        """Return what was seen of a market in the `span` nanoseconds up to `as_of`; None if nothing ever was."""
        return self._slots[market].window(kind, as_of, span, self.inlets[market.source].offset.value)
