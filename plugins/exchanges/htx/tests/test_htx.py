"""What is HTX's own: gzip, trades of one moment with the newest first, numbers under two keys, small words."""

import gzip
import json
from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, RateLimit, Rejected, Reply, Trade
from chrono_htx import Htx, HtxTrades

AT = 1_795_342_500_123
NS = AT * 1_000_000
ROW: dict[str, object] = {
    "id": 146507451359183894799,
    "tradeId": 102043495674,
    "amount": 0.0099,
    "price": 401.74,
    "direction": "buy",
}
ROW |= {"ts": AT}
TOP: dict[str, object] = {
    "seqId": 7,
    "bid": 7541.16,
    "bidSize": 0.002329,
    "ask": 7543.59,
    "askSize": 2.323241,
    "quoteTime": AT,
}
TOP |= {"symbol": "btcusdt"}
QUOTE = Quote("btcusdt", 7541.16, 7543.59, 0.002329, 2.323241, NS)


def read(what: str, tick: object, **more: object) -> tuple[Any, ...]:
    """Read what is told on a channel of BTC/USDT."""
    return heard({"ch": f"market.btcusdt.{what}", "ts": AT + 1, "tick": tick, **more})


def heard(message: object) -> tuple[Any, ...]:
    """Read a message as it comes: compressed."""
    return tuple(Htx().read(gzip.compress(json.dumps(message).encode())))


def trades(*rows: object) -> tuple[Any, ...]:
    """Read trades of one moment."""
    return read("trade.detail", {"id": 14650745135, "ts": AT, "data": rows})


def test_trades_of_one_moment_come_in_their_order() -> None:
    """The venue has the newest first."""
    newer = ROW | {"tradeId": 102043495675, "price": 401.75, "direction": "sell"}
    assert trades(newer, ROW) == (
        Trade("btcusdt", 401.74, 0.0099, "buy", "102043495674", NS),
        Trade("btcusdt", 401.75, 0.0099, "sell", "102043495675", NS),
    )
    assert trades() == ()


@pytest.mark.parametrize("number", [251029750220000, 10003317158754670853281, "100201717928521000104525"])
def test_a_trade_without_a_number_has_an_id(number: object) -> None:
    """It is longer than any other number, and text at times."""
    (trade,) = trades({key: value for key, value in ROW.items() if key != "tradeId"} | {"id": number})
    assert trade.trade_id == str(number)


