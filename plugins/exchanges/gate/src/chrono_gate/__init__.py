"""Gate spot, API v4: every public trade, and the top of the book as it moves.

Pages https://www.gate.com/docs/developers/apiv4/ws/en/ (requests, errors, ping, service upgrades, tickers, public
trades, best bid and ask) and https://www.gate.com/docs/developers/apiv4/en/ (rate limits, list all currency pairs,
market trades, trade status), read 2026-11-22. Numbers are text; `create_time_ms` is text, too, milliseconds with
decimals; `side` is the taker's. Frames from before November 2022 lack `time_ms`; tickers come once a second, without
sizes, and have no time but the frame's. `spot.trades_v2` is the same again, no longer maintained::

    {"time": 1606292218, "time_ms": 1606292218231, "channel": "spot.trades", "event": "update", "result": {
        "id": 309143071, "create_time": 1606292218, "create_time_ms": "1606292218213.4578", "side": "sell",
        "currency_pair": "GT_USDT", "amount": "16.4700000000", "price": "0.4705000000", "range": "2390902-2390902"}}
    {"time": 1606293275, "time_ms": 1606293275723, "channel": "spot.book_ticker", "event": "update", "result": {
        "t": 1606293275123, "u": 48733182, "s": "BTC_USDT", "b": "19177.79", "B": "0.0003341504", "a": "19179.38",
        "A": "0.09"}}
    {"time": 1754006400, "time_ms": 1754006400138, "channel": "spot.trades", "event": "subscribe",
        "payload": ["BTC_USDT"], "result": {"status": "success"}}
    {"time": 1606292218, "channel": "spot.trades", "event": "subscribe", "error": {"code": 2,
        "message": "unknown currency pair XX_USDT"}, "result": null}
    {"type": "upgrade", "msg": "The connection will soon be closed for a service upgrade. Please reconnect."}

A pair that is not listed voids the request it stands in, so each is asked for by itself. The time in a request may be a
minute off. Over REST an address may ask 200 times in ten seconds for each kind of data; the newest trade comes first.
"""

from collections.abc import Iterable, Sequence
from time import time
from typing import Any

import msgspec

from chrono import Ack, Pair, Reconnect, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, ns_from, quote_rows, trade_rows

_trades = trade_rows(
    symbol="currency_pair", id="id", price="price", size="amount", side="side", time="create_time_ms", unit="decimal_ms"
)
_tops = quote_rows(symbol="s", bid="b", bid_size="B", ask="a", ask_size="A", time="t")
_tickers = quote_rows(symbol="currency_pair", bid="highest_bid", ask="lowest_ask")
_ROWS: dict[str, trade_rows | quote_rows] = {
    "spot.trades": _trades,
    "spot.trades_v2": _trades,
    "spot.book_ticker": _tops,
}
_NAMES = (
    "XREATORS/ORT MPH/88MPH MORPHER/MPH AXISDEFI/AXIS BITCOINFILE/BIFI DEFIBOX/BOX BEYONDFI/BYN GOOSEFINANCE/EGG "
    "GAMECOM/GTC HITCHAIN/HIT MILLION/MM GATEPOINT/POINT RAIREFLEXINDEX/RAI SUPERBITCOIN/SBTC VAIOT/VAI TRACO/TRAC"
)


class Message(msgspec.Struct, gc=False):
    """Any message: an update of a channel, an answer or a notice."""

    channel: str = ""
    event: str = ""
    result: msgspec.Raw = msgspec.Raw(b"")
    payload: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    time: int = 0
    time_ms: int = 0
    type: str = ""
    msg: str = ""


class GateTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "gate"
    url = "https://api.gateio.ws"
    path = "/api/v4/spot/trades?currency_pair={symbol}&limit=100"
    rows = _trades


class Gate(WebSocketSource):
    """Every public trade of Gate's spot market, and the best bid and ask as they move."""

    type = "gate"
    url = "wss://api.gateio.ws/ws/v4/"
    rest = GateTrades
    markets_url = "https://api.gateio.ws/api/v4/spot/currency_pairs"
    markets = market_rows(symbol="id", base="base", quote="quote", state="trade_status", trading=["tradable"])
    budget = Budget(200, per=10.0)
    heartbeat = Heartbeat(lambda: {"time": int(time()), "channel": "spot.ping"}, every=15.0)
    aliases = dict(name.split("/") for name in _NAMES.split())  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a low line."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of each symbol by itself, or end both."""
        # a minute off is allowed, so that who asks again within half of one says the same
        now = int(time()) // 30 * 30
        for symbol in symbols:
            for name in ("spot.trades", "spot.book_ticker"):
                yield {"time": now, "channel": name, "event": verb, "payload": [symbol]}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        match frame:
            case Message("", type="upgrade", msg=reason):
                return (Reconnect(reason),)
            case Message(""):
                raise ValueError("expected a channel, was none")
            case Message("spot.tickers", "update", row):
                return _tickers(row, ts=ns_from(frame.time_ms or frame.time * 1000, "ms"))
            case Message(name, "update", row) if name in _ROWS:
                return _ROWS[name](row)
            case Message(event="subscribe", error={"message": str(reason)}):
                return (Rejected(reason.rpartition(" ")[2] if "currency pair" in reason else "", reason),)
            case Message(name, "subscribe", payload=symbols, error=None) if name in _ROWS:
                return (Ack(symbols),)
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Gate]
