"""CoinEx spot, API v2: every public trade, and the top of the book as it moves.

Pages below https://docs.coinex.com/api/v2/ — spot/market/ws/market-deals, spot/market/ws/market-bbo,
spot/market/http/list-market, spot/market/http/list-market-deals, common/ws, rate-limit — not at hand as a whole: what
follows is of excerpts, of page error among them, and of clients such as github.com/JKorf/CoinEx.Net, read 2026-11-23.
Frames are compressed by gzip or deflate; numbers are text, times in milliseconds, `side` is the taker's, and of several
trades the newest comes first::

    {"method": "deals.update", "data": {"market": "BTCUSDT", "deal_list": [{"deal_id": 3514376759,
        "created_at": 1689152421692, "side": "buy", "price": "30718.42", "amount": "0.00000325"}, …]}, "id": null}
    {"method": "bbo.update", "data": {"market": "BTCUSDT", "updated_at": 1642145331234, "best_bid_price": "20000",
        "best_bid_size": "0.1", "best_ask_price": "20001", "best_ask_size": "0.15"}, "id": null}
    {"id": 1, "code": 0, "message": "OK"}
    {"id": 1, "code": 20001, "message": "invalid argument"}
    {"id": 0, "code": 0, "data": {"result": "pong"}, "message": "OK"}

An answer bears no more than the number of its request, so each market has requests of its own. The API before had
`params` and `result`. An address may ask 400 times a second; too many are 4213 (4123 in some of the pages) over REST
and 23002 in the stream. A venue that is busy (3008), too slow (23001) or away for a while (24002) is asked again later.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import msgspec

from chrono import Ack, Budget, Heartbeat, Pair, PolledTrades, RateLimit, Rejected, Signal, Source, Tick, hookimpl
from chrono.venue import Text, WebSocketSource, market_rows, quote_rows, refusals, trade_rows

_LATER = (4213, 4123, 3008, 23001, 23002, 24002)

_trades = trade_rows(id="deal_id", price="price", size="amount", side="side", time="created_at")
_quotes = quote_rows(
    symbol="market",
    bid="best_bid_price",
    bid_size="best_bid_size",
    ask="best_ask_price",
    ask_size="best_ask_size",
    time="updated_at",
)


class Deals(msgspec.Struct, gc=False, rename={"rows": "deal_list"}):
    """The trades of a market."""

    market: Text
    rows: msgspec.Raw


class Message(msgspec.Struct, gc=False):
    """Any message: an answer, or what a method tells."""

    id: int | None = None
    method: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    code: int | None = None
    message: str = ""


class CoinexTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "coinex"
    url = "https://api.coinex.com"
    path = "/v2/spot/deals?market={symbol}&limit=100"
    at = "data"
    rows = _trades
    refused = refusals(code="code", fine=[0], reason="message", busy=_LATER)


class Coinex(WebSocketSource):
    """Every public trade of CoinEx's spot market, and the best bid and ask as they move."""

    type = "coinex"
    url = "wss://socket.coinex.com/v2/spot"
    rest = CoinexTrades
    markets_url = "https://api.coinex.com/v2/spot/market"
    markets = market_rows(at="data", symbol="market", base="base_ccy", quote="quote_ccy")
    budget = Budget(400, per=1.0)
    heartbeat = Heartbeat({"method": "server.ping", "params": {}, "id": 0}, every=20.0)
    compressed = True
    Frame = Message

    @cached_property
    def _asked(self) -> dict[str, int]:
        return {}

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of one symbol at a time, or end them, under its number."""
        for symbol, name in product(symbols, ("deals", "bbo")):
            number = self._asked.setdefault(symbol, len(self._asked) + 1)
            yield {"method": f"{name}.{verb}", "params": {"market_list": [symbol]}, "id": number}

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades, the oldest first, and tops, and what answers a subscription."""
        asked = next((symbol for symbol, number in self._asked.items() if number == frame.id), "")
        match frame:
            case Message(method="deals.update", data=data):
                deals = msgspec.json.decode(data, type=Deals)
                return sorted(_trades(deals.rows, deals.market), key=lambda trade: int(trade.trade_id))
            case Message(method="bbo.update", data=data):
                return _quotes(data)
            case Message(method="", code=0):
                return (Ack((asked,)),) if asked else ()
            case Message(method="", code=int(code), message=reason):
                return (RateLimit(5.0, reason) if code in _LATER else Rejected(asked, reason or f"code {code}"),)
            case Message(method=""):
                raise ValueError("expected a method, or the code of an answer")
        return ()


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Coinex]
