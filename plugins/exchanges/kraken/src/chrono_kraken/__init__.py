"""Kraken spot, WebSocket API v2: every public trade, and the top of the book.

Pages below https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/ — trade, ticker, heartbeat, status, ping —
read 2026-11-22. Numbers are JSON numbers, times RFC 3339 in UTC with up to nine decimals, `side` is the taker's::

    {"channel": "trade", "type": "update", "data": [{"symbol": "MATIC/USD", "side": "sell", "price": 0.5117,
        "qty": 40.0, "ord_type": "market", "trade_id": 4665906, "timestamp": "2023-09-25T07:49:37.708706Z"}]}
    {"channel": "ticker", "type": "update", "data": [{"symbol": "ALGO/USD", "bid": 0.10025, "bid_qty": 740.0,
        "ask": 0.10035, "ask_qty": 740.0, "last": 0.10035, "timestamp": "2023-09-25T09:04:31.742599Z"}]}
    {"method": "subscribe", "success": true, "result": {"channel": "trade", "symbol": "MATIC/USD", "snapshot": false}}
    {"method": "subscribe", "success": false, "error": "Currency pair not supported XX/USD", "symbol": "XX/USD"}
    {"channel": "heartbeat"}
    {"Error": "Exceeded msg rate"}

A snapshot of trades is past, so it yields nothing. A market that never traded has a ticker of zeros dated 1970. An
address may attempt some 150 connections in ten minutes (https://support.kraken.com/articles/360022326871); over REST no
limit is published, and one request a second is what it sustains. How many messages a connection may send depends on the
venue's load; the words for too many are those of https://docs.kraken.com/api/docs/guides/spot-ratelimits and of
github.com/bitrich-info/xchange-stream/issues/502, read 2026-11-22.

Over REST, pages below https://docs.kraken.com/api/docs/rest-api/ — get-recent-trades, get-tradable-asset-pairs — and
https://docs.kraken.com/api/docs/guides/spot-rest-intro (errors), read 2026-11-22. A trade is price, volume, time in
seconds, buy or sell of the taker, market or limit, miscellaneous, number; the name of the result is one of several that
a pair has there. What fails is HTTP 200 with an `error`::

    {"error": [], "result": {"XXBTZUSD": [["30243.40000", "0.34507674", 1688669597.8277369, "b", "m", "", 61044952]],
        "last": "1688671969993150842"}}
    {"error": [], "result": {"XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD", "status": "online", …}}}
    {"error": ["EQuery:Unknown asset pair"]}
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from chrono import Ack, Listing, Quote, RateLimit, Rejected, Signal, Source, Tick, Trade, hookimpl
from chrono.venue import Amount, Budget, Number, PollingSource, Serial, Text, WebSocketSource, ns_from_iso, trade_rows

_TOO_MANY = ("Exceeded msg rate", "EAPI:Rate limit")
_LATER = ("EAPI:Rate limit", "EGeneral:Too many", "EGeneral:Temporary", "EService:Unavailable", "EService:Busy")
_TRADED = {"online", "limit_only", "reduce_only"}
_READABLE = {"XBT": "BTC", "XDG": "DOGE"}
_ROW = ("price", "size", "time", "side", "type", "miscellaneous", "id")


class Print(msgspec.Struct, gc=False):
    """One trade."""

    symbol: Text
    side: Literal["buy", "sell"]
    price: Number
    qty: Amount
    trade_id: Serial
    timestamp: str


class Top(msgspec.Struct, gc=False):
    """One ticker; a side of the book that is empty is 0, and frames before 2025 have no time."""

    symbol: Text
    bid: Amount
    ask: Amount
    bid_qty: Amount = 0.0
    ask_qty: Amount = 0.0
    timestamp: str | None = None

    @property
    def stands(self) -> bool:
        """Whether both sides are there, and somebody ever traded."""
        return self.bid > 0 and self.ask > 0 and not (self.timestamp or "").startswith("1970-")


class Subscribed(msgspec.Struct, gc=False):
    """What was subscribed to."""

    symbol: str = ""


class Message(msgspec.Struct, gc=False, rename={"complaint": "Error"}):
    """Any message; what `data` holds depends on the channel."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    method: str = ""
    success: bool = True
    result: Subscribed | None = None
    symbol: str = ""
    error: str = ""
    complaint: str = ""


class Result(msgspec.Struct):
    """Something by the names of pairs, or what failed; of trades also the number to go on from."""

    error: list[str]
    result: dict[str, msgspec.Raw] = {}


class Answer(msgspec.Struct):
    """The last trades of the pair that was asked for."""

    symbol: Text
    answer: Result


