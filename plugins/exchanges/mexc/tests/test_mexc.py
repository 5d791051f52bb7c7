"""What is MEXC's own: protocol buffers, refusals in words with code 0, trades that have no id over REST."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Rejected, Trade
from chrono_mexc import Mexc, MexcTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
DEALS, TOPS = "spot@public.aggre.deals.v3.api.pb@100ms", "spot@public.aggre.bookTicker.v3.api.pb@100ms"
DEAL = {"price": "93220.00", "quantity": "0.04438243", "tradeType": 2, "time": str(AT), "tradeId": "6981X0_6982X0"}
TOP = {"bidPrice": "93387.28", "bidQuantity": "3.73485", "askPrice": "93387.29", "askQuantity": "7.669875"}
TRADE = Trade("BTCUSDT", 93220.0, 0.04438243, "sell", "6981X0_6982X0", NS)
QUOTE = Quote("BTCUSDT", 93387.28, 93387.29, 3.73485, 7.669875, NS)


def varint(value: int) -> bytes:
    """Return a number as it goes over the wire."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def field(number: int, value: int | str | bytes) -> bytes:
    """Return a field as it goes over the wire; what is empty is left out."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    body = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(body)) + body if body else b""


def push(channel: str, number: int, body: bytes, symbol: str = "BTCUSDT", at: int = AT) -> bytes:
    """Return a message as it goes over the wire."""
    return field(1, f"{channel}@{symbol}") + field(3, symbol) + field(4, "2fb9") + field(6, at) + field(number, body)


def deals(*rows: dict[str, Any]) -> bytes:
    """Return a message of trades."""
    keys = ("price", "quantity", "tradeType", "time", "tradeId")
    written = [
        b"".join(
            field(at, int(row[key]) if key in {"tradeType", "time"} else row[key]) for at, key in enumerate(keys, 1)
        )
        for row in rows
    ]
    return push(DEALS, 314, b"".join(field(1, row) for row in written) + field(2, DEALS))


def top(row: dict[str, str]) -> bytes:
    """Return a message of the top of a book, with a version, which came in 2026."""
    keys = ("bidPrice", "bidQuantity", "askPrice", "askQuantity")
    return push(TOPS, 315, b"".join(field(at, row[key]) for at, key in enumerate(keys, 1)) + field(5, "36913565463"))


def decoded(channel: str, **body: object) -> bytes:
    """Return a message as others decode it."""
    return json.dumps({"channel": f"{channel}@BTCUSDT", "symbol": "BTCUSDT", "sendTime": str(AT), **body}).encode()


def test_trades_come_in_their_order() -> None:
    """Over the wire, and as others decode them; the side is the taker's."""
    bought = DEAL | {"tradeType": 1, "tradeId": "6983X0_6984X0"}
    wanted = (TRADE, Trade("BTCUSDT", 93220.0, 0.04438243, "buy", "6983X0_6984X0", NS))
    assert Mexc().read(deals(DEAL, bought)) == wanted
    assert Mexc().read(decoded(DEALS, publicAggreDeals={"deals": [DEAL, bought], "eventType": DEALS})) == wanted


def test_a_trade_without_an_id_gets_one_of_what_it_is() -> None:
    """As the wire was before June 2026, so that it is the id of the same trade over REST."""
    (trade,) = Mexc().read(deals(DEAL | {"tradeId": ""}))
    row = {"id": None, "price": "93220.00", "qty": "0.04438243", "time": AT, "isBuyerMaker": True, "isBestMatch": True}
    assert polled([row]) == (trade,)
    assert isinstance(trade, Trade)
    assert trade.trade_id == f"{NS}-sell-93220.0-0.04438243"


