"""Bitfinex spot, API v2: every public trade, and the top of the book as it moves.

Pages below https://docs.bitfinex.com/ — docs/ws-general, docs/ws-public, reference/ws-public-trades,
reference/ws-public-ticker, reference/rest-public-trades — read 2026-11-23 in stored copies, in part. What a
connection is subscribed to has a number, and rows bear no more than it; numbers are JSON's, times in milliseconds, and
a negative amount says that the taker sold. Fields may be appended at the end of any array::

    {"event": "info", "version": 2, "serverId": "…", "platform": {"status": 1}}
    {"event": "subscribed", "channel": "trades", "chanId": 17470, "symbol": "tBTCUSD", "pair": "BTCUSD"}
    [17470, [[401597393, 1574694475039, 0.005, 7244.9], …]]                            the past
    [17470, "te", [401597395, 1574694478808, 0.005, 7245.3], 1574694478811]            a trade, when it is executed
    [17470, "tu", [401597395, 1574694478808, 0.005, 7245.3], 1574694478826]            the same once more
    [224555, [7616.5, 31.89055171, 7617.5, 43.35811863, -550.8, -0.0674, 7617.1, 8314.71, 8257.8, 7500], 1574694478830]
    [17470, "hb", 1574694493000]                                                       every 15 s of each channel
    {"event": "error", "channel": "trades", "symbol": "tXXXUSD", "msg": "symbol: invalid", "code": 10300}
    {"event": "info", "code": 20051, "msg": "Stopping. Please try to reconnect"}

The last number of a row is the venue's time, since flag 32768 is asked for. `fte` and `ftu` are loans, and symbols that
begin with f are lent, not traded. Code 20051 asks for another connection; 20061 says that maintenance has ended and
that everything is to be subscribed to again. A connection takes 25 channels, an address 20 connections a minute, and
public requests 10 to 90 times a minute by what is asked. The sizes in a ticker are those of the best 25 levels. What
the venue calls other than most is in ccxt's `commonCurrencies`.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Literal

import msgspec

from chrono import Ack, Listing, Pair, Reconnect, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, PolledTrades, Text, WebSocketSource, quote_rows, trade_rows

_NAMES = (
    "ALGO/ALG AMPL/AMP ATOM/ATO XEC/BCHABC BCH/BCHN DATA/DAT MDOGE/DOG DASH/DSH PNT/EDO EURS/EUS EURT/EUT HT/HTX "
    "ID/IDX IOTA/IOT IQ/IQX LUNC/LUNA LUNA/LUNA2 MANA/MNA PASS/PAS QASH/QSH QTUM/QTM RBTC/RBT SNGLS/SNG STORJ/STJ "
    "TUSD/TSD USTC/TERRAUST USDC/UDC USDT/UST VSYS/VSY WAXP/WAX XCHF/XCH YEED/YGG YOYOW/YYW ZB/ZBT"
)

_trades = trade_rows(order=("id", "at", "size", "price"), id="id", time="at", size="size", signed=True, price="price")
# six more numbers belong to a ticker
_tops = quote_rows(order="bBaA012345", bid="b", bid_size="B", ask="a", ask_size="A")


class Event(msgspec.Struct, gc=False, rename={"number": "chanId"}):
    """An answer, or news of the connection."""

    event: Text
    channel: str = ""
    symbol: str = ""
    number: int = -1
    version: Literal[2] = 2
    code: int = 0
    msg: str = ""


def _ticks(what: bytes, more: Sequence[bytes], channel: str, symbol: str) -> Iterable[Tick]:
    if what in {b'"te"', b'"tu"'}:
        trades = _trades(b"[%b]" % more[0], symbol)
        return trades if channel == "trades" and what == b'"te"' else ()
    if channel == "ticker" and what[:1] == b"[":
        times = [int(at) * 1_000_000 for at in more if at.isdigit() and len(at) == 13]
        return _tops(b"[%b]" % what, symbol, times[0] if times else None)
    if what[:1] not in {b'"', b"["}:
        raise ValueError(f"expected a word or an array, was {what.decode()}")
    return ()


class BitfinexTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "bitfinex"
    url = "https://api-pub.bitfinex.com"
    path = "/v2/trades/{symbol}/hist?limit=100"
    rows = _trades


class Bitfinex(WebSocketSource):
    """Every public trade of Bitfinex's spot market, and the best bid and ask as they move."""

    type = "bitfinex"
    url = "wss://api-pub.bitfinex.com/ws/2"
    rest = BitfinexTrades
    markets_url = "https://api-pub.bitfinex.com/v2/conf/pub:list:pair:exchange"
    symbols_per_connection = 12
    budget = Budget(15, per=60.0)
    connections = Budget(20, per=60.0)
    aliases = dict(name.split("/") for name in _NAMES.split())  # noqa: RUF012 - a mapping that nobody changes
    Frame = Event | list[msgspec.Raw]

    @cached_property
    def _channels(self) -> dict[int, tuple[str, str]]:
        return {}

    def session(self) -> "Bitfinex":
        """Return another of its kind, which knows the channels of one connection alone, by their numbers."""
        return type(self)(self.config, self.context)

    def symbol(self, pair: Pair) -> str:
        """Write two names of three letters together, others with a colon."""
        base, quote = self.alias(pair.base), self.alias(pair.quote)
        return f"t{base}{quote}" if len(base) == len(quote) == 3 else f"t{base}:{quote}"

    def subscribe(self, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for the time of each message, then for one channel at a time; there is no way to end one by its name."""
        yield {"event": "conf", "flags": 32768}
        yield from ({"event": "subscribe", "channel": c, "symbol": s} for s in symbols for c in ("trades", "ticker"))

    def parse(self, frame: Event | list[msgspec.Raw]) -> Iterable[Tick | Signal]:
        """Read trades as they are executed, tickers, and what answers a subscription."""
        if isinstance(frame, list):
            place, what, *more = map(bytes, frame)
            return _ticks(what, more, *self._channels.get(int(place), ("", "")))
        if frame.event in {"subscribed", "unsubscribed"}:
            self._channels.pop(frame.number, None)
        match frame:
            case Event("subscribed", "trades" | "ticker" as channel, symbol, number) if symbol[:1] != "f":
                if symbol[:1] != "t" or number < 0:
                    raise ValueError(f"expected a symbol of v2 and a number, was {symbol!r} and {number}")
                self._channels[number] = channel, symbol
                return (Ack((symbol,)),) if channel == "trades" else ()
            case Event("error", symbol=symbol, code=code, msg=reason):
                # what is subscribed to already goes on
                return (Ack((symbol,)) if code == 10301 else Rejected(symbol, reason or f"code {code}"),)
            case Event("info", code=20051 | 20061, msg=reason):
                return (Reconnect(reason),)
        return ()

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Read names, in which a colon parts those that are not of three letters each."""
        for name in (name for names in msgspec.json.decode(answer, type=list[list[Text]]) for name in names):
            base, quote = name.split(":") if ":" in name else (name[:3], name[3:])
            yield self.listing(f"t{name}", base, quote)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Bitfinex]
