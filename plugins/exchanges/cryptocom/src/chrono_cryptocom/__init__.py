r"""Crypto.com Exchange spot, Exchange API v1: every public trade, and the top of the book as it moves.

Page https://exchange-docs.crypto.com/exchange/v1/rest-ws/index.html — websocket root endpoints, websocket heartbeats,
rate limits, subscriptions (ticker, trade), public/get-trades, public/get-instruments, response and reason codes — not
at hand as a whole: what follows is of excerpts of it and of github.com/ccxt/ccxt, cryptocom.ts, read 2026-11-22; what
refuses a subscription is ccxt's alone. Prices and sizes are text, times milliseconds, `s` is the taker's side. Of
trades the newest stands first; the first update after subscribing has past ones, with the numbers they had. `b` and `k`
are the best bid and ask, null where there is none::

    {"id": 1587523073344, "method": "public/heartbeat", "code": 0}   answered with `public/respond-heartbeat` and its id
    {"id": -1, "method": "subscribe", "code": 0, "result": {"instrument_name": "BTC_USDT", "channel": "trade",
        "subscription": "trade.BTC_USDT", "data": [{"d": "2030407068", "t": 1613581138462, "p": "51327.500000",
        "q": "0.000100", "s": "SELL", "i": "BTC_USDT"}]}}
    {"id": -1, "method": "subscribe", "code": 0, "result": {"instrument_name": "BTC_USDT", "channel": "ticker",
        "subscription": "ticker.BTC_USDT", "data": [{"h": "51790.00", "l": "47895.50", "a": "51174.500000",
        "b": "51170.000000", "bs": "0.1000", "k": "51180.000000", "ks": "0.2000", "i": "BTC_USDT",
        "t": 1613580710768}]}}
    {"id": 1, "method": "subscribe", "code": 0}
    {"id": 1, "method": "subscribe", "code": 10004, "message": "invalid channel {\"channels\":[\"trade.XX_USDT\"]}"}

What may be asked of a connection counts by the second in which it was opened, so it shall be a second old first; it
takes 400 subscriptions, and is closed where a heartbeat, sent every 30 seconds, is not answered in five. Over REST an
address may ask a hundred times a second. API v2, which is gone, had the same messages with numbers that were no text.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Budget, Duration, Listing, Pair, RateLimit, Rejected, Reply, Signal, Source, Tick, hookimpl
from chrono.venue import PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_TOO_MANY = (10006, 42901)
_NAMED = re.compile(r"(?:trade|ticker)\.([A-Z0-9_-]+)")

_trades = trade_rows(symbol="i", id="d", price="p", size="q", side="s", time="t", newest_first=True)
_quotes = quote_rows(symbol="i", bid="b", bid_size="bs", ask="k", ask_size="ks", time="t")
_ROWS: dict[str, trade_rows | quote_rows] = {"trade": _trades, "ticker": _quotes}

_fields: list[Any] = [(key, str | None, None) for key in "dpqbkaoh"]
_fields += [(key, list[list[str]] | None, None) for key in ("bids", "asks")]
_written = msgspec.json.Decoder(list[msgspec.defstruct("Written", _fields)])  # type: ignore[misc]


class Result(msgspec.Struct, gc=False):
    """What is told on a channel."""

    channel: str
    data: msgspec.Raw


class Message(msgspec.Struct, gc=False):
    """Any message: what is told on a channel, a heartbeat, or an answer."""

    method: str
    id: int | None = None
    code: int = 0
    message: str = ""
    result: Result | None = None


class CryptocomTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "cryptocom"
    url = "https://api.crypto.com"
    path = "/exchange/v1/public/get-trades?instrument_name={symbol}&count=100"
    at = "result.data"
    rows = _trades
    refused = refusals(code="code", fine=[0], reason="message", busy=_TOO_MANY)


class Cryptocom(WebSocketSource):
    """Every public trade of Crypto.com's spot market, and the best bid and ask as they move."""

    type = "cryptocom"
    url = "wss://stream.crypto.com/exchange/v1/market"
    rest = CryptocomTrades
    markets_url = "https://api.crypto.com/exchange/v1/public/get-instruments"
    markets = market_rows(
        at="result.data", symbol="symbol", base="base_ccy", quote="quote_ccy", state="tradable", trading=[True]
    )
    symbols_per_connection = 200
    budget = Budget(100, per=1.0)
    subscribe_after = 1.0
    Frame = Message

    class Config(WebSocketSource.Config):
        """Options of the venue."""

        silence: Duration = Duration("45s")
        """Connect again when nothing at all came for this long; the venue says something every 30 seconds."""

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a line below."""
        return f"{self.alias(pair.base)}_{self.alias(pair.quote)}"

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Pass over futures, and other books of a pair: their symbols say more than its assets."""
        return [each for each in super().listed(answer) if each.pair and each.symbol == self.symbol(each.pair)]

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and the ticker of each symbol by itself, or end both: one that is unknown costs no other."""
        for n, s in enumerate(symbols, 1):
            yield {"id": n, "method": verb, "params": {"channels": [f"trade.{s}", f"ticker.{s}"]}, "nonce": n}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Answer a heartbeat, read trades and tops of books, and what answers a request."""
        match frame:
            case Message("public/heartbeat", int(number)):
                return (Reply({"id": number, "method": "public/respond-heartbeat"}),)
            case Message(_, _, 0, _, Result(channel, data)):
                _written.decode(data)
                return _ROWS[channel](data) if channel in _ROWS else ()
            case Message("subscribe" | "unsubscribe" as verb, _, 0, _, None):
                return (Ack(),) if verb == "subscribe" else ()
            case Message(code=code, message=reason) if code:
                named = _NAMED.search(reason)
                return (RateLimit(1.0, reason) if code in _TOO_MANY else Rejected(named[1] if named else "", reason),)
        raise ValueError(f"expected a heartbeat, a channel or an answer, was {frame.method!r}")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Cryptocom]
