"""OKX's frames as others recorded and documented them, and what they state of them."""

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, FrameError, Quote, Rejected, Trade
from chrono_okx import Okx, OkxTrades

from .convert import Line, from_capture
from .expectations import barter_trade, data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/okx/tardis-messages.jsonl"
BARTER = "wire/okx/barter-messages.jsonl"
POLLED = "wire/okx/ccxt/fetch_trades_BTC_USDT.json"

SUPERSEDED = {(TARDIS, line) for line in (1, 2, 3, 4, *range(8, 15))}
"""Messages of API v3, told by their `table`."""

CURRENT = {(TARDIS, line) for line in (5, 6, 7, *range(15, 21))}
"""Messages of API v5 with normalised results."""

ACCEPTED, ACKNOWLEDGED, REJECTED = (BARTER, 1), (BARTER, 2), (BARTER, 3)

DISPUTED = {
    ("wire/okx/ccxt/fetch_ticker_BTC_USDT.json", 0): "an answer of the REST API that is not asked for",
}
"""Expectations that are not ours to meet."""


@pytest.fixture
def okx() -> Okx:
    """Return the venue."""
    return Okx()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of OKX is passed over."""
    answered = {ACCEPTED, ACKNOWLEDGED, REJECTED, (POLLED, 0)}
    assert set(expected("okx")) == SUPERSEDED | CURRENT | answered | set(DISPUTED)


@pytest.mark.parametrize(("file", "line"), sorted(SUPERSEDED))
def test_messages_of_the_superseded_api_are_refused(okx: Okx, file: str, line: int) -> None:
    """API v3 is not taken for v5."""
    with pytest.raises(FrameError):
        okx.read(message(file, line))


@pytest.mark.parametrize(("file", "line"), sorted(CURRENT))
def test_messages_mean_what_others_state(okx: Okx, file: str, line: int) -> None:
    """Trades and quotes are as stated, quotes with their times; books and what is derived give nothing."""
    stated = expected("okx")[file, line]
    found = list(okx.read(message(file, line)))
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [untimed(tick) for tick in found] == ticks(stated)


def untimed(tick: Any) -> Any:
    """Return a quote as tardis-node's ticks are made: without its time."""
    return Quote(tick.symbol, tick.bid, tick.ask, tick.bid_size, tick.ask_size) if isinstance(tick, Quote) else tick


def test_messages_of_documentation_decode(okx: Okx) -> None:
    """A trade is as stated; an acknowledgement that names its symbol elsewhere is none, and no damage."""
    rust = expected("okx")[ACCEPTED]["rust"]
    assert okx.read(message(*ACCEPTED)) == (barter_trade(rust[rust.index("OkxTrade {") :], "BTC-USDT"),)
    assert okx.read(message(*ACKNOWLEDGED)) == ()
    (refused,) = okx.read(message(*REJECTED))
    assert isinstance(refused, Rejected)
    assert refused.reason.startswith("Invalid request")


def test_polled_trades_are_as_stated() -> None:
    """The same trades as the library that asked, the oldest first."""
    answer = data(*POLLED.split("/")).read_text()
    found = OkxTrades().read(f'{{"symbol": "BTC-USDT", "answer": {answer}}}')
    rows = json.loads(answer)["data"]
    assert [text_of(trade) for trade in found] == [numbers(row) for row in rows[::-1]]


def numbers(row: dict[str, str]) -> tuple[Any, ...]:
    """Return what a row of trades says, its numbers as the text they stand for."""
    times = int(row["ts"]) * 10**6
    return row["instId"], Decimal(row["px"]), Decimal(row["sz"]), row["side"], row["tradeId"], times


def text_of(tick: Any) -> tuple[Any, ...]:
    """Return the same of what was read."""
    if isinstance(tick, Trade):
        return tick.symbol, text(tick.price), text(tick.size), tick.side, tick.trade_id, tick.ts_event
    return tick.symbol, *map(text, (tick.bid, tick.ask, tick.bid_size, tick.ask_size)), tick.ts_event


def text(number: float) -> Decimal:
    """Return the number that a float prints as."""
    return Decimal(repr(number))


