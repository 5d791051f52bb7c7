"""Bitfinex's frames as others recorded and documented them, and what they state of them."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Quote, Reconnect, Rejected, Trade
from chrono_bitfinex import Bitfinex, BitfinexTrades

from .convert import Line, from_capture
from .expectations import barter_trade, data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/bitfinex/tardis-messages.jsonl"
BARTER = "wire/bitfinex/barter-messages.jsonl"

QUIET = {(TARDIS, line) for line in (1, 2, 4, 5, 6, 7, 8)} | {(BARTER, line) for line in (3, 4, 5, 6)}
"""Books, trades of the past or told a second time, loans, heartbeats and states: nothing, or an answer."""

TOP = (TARDIS, 3)
TRADES = {(BARTER, 1), (BARTER, 2)}
ACKNOWLEDGED, REJECTED = (BARTER, 7), (BARTER, 8)


@pytest.fixture
def bitfinex() -> Bitfinex:
    """Return the venue."""
    return Bitfinex()


def subscribed(bitfinex: Bitfinex, **numbers: int) -> Any:
    """Return a connection on which channels of some symbols have these numbers."""
    session = bitfinex.session()
    for named, number in numbers.items():
        channel, symbol = named.split("_")
        told = {"event": "subscribed", "channel": channel, "chanId": number, "symbol": symbol.replace("x", ":")}
        bitfinex.read(json.dumps(told), session)
    return session


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Bitfinex is passed over."""
    assert set(expected("bitfinex")) == QUIET | TRADES | {TOP, ACKNOWLEDGED, REJECTED}


@pytest.mark.parametrize(("file", "line"), sorted(QUIET))
def test_messages_that_state_nothing_give_no_tick(bitfinex: Bitfinex, file: str, line: int) -> None:
    """Whatever is subscribed to on that number; the last is the ticker of a loan."""
    session = subscribed(bitfinex, trades_tBTCUSD=420191, trades_tETHUSD=6957, trades_tLTCUSD=89, ticker_fBTC=129136)
    found = bitfinex.read(message(file, line), session)
    assert not [item for item in found if isinstance(item, Quote | Trade | Reconnect)]


def test_a_ticker_means_what_others_state(bitfinex: Bitfinex) -> None:
    """Under the symbol that the channel has here, with its time."""
    (stated,) = ticks(expected("bitfinex")[TOP])
    time = nanoseconds(expected("bitfinex")[TOP][0]["timestamp"])
    assert isinstance(stated, Quote)
    wanted = Quote("tMATIC:BTC", stated.bid, stated.ask, stated.bid_size, stated.ask_size, time)
    assert bitfinex.read(message(*TOP), subscribed(bitfinex, ticker_tMATICxBTC=94952)) == (wanted,)


@pytest.mark.parametrize(("file", "line"), sorted(TRADES))
def test_trades_mean_what_others_state(bitfinex: Bitfinex, file: str, line: int) -> None:
    """To the digit, with the side of the taker."""
    session = subscribed(bitfinex, trades_tBTCUSD=420191)
    rust = expected("bitfinex")[file, line]["rust"]
    wanted = barter_trade(rust[rust.index("BitfinexTrade {") :], "tBTCUSD")
    assert bitfinex.read(message(file, line), session) == (wanted,)


def test_answers_are_signals(bitfinex: Bitfinex) -> None:
    """An acknowledgement names its symbol, an error its reason."""
    assert bitfinex.read(message(*ACKNOWLEDGED)) == (Ack(("tBTCUSD",)),)
    assert bitfinex.read(message(*REJECTED)) == (Rejected("", "Already subscribed"),)


