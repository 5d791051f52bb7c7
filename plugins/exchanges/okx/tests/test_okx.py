"""What is OKX's own: fills that were summed, tops of several channels, refusals that name their symbol in words."""

import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Reconnect, Rejected, Trade
from chrono_okx import Okx, OkxTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW = {"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306", "side": "buy", "ts": str(AT)}
TOP = {"instId": "BTC-USDT", "askPx": "9999.99", "askSz": "11", "bidPx": "8888.88", "bidSz": "5", "ts": str(AT)}
BOOK = {"asks": [["9999.99", "11", "0", "1"]], "bids": [["8888.88", "5", "0", "3"]], "ts": str(AT), "seqId": 7}
QUOTE = Quote("BTC-USDT", 8888.88, 9999.99, 5.0, 11.0, NS)


def read(channel: str, *rows: object, **more: object) -> tuple[Any, ...]:
    """Read rows of a channel."""
    return tuple(Okx().read(json.dumps({"arg": {"channel": channel, "instId": "BTC-USDT"}, "data": rows, **more})))


@pytest.mark.parametrize("channel", ["trades", "trades-all"])
def test_trades_are_the_takers(channel: str) -> None:
    """Several come in their order, whatever else stands in their rows."""
    more = {"count": "3", "source": "1", "seqId": 1234}
    sold = ROW | {"side": "sell", "tradeId": "130639475"}
    assert read(channel, ROW | more, sold) == (
        Trade("BTC-USDT", 42219.9, 0.12060306, "buy", "130639474", NS),
        Trade("BTC-USDT", 42219.9, 0.12060306, "sell", "130639475", NS),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"px": "0"},
        {"px": ""},
        {"px": None},
        {"sz": "-1"},
        {"side": ""},
        {"side": "Long"},
        {"tradeId": None},
        {"instId": ""},
        {"ts": "1795342500"},
        {"ts": "1795342500123456"},
        {"ts": ""},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        read("trades", ROW | change)


def test_the_top_of_a_book_comes_on_two_channels() -> None:
    """The ticker names its symbol in the row, the book does not."""
    assert read("tickers", TOP | {"instType": "SPOT", "last": "9000"}) == (QUOTE,)
    assert read("bbo-tbt", BOOK) == (QUOTE,)
    with pytest.raises(FrameError, match="its symbol"):
        Okx().read(json.dumps({"arg": {"channel": "bbo-tbt"}, "data": [BOOK]}))


def test_an_empty_side_is_no_quote() -> None:
    """A market that is new has no price, which is no damage."""
    assert read("tickers", TOP | {"askPx": "", "askSz": ""}) == ()
    assert read("bbo-tbt", BOOK | {"bids": []}) == ()
    assert read("tickers") == ()


def test_tickers_of_derivatives_give_nothing() -> None:
    """This is the spot market."""
    frame = {"arg": {"channel": "tickers", "instId": "BTC-USDT-SWAP"}, "data": [TOP | {"instId": "BTC-USDT-SWAP"}]}
    assert Okx().read(json.dumps(frame)) == ()


@pytest.mark.parametrize(
    "channel", ["books", "books5", "candle1D", "index-tickers", "mark-price", "status", "funding-rate"]
)
def test_other_channels_give_nothing(channel: str) -> None:
    """They are read and passed over."""
    assert read(channel, ROW) == ()


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"data":[]}',
        '{"arg":{"channel":"trades","instId":"BTC-USDT"}}',
        '{"arg":{"instId":"BTC-USDT"},"data":[]}',
        '{"table":"spot/trade","data":[]}',
        '{"table":"spot/ticker","data":[{"instrument_id":"BTC-USDT","best_bid":"1","best_ask":"2"}]}',
        "ping",
    ],
)
def test_what_version_5_does_not_document_is_refused(frame: str) -> None:
    """The superseded API is not taken for this one."""
    with pytest.raises(FrameError):
        Okx().read(frame)


def test_answers_are_signals() -> None:
    """Each channel of each symbol is answered by itself."""
    assert read("trades", event="subscribe", connId="a4d3ae55") == (Ack(("BTC-USDT",)),)
    assert read("trades", event="unsubscribe", connId="a4d3ae55") == ()
    unnamed = {"event": "subscribe", "arg": {"channel": "instruments", "instType": "SPOT"}, "connId": "a4d3ae55"}
    assert Okx().read(json.dumps(unnamed)) == ()
    assert Okx().read("pong") == ()


