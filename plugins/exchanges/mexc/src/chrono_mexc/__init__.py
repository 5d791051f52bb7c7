"""MEXC spot, API v3: every public trade, and the top of the book ten times a second, as protocol buffers.

Pages below https://www.mexc.com/api-docs/spot-v3/ — websocket market streams (subscribe, ping, trade streams, book
ticker), market data endpoints (exchange information, recent trades list), general info (limits) —
and the messages in https://github.com/mexcdevelop/websocket-proto, of June 2026; read 2026-11-22. Numbers are text,
times milliseconds, `tradeType` is the taker's: 1 bought, 2 sold; what is empty is left out. Answers are JSON, what is
refused is told with code 0, and messages that others decoded to JSON are read, too::

    PushDataV3ApiWrapper {channel = 1, symbol = 3, sendTime = 6,
        publicAggreDeals = 314 {deals = 1 {price = 1, quantity = 2, tradeType = 3, time = 4, tradeId = 5}},
        publicAggreBookTicker = 315 {bidPrice = 1, bidQuantity = 2, askPrice = 3, askQuantity = 4}}
    {"channel": "spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT", "symbol": "BTCUSDT", "sendTime": "1736409765052",
        "publicAggreDeals": {"deals": [{"price": "93220.00", "quantity": "0.04438243", "tradeType": 2,
        "time": "1736409765051", "tradeId": "698165549569396736X0_698165549569396737X0"}], "eventType": "…"}}
    {"id": 0, "code": 0, "msg": "Subscribed successful! [spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT]. Not
        Subscribed successfully! [spot@public.aggre.deals.v3.api.pb@100ms@XXUSDT].  Reason： Blocked! "}
    {"id": 0, "code": 0, "msg": "PONG"}

A connection takes 30 subscriptions, and is left after a minute without data unless it pings. Over REST trades have no
id, so that one is made of what they are, also where the stream tells none; an address has a weight of 500 in ten
seconds, trades weigh 5.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from chrono import Ack, Amount, Level, Milliseconds, Number, Pair, Rejected, Signal, Source, Tick, Trade, hookimpl
from chrono.venue import (
    Budget,
    Heartbeat,
    PolledTrades,
    WebSocketSource,
    market_rows,
    protobuf_named,
    quotes,
    trade_rows,
)

_DEAL = {1: "price", 2: "quantity", 3: "tradeType", 4: "time", 5: "tradeId"}
_TOP = {1: "bidPrice", 2: "bidQuantity", 3: "askPrice", 4: "askQuantity"}
_PUSH: dict[int, Any] = {1: "channel", 3: "symbol", 6: "sendTime"}
_PUSH |= {314: ("publicAggreDeals", {1: ("deals", [_DEAL])}), 315: ("publicAggreBookTicker", _TOP)}
_TOPIC = re.compile(r"spot@[^,\] ]+@([A-Z0-9]+)\b")
_NAMES = (
    "BEYOND/BEYONDPROTOCOL BIFIF/BIFI BEYONDFI/BYN COFIX/COFI DFISTARTER/DFI DFUTURE/DFT EGORASCREDIT/EGC FLUX/FLUX1 "
    "FLUX1/FLUX FREEROSSDAO/FREE GASDAO/GAS GAS/GASNEO GMTTOKEN/GMT GMT/STEPN STEPHERO/HERO MIMOSA/MIMO "
    "PROSFINANCE/PROS SINCITYTOKEN/SIN SOULSWAP/SOUL"
)


class Deal(msgspec.Struct, gc=False, rename="camel"):
    """One trade."""

    price: Number
    quantity: Amount
    trade_type: Literal[1, 2]
    time: Milliseconds
    trade_id: str = ""


class Deals(msgspec.Struct, frozen=True, gc=False):
    """Trades, in their order."""

    deals: list[Deal] = []


class Top(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The best prices and the sizes there."""

    bid_price: Level = None
    ask_price: Level = None
    bid_quantity: Level = None
    ask_quantity: Level = None


