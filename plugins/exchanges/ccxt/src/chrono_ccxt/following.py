"""One object of ccxt at work: what it streams is streamed, the rest is asked for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import anyio

from chrono import Emit, Quote, Tick, Ticker, Trade
from chrono_ccxt.outages import Outage, explained
from chrono_ccxt.watching import Watching

Way: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_KNOWN = 2048
_TRANSIENT = {"network", "timeout", "unavailable", "rate_limited", "blocked"}


class Following:
    """What one object of ccxt says of some markets, until it fails or falls silent."""

    def __init__(self, exchange: Any, config: Any, watching: Watching, emit: Emit) -> None:
        self._exchange = exchange
        self._every: float = config.every.seconds
        self._tops: bool = config.tops
        self._watching = watching
        self._emit = emit
        self._known: dict[str, dict[Trade, None]] = {}

    async def run(self) -> Outage:
        """Return why it is over; what ccxt raises is raised."""
        await self._exchange.load_markets()
        absent = dict(self._absent())
        self._watching.begin(absent)
        symbols = [symbol for symbol in self._watching.markets if symbol not in absent]
        async with anyio.create_task_group() as group:
            for follow in self._ways(symbols):
                group.start_soon(follow)
            outage = await self._watching.over()
            group.cancel_scope.cancel()
        return outage

    def _absent(self) -> Iterable[tuple[str, str]]:
        """Yield what the exchange does not list, or says that it has halted."""
        for symbol in self._watching.markets:
            listed = self._exchange.markets.get(symbol)
            if listed is None or not listed.get("spot", True):
                yield symbol, "unlisted"
            elif listed.get("active") is False:
                yield symbol, "halted"

    def _ways(self, symbols: Sequence[str]) -> Iterable[Way]:
        """Yield what follows the markets, each the best way that ccxt has."""
        if not symbols:
            return
        yield from self._trades(symbols)
        if self._tops or not (self._has("watchTrades") or self._has("fetchTrades")):
            yield from (self._aside(way) for way in self._tickers(symbols))

    def _has(self, what: str) -> bool:
        return bool(self._exchange.has.get(what))

    def _trades(self, symbols: Sequence[str]) -> Iterable[Way]:
        exchange = self._exchange
        if self._has("watchTradesForSymbols"):
            yield self._stream(partial(exchange.watch_trades_for_symbols, list(symbols)), _trades)
        elif self._has("watchTrades"):
            for symbol in symbols:
                yield self._stream(partial(exchange.watch_trades, symbol), _trades)
        elif self._has("fetchTrades"):
            yield self._poll([partial(exchange.fetch_trades, symbol) for symbol in symbols], self._fresh)

    def _tickers(self, symbols: Sequence[str]) -> Iterable[Way]:
        exchange = self._exchange
        if self._has("watchBidsAsks"):
            yield self._stream(partial(exchange.watch_bids_asks, list(symbols)), _tops)
        elif self._has("watchTickers"):
            yield self._stream(partial(exchange.watch_tickers, list(symbols)), _tops)
        elif self._has("watchTicker"):
            for symbol in symbols:
                yield self._stream(partial(exchange.watch_ticker, symbol), _top)
        elif self._has("fetchTickers"):
            yield self._poll([partial(exchange.fetch_tickers, list(symbols))], _tops)
        elif self._has("fetchTicker"):
            yield self._poll([partial(exchange.fetch_ticker, symbol) for symbol in symbols], _top)

    def _aside(self, way: Way) -> Way:
        """Return what does without where the exchange has trades but refuses tops of books."""

        async def follow() -> None:
            try:
                await way()
            except Exception as error:
                outage = explained(error)
                if outage.code in _TRANSIENT:
                    raise
                context = self._watching.context
                context.logger.warning("tops_refused", source=context.name, error=outage.message)

        return follow

    def _stream(self, ask: Callable[[], Any], read: Callable[[Any], Iterable[Tick]]) -> Way:
        async def follow() -> None:
            while True:
                self._take(read(await ask()))

        return follow

    def _poll(self, asks: Sequence[Callable[[], Any]], read: Callable[[Any], Iterable[Tick]]) -> Way:
        async def follow() -> None:
            while True:
                for ask in asks:
                    self._take(read(await ask()))
                await self._watching.context.clock.sleep(self._every)

        return follow

    def _take(self, ticks: Iterable[Tick]) -> None:
        for tick in ticks:
            # some exchanges answer with all that they have
            if tick.symbol in self._watching.markets:
                self._watching.saw(tick)
                self._emit(tick)

    def _fresh(self, rows: Iterable[Mapping[str, Any]]) -> Iterable[Trade]:
        """Yield what the answers before did not have: they overlap, and what is repeated is no sign of life."""
        for trade in _trades(rows):
            known = self._known.setdefault(trade.symbol, {})
            if trade not in known:
                known[trade] = None
                yield trade
            if len(known) > _KNOWN:
                del known[next(iter(known))]


def _trades(rows: Iterable[Mapping[str, Any]]) -> list[Trade]:
    """Return ccxt's trades, the oldest first."""
    return [
        Trade(
            row["symbol"],
            row["price"],
            row["amount"] or 0.0,
            row.get("side") or "",
            str(row.get("id") or ""),
            _ns(row.get("timestamp")),
        )
        for row in rows
    ]


def _tops(rows: Mapping[str, Mapping[str, Any]]) -> list[Tick]:
    return [tick for row in rows.values() for tick in _top(row)]


def _top(row: Mapping[str, Any]) -> list[Tick]:
    """Return the top of a book, or where ccxt has none the last price."""
    symbol, time = row["symbol"], _ns(row.get("timestamp"))
    if row.get("bid") and row.get("ask"):
        sizes = row.get("bidVolume") or 0.0, row.get("askVolume") or 0.0
        return [Quote(symbol, row["bid"], row["ask"], *sizes, time)]
    return [Ticker(symbol, row["last"], row.get("baseVolume") or 0.0, time)] if row.get("last") else []


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else int(milliseconds) * 1_000_000