def test_documented_trades_and_tickers_decode(okx: Okx) -> None:
    """Those of the fixtures, and the acknowledgements before them."""
    (ack,), (update,) = fixture("okx", "fixtures", "ws-Trades.txt")
    assert okx.read(ack) == (Ack(("ETH-USDT",)),)
    assert okx.read(update) == (Trade("BTC-USDT", 42219.9, 0.12060306, "buy", "130639474", 1630048897897 * 10**6),)
    (ack,), (update,) = fixture("okx", "fixtures", "ws-Ticker.txt")
    assert okx.read(ack) == (Ack(("ETH-USDT",)),)
    assert okx.read(update) == (Quote("BTC-USDT", 8888.88, 9999.99, 5.0, 11.0, 1597026383085 * 10**6),)


@pytest.mark.parametrize("name", ["ws-Klines.txt", "ws-SystemStatus.txt"])
def test_other_documented_channels_give_nothing(okx: Okx, name: str) -> None:
    """Candles and maintenance are no prices of ours."""
    _, (update,) = fixture("okx", "fixtures", name)
    assert okx.read(update) == ()


def test_what_gateways_say_is_no_message(okx: Okx) -> None:
    """Neither a refusal over HTTP nor the words of what stands before the venue are frames."""
    bodies = json.loads(data("wire", "error-bodies.json").read_text())
    for body in [row["body"] for row in bodies if row["exchange"] == "okx"]:
        with pytest.raises(FrameError):
            okx.read(body)


def test_a_recorded_session_gives_every_trade_once_and_in_order(okx: Okx) -> None:
    """Of the session of 2022 each trade and ticker comes once, in order, to the digit; nothing is damaged."""
    lines = list(from_capture(data("wire", "okx", "capture", "OKX.ws.1.0.log"), "okx"))
    frames = [line for line in lines if line["kind"] == "ws"]
    stated = list(independent(frames))
    assert len(stated) == 94
    assert len([row for row in stated if row[3] in {"buy", "sell"}]) == 69
    found = [item for frame in frames for item in okx.read(frame["data"].encode())]
    assert [text_of(tick) for tick in found if isinstance(tick, Trade | Quote)] == stated
    assert {item for item in found if not isinstance(item, Trade | Quote)} == {Ack(("BTC-USDT",))}


def independent(frames: Iterable[Line]) -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the standard library's JSON and Decimal, on the frame's own text."""
    for frame in frames:
        event = json.loads(frame["data"])
        for row in event.get("data", ()):
            if event["arg"]["channel"] == "trades":
                yield numbers(row)
            elif event["arg"]["channel"] == "tickers":
                sizes = (Decimal(row[key]) for key in ("bidPx", "askPx", "bidSz", "askSz"))
                yield row["instId"], *sizes, int(row["ts"]) * 10**6


def test_a_recorded_list_is_read(okx: Okx) -> None:
    """Every market of 2022 has the symbol that its pair is subscribed to with."""
    lines = gzip.decompress(data("instruments", "okx-2022-05-13.log.gz").read_bytes()).decode().splitlines()
    spot = next(line for line in lines if "instType=SPOT" in line)
    found = list(okx.listed(spot.partition(": ")[2].partition(" header: ")[0].encode()))
    assert len(found) > 400
    assert len({listing.symbol for listing in found}) == len(found)
    for listing in found:
        assert listing.pair is not None
        assert okx.symbol(listing.pair) == listing.symbol == f"{listing.pair.base}-{listing.pair.quote}"


def test_every_recorded_ticker_is_a_quote(okx: Okx) -> None:
    """All spot markets of one day of 2026: each is a quote to the digit, but for those with an empty side."""
    body = gzip.decompress(data("instruments", "okx-all-spot-tickers-2026-02-08.json.gz").read_bytes())
    rows = json.loads(body)["data"]
    found = okx.read(json.dumps({"arg": {"channel": "tickers", "instId": "ANY"}, "data": rows}))
    whole = [row for row in rows if row["bidPx"] and row["askPx"]]
    assert len(whole) > 400
    keys = ("bidPx", "askPx", "bidSz", "askSz")
    assert [text_of(tick) for tick in found] == [
        (row["instId"], *(Decimal(row[key]) for key in keys), int(row["ts"]) * 10**6) for row in whole
    ]