@pytest.mark.parametrize(
    "change",
    [
        {"price": "0"},
        {"price": ""},
        {"price": "nan"},
        {"quantity": "-1"},
        {"quantity": ""},
        {"tradeType": 0},
        {"tradeType": 3},
        {"time": str(AT // 1000)},
        {"time": str(NS)},
        {"time": "0"},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one, however it comes."""
    with pytest.raises(FrameError):
        Mexc().read(deals(DEAL | change))
    with pytest.raises(FrameError):
        Mexc().read(decoded(DEALS, publicAggreDeals={"deals": [DEAL | change]}))


def test_the_top_of_a_book_is_dated_by_its_message() -> None:
    """It has no time of its own."""
    assert Mexc().read(top(TOP)) == Mexc().read(decoded(TOPS, publicAggreBookTicker=TOP)) == (QUOTE,)


def test_an_empty_side_is_no_quote() -> None:
    """Over the wire it is left out, decoded it is an empty text; neither is damage."""
    empty = TOP | {"askPrice": "", "askQuantity": ""}
    assert Mexc().read(top(empty)) == Mexc().read(decoded(TOPS, publicAggreBookTicker=empty)) == ()


def test_every_cut_message_is_refused_or_sound() -> None:
    """Cut anywhere, it gives nothing but what it had to say."""
    for whole, tick in ((deals(DEAL), TRADE), (top(TOP), QUOTE)):
        for end in range(len(whole)):
            try:
                found = Mexc().read(whole[:end])
            except FrameError:
                continue
            assert found in {(), (tick,)}


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"null",
        b"ping",
        b"\x08\x01",
        field(3, "BTCUSDT") + field(6, AT),
        push(DEALS, 314, field(1, field(1, "1")), symbol=""),
        field(1, DEALS) + varint(314 << 3) + b"\x01",
        b'{"c":"spot@public.deals.v3.api@BTCUSDT","d":{"deals":[{"p":"1","v":"2","S":1,"t":1661927587836}]},"s":"BTCUSDT"}',
        b'{"code":-1121,"msg":null}',
    ],
)
def test_what_is_not_documented_is_refused(frame: bytes) -> None:
    """Nor is the superseded stream in JSON taken for this one."""
    with pytest.raises(FrameError):
        Mexc().read(frame)


def test_other_channels_give_nothing() -> None:
    """Books, candles, and a message without a body."""
    assert Mexc().read(push("spot@public.aggre.depth.v3.api.pb@100ms", 313, field(1, field(1, "1")))) == ()
    candle = field(1, "spot@public.kline.v3.api.pb@BTCUSDT@Min15") + field(3, "BTCUSDT") + field(5, AT)
    assert Mexc().read(candle + field(308, field(1, "Min15"))) == ()
    assert Mexc().read(decoded(DEALS)) == ()


def told(words: str, code: int = 0) -> tuple[Any, ...]:
    """Read an answer."""
    return tuple(Mexc().read(json.dumps({"id": 0, "code": code, "msg": words}, ensure_ascii=False)))


def test_answers_are_words() -> None:
    """What was asked for is repeated; what is refused has the code of success, too."""
    assert told(f"{DEALS}@BTCUSDT") == (Ack(("BTCUSDT",)),)
    assert told(f"{DEALS}@BTCUSDT,{TOPS}@BTCUSDT,{DEALS}@ETHUSDT") == (Ack(("BTCUSDT", "ETHUSDT")),)
    assert told("PONG") == ()
    mixed = (
        f"Subscribed successful! [{DEALS}@BTCUSDT]. Not Subscribed successfully! [{DEALS}@XXUSDT].  Reason： Blocked! "
    )
    assert told(mixed) == (Ack(("BTCUSDT",)), Rejected("XXUSDT", mixed))
    nothing = "Not Subscribed successfully! []. Reason： Blocked!"
    assert told(nothing) == (Rejected("", nothing),)
    assert told("no permission", 403) == (Rejected("", "no permission"),)


def test_all_is_asked_for_in_one_message() -> None:
    """A connection takes thirty subscriptions, which are fifteen markets."""
    symbols = [Mexc().symbol(Pair.parse(text)) for text in ("BTC/USDT", "GMT/USDT")]
    (message,) = Mexc().subscribe(symbols)
    assert message == {
        "method": "SUBSCRIPTION",
        "params": [f"{DEALS}@BTCUSDT", f"{TOPS}@BTCUSDT", f"{DEALS}@STEPNUSDT", f"{TOPS}@STEPNUSDT"],
    }
    (ended,) = Mexc().unsubscribe(["BTCUSDT"])
    assert ended == {"method": "UNSUBSCRIPTION", "params": [f"{DEALS}@BTCUSDT", f"{TOPS}@BTCUSDT"]}
    assert 2 * Mexc.symbols_per_connection <= 30


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTCUSDT."""
    return tuple(MexcTrades().read(json.dumps({"symbol": "BTCUSDT", "answer": answer})))


def test_polled_trades_come_oldest_first() -> None:
    """The venue has the newest first; a maker that bought had a taker that sold."""
    row = {"id": None, "price": "23", "qty": "0.478468", "time": AT, "isBuyerMaker": True}
    newer = row | {"time": AT + 1, "isBuyerMaker": False}
    assert polled([newer, row]) == (
        Trade("BTCUSDT", 23.0, 0.478468, "sell", f"{NS}-sell-23.0-0.478468", NS),
        Trade("BTCUSDT", 23.0, 0.478468, "buy", f"{NS + 10**6}-buy-23.0-0.478468", NS + 10**6),
    )
    (request,) = MexcTrades().request(["BTCUSDT"])
    assert str(request.url) == "https://api.mexc.com/api/v3/trades?symbol=BTCUSDT&limit=100"
    assert MexcTrades().weight(request) == 5.0


@pytest.mark.parametrize("answer", [None, {}, "", {"code": -1121, "msg": "Invalid symbol."}, [{"price": "1"}]])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """An error is no trade, whatever its status."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_not_online_is_halted() -> None:
    """Paused or offline; and a coin that bears the name of another is not taken for that one."""
    rows = [
        {"symbol": f"{base}USDT", "baseAsset": base, "quoteAsset": "USDT", "status": state}
        for base, state in (("BTC", "1"), ("OLD", "2"), ("NEW", "3"), ("GMT", "ENABLED"), ("STEPN", "1"))
    ]
    assert list(Mexc().listed(json.dumps({"symbols": rows}).encode())) == [
        Listing("BTCUSDT", Pair("BTC", "USDT")),
        Listing("OLDUSDT", Pair("OLD", "USDT"), "halted"),
        Listing("NEWUSDT", Pair("NEW", "USDT"), "halted"),
        Listing("GMTUSDT", Pair("GMTTOKEN", "USDT")),
        Listing("STEPNUSDT", Pair("GMT", "USDT")),
    ]
