"""What is Kraken's own: times to the nanosecond, snapshots of the past, markets that never traded, its older API."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chrono import FrameError, Pair, Quote, RateLimit, Rejected, Trade
from chrono_kraken import Kraken

ROW = {"symbol": "BTC/USD", "side": "buy", "price": 64250.1, "qty": 0.015, "ord_type": "limit", "trade_id": 71}
TOP = {"symbol": "BTC/USD", "bid": 64250.0, "bid_qty": 1.5, "ask": 64250.1, "ask_qty": 2}
AT = "2026-11-22T10:15:00.123456Z"


def read(channel: str, *rows: object, kind: str = "update") -> tuple[object, ...]:
    """Read rows of a channel."""
    return tuple(Kraken().read(json.dumps({"channel": channel, "type": kind, "data": rows}).encode()))


def time(text: str) -> int:
    """Read a trade of a time."""
    (tick,) = read("trade", ROW | {"timestamp": text})
    assert isinstance(tick, Trade)
    assert tick.ts_event is not None
    return tick.ts_event


@given(st.integers(0, 4_102_444_799), st.integers(0, 999_999_999), st.integers(0, 9))
def test_times_are_exact_to_the_last_decimal(seconds: int, nanoseconds: int, decimals: int) -> None:
    """Any number of decimals up to nine is read to the nanosecond."""
    part = f"{nanoseconds:09}"[:decimals]
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (f".{part}" if part else "") + "Z"
    assert time(text) == seconds * 10**9 + int(part.ljust(9, "0"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "1732270500",
        "2026-11-22",
        "2026-11-22T10:15:00",
        "2026-11-22T10:15:00.123456+02:00",
        "2026-13-22T10:15:00Z",
        "2026-11-22T10:15:00.Z",
        "2026-11-22T10:15:00.1_2Z",
        "2026-11-22T10:15:00.0123456789Z",
        "2026-11-22 10:15:00.1Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """No time is guessed."""
    with pytest.raises(FrameError):
        time(text)


def test_trades_of_a_snapshot_are_past() -> None:
    """Only updates are trades that just happened; another word is damage."""
    row = ROW | {"timestamp": AT}
    assert len(read("trade", row, row)) == 2
    assert read("trade", row, kind="snapshot") == ()
    with pytest.raises(FrameError, match="update or snapshot"):
        read("trade", row, kind="")


@pytest.mark.parametrize(
    "change", [{"side": ""}, {"price": 0}, {"price": -1}, {"price": "64250.1"}, {"qty": -1}, {"trade_id": None}]
)
def test_a_damaged_trade_is_refused(change: dict[str, object]) -> None:
    """What is no trade is not made into one; numbers are numbers, not text."""
    with pytest.raises(FrameError):
        read("trade", ROW | {"timestamp": AT} | change)


def test_a_ticker_is_a_quote_with_or_without_a_time() -> None:
    """Frames of before the ticker had a time have none."""
    quote = Quote("BTC/USD", 64250.0, 64250.1, 1.5, 2.0)
    assert read("ticker", TOP) == (quote,)
    assert read("ticker", TOP, kind="snapshot") == (quote,)
    (timed,) = read("ticker", TOP | {"timestamp": AT})
    assert isinstance(timed, Quote)
    assert timed.ts_event == 1795342500123456000


@pytest.mark.parametrize("change", [{"bid": 0}, {"ask": 0}, {"timestamp": "1970-01-01T00:00:00.000000Z"}])
def test_a_market_that_has_no_price_gives_no_quote(change: dict[str, object]) -> None:
    """An empty side, or the date of a market that never traded, is neither a price nor damage."""
    assert read("ticker", TOP | change) == ()


@pytest.mark.parametrize(
    "frame",
    [
        '{"channel":"heartbeat"}',
        '{"method":"pong","req_id":1}',
        '{"method":"unsubscribe","success":true,"result":{"channel":"trade","symbol":"BTC/USD"}}',
        '{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}',
    ],
)
def test_what_is_no_news_of_a_market_gives_nothing(frame: str) -> None:
    """Heartbeats, answers to pings and other channels are read and passed over."""
    assert Kraken().read(frame.encode()) == ()


@pytest.mark.parametrize(
    "frame",
    [
        '{"event":"heartbeat"}',
        '{"event":"systemStatus","status":"online","version":"1.9.6"}',
        '[337,[["64250.1","0.015","1732270500.123456","b","l",""]],"trade","XBT/USD"]',
        "{}",
        '{"method":"subscribe","success":true}',
    ],
)
def test_what_version_2_does_not_document_is_refused(frame: str) -> None:
    """The superseded API is not taken for this one."""
    with pytest.raises(FrameError):
        Kraken().read(frame.encode())


def test_a_refusal_names_its_symbol() -> None:
    """A pair that is not listed costs that market and no other; an error without a symbol is of the whole request."""
    frame = b'{"error":"Currency pair not supported XX/USD","method":"subscribe","success":false,"symbol":"XX/USD"}'
    assert Kraken().read(frame) == (Rejected("XX/USD", "Currency pair not supported XX/USD"),)
    assert Kraken().read(b'{"error":"Malformed request","success":false}') == (Rejected("", "Malformed request"),)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"Error":"Exceeded msg rate"}',
        b'{"error":"Exceeded msg rate","method":"subscribe","success":false,"symbol":"BTC/USD"}',
        b'{"error":"EAPI:Rate limit exceeded","method":"subscribe","success":false}',
    ],
)
def test_too_many_messages_are_a_reason_to_pause(frame: bytes) -> None:
    """They say nothing of a symbol, so none is told as refused."""
    (signal,) = Kraken().read(frame)
    assert isinstance(signal, RateLimit)
    assert signal.retry_after > 0
    assert "xceeded" in signal.reason


def test_trades_and_the_top_of_the_book_are_asked_for() -> None:
    """Past trades are not wanted, and quotes at each change of the book."""
    symbols = [Kraken().symbol(Pair.parse(text)) for text in ("BTC/USD", "ETH/EUR")]
    trade, ticker = (message["params"] for message in Kraken().subscribe(symbols))
    assert trade == {"channel": "trade", "symbol": ["BTC/USD", "ETH/EUR"], "snapshot": False}
    assert ticker == {"channel": "ticker", "symbol": ["BTC/USD", "ETH/EUR"], "event_trigger": "bbo"}


def test_what_was_subscribed_to_can_be_ended() -> None:
    """Of a silent symbol that is subscribed to again."""
    trade, ticker = (message["params"] for message in Kraken().unsubscribe(["BTC/USD"]))
    assert trade == {"channel": "trade", "symbol": ["BTC/USD"]}
    assert ticker == {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"}