def test_a_refusal_names_its_symbol_in_words() -> None:
    """One that is not listed costs that market and no other; what names none is of the whole request."""
    reason = (
        "Wrong URL or channel:trades,instId:XX-USDT doesn't exist. Please use the correct URL, channel and parameters"
    )
    assert error("60018", reason) == (Rejected("XX-USDT", reason),)
    assert error("60018", "channel:tickers,instId:XX-USDT doesn't exist") == (
        Rejected("XX-USDT", "channel:tickers,instId:XX-USDT doesn't exist"),
    )
    assert error("60012", "Invalid request: {}") == (Rejected("", "Invalid request: {}"),)


def error(code: str, reason: str) -> tuple[Any, ...]:
    """Read an error."""
    return tuple(Okx().read(json.dumps({"event": "error", "code": code, "msg": reason, "connId": "a4d3ae55"})))


def test_too_many_requests_are_a_reason_to_pause() -> None:
    """They come as frames, too."""
    assert error("60014", "Requests too frequent") == (RateLimit(5.0, "Requests too frequent"),)


def test_a_notice_asks_for_a_new_connection() -> None:
    """Half a minute before the connection is closed."""
    told = "The connection will soon be closed for a service upgrade. Please reconnect."
    assert Okx().read(json.dumps({"event": "notice", "code": "64008", "msg": told})) == (Reconnect(told),)


def test_trades_and_tickers_are_asked_for_in_one_message() -> None:
    """Requests are limited by the hour."""
    symbols = [Okx().symbol(Pair.parse(text)) for text in ("BTC/USDT", "ETH/EUR")]
    (message,) = Okx().subscribe(symbols)
    assert message["op"] == "subscribe"
    assert [(arg["channel"], arg["instId"]) for arg in message["args"]] == [
        ("trades", "BTC-USDT"),
        ("tickers", "BTC-USDT"),
        ("trades", "ETH-EUR"),
        ("tickers", "ETH-EUR"),
    ]
    (ended,) = Okx().unsubscribe(["BTC-USDT"])
    assert (ended["op"], len(ended["args"])) == ("unsubscribe", 2)


@pytest.mark.parametrize("region", ["eea", "us"])
def test_a_region_has_its_address(region: str) -> None:
    """Accounts of some countries live on hosts of their own."""
    okx = Okx(Okx.Config.model_validate({"region": region}, context=Okx))
    assert okx.address == f"wss://ws{region}.okx.com:8443/ws/v5/public"


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC-USDT."""
    return tuple(OkxTrades().read(json.dumps({"symbol": "BTC-USDT", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """The venue has the newest first."""
    newer = ROW | {"tradeId": "130639475", "ts": str(AT + 1)}
    found = polled({"code": "0", "msg": "", "data": [newer, ROW]})
    assert [trade.trade_id for trade in found] == ["130639474", "130639475"]
    assert found[0] == Trade("BTC-USDT", 42219.9, 0.12060306, "buy", "130639474", NS)
    (request,) = OkxTrades().request(["BTC-USDT"])
    assert str(request.url) == "https://www.okx.com/api/v5/market/trades?instId=BTC-USDT&limit=100"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("51001", Rejected("BTC-USDT", "words")),
        ("50011", RateLimit(5.0, "words")),
        ("50013", RateLimit(5.0, "words")),
    ],
)
def test_an_error_that_comes_with_success_is_told(code: str, expected: object) -> None:
    """HTTP 200 with a code is no answer."""
    assert polled({"code": code, "msg": "words", "data": []}) == (expected,)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"code": "0"}, {"code": "0", "data": {}}, {"message": "name resolution failed"}]
)
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """A gateway's words are no trades, either."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_not_live_is_halted() -> None:
    """Suspended, about to open, or under test."""
    rows = [
        {"instId": f"{base}-USDT", "baseCcy": base, "quoteCcy": "USDT", "state": state}
        for base, state in (("BTC", "live"), ("OLD", "suspend"), ("NEW", "preopen"), ("TRY", "test"))
    ]
    found = Okx().listed(json.dumps({"code": "0", "data": rows, "msg": ""}).encode())
    assert list(found) == [
        Listing("BTC-USDT", Pair("BTC", "USDT")),
        Listing("OLD-USDT", Pair("OLD", "USDT"), "halted"),
        Listing("NEW-USDT", Pair("NEW", "USDT"), "halted"),
        Listing("TRY-USDT", Pair("TRY", "USDT"), "halted"),
    ]
