"""KuCoin spot, classic API: every public trade, and the top of the book as it moves.

Pages below https://www.kucoin.com/docs-new/ — websocket-api introduction, get public token, trade (3470072w0), ticker,
all tickers, get trade history, get all symbols, rate limit, error codes — read 2026-11-22. A token
is asked for over HTTP first, and who shows it is welcomed. Numbers are text; times are nanoseconds in trades and
milliseconds in tickers, which come ten times a second where anything moves; `side` is the taker's; a trade's id is its
`sequence` over REST::

    {"code": "200000", "data": {"token": "2neA…", "instanceServers": [{"endpoint": "wss://ws-api-spot.kucoin.com/",
        "encrypt": true, "protocol": "websocket", "pingInterval": 18000, "pingTimeout": 10000}]}}
    {"topic": "/market/match:BTC-USDT", "type": "message", "subject": "trade.l3match", "data": {"price": "67523",
        "sequence": "11067996711960577", "side": "buy", "size": "0.003", "symbol": "BTC-USDT",
        "time": "1729843222921000000", "tradeId": "11067996711960577", "type": "match", …}}
    {"topic": "/market/ticker:BTC-USDT", "type": "message", "subject": "trade.ticker", "data": {"bestAsk": "67218.7",
        "bestAskSize": "1.92318539", "bestBid": "67218.6", "bestBidSize": "0.01045638", "price": "67220",
        "sequence": "14691455768", "size": "0.00004316", "time": 1729757723612}}
    {"topic": "/market/ticker:all", "type": "message", "subject": "FTM-ETH", "data": {"bestAsk": "0.0002901",
        "bestAskSize": "3514.4978", "bestBid": "0.0002894", "bestBidSize": "65.536", "time": 1677320967673, …}}
    {"topic": "/spotMarket/level1:BTC-USDT", "type": "message", "subject": "level1", "data": {"asks": ["68145.8",
        "0.51987471"], "bids": ["68145.7", "1.29267802"], "timestamp": 1729816058766}}
    {"id": "hQvf8jkno", "type": "welcome"}
    {"id": "match:BTC-USDT", "type": "ack"}
    {"id": "match:XX-USDT", "type": "error", "code": 404, "data": "topic /market/match:XX-USDT is not found"}
    {"id": "", "type": "error", "code": 509, "data": "exceed max permits per second"}

An answer bears the id of its request and no symbol, and one symbol that is not listed voids a request, so each is asked
for by itself, under its name. A connection takes a hundred messages in ten seconds and 300 topics, an address may open
thirty a minute, and one that does not ping within both intervals together is left. Over REST a `code` other than
"200000" is an error; an address has a weight of 2000 in thirty seconds, trades weigh 3.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from chrono import Ack, Endpoint, Pair, RateLimit, Rejected, Signal, Source, Tick, hookimpl, inside
from chrono.venue import Budget, Heartbeat, PolledTrades, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_trades = trade_rows(symbol="symbol", id="tradeId", price="price", size="size", side="side", time="time", unit="ns")
_tickers = quote_rows(bid="bestBid", bid_size="bestBidSize", ask="bestAsk", ask_size="bestAskSize", time="time")
_ROWS: dict[str, trade_rows | quote_rows] = {"/market/match": _trades, "/market/ticker": _tickers}
_READ = _ROWS | {"/spotMarket/level1": quote_rows(bid="bids", ask="asks", time="timestamp", level=True)}
_NAMED = re.compile(r":([A-Z0-9]+-[A-Z0-9]+)")
_PING = {"id": "ping", "type": "ping"}


class Message(msgspec.Struct, gc=False):
    """Any message."""

    type: str
    topic: str = ""
    subject: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    id: str | int = ""
    code: int = 0


class KucoinTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "kucoin"
    url = "https://api.kucoin.com"
    path = "/api/v1/market/histories?symbol={symbol}"
    at = "data"
    rows = trade_rows(id="sequence", price="price", size="size", side="side", time="time", unit="ns")
    refused = refusals(code="code", fine=["200000"], reason="msg", busy=["429000", "429001"])
    weighs = 3.0


class Kucoin(WebSocketSource):
    """Every public trade of KuCoin's spot market, and the best bid and ask as they move."""

    type = "kucoin"
    url = "wss://api.kucoin.com"
    rest = KucoinTrades
    markets_url = "https://api.kucoin.com/api/v2/symbols"
    markets = market_rows(
        at="data", symbol="symbol", base="baseCurrency", quote="quoteCurrency", state="enableTrading", trading=[True]
    )
    symbols_per_connection = 45
    budget = Budget(2000, per=30.0)
    connections = Budget(30, per=60.0)
    heartbeat = Heartbeat(_PING, every=18.0)
    aliases = {"BSV": "BCHSV", "GALA": "GALAX", "WAXP": "WAX", "ALT": "KALT", "BIFIF": "BIFI", "VAIOT": "VAI"}  # noqa: RUF012
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair with a dash."""
        return f"{self.alias(pair.base)}-{self.alias(pair.quote)}"

    async def endpoint(self, http: Any) -> Endpoint:
        """Ask for an address, a token and the pace of pings."""
        answer = await http.post(self.address.rstrip("/").replace("ws", "http", 1) + "/api/v1/bullet-public")
        grant = msgspec.json.decode(inside(answer.raise_for_status().content, "data"))
        server = grant["instanceServers"][0]
        pings = Heartbeat(_PING, server["pingInterval"] / 1000)
        return Endpoint(f"{server['endpoint']}?token={grant['token']}", heartbeat=pings)

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tickers of each symbol by itself, or end both."""
        for topic in (f"{name}:{symbol}" for symbol in symbols for name in _ROWS):
            yield {"id": topic if verb == "subscribe" else verb, "type": verb, "topic": topic, "response": True}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        name, _, symbol = (frame.topic or str(frame.id)).rpartition(":")
        symbol = frame.subject if symbol == "all" else symbol
        match frame.type:
            case "message" if frame.topic and symbol:
                return _READ[name](frame.data, symbol) if name in _READ else ()
            case "ack" if name in _ROWS:
                return (Ack((symbol,)),)
            case "error":
                reason = str(msgspec.json.decode(frame.data))
                named = _NAMED.search(f"{frame.id} {reason}")
                return (RateLimit(10.0, reason) if frame.code == 509 else Rejected(named[1] if named else "", reason),)
            case "welcome" | "pong" | "ack":
                return ()
        raise ValueError("expected a message with topic and symbol, an answer, a welcome or a pong")


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Kucoin]
