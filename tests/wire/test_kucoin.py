"""KuCoin's frames as others recorded and documented them, and what they state of them."""

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Pair, Quote, Trade
from chrono_kucoin import Kucoin, KucoinTrades

from .convert import Line, from_capture
from .expectations import data, expected, fixture, message, ticks

TARDIS = "wire/kucoin/tardis-messages.jsonl"

TRADES = {(TARDIS, line) for line in (8, 9)}
"""Matches; tardis-node states their times in microseconds, the frames in nanoseconds."""

NOTHING = {(TARDIS, line) for line in (1, 2, 3, 4, 5, 6, 7)}
"""Books, which are not read, a pong, and the answer to a request of another."""


@pytest.fixture
def kucoin() -> Kucoin:
    """Return the venue."""
    return Kucoin()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of KuCoin is passed over."""
    assert set(expected("kucoin")) == TRADES | NOTHING


@pytest.mark.parametrize(("file", "line"), sorted(TRADES))
def test_trades_are_as_stated(kucoin: Kucoin, file: str, line: int) -> None:
    """To the microsecond, which is as far as they are stated."""
    (stated,) = ticks(expected("kucoin")[file, line])
    (trade,) = kucoin.read(message(file, line))
    assert isinstance(trade, Trade)
    assert trade.ts_event == int(json.loads(message(file, line))["data"]["time"])
    assert Trade(*fields(trade)[:5], ts_event=trade.ts_event // 1000 * 1000) == stated


def fields(trade: Trade) -> tuple[Any, ...]:
    """Return what a trade holds."""
    return trade.symbol, trade.price, trade.size, trade.side, trade.trade_id, trade.ts_event


@pytest.mark.parametrize(("file", "line"), sorted(NOTHING))
def test_other_messages_give_nothing(kucoin: Kucoin, file: str, line: int) -> None:
    """They are of the current API, and no prices of ours."""
    assert kucoin.read(message(file, line)) == ()


def test_documented_trades_and_tickers_decode(kucoin: Kucoin) -> None:
    """Those of the fixtures, and the acknowledgements before them."""
    (ack,), (update,) = fixture("kucoin", "fixtures", "ws-Trades.txt")
    assert kucoin.read(ack) == ()
    wanted = Trade("BTC-USDT", 0.082, 0.01022222, "buy", "5c24c5da03aa673885cd67aa", 1545913818099033203)
    assert kucoin.read(update) == (wanted,)
    _, (update,) = fixture("kucoin", "fixtures", "ws-Ticker.txt")
    assert kucoin.read(update) == (Quote("BTC-USDT", 0.049, 0.08, 0.036, 0.18, 1704873323416 * 10**6),)
    _, (update,) = fixture("kucoin", "fixtures", "ws-Klines.txt")
    assert kucoin.read(update) == ()


@pytest.mark.parametrize("name", ["ws-unified-Ticker.txt", "ws-unified-Trade.txt", "ws-unified-Kline.txt"])
def test_the_unified_api_is_refused(kucoin: Kucoin, name: str) -> None:
    """It is another one, with other names and units."""
    for frame in [part for parts in fixture("kucoin", "fixtures", name) for part in parts]:
        with pytest.raises(FrameError):
            kucoin.read(frame)


def test_recorded_messages_mean_what_they_say(kucoin: Kucoin) -> None:
    """Of the messages of another library's tests, matches and tickers are read, and futures without a type refused."""
    found: list[Any] = []
    for frame in data("wire", "kucoin", "gct-wsHandleData.jsonl").read_text().splitlines():
        if "type" in json.loads(frame):
            found += kucoin.read(frame)
        else:
            with pytest.raises(FrameError):
                kucoin.read(frame)
    assert [tick.symbol for tick in found if isinstance(tick, Trade)] == ["BTC-USDT"]
    assert [tick.symbol for tick in found if isinstance(tick, Quote)] == ["FET-BTC", "FTM-ETH"]


def test_documented_answers_decode() -> None:
    """Trades as they come over HTTP, in nanoseconds."""
    text = data("wire", "kucoin", "fixtures", "rest-GetTradeHistory.txt").read_text()
    first, second = KucoinTrades().read(f'{{"symbol": "BTC-USDT", "answer": {text[text.index("{") :]}}}')
    assert first == Trade("BTC-USDT", 0.07, 0.004, "buy", "1545896668571", 1545904567062140823)
    assert isinstance(second, Trade)
    assert second.trade_id == "1545896668578"


def test_what_gateways_say_is_no_message(kucoin: Kucoin) -> None:
    """Neither a refusal over HTTP nor the words of what stands before the venue are frames."""
    bodies = json.loads(data("wire", "error-bodies.json").read_text())
    for body in [row["body"] for row in bodies if row["exchange"] == "kucoin"]:
        with pytest.raises(FrameError):
            kucoin.read(body)


def test_a_recorded_session_gives_every_trade_once_and_in_order(kucoin: Kucoin) -> None:
    """Of the session of 2021 each trade and ticker comes once, in order, to the digit; nothing is damaged."""
    lines = from_capture(data("wire", "kucoin", "capture", "KUCOIN.ws.1.0.log"), "kucoin")
    frames = [line for line in lines if line["kind"] == "ws"]
    stated = list(independent(frames))
    found = [item for frame in frames for item in kucoin.read(frame["data"].encode())]
    assert [text_of(tick) for tick in found if isinstance(tick, Trade | Quote)] == stated
    assert {item for item in found if not isinstance(item, Trade | Quote)} <= {Ack()}
    assert sum(isinstance(tick, Trade) for tick in found) == 5
    assert sum(isinstance(tick, Quote) for tick in found) > 100


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON and Decimal, on the frame's own text."""
    for frame in frames:
        event = json.loads(frame["data"])
        row = event.get("data")
        if event.get("subject") == "trade.l3match":
            numbers = Decimal(row["price"]), Decimal(row["size"])
            yield row["symbol"], *numbers, row["side"], row["tradeId"], int(row["time"])
        elif event.get("subject") == "trade.ticker":
            sizes = (Decimal(row[key]) for key in ("bestBid", "bestAsk", "bestBidSize", "bestAskSize"))
            yield event["topic"].partition(":")[2], *sizes, row["time"] * 10**6


def text_of(tick: Any) -> tuple[Any, ...]:
    """Return the same of what was read."""
    if isinstance(tick, Trade):
        return tick.symbol, text(tick.price), text(tick.size), tick.side, tick.trade_id, tick.ts_event
    return tick.symbol, *map(text, (tick.bid, tick.ask, tick.bid_size, tick.ask_size)), tick.ts_event


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))


def test_a_recorded_list_is_read(kucoin: Kucoin) -> None:
    """Every market of 2025 has the symbol that its pair is subscribed to with, and bears the name of today's coin."""
    rows = json.loads(gzip.decompress(data("instruments", "kucoin-2025-11-21.json.gz").read_bytes()))
    infos = [row["info"] for row in rows]
    found = {row.symbol: row for row in kucoin.listed(json.dumps({"code": "200000", "data": infos}).encode())}
    assert len(found) == len(infos) == 1265
    assert {row.state for row in found.values()} == {"trading"}
    for listing in found.values():
        assert listing.pair is not None
        assert kucoin.symbol(listing.pair) == listing.symbol
    for info in infos:
        if info["name"] != info["symbol"]:
            assert str(found[info["symbol"]].pair) == info["name"].upper().replace("-", "/")
    assert found["KALT-USDT"].pair == Pair("ALT", "USDT")