class Message(msgspec.Struct, gc=False, rename="camel"):
    """Any message: what is pushed, or an answer."""

    channel: str = ""
    symbol: str = ""
    send_time: Milliseconds | None = None
    public_aggre_deals: Deals = Deals()
    public_aggre_book_ticker: Top = Top()
    code: int = 0
    msg: str = ""


class MexcTrades(PolledTrades):
    """The last trades of each symbol."""

    type = "mexc"
    url = "https://api.mexc.com"
    path = "/api/v3/trades?symbol={symbol}&limit=100"
    rows = trade_rows(price="price", size="qty", side="isBuyerMaker", sides={True: "sell", False: "buy"}, time="time")
    weighs = 5.0

    def parse(self, frame: Any) -> Iterable[Tick | Signal]:
        """Read the trades of the symbol that was asked for, the oldest first."""
        return [_known(trade) for trade in super().parse(frame) if isinstance(trade, Trade)]


class Mexc(WebSocketSource):
    """Every public trade of MEXC's spot market, and the best bid and ask as they move."""

    type = "mexc"
    url = "wss://wbs-api.mexc.com/ws"
    rest = MexcTrades
    markets_url = "https://api.mexc.com/api/v3/exchangeInfo"
    markets = market_rows(
        at="symbols", symbol="symbol", base="baseAsset", quote="quoteAsset", state="status", trading=["1", "ENABLED"]
    )
    symbols_per_connection = 15
    budget = Budget(500, per=10.0)
    heartbeat = Heartbeat({"method": "PING"}, every=20.0)
    aliases = dict(name.split("/") for name in _NAMES.split())  # noqa: RUF012 - a mapping that nobody changes
    Frame = Message

    def symbol(self, pair: Pair) -> str:
        """Write a pair in one word."""
        return f"{self.alias(pair.base)}{self.alias(pair.quote)}"

    def messages(self, verb: str, symbols: Sequence[str]) -> Iterable[Any]:
        """Ask for trades and tops of all symbols in one message, or end both."""
        topics = [f"spot@public.aggre.{name}.v3.api.pb@100ms@{s}" for s in symbols for name in ("deals", "bookTicker")]
        yield {"method": "SUBSCRIPTION" if verb == "subscribe" else "UNSUBSCRIPTION", "params": topics}

    def decode(self, data: bytes) -> Any:
        """Read text as JSON, and bytes as protocol buffers, which begin with the field of their channel."""
        pushed = data.startswith(b"\n") and not data.lstrip().startswith(b"{")
        return msgspec.convert(protobuf_named(data, _PUSH), Message, strict=False) if pushed else super().decode(data)

    def parse(self, frame: Message) -> Iterable[Tick | Signal]:
        """Read trades and tops of books, and what answers a subscription."""
        if frame.msg:
            accepted, _, refused = frame.msg.partition("Not Subscribed successfully!")
            acks = [Ack(tuple(dict.fromkeys(symbols)))] if (symbols := _TOPIC.findall(accepted)) else []
            named = dict.fromkeys(_TOPIC.findall(refused)) or ("",)
            return (*acks, *(Rejected(symbol, frame.msg) for symbol in (named if refused or frame.code else ())))
        if not (frame.channel and frame.symbol):
            raise ValueError("expected a channel and a symbol, or an answer")
        ts = frame.send_time and frame.send_time * 1_000_000
        deals, top = frame.public_aggre_deals.deals, frame.public_aggre_book_ticker
        quoted = quotes(frame.symbol, top.bid_price, top.ask_price, top.bid_quantity, top.ask_quantity, ts)
        return (*(_trade(frame.symbol, deal) for deal in deals), *quoted)


def _trade(symbol: str, deal: Deal) -> Trade:
    side: Literal["buy", "sell"] = "buy" if deal.trade_type == 1 else "sell"
    return _known(Trade(symbol, deal.price, deal.quantity, side, deal.trade_id, deal.time * 1_000_000))


def _known(trade: Trade) -> Trade:
    made = f"{trade.ts_event}-{trade.side}-{trade.price}-{trade.size}"
    return trade if trade.trade_id else msgspec.structs.replace(trade, trade_id=made)


@hookimpl
def chrono_sources() -> Iterable[type[Source]]:
    """Return the venue."""
    return [Mexc]
