"""Binance spot, combined WebSocket streams: every public trade, and the top of the book.

Page https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams (general information, limits, live
subscribing, trade, aggregate trade and book ticker streams), read 2026-11-22. Numbers are text; `m` says that the buyer
was the maker, so that the taker sold; a book ticker has no time::

    {"stream": "bnbbtc@trade", "data": {"e": "trade", "E": 1672515782136, "s": "BNBBTC", "t": 12345, "p": "0.001",
        "q": "100", "T": 1672515782136, "m": true, "M": true}}
    {"stream": "bnbbtc@aggTrade", "data": {"e": "aggTrade", "E": 1672515782136, "s": "BNBBTC", "a": 12345, "p": "0.001",
        "q": "100", "f": 100, "l": 105, "T": 1672515782136, "m": true, "M": true}}
    {"stream": "bnbusdt@bookTicker", "data": {"u": 400900217, "s": "BNBUSDT", "b": "25.35190000", "B": "31.21000000",
        "a": "25.36520000", "A": "40.66000000"}}
    {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1770123456789}}
    {"result": null, "id": 1}
    {"code": 2, "msg": "Invalid request: unknown variant …"}
    {"code": -1003, "msg": "Way too many requests; IP banned until 1795342800000. Please use …"}

A connection takes 1024 streams and five messages a second, and is closed by the venue after 24 hours; an address may
attempt 300 of them in five minutes, and requests that weigh 6000 in a minute (…/rest-api/limits). Too many
are -1003, with the time in milliseconds until which an address is banned, where it is (…/errors, "TOO_MANY_REQUESTS").

Over REST, pages …/rest-api/market-data-endpoints (recent trades list, weight 25), …/rest-api/general-endpoints
(exchange information, weight 20) and …/enums (symbol status), read 2026-11-22. Oldest first; no trade names its
symbol::

    [{"id": 28457, "price": "4.00000100", "qty": "12.00000000", "quoteQty": "48.000012", "time": 1499865549590,
        "isBuyerMaker": true, "isBestMatch": true}]
    {"symbols": [{"symbol": "ETHBTC", "status": "TRADING", "baseAsset": "ETH", "quoteAsset": "BTC", …}], …}
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from chrono import Ack, Pair, Quote, RateLimit, Reconnect, Rejected, Signal, Source, Tick, Trade, hookimpl
from chrono.venue import Amount, Budget, PolledTrades, WebSocketSource, market_rows, trade_rows

_LIMIT = 1e15
_TOO_MANY = -1003
_WAIT = 60.0
_UNTIL = re.compile(r"banned until (\d{13})\b")
_STREAMS_PER_MESSAGE = 100


class Event(msgspec.Struct, gc=False):
    """What matters of all events, under the wire's own letters: decoding once into one struct beats looking first.

    What an event lacks keeps a value that no venue sends. The same letters mean other things in other events (`a` is an
    aggregate trade's number, a book's list), hence the wide types.
    """

    e: str = ""
    s: str = ""
    t: int = -1
    p: float = 0.0
    q: Amount = -1.0
    T: int = 0
    m: bool | None = None
    b: float | list[Any] = -1.0
    B: Amount = -1.0
    a: float | list[Any] = -1.0
    A: Amount = -1.0


class Message(Event, gc=False, rename={"book": "lastUpdateId"}):
    """An event inside a combined stream, a bare event, or an answer."""

    data: Event | list[Event] | None = None
    book: int | None = None
    result: Any = msgspec.UNSET
    code: int | None = None
    msg: str = ""
    error: dict[str, Any] | str | None = None


class BinanceTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "binance"
    url = "https://api.binance.com"
    path = "/api/v3/trades?symbol={symbol}&limit=100"
    rows = trade_rows(
        price="price", size="qty", time="time", side="isBuyerMaker", sides={True: "sell", False: "buy"}, id="id"
    )
    weighs = 25.0


class Binance(WebSocketSource):
    """Every public trade of Binance's spot market, and the best bid and ask at each change."""

    type = "binance"
    url = "wss://stream.binance.com:9443/stream"
    rest = BinanceTrades
    markets_url = "https://api.binance.com/api/v3/exchangeInfo?permissions=SPOT"
    markets = market_rows(
        at="symbols", symbol="symbol", base="baseAsset", quote="quoteAsset", state="status", trading=["TRADING"]
    )
    budget = Budget(6000, per=60.0)
    connections = Budget(300, per=300.0)
    # two streams a symbol in messages of 100 streams: four messages, of the five a second that the venue takes
    symbols_per_connection = 200
    Frame = Message | list[Event]

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}".upper()

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades and book tickers in few messages of some kilobytes, or end both."""
        streams = [f"{symbol.lower()}@{name}" for symbol in symbols for name in ("trade", "bookTicker")]
        for number, start in enumerate(range(0, len(streams), _STREAMS_PER_MESSAGE), 1):
            yield {"method": verb.upper(), "params": streams[start : start + _STREAMS_PER_MESSAGE], "id": number}

    def parse(self, frame: Message | list[Event]) -> Iterable[Tick | Signal]:
        """Read trades and book tickers, inside a combined stream or bare; other events say nothing of interest."""
        if isinstance(frame, list):
            return _passed(frame)
        if isinstance(frame.data, list):
            return _passed(frame.data)
        event = frame.data or frame
        if event.e == "trade":
            return (_trade(event, event.t),)
        if event.e == "aggTrade":
            return (_trade(event, -1 if isinstance(event.a, list) else int(event.a)),)
        if event.e:
            return (Reconnect(event.e),) if event.e == "serverShutdown" else ()
        return _quote(event) if event.s else _answer(frame, self.context.clock.now())


def _passed(events: list[Event]) -> Iterable[Tick]:
    # statistics of all markets come as an array, without trades among them
    if not events or not all(event.e for event in events):
        raise ValueError("expected events, each with its e")
    return ()


def _trade(event: Event, number: int) -> Trade:
    symbol, price, size, time, maker = event.s, event.p, event.q, event.T, event.m
    if not (symbol and 0.0 < price < _LIMIT and size >= 0.0) or number < 0 or maker is None:
        raise ValueError("expected a trade with s, t or a, p > 0, q >= 0, T and m")
    ts = time * 1_000_000 if 10**12 <= time < 10**13 else _in_microseconds(time)
    return Trade(symbol, price, size, "sell" if maker else "buy", str(number), ts)


def _in_microseconds(time: int) -> int:
    # from 2001 to 2286, thirteen digits are milliseconds and sixteen are microseconds, so that neither is taken for the
    # other
    if not 10**15 <= time < 10**16:
        raise ValueError(f"expected T in milliseconds or microseconds, was {time}")
    return time * 1_000


def _quote(event: Event) -> Iterable[Quote]:
    bid, ask = event.b, event.a
    if isinstance(bid, list) or isinstance(ask, list) or event.B < 0 or event.A < 0:
        raise ValueError("expected a book ticker with s, b, B, a and A")
    if not (0 <= bid < _LIMIT and 0 <= ask < _LIMIT):
        raise ValueError(f"expected prices from 0 to 1e15, was {bid} and {ask}")
    # a side of the book that is empty is 0: no quote, and no damage
    return (Quote(event.s, bid, ask, event.B, event.A),) if bid and ask else ()


def _answer(frame: Message, now: int) -> Iterable[Signal]:
    error = frame.error or (frame.msg if frame.code is not None else "")
    if error:
        told = error if isinstance(error, dict) else {"code": frame.code, "msg": error}
        reason = str(told.get("msg", error))
        return (_pause(reason, now) if told.get("code") == _TOO_MANY else Rejected("", reason),)
    if frame.result is msgspec.UNSET and frame.data is None and frame.book is None:
        raise ValueError("expected an event, an acknowledgement or an error")
    return (Ack(),) if frame.result in (None, []) else ()


def _pause(reason: str, now: int) -> RateLimit:
    until = _UNTIL.search(reason)
    wait = _WAIT if until is None else max(_WAIT, int(until[1]) / 1e3 - now / 1e9)
    return RateLimit(wait, reason, address=True)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Binance]
