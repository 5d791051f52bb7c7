"""What an aggregator reads: the observations of one market over some time, as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from chrono.core.types import SECOND, Kind, Market


class Prior(NamedTuple):
    """The last value before a window opens: what stood at its start."""

    value: float
    ts: int


class Top(NamedTuple):
    """The top of a book: prices in quote units per base unit, sizes in base units."""

    bid: float
    ask: float
    bid_size: float
    ask_size: float


class Window(msgspec.Struct, eq=False, dict=True):
    """The observations of one market over the `span` nanoseconds that end at `as_of`.

    Attributes
    ----------
    market : Market
    as_of, span : int
        Nanoseconds.
    age : int
        Nanoseconds from the last observation to `as_of`, by its receipt or its corrected event time, the older one.
    turnover : float
        Quote units traded per second over the span.
    covers : float
        Share of `span` for which the market was observed at all, 0 to 1.
    stands : float
        What a live book makes of a last trade more than 30 s old: that price, or bid or ask where it lies outside; 0
        where there is no such book.
    rhythm : int
        Nanoseconds that usually pass between two updates of the market, 0 where that is not known.
    prior : Prior or None
        The last observation before the window opens.
    start, stop : int
        The rows that lie in the window; the one before them is `prior`.
    ts : int64, shape (n,)
        Event times corrected by the source's clock offset, oldest first, never after `as_of`; read-only.

    Notes
    -----
    NumPy's arrays are made when they are first asked for, from arrays that the board may append to meanwhile: most
    aggregators want few of them, and `last` wants none.
    """

    kind: ClassVar[Kind]

    market: Market
    as_of: int
    span: int
    _columns: Sequence[Sequence[float]]
    _ts: Sequence[int]
    offset: int = 0
    age: int = 0
    turnover: float = 0.0
    covers: float = 1.0
    start: int = 0
    stop: int | None = None
    rhythm: int = 0
    stands: float = 0.0

    def __len__(self) -> int:
        stop = self.stop
        return (len(self._ts) if stop is None else stop) - self.start

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.market}, as_of={self.as_of}, span={self.span}, n={len(self)})"

    @cached_property
    def ts(self) -> NDArray[np.int64]:
        return _frozen(np.minimum(np.array(self._ts[self.start : self.stop], np.int64) + self.offset, self.as_of))

    @cached_property
    def prior(self) -> Prior | None:
        row = self.start - 1
        return None if row < 0 else Prior(self._standing(row), self._at(row))

    def newest(self, count: int) -> Self:
        """Return the window that opens at the oldest of the newest observations, itself where it holds fewer.

        Parameters
        ----------
        count : int
            Observations to keep, at least 1. A row of folded prints counts as its prints; it is not split, so that more
            may be left.

        Returns
        -------
        Window
            Its `span`, `covers` and `prior` are its own; `age` and `turnover` are those of the whole window, since they
            say how fresh a market is and how much it trades, not how much of it is looked at.

        Raises
        ------
        ValueError
            If `count` is below 1.
        """
        if count < 1:
            raise ValueError(f"expected one observation or more, was {count}")
        return self._newest_rows(count)

    def _newest_rows(self, count: int) -> Self:
        return self._since(len(self) - count)

    def _since(self, row: int) -> Self:
        """Return the window that opens at one of its rows, itself where that lies before it."""
        if row < 0:
            return self
        start = self.start + row
        span = self.as_of - self._at(start)
        covers = min(1.0, self.covers * self.span / span) if span else 1.0
        return msgspec.structs.replace(self, start=start, span=span, covers=covers)

    def _at(self, row: int) -> int:
        return min(self._ts[row] + self.offset, self.as_of)

    def _standing(self, row: int) -> float:
        return self._columns[0][row]

    @property
    def _newest(self) -> float:
        # of an empty window the last row is the one before it
        return self._standing(-1 if self.stop is None else self.stop - 1)

    def _column(self, index: int) -> NDArray[np.float64]:
        return _frozen(np.array(self._columns[index][self.start : self.stop], np.float64))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


class TradeWindow(Window, eq=False, dict=True):
    """Trades; `price` and `size` are float64 of shape (n,), read-only, oldest first.

    A flood is folded into buckets of 100 ms: such a row is the bucket's VWAP, its whole size and its number of prints.

    Examples
    --------
    >>> from chrono import Market, Pair
    >>> market = Market("kraken", Pair("BTC", "USD"))
    >>> prints = {"price": [100.0, 101.0], "size": [1.0, 3.0], "ts": [1_500, 1_900]}
    >>> window = TradeWindow.of(market, as_of=2_000, span=1_000, **prints)
    >>> window.last, len(window)
    (101.0, 2)
    """

    kind = "trades"

    @classmethod
    def of(
        cls, market: Market, as_of: int, span: int, price: Sequence[float], size: Sequence[float], ts: Sequence[int]
    ) -> TradeWindow:
        """Make a window of raw prints, for tests and notebooks; `ts` in nanoseconds, oldest first."""
        turnover = math.fsum(p * q for p, q in zip(price, size, strict=True)) * SECOND / span
        age = as_of - ts[-1] if ts else 0
        return cls(market, as_of, span, (price, size, [1.0] * len(ts)), ts, age=age, turnover=turnover)

    @property
    def last(self) -> float:
        """The newest price, from before the window where nothing was printed in it; IndexError if there is none.

        Where that is more than 30 s old, and a narrow live book has left it behind, the side that it left it by.
        """
        return self.stands or self._columns[0][-1 if self.stop is None else self.stop - 1]

    @cached_property
    def price(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def size(self) -> NDArray[np.float64]:
        return self._column(1)

    @cached_property
    def prints(self) -> NDArray[np.float64]:
        """Trades behind each row: 1, or more where a flood was folded."""
        return self._column(2)

    def of_volume(self, volume: float) -> Self:
        """Return the window of the newest trades whose sizes sum to a volume, itself where they do not reach it.

        Parameters
        ----------
        volume : float
            Base units to reach, above 0; the trade in which they are reached is in, whole.

        Returns
        -------
        TradeWindow
            As of `newest`.

        Raises
        ------
        ValueError
            If `volume` is not above 0.
        """
        if not volume > 0:
            raise ValueError(f"expected a volume above 0, was {volume}")
        return self._reaching(self.size, volume)

    def _newest_rows(self, count: int) -> Self:
        # each row stands for a print or more, so that no more rows than prints are wanted
        stop = self.start + len(self)
        return self._reaching(np.array(self._columns[2][max(self.start, stop - count) : stop]), count)

    def _reaching(self, amounts: NDArray[np.float64], wanted: float) -> Self:
        """Return the window that opens where amounts, summed up from the newest back, reach what is wanted."""
        rows = int(np.searchsorted(np.cumsum(amounts[::-1]), wanted)) + 1
        return self._since(len(self) - rows)


class QuoteWindow(Window, eq=False, dict=True):
    """Tops of book; `bid`, `ask`, `bid_size`, `ask_size` are float64 of shape (n,), read-only, oldest first."""

    kind = "quotes"

    @classmethod
    def of(
        cls,
        market: Market,
        as_of: int,
        span: int,
        bid: Sequence[float],
        ask: Sequence[float],
        ts: Sequence[int],
        bid_size: Sequence[float] | None = None,
        ask_size: Sequence[float] | None = None,
    ) -> QuoteWindow:
        """Make a window for tests and notebooks, of sizes of one where none are given; `ts` in ns, oldest first."""
        ones = [1.0] * len(ts)
        columns = (bid, ask, ones if bid_size is None else bid_size, ones if ask_size is None else ask_size)
        return cls(market, as_of, span, columns, ts, age=as_of - ts[-1] if ts else 0)

    @property
    def mid(self) -> float:
        """The newest mid price, from before the window where nothing arrived in it; IndexError if there is none."""
        return self._newest

    @property
    def top(self) -> Top:
        """The newest top of book, from before the window where nothing arrived in it; IndexError if there is none."""
        row = -1 if self.stop is None else self.stop - 1
        return Top(*(column[row] for column in self._columns))

    def _standing(self, row: int) -> float:
        return (self._columns[0][row] + self._columns[1][row]) / 2

    @cached_property
    def bid(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def ask(self) -> NDArray[np.float64]:
        return self._column(1)

    @cached_property
    def bid_size(self) -> NDArray[np.float64]:
        return self._column(2)

    @cached_property
    def ask_size(self) -> NDArray[np.float64]:
        return self._column(3)


class TickerWindow(Window, eq=False, dict=True):
    """Tickers; `last_price` and `volume_24h` are float64 of shape (n,), read-only, oldest first."""

    kind = "tickers"

    @property
    def last(self) -> float:
        """The newest price, from before the window where nothing arrived in it; IndexError if there is none."""
        return self._newest

    @cached_property
    def last_price(self) -> NDArray[np.float64]:
        return self._column(0)

    @cached_property
    def volume_24h(self) -> NDArray[np.float64]:
        return self._column(1)
