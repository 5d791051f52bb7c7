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

A connection takes 1024 streams and five messages a second, and is closed by the venue after 24 hours.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from chrono import Ack, Amount, Pair, Quote, Reconnect, Rejected, Signal, Source, Tick, Trade, WebSocketSource, hookimpl

_LIMIT = 1e15
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

    data: Event | None = None
    book: int | None = None
    result: Any = msgspec.UNSET
    code: int | None = None
    msg: str = ""
    error: dict[str, Any] | str | None = None


class Binance(WebSocketSource):
    """Every public trade of Binance's spot market, and the best bid and ask at each change."""

    type = "binance"
    url = "wss://stream.binance.com:9443/stream"
    # two streams a symbol in messages of 100 streams: four messages, of the five a second that the venue takes
    symbols_per_connection = 200
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{pair.base}{pair.quote}".upper()

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades and book tickers in few messages of some kilobytes."""
        streams = [f"{symbol.lower()}@{name}" for symbol in symbols for name in ("trade", "bookTicker")]
        for number, start in enumerate(range(0, len(streams), _STREAMS_PER_MESSAGE), 1):
            yield {"method": "SUBSCRIBE", "params": streams[start : start + _STREAMS_PER_MESSAGE], "id": number}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and book tickers, inside a combined stream or bare; other events say nothing of interest."""
        event = frame.data or frame
        if event.e == "trade":
            return (_trade(event, event.t),)
        if event.e == "aggTrade":
            return (_trade(event, -1 if isinstance(event.a, list) else int(event.a)),)
        if event.e:
            return (Reconnect(event.e),) if event.e == "serverShutdown" else ()
        return _quote(event) if event.s else _answer(frame)


def _trade(event: Event, number: int) -> Trade:
    symbol, price, size, time, maker = event.s, event.p, event.q, event.T, event.m
    if not (symbol and 0.0 < price < _LIMIT and size >= 0.0) or number < 0 or maker is None:
        raise ValueError("expected a trade with s, t or a, p > 0, q >= 0, T and m")
    ts = time * 1_000_000 if 10**12 <= time < 10**13 else _nanoseconds(time)
    return Trade(symbol, price, size, "sell" if maker else "buy", str(number), ts)


def _quote(event: Event) -> Iterable[Quote]:
    bid, ask = event.b, event.a
    if isinstance(bid, list) or isinstance(ask, list) or event.B < 0 or event.A < 0:
        raise ValueError("expected a book ticker with s, b, B, a and A")
    if not (0 <= bid < _LIMIT and 0 <= ask < _LIMIT):
        raise ValueError(f"expected prices from 0 to 1e15, was {bid} and {ask}")
    # a side of the book that is empty is 0: no quote, and no damage
    return (Quote(event.s, bid, ask, event.B, event.A),) if bid and ask else ()


def _answer(frame: Message) -> Iterable[Signal]:
    error = frame.error or (frame.msg if frame.code is not None else "")
    if error:
        return (Rejected("", str(error.get("msg", error)) if isinstance(error, dict) else error),)
    if frame.result is msgspec.UNSET and frame.data is None and frame.book is None:
        raise ValueError("expected an event, an acknowledgement or an error")
    return (Ack(),) if frame.result in (None, []) else ()


def _nanoseconds(time: int) -> int:
    # from 2001 to 2286, thirteen digits are milliseconds and sixteen are microseconds (timeUnit=MICROSECOND), so that
    # neither is taken for the other; no other unit is documented
    if 10**12 <= time < 10**13:
        return time * 1_000_000
    if 10**15 <= time < 10**16:
        return time * 1_000
    raise ValueError(f"expected T in milliseconds or microseconds, was {time}")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Binance]
