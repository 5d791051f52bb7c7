"""The last observations of each market: the only state between a venue and a price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from chrono.core.clock import Clock
from chrono.core.offset import Offset
from chrono.core.rows import Quotes, Rows, Tickers, Trades
from chrono.core.types import Kind, Market, Quote, Tick, Ticker, Trade
from chrono.core.windows import Window


class _Slot:
    """Everything seen of one market."""

    __slots__ = ("quotes", "tickers", "trades")

    def __init__(self, market: Market, horizon: int, offset: Offset) -> None:
        self.trades = Trades(market, horizon, offset)
        self.quotes = self.trades.book = Quotes(market, horizon, offset, self.trades)
        self.tickers = Tickers(market, horizon, offset)


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
    listener : callable or None
        Told of each tick that reached the board, and when it came.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self.offset = Offset()
        self.accepted = 0
        self.dropped: Counter[str] = Counter()
        self.on_tick: Callable[[Tick, int], None] | None = None
        self.listener: Callable[[Tick, int], None] | None = None
        self._board = board
        self._clock = clock
        self._rows: dict[str, Mapping[type[Tick], Rows]] = {}

    @property
    def folded(self) -> int:
        """Ticks that were merged into buckets of 100 ms, since there were too many to keep each."""
        return sum(rows.folded for kinds in self._rows.values() for rows in kinds.values())

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
        except (TypeError, OverflowError):
            # a parser that passed on null, text or an absurd time: a check of types for every tick would cost more
            fault = "invalid"
        if fault:
            self.dropped[fault] += 1
        else:
            self.accepted += 1
            if self.listener is not None:
                self.listener(tick, received)


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
    inlet : type of Inlet, optional
        One that looks on, in place of the usual.

    Attributes
    ----------
    sealed_until : int
        A tick received later than this must not be seen by a round that is still to be priced: `seal` is called first.
    inlets : dict of str to Inlet
        The way in, per source.
    """

    def __init__(self, markets: Mapping[Market, int], clock: Clock, inlet: type[Inlet] = Inlet) -> None:
        self.sealed_until: int = 2**63
        self.seal: Callable[[int], None] = _unsealed
        self.inlets: dict[str, Inlet] = {}
        self._slots: dict[Market, _Slot] = {}
        for market, horizon in markets.items():
            way = self.inlets.get(market.source)
            if way is None:
                way = self.inlets[market.source] = inlet(self, clock)
            slot = self._slots[market] = _Slot(market, horizon, way.offset)
            way.watch(slot)

    def window(self, market: Market, kind: Kind, span: int, as_of: int) -> Window | None:
        """Return what was seen of a market in the `span` nanoseconds up to `as_of`; None if nothing ever was."""
        rows: Rows = getattr(self._slots[market], kind)
        return rows.cut(as_of, span)
