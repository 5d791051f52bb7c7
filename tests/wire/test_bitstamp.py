"""Bitstamp's frames as others recorded and documented them, and what they state of them."""

import gzip
import json

import pytest

from chrono import Ack, FrameError, Trade
from chrono_bitstamp import Bitstamp

from .convert import from_capture
from .expectations import data, expected, fixture, message, nanoseconds, ticks

TARDIS = "wire/bitstamp/tardis-messages.jsonl"
STATED = {(TARDIS, line) for line in range(1, 5)}


@pytest.fixture
def bitstamp() -> Bitstamp:
    """Return the venue."""
    return Bitstamp()


def test_every_expectation_is_covered() -> None:
    """Nothing that others state of Bitstamp is passed over."""
    assert set(expected("bitstamp")) == STATED


@pytest.mark.parametrize(("file", "line"), sorted(STATED))
def test_messages_mean_what_others_state(bitstamp: Bitstamp, file: str, line: int) -> None:
    """A trade is as stated, under the symbol in small letters; changes of books, which are not read, give nothing."""
    found = [item for item in bitstamp.read(message(file, line)) if not isinstance(item, Ack)]
    wanted = [tick for tick in ticks(expected("bitstamp")[file, line]) if isinstance(tick, Trade)]
    assert found == [Trade(t.symbol.lower(), t.price, t.size, t.side, t.trade_id, t.ts_event) for t in wanted]


def test_documented_trades_decode(bitstamp: Bitstamp) -> None:
    """The trade of the fixture, and the acknowledgement before it."""
    (ack,), (update,) = fixture("bitstamp", "fixtures", "ws-Trades.txt")
    at = nanoseconds("2026-03-05T15:15:51.946Z")
    assert bitstamp.read(ack) == (Ack(("ethusd",)),)
    assert bitstamp.read(update) == (Trade("ethusd", 2090.22, 0.241, "buy", "542327128", at),)


def test_a_recorded_session_acknowledges_and_says_nothing_else(bitstamp: Bitstamp) -> None:
    """That of 2022 has changes of books alone, which are not read; nothing in it is damaged."""
    lines = from_capture(data("wire", "bitstamp", "capture", "BITSTAMP.ws.1.0.log"), "bitstamp")
    frames = [line["data"] for line in lines if line["kind"] == "ws"]
    items = [item for frame in frames for item in bitstamp.read(frame)]
    assert items == [Ack((symbol,)) for symbol in ("sgbeur", "bateur", "xlmgbp", "adaeur", "batbtc")]
    assert len(frames) > 300


def test_errors_over_http_are_no_frames(bitstamp: Bitstamp) -> None:
    """An error of the REST API is damage on a stream."""
    for body in json.loads(
        "[" + data("wire", "bitstamp", "xchange", "errors.json").read_text().replace("}\n{", "},{") + "]"
    ):
        with pytest.raises(FrameError):
            bitstamp.read(json.dumps(body))


def test_every_pair_of_2025_is_what_its_symbol_says(bitstamp: Bitstamp) -> None:
    """Each is found under the symbol that the stream is subscribed to with, and is what another library says it is."""
    rows = json.loads(gzip.decompress(data("instruments", "bitstamp-2025-11-21.json.gz").read_bytes()))
    found = {listing.symbol: listing for listing in bitstamp.listed(json.dumps([row["info"] for row in rows]).encode())}
    assert len(found) == len(rows) == 250
    assert {symbol: str(listing.pair) for symbol, listing in found.items()} == {r["id"]: r["symbol"] for r in rows}
    assert all(listing.pair and bitstamp.symbol(listing.pair) == symbol for symbol, listing in found.items())


def test_a_recorded_list_of_2022_is_read(bitstamp: Bitstamp) -> None:
    """It had no kinds of markets: all were spot."""
    text = data("instruments", "bitstamp-2022-01-05.log").read_text().splitlines()[0]
    found = bitstamp.listed(text.partition(": ")[2].partition(" header: ")[0].encode())
    assert len({listing.symbol for listing in found}) == len(found) > 100
    assert all(listing.pair and bitstamp.symbol(listing.pair) == listing.symbol for listing in found)
