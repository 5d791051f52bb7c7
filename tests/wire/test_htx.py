"""HTX's frames as others recorded and documented them, and what they state of them."""

import ast
import base64
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from chrono import Ack, Quote, Reply, Trade
from chrono_htx import Htx, HtxTrades

from .convert import from_capture
from .expectations import data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/htx/tardis-messages.jsonl"
CAPTURE = "HUOBI.ws.44.0.log"

DISPUTED: dict[tuple[str, int], str] = {}
"""Expectations that are not ours to meet: none; symbols are in upper case there, and as the venue writes them here."""


@pytest.fixture
def htx() -> Htx:
    """Return the venue."""
    return Htx()


def test_every_expectation_is_covered_or_disputed() -> None:
    """Nothing that others state of HTX is passed over."""
    assert set(expected("htx")) == {(TARDIS, line) for line in range(1, 14)} | set(DISPUTED)


@pytest.mark.parametrize("line", range(1, 14))
def test_messages_mean_what_others_state(htx: Htx, line: int) -> None:
    """Trades and quotes are as stated, quotes with their times; books give nothing, an acknowledgement a signal."""
    stated = expected("htx")[TARDIS, line]
    found = [item for item in htx.read(message(TARDIS, line)) if not isinstance(item, Ack)]
    times = [nanoseconds(row["timestamp"]) for row in stated if row["type"] == "book_ticker"]
    assert [tick.ts_event for tick in found if isinstance(tick, Quote)] == times
    assert [comparable(tick) for tick in found] == ticks(stated)


def comparable(tick: Any) -> Any:
    """Return a tick as tardis-node's are made: symbols in upper case, quotes without their time."""
    if isinstance(tick, Trade):
        return Trade(tick.symbol.upper(), tick.price, tick.size, tick.side, tick.trade_id, tick.ts_event)
    return Quote(tick.symbol.upper(), tick.bid, tick.ask, tick.bid_size, tick.ask_size)


def test_documented_trades_and_tickers_decode(htx: Htx) -> None:
    """Those of the fixtures, and the acknowledgements before them."""
    (ack,), (update,) = fixture("htx", "fixtures", "ws-Trades.txt")
    assert htx.read(ack) == (Ack(("ethusdt",)),)
    assert htx.read(update) == (Trade("ethusdt", 52648.62, 0.006754, "buy", "102523573486", 1630994963173 * 10**6),)
    (ack,), (update,) = fixture("htx", "fixtures", "ws-Ticker.txt")
    assert htx.read(ack) == (Ack(("ethusdt",)),)
    assert htx.read(update) == (Quote("ethusdt", 52732.88, 52732.89, 0.036, 0.583653, 1630982370526 * 10**6),)
    _, (update,) = fixture("htx", "fixtures", "ws-Klines.txt")
    assert htx.read(update) == ()


def test_documented_polled_trades_decode() -> None:
    """The oldest first, by the number that the stream has, too."""
    answer = data("wire", "htx", "fixtures", "rest-GetTradeHistory.txt").read_text().split("\n", 3)[3]
    found = HtxTrades().read(f'{{"symbol": "btcusdt", "answer": {answer}}}')
    assert [(trade.trade_id, trade.price) for trade in found if isinstance(trade, Trade)] == [
        ("102517381180", 49651.35),
        ("102517381181", 49655.0),
        ("102517381182", 49656.4),
    ]


def test_a_recorded_session_gives_every_trade_once_and_in_order(htx: Htx) -> None:
    """Of the session of 2021 each trade comes once, in the order of its number, to the digit; pings are answered."""
    frames = [line for line in from_capture(data("wire", "htx", "capture", CAPTURE), "htx") if line["kind"] == "ws"]
    found = [item for frame in frames for item in htx.read(_bytes(frame))]
    trades = [item for item in found if isinstance(item, Trade)]
    assert [as_stated(trade) for trade in trades] == list(independent())
    assert len({(trade.symbol, trade.trade_id) for trade in trades}) == len(trades) == 63
    for symbol in {trade.symbol for trade in trades}:
        numbers = [int(trade.trade_id) for trade in trades if trade.symbol == symbol]
        assert numbers == sorted(numbers)
    assert len([item for item in found if isinstance(item, Reply)]) == 6
    assert len([item for item in found if isinstance(item, Ack)]) == 10
    assert not [item for item in found if isinstance(item, Quote)]


def _bytes(frame: dict[str, Any]) -> bytes:
    return base64.b64decode(frame["b64"])


def as_stated(trade: Trade) -> tuple[Any, ...]:
    """Return what a trade says, its numbers as the text they stand for."""
    numbers = (Decimal(repr(trade.price)), Decimal(repr(trade.size)))
    return trade.symbol, *numbers, trade.side, trade.trade_id, trade.ts_event


def independent() -> Iterator[tuple[Any, ...]]:
    """Yield the same by another way: the literal of each line, the standard library's JSON and Decimal."""
    for line in data("wire", "htx", "capture", CAPTURE).read_text().splitlines():
        _, _, text = line.partition(": ")
        if not text.startswith(("b'", 'b"')):
            continue
        event = json.loads(gzip.decompress(ast.literal_eval(text)), parse_float=Decimal)
        if event.get("ch", "").endswith(".trade.detail"):
            for row in sorted(event["tick"]["data"], key=lambda row: int(row["tradeId"])):
                numbers = (Decimal(row["price"]), Decimal(row["amount"]))
                symbol = event["ch"].split(".")[1]
                yield symbol, *numbers, row["direction"], str(row["tradeId"]), row["ts"] * 10**6


def test_a_recorded_list_is_read(htx: Htx) -> None:
    """Every market of 2021 has the symbol that its pair is subscribed to with: no word is cut at a guess."""
    text = gzip.decompress(data("instruments", "htx-2021-04-17.log.gz").read_bytes()).decode()
    body = next(line for line in text.splitlines() if "common/symbols" in line).partition(" -> ")[2].partition(": ")[2]
    body = body.partition(" header: ")[0]
    found = list(htx.listed(body.encode()))
    rows = json.loads(body)["data"]
    assert len(found) == len(rows) > 900
    assert len({listing.symbol for listing in found}) == len(found)
    for listing, row in zip(found, rows, strict=True):
        assert listing.pair is not None
        assert htx.symbol(listing.pair) == listing.symbol == row["symbol"]
        assert htx.alias(listing.pair.base) == row["base-currency"].upper()
        assert listing.pair.quote == row["quote-currency"].upper()
        assert (listing.state == "trading") == (row["state"] == "online")
