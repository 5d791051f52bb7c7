"""Kraken's frames as others recorded and documented them, and what they state of them."""

import pytest

from chrono import Ack, FrameError, Quote, Trade
from chrono_kraken import Kraken

from .convert import from_capture
from .expectations import data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/kraken/tardis-messages.jsonl"
BARTER = "wire/kraken/barter-messages.jsonl"

CURRENT = {(TARDIS, 5), (TARDIS, 6), (TARDIS, 7)}
"""Messages of API v2."""

DISPUTED = {
    (TARDIS, 1): "API v1, superseded: an array",
    (TARDIS, 2): "API v1, superseded: an array",
    (TARDIS, 3): "API v1, superseded: an array",
    (TARDIS, 4): "API v1, superseded: an array",
    (BARTER, 1): "API v1, superseded: an array",
    (BARTER, 2): "API v1, superseded: an event",
    (BARTER, 3): "API v1, superseded: an event",
    (BARTER, 4): "API v1, superseded: an event",
    (BARTER, 5): "API v1, superseded: an event",
    (BARTER, 6): "API v1, superseded: an array",
}
"""Messages that are refused although others accept them, and why."""


@pytest.fixture
def kraken() -> Kraken:
    """Return the venue."""
    return Kraken()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of Kraken is passed over."""
    assert set(expected("kraken")) == CURRENT | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(CURRENT))
def test_messages_of_today_mean_what_others_state(kraken: Kraken, file: str, line: int) -> None:
    """Trades are as stated; books, which are not read, and trades of the past give nothing."""
    assert list(kraken.read(message(file, line))) == ticks(expected("kraken")[file, line])


@pytest.mark.parametrize(("file", "line"), sorted(DISPUTED))
def test_messages_of_the_superseded_api_are_refused(kraken: Kraken, file: str, line: int) -> None:
    """API v1 is not taken for v2."""
    with pytest.raises(FrameError):
        kraken.read(message(file, line))


def test_every_other_message_of_the_superseded_api_is_refused(kraken: Kraken) -> None:
    """The frames of another library's tests are v1 throughout."""
    for frame in data("wire", "kraken", "gct-wsHandleData.jsonl").read_text().splitlines():
        with pytest.raises(FrameError):
            kraken.read(frame)


@pytest.mark.parametrize("name", ["KRAKEN.ws.48.0.log", "KRAKEN.ws.49.0.log", "KRAKEN.ws.50.0.log"])
def test_a_recorded_session_of_the_superseded_api_gives_no_tick(kraken: Kraken, name: str) -> None:
    """Each of its frames is refused: trades, tickers, books, and the events between."""
    frames = [line for line in from_capture(data("wire", "kraken", "capture", name), "kraken") if line["kind"] == "ws"]
    assert len(frames) > 10
    for frame in frames:
        with pytest.raises(FrameError):
            kraken.read(frame["data"].encode())


def test_documented_trades_decode(kraken: Kraken) -> None:
    """The trade of the fixture, and the acknowledgement before it."""
    (ack,), (update,) = fixture("kraken", "fixtures", "ws-Trades.txt")
    at = nanoseconds("2023-09-25T07:49:37.708706Z")
    assert kraken.read(ack) == (Ack(("ETH/USDT",)),)
    assert kraken.read(update) == (Trade("ETH/USDT", 0.5117, 40.0, "sell", "4665906", at),)


def test_documented_tickers_decode(kraken: Kraken) -> None:
    """A ticker of before it had a time is a quote without one."""
    (ack,), (update,) = fixture("kraken", "fixtures", "ws-Ticker.txt")
    assert kraken.read(ack) == (Ack(("ETH/USDT",)),)
    assert kraken.read(update) == (Quote("ETH/USDT", 0.10025, 0.10035, 740.0, 740.0),)


def test_other_documented_channels_give_nothing(kraken: Kraken) -> None:
    """Candles are no prices of ours."""
    (ack,), (update,) = fixture("kraken", "fixtures", "ws-Kline.txt")
    assert kraken.read(ack) == (Ack(("ETH/USDT",)),)
    assert kraken.read(update) == ()
