"""Bitget's frames as others recorded and documented them, and what they state of them."""

from typing import Any

import pytest

from chrono import Ack, FrameError, Listing, Pair, Quote, Trade
from chrono_bitget import Bitget, BitgetTrades

from .convert import from_capture
from .expectations import data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/bitget/tardis-messages.jsonl"

STATED = {(TARDIS, line) for line in (1, 4, 5, 6, 7)}
"""Messages of API v2 and v3 with normalised results."""

ACKNOWLEDGED = {(TARDIS, 2): "XAUTUSDT", (TARDIS, 3): "LUMIAUSDT"}


@pytest.fixture
def bitget() -> Bitget:
    """Return the venue."""
    return Bitget()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Bitget is passed over."""
    assert set(expected("bitget")) == STATED | set(ACKNOWLEDGED)


@pytest.mark.parametrize(("file", "line"), sorted(STATED))
def test_messages_mean_what_others_state(bitget: Bitget, file: str, line: int) -> None:
    """Trades and quotes are as stated, quotes with their times; books and trades of the past give nothing."""
    stated = expected("bitget")[file, line]
    found = list(bitget.read(message(file, line)))
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [untimed(tick) for tick in found] == ticks(stated)


def untimed(tick: Any) -> Any:
    """Return a quote as tardis-node's ticks are made: without its time."""
    return Quote(tick.symbol, tick.bid, tick.ask, tick.bid_size, tick.ask_size) if isinstance(tick, Quote) else tick


@pytest.mark.parametrize(("key", "symbol"), ACKNOWLEDGED.items())
def test_acknowledgements_are_signals(bitget: Bitget, key: tuple[str, int], symbol: str) -> None:
    """Each names its symbol."""
    assert bitget.read(message(*key)) == (Ack((symbol,)),)


@pytest.mark.parametrize(
    "name",
    ["ws-Klines.txt", "ws-Trades.txt", "ws-unified-Kline.txt", "ws-unified-Ticker.txt", "ws-unified-Trades.txt"],
)
def test_documented_messages_of_the_past_or_of_futures_give_nothing(bitget: Bitget, name: str) -> None:
    """Candles, trades of a snapshot, and a perpetual that is called as its underlying is."""
    (ack,), (update,) = fixture("bitget", "fixtures", name)
    (signal,) = bitget.read(ack)
    assert isinstance(signal, Ack)
    assert bitget.read(update) == ()


def test_documented_trades_decode(bitget: Bitget) -> None:
    """The same message as an update, and the answers of REST."""
    _, (update,) = fixture("bitget", "fixtures", "ws-Trades.txt")
    trade = Trade("BTCUSDT", 26293.4, 0.0013, "buy", "1000000000", 1695709835822 * 10**6)
    assert bitget.read(update.replace("snapshot", "update")) == (trade,)
    _, (update,) = fixture("bitget", "fixtures", "ws-unified-Trades.txt")
    changed = update.replace("snapshot", "update").replace("usdt-futures", "spot")
    unified = Trade("BTCUSDT", 100000.0, 0.00118, "buy", "1260903622036942849", 1736348770627 * 10**6)
    assert bitget.read(changed) == (unified,)
    answer = body("rest-unified-GetRecentTrades.txt").split("}\n", 1)[1]
    assert BitgetTrades().read(f'{{"symbol": "ETHUSDT", "answer": {answer}}}') == (
        Trade("ETHUSDT", 30007.0, 0.0166, "buy", "2", 1627116600875 * 10**6),
        Trade("ETHUSDT", 29990.5, 0.0166, "sell", "1", 1627116776464 * 10**6),
    )


def body(name: str) -> str:
    """Return a fixture of REST without its first lines."""
    return data("wire", "bitget", "fixtures", name).read_text().split("\n", 3)[3]


def test_documented_tickers_decode(bitget: Bitget) -> None:
    """That of v2, and that of v3 as one of spot."""
    _, (update,) = fixture("bitget", "fixtures", "ws-Ticker.txt")
    assert bitget.read(update) == (Quote("ETHUSDT", 1792.0, 2200.1, 0.0084, 19740.8811, 1695702438018 * 10**6),)
    _, (update,) = fixture("bitget", "fixtures", "ws-unified-Ticker.txt")
    changed = update.replace("usdt-futures", "spot")
    assert bitget.read(changed) == (Quote("BTCUSDT", 99999.0, 100000.0, 186.183209, 188.312553),)


def test_a_documented_list_is_read(bitget: Bitget) -> None:
    """That of v2 has the words of v3."""
    assert list(bitget.listed(body("rest-GetSymbols.txt").encode())) == [Listing("BTCUSDT", Pair("BTC", "USDT"))]


def test_a_recorded_session_of_the_superseded_api_gives_no_tick(bitget: Bitget) -> None:
    """Each of its frames is refused: trades, tickers, books, candles, and the answers between."""
    lines = from_capture(data("wire", "bitget", "capture", "BITGET.ws.1.0.log"), "bitget")
    frames = [line for line in lines if line["kind"] == "ws"]
    assert len(frames) > 300
    for frame in frames:
        with pytest.raises(FrameError):
            bitget.read(frame["data"].encode())