@pytest.mark.parametrize(
    "change",
    [
        {"price": 0},
        {"price": None},
        {"amount": -1},
        {"direction": ""},
        {"direction": "long"},
        {"tradeId": None},
        {"tradeId": -1},
        {"ts": 1795342500},
        {"ts": 1795342500123456},
    ],
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one."""
    with pytest.raises(FrameError):
        trades(ROW | change)


def test_a_trade_that_nothing_tells_from_others_is_refused() -> None:
    """It could not be known again."""
    with pytest.raises(FrameError):
        trades({key: value for key, value in ROW.items() if key not in {"id", "tradeId"}})
    with pytest.raises(FrameError):
        trades({key: value for key, value in ROW.items() if key != "tradeId"} | {"id": 1.37e26})


def test_the_top_of_the_book_comes_on_two_channels() -> None:
    """The ticker has the time of its message alone."""
    assert read("bbo", TOP) == (QUOTE,)
    (quote,) = read("ticker", {key: value for key, value in TOP.items() if key != "quoteTime"} | {"close": 7542})
    assert quote == Quote("btcusdt", 7541.16, 7543.59, 0.002329, 2.323241, NS + 1_000_000)
    with pytest.raises(FrameError):
        read("ticker", TOP, ts=None)


def test_an_empty_side_is_no_quote() -> None:
    """A market that is new has no price, which is no damage."""
    assert read("bbo", TOP | {"bid": 0, "bidSize": 0}) == ()
    assert read("bbo", TOP | {"ask": None, "askSize": None}) == ()


@pytest.mark.parametrize("what", ["depth.step0", "mbp.150", "mbp.refresh.5", "kline.1min", "detail"])
def test_other_channels_give_nothing(what: str) -> None:
    """They are read and passed over."""
    assert read(what, {"bids": [[1, 2]]}) == ()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"ch": "trade.detail", "tick": {}},
        {"ch": "market..trade.detail", "ts": AT, "tick": {"data": []}},
        {"ch": "market.btcusdt.trade.detail", "ts": AT},
        {"ch": "market.btcusdt.bbo", "ts": AT, "tick": {}},
        {"ch": "market.btcusdt.kline.1min", "ts": AT},
        {"action": "ping", "data": {"ts": AT}},
        {"status": "strange"},
        [],
    ],
)
def test_what_is_not_documented_is_refused(message: object) -> None:
    """A channel without its data, or a message of the stream for accounts."""
    with pytest.raises(FrameError):
        heard(message)


def test_frames_are_opened() -> None:
    """Cut off is damage; what something on the way has opened is read."""
    message = gzip.compress(b'{"ping": 1492420473027}')
    assert Htx().read(message) == Htx().read('{"ping": 1492420473027}') == (Reply({"pong": 1492420473027}),)
    with pytest.raises(FrameError, match="cut off"):
        Htx().read(message[:-6])


def test_answers_are_signals() -> None:
    """A refusal bears the number of its request, which is the symbol."""
    told = {"id": "btcusdt", "status": "ok", "ts": AT}
    assert heard(told | {"subbed": "market.btcusdt.bbo"}) == (Ack(("btcusdt",)),)
    assert heard(told | {"unsubbed": "market.btcusdt.bbo"}) == ()
    told = {"id": "xxusdt", "status": "error", "ts": AT, "err-code": "bad-request", "err-msg": "invalid symbol xxusdt"}
    assert heard(told) == (Rejected("xxusdt", "invalid symbol xxusdt"),)
    assert heard(told | {"id": None}) == (Rejected("", "invalid symbol xxusdt"),)
    busy = {"err-code": "rate-too-many-requests", "err-msg": "exceeded rate limit"}
    assert heard(told | busy) == (RateLimit(5.0, "exceeded rate limit"),)


def test_each_channel_is_asked_for_under_the_name_of_its_symbol() -> None:
    """Small words, by the venue's own names of assets."""
    symbols = [Htx().symbol(Pair.parse(text)) for text in ("BTC/USDT", "GAMECOM/BTC")]
    assert list(Htx().subscribe(symbols)) == [
        {"sub": "market.btcusdt.trade.detail", "id": "btcusdt"},
        {"sub": "market.btcusdt.bbo", "id": "btcusdt"},
        {"sub": "market.gtcbtc.trade.detail", "id": "gtcbtc"},
        {"sub": "market.gtcbtc.bbo", "id": "gtcbtc"},
    ]
    assert next(iter(Htx().unsubscribe(["btcusdt"]))) == {"unsub": "market.btcusdt.trade.detail", "id": "btcusdt"}


def test_a_region_has_its_address() -> None:
    """Machines in that cloud are nearer."""
    htx = Htx(Htx.Config.model_validate({"region": "aws"}, context=Htx))
    assert htx.address == "wss://api-aws.huobi.pro/ws"


def polled(answer: object) -> tuple[Any, ...]:
    """Read an answer about BTC/USDT."""
    return tuple(HtxTrades().read(json.dumps({"symbol": "btcusdt", "answer": answer})))


def test_polled_trades_are_those_of_the_stream_oldest_first() -> None:
    """Trades of one moment are a list in the list, and the number has another key."""
    row = {"trade-id": 102043495674, **{key: value for key, value in ROW.items() if key != "tradeId"}, "id": 1.4e26}
    newer = row | {"trade-id": 102043495675}
    newest = row | {"trade-id": 102043495676, "ts": AT + 1}
    groups = [{"id": 2, "ts": AT + 1, "data": [newest]}, {"id": 1, "ts": AT, "data": [newer, row]}]
    found = polled({"ch": "market.btcusdt.trade.detail", "status": "ok", "ts": AT, "data": groups})
    assert [trade.trade_id for trade in found] == ["102043495674", "102043495675", "102043495676"]
    assert found[:1] == trades(ROW)
    (request,) = HtxTrades().request(["btcusdt"])
    assert str(request.url) == "https://api.huobi.pro/market/history/trade?symbol=btcusdt&size=100"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid-parameter", Rejected("btcusdt", "words")),
        ("base-request-exceed-frequency-limit", RateLimit(5.0, "words")),
    ],
)
def test_an_error_that_comes_with_success_is_told(code: str, expected: object) -> None:
    """HTTP 200 with a code is no answer."""
    assert polled({"status": "error", "err-code": code, "err-msg": "words", "ts": AT}) == (expected,)


@pytest.mark.parametrize("answer", [None, [], {}, {"status": "ok"}, {"status": "ok", "data": [{"data": None}]}])
def test_what_is_no_list_of_trades_is_refused(answer: object) -> None:
    """A gateway's words are no trades, either."""
    with pytest.raises(FrameError):
        polled(answer)


def test_what_is_not_online_is_halted() -> None:
    """Assets are in upper case here, and by our names."""
    rows = [
        {"symbol": f"{base}usdt", "base-currency": base, "quote-currency": "usdt", "state": state}
        for base, state in (("btc", "online"), ("old", "offline"), ("new", "pre-online"), ("gtc", "online"))
    ]
    assert list(Htx().listed(json.dumps({"status": "ok", "data": rows}).encode())) == [
        Listing("btcusdt", Pair("BTC", "USDT")),
        Listing("oldusdt", Pair("OLD", "USDT"), "halted"),
        Listing("newusdt", Pair("NEW", "USDT"), "halted"),
        Listing("gtcusdt", Pair("GAMECOM", "USDT")),
    ]
