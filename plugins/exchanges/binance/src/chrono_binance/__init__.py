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
from msgspec import field

from chrono import Ack, Amount, Pair, Quote, Reconnect, Rejected, Signal, Source, Tick, Trade, WebSocketSource, hookimpl

_LIMIT = 1e15
_STREAMS_PER_MESSAGE = 100


class Event(msgspec.Struct, gc=False):
    """The fields that matter of all events: decoding once into one struct costs less than looking first.

    What an event lacks keeps a value that no venue sends. The same letters mean other things in other events (`a` is an
    aggregate trade's number, a book's list), hence the wide types.
    """

    kind: str = field(default="", name="e")
    symbol: str = field(default="", name="s")
    trade_id: int = field(default=-1, name="t")
    price: float = field(default=0.0, name="p")
    size: Amount = field(default=-1.0, name="q")
    time: int = field(default=0, name="T")
    buyer_is_maker: bool | None = field(default=None, name="m")
    bid: float | list[Any] = field(default=-1.0, name="b")
    bid_size: Amount = field(default=-1.0, name="B")
    ask: float | list[Any] = field(default=-1.0, name="a")
    ask_size: Amount = field(default=-1.0, name="A")


class Message(Event, gc=False):
    """An event inside a combined stream, a bare event, or an answer."""

    stream: str = ""
    data: Event | None = None
    result: Any = msgspec.UNSET
    code: int | None = None
    msg: str = ""
    error: dict[str, Any] | str | None = None
    book: int | None = field(default=None, name="lastUpdateId")


class Binance(WebSocketSource):
    """Every public trade of Binance's spot market, and the best bid and ask at each change."""

    type = "binance"
    url = "wss://stream.binance.com:9443/stream"
    # two streams a symbol in messages of 100 streams: four messages, of the five a second that the venue takes
    symbols_per_connection = 200
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word; binance.com has no market in US dollars."""
        if pair.quote == "USD" and "binance.us" not in self.config.url:
            raise ValueError(
                f"expected a quote that binance.com lists, was {pair}: use {pair.base}/USDT, or Binance.US"
            )
        return f"{pair.base}{pair.quote}".upper()

    def subscribe(self, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades and book tickers in few messages of some kilobytes."""
        streams = [f"{symbol.lower()}@{name}" for symbol in symbols for name in ("trade", "bookTicker")]
        for number, start in enumerate(range(0, len(streams), _STREAMS_PER_MESSAGE), 1):
            yield {"method": "SUBSCRIBE", "params": streams[start : start + _STREAMS_PER_MESSAGE], "id": number}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and book tickers, inside a combined stream or bare; other events say nothing of interest."""
        event = frame.data or frame
        match event.kind:
            case "trade":
                return (_trade(event, event.trade_id),)
            case "":
                return _quote(event) if event.symbol else _answer(frame)
            case "aggTrade":
                return (_trade(event, _whole(event.ask)),)
            case "serverShutdown":
                return (Reconnect("serverShutdown"),)
        return ()


def _trade(event: Event, number: int) -> Trade:
    price, side = event.price, event.buyer_is_maker
    if not (0.0 < price < _LIMIT and event.size >= 0.0 and number >= 0 and event.symbol) or side is None:
        raise ValueError("expected a trade with s, t, p > 0, q >= 0, T and m")
    return Trade(event.symbol, price, event.size, "sell" if side else "buy", str(number), _nanoseconds(event.time))


def _quote(event: Event) -> Iterable[Quote]:
    bid, ask = event.bid, event.ask
    if isinstance(bid, list) or isinstance(ask, list) or event.bid_size < 0.0 or event.ask_size < 0.0:
        raise ValueError("expected a book ticker with s, b, B, a and A")
    if not (0.0 <= bid < _LIMIT and 0.0 <= ask < _LIMIT):
        raise ValueError(f"expected prices from 0 to 1e15, was {bid} and {ask}")
    # a side of the book that is empty is 0: no quote, and no damage
    return (Quote(event.symbol, bid, ask, event.bid_size, event.ask_size),) if bid and ask else ()


def _answer(frame: Message) -> Iterable[Signal]:
    if frame.code is not None or frame.error is not None:
        error = frame.error
        return (Rejected("", str(error.get("msg", error)) if isinstance(error, dict) else error or frame.msg),)
    if frame.result is None or frame.result == []:
        return (Ack(),)
    if frame.data is None and frame.result is msgspec.UNSET and frame.book is None:
        raise ValueError("expected an event, an acknowledgement or an error")
    return ()


def _whole(number: float | list[Any]) -> int:
    return -1 if isinstance(number, list) else int(number)


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