def test_errors_of_another_library_are_read(bitfinex: Bitfinex) -> None:
    """What has no event is damage, an event that is not known is nothing, an error is refused for what it says."""
    frames = data("wire", "bitfinex", "gct-getErrResp.jsonl").read_text().splitlines()
    for frame in frames[:2]:
        with pytest.raises(FrameError):
            bitfinex.read(frame)
    found = [bitfinex.read(frame) for frame in frames[2:5]]
    assert found == [(), (Rejected("", "code 0"),), (Rejected("", "redcoats"),)]


def test_documented_messages_decode(bitfinex: Bitfinex) -> None:
    """A ticker is a quote; trades of the past and candles give nothing."""
    (ack,), (update,) = fixture("bitfinex", "fixtures", "ws-Ticker.txt")
    session = bitfinex.session()
    assert bitfinex.read(ack, session) == ()
    assert bitfinex.read(update, session) == (Quote("tETHUST", 7616.5, 7617.5, 31.89055171, 43.358118629999986),)
    for name in ("ws-Trades.txt", "ws-Klines.txt"):
        (ack,), (update,) = fixture("bitfinex", "fixtures", name)
        session = bitfinex.session()
        bitfinex.read(ack, session)
        assert bitfinex.read(update, session) == ()


def test_documented_answers_decode() -> None:
    """Trades over REST are those of the stream."""
    answer = data("wire", "bitfinex", "fixtures", "rest-GetTradeHistory.txt").read_text().split("false\n")[1]
    wanted = Trade("tETHUST", 10682.0, 1.918524, "buy", "388063448", 1567526214876 * 10**6)
    assert BitfinexTrades().read(f'{{"symbol": "tETHUST", "answer": {answer}}}') == (wanted,)


def test_a_recorded_session_gives_every_top_and_no_trade_of_the_past(bitfinex: Bitfinex) -> None:
    """Of the session of 2021 each ticker comes once, in order, to the digit; three trades channels are accepted."""
    lines = list(from_capture(data("wire", "bitfinex", "capture", "BITFINEX.ws.11.0.log"), "bitfinex"))
    frames = [line for line in lines if line["kind"] == "ws"]
    session = bitfinex.session()
    items = [item for frame in frames for item in bitfinex.read(frame["data"], session)]
    found = [(q.symbol, *map(text, (q.bid, q.ask, q.bid_size, q.ask_size))) for q in items if isinstance(q, Quote)]
    assert found == list(independent(frames))
    assert len(found) == 7
    assert [item for item in items if not isinstance(item, Quote)] == [
        Ack((symbol,)) for symbol in ("tBFTUSD", "tIOTETH", "tODEUSD")
    ]


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the tickers by another way, the standard library's JSON and Decimal on the frame's own text."""
    known = {}
    for frame in frames:
        event = json.loads(frame["data"], parse_float=Decimal)
        if isinstance(event, dict):
            known[event.get("chanId")] = event.get("channel"), event.get("symbol")
        elif known.get(event[0], ("",))[0] == "ticker" and isinstance(event[1], list):
            bid, below, ask, above = event[1][:4]
            yield known[event[0]][1], bid, ask, below, above


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))


def test_a_recorded_list_of_2021_is_read(bitfinex: Bitfinex) -> None:
    """Each is found under the symbol that is subscribed to with, coins of two names among them."""
    first = data("instruments", "bitfinex-2021-04-17.log").read_text().splitlines()[0]
    found = {listing.symbol: listing.pair for listing in bitfinex.listed(first.partition(": ")[2].encode())}
    assert len(found) > 250
    assert all(pair is not None and bitfinex.symbol(pair) == symbol for symbol, pair in found.items())
    assert {symbol: str(found[symbol]) for symbol in ("tBTCUSD", "tBTCUST", "tAVAX:USD", "tBTC:CNHT", "tIOTUSD")} == {
        "tBTCUSD": "BTC/USD",
        "tBTCUST": "BTC/USDT",
        "tAVAX:USD": "AVAX/USD",
        "tBTC:CNHT": "BTC/CNHT",
        "tIOTUSD": "IOTA/USD",
    }