class AssetPair(msgspec.Struct):
    """One market; those without a name in the stream are not on the public book."""

    wsname: str = ""
    status: str = "online"


# numbers of the stream are numbers, not text, so that its rows are structs of their own
_prints = msgspec.json.Decoder(list[Print]).decode
_tops = msgspec.json.Decoder(list[Top]).decode
_past = trade_rows(
    order=_ROW, price="price", size="size", time="time", unit="s", side="side", sides={"b": "buy", "s": "sell"}, id="id"
)


class KrakenTrades(PollingSource):
    """The last trades of each pair, asked for one after the other."""

    type = "kraken"
    url = "https://api.kraken.com"
    # the older API's names
    aliases = {ours: theirs for theirs, ours in _READABLE.items()}  # noqa: RUF012 - a mapping that nobody changes
    Frame = Answer

    def request(self, symbols: Sequence[str]) -> Iterator[Any]:
        """Ask for a hundred trades of each pair."""
        for symbol in symbols:
            pair = "".join(map(self.alias, symbol.split("/")))
            yield self.get("/0/public/Trades", symbol=symbol, pair=pair, count=100)

    def parse(self, frame: Answer) -> Iterable[Tick | Signal]:
        """Read trades; an error is of the pair, unless it asks for a pause."""
        for error in frame.answer.error:
            return (RateLimit(15.0, error) if error.startswith(_LATER) else Rejected(frame.symbol, error),)
        found = [rows for name, rows in frame.answer.result.items() if name != "last"]
        if len(found) != 1:
            raise ValueError(f"expected the trades of one pair, was {len(found)}")
        return _past(found[0], frame.symbol)


class Kraken(WebSocketSource):
    """Every public trade of Kraken's spot market, and the best bid and ask at each change."""

    type = "kraken"
    url = "wss://ws.kraken.com/v2"
    rest = KrakenTrades
    markets_url = "https://api.kraken.com/0/public/AssetPairs"
    budget = Budget(1, per=1.0)
    connections = Budget(150, per=600.0)
    # what was renamed there under its old name: github.com/ccxt/ccxt, kraken.ts, "commonCurrencies", read 2026-11-22
    aliases = {"LUNC": "LUNA", "LUNA": "LUNA2", "USTC": "UST", "REP": "REPV2", "REPV1": "REP"}  # noqa: RUF012 - fixed
    Frame = Message

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Ask for trades without those of the past, and for the ticker at each change of the top; or end both."""
        past = {"snapshot": False} if verb == "subscribe" else {}
        for params in ({"channel": "trade", **past}, {"channel": "ticker", "event_trigger": "bbo"}):
            yield {"method": verb, "params": {**params, "symbol": list(symbols)}}

    def listed(self, answer: bytes) -> Iterable[Listing]:
        """Return all pairs under the names of the stream, each asset by its own name."""
        found = msgspec.json.decode(answer, type=Result)
        if found.error:
            raise ValueError(f"expected asset pairs, was {found.error[0]}")
        for row in (msgspec.json.decode(raw, type=AssetPair) for raw in found.result.values()):
            if "/" in row.wsname:
                base, quote = (_READABLE.get(name, name) for name in row.wsname.split("/"))
                yield self.listing(f"{base}/{quote}", base, quote, trades=row.status in _TRADED)

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tickers; any other channel says nothing of interest."""
        if frame.channel == "trade":
            if frame.type not in {"update", "snapshot"}:
                raise ValueError(f"expected type update or snapshot, was {frame.type!r}")
            return [_trade(row) for row in _prints(frame.data)] if frame.type == "update" else ()
        if frame.channel == "ticker":
            return [_quote(row) for row in _tops(frame.data) if row.stands]
        return () if frame.channel else _answer(frame)


def _trade(row: Print) -> Trade:
    return Trade(row.symbol, row.price, row.qty, row.side, str(row.trade_id), ns_from_iso(row.timestamp))


def _quote(row: Top) -> Quote:
    time = None if row.timestamp is None else ns_from_iso(row.timestamp)
    return Quote(row.symbol, row.bid, row.ask, row.bid_qty, row.ask_qty, time)


def _answer(frame: Message) -> Iterable[Signal]:
    if (words := frame.complaint or frame.error).startswith(_TOO_MANY):
        return (RateLimit(5.0, words),)
    if not frame.success:
        return (Rejected(frame.symbol, frame.error),)
    if frame.method == "subscribe" and frame.result is not None and frame.result.symbol:
        return (Ack((frame.result.symbol,)),)
    if frame.method not in {"pong", "unsubscribe"}:
        # also what the superseded API v1 sends: arrays, and objects with an `event`
        raise ValueError("expected a channel or an answer of WebSocket API v2")
    return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Kraken]
