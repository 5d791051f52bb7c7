"""Venues in a real one's style, and the sources that read them: over a socket, and by the conformance suite's rules."""

import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import anyio
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from chrono import Context, FrameError, Market, Pair, Status, Tick, Trade, WebSocketSource
from chrono.testing import damaged
from chrono_simulated.serving import ServedVenue, Venue, serving
from chrono_simulated.serving.frames import Frame
from chrono_simulated.serving.styles import (
    DeflatedSource,
    DeflateVenue,
    GzippedSource,
    GzipVenue,
    ProtobufSource,
    ProtobufVenue,
    TokenSource,
    TokenVenue,
)
from chrono_simulated.serving.styles.protobuf import read_fields, write_fields

pytestmark = pytest.mark.anyio

PAIRS = ("BTC/USDT", "ETH/USDT")
STYLES = [
    pytest.param(GzipVenue, GzippedSource, id="gzip"),
    pytest.param(DeflateVenue, DeflatedSource, id="deflate"),
    pytest.param(ProtobufVenue, ProtobufSource, id="protobuf"),
    pytest.param(TokenVenue, TokenSource, id="token"),
]


class Heard:
    """What a source emitted and reported."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.statuses: list[Status] = []

    def emit(self, tick: Tick, received: int | None = None) -> None:
        """Take a tick."""
        self.ticks.append(tick)

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for something to have happened."""
        with anyio.fail_after(5):
            while not wanted():  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.01)


@asynccontextmanager
async def running(
    source: type[WebSocketSource], venue: ServedVenue, *pairs: str, **options: Any
) -> AsyncIterator[Heard]:
    """Run a source against a served venue."""
    heard = Heard()
    config = source.Config.model_validate({"url": venue.url, **options})
    made = source(config, Context(source.type, report=heard.statuses.append))
    markets = [Market(source.type, pair, symbol=made.symbol(pair)) for pair in map(Pair.parse, pairs or PAIRS)]
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(made.run, markets, heard.emit)
        try:
            yield heard
        except Exception as error:  # noqa: BLE001 - raised again outside the group
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


@pytest.mark.parametrize(("venue", "source"), STYLES)
async def test_source_prices_what_the_venue_prints(venue: type[Venue], source: type[WebSocketSource]) -> None:
    """Both pairs come, around the truth, and the source says that it is live."""
    async with serving(venue(PAIRS, rate=100)) as served, running(source, served) as heard:
        await heard.until(lambda: len({tick.symbol for tick in heard.ticks}) == 2)
        trade = next(tick for tick in heard.ticks if isinstance(tick, Trade) and tick.symbol.upper().startswith("BTC"))
        assert trade.price == pytest.approx(served.price("BTC/USDT", trade.ts_event), rel=2e-3)
        await heard.until(lambda: "live" in {status.state for status in heard.statuses})


@pytest.mark.parametrize(("venue", "source"), STYLES)
async def test_unlisted_symbol_is_told(venue: type[Venue], source: type[WebSocketSource]) -> None:
    """The venue refuses it by its name, and the others go on."""
    async with serving(venue(PAIRS, rate=100)) as served, running(source, served, "BTC/USDT", "XX/USDT") as heard:
        await heard.until(lambda: bool(heard.ticks))
        await heard.until(lambda: "rejected" in {status.code for status in heard.statuses})
        told = next(status for status in heard.statuses if status.code == "rejected")
        assert str(told.market) == f"{source.type}:XX/USDT"


@pytest.mark.parametrize(("venue", "source"), STYLES)
async def test_source_comes_back_after_a_hang_up(venue: type[Venue], source: type[WebSocketSource]) -> None:
    """One connection ends, the next brings prices."""
    fault = {"kind": "drop", "every": "100ms", "times": 1}
    async with serving(venue(PAIRS, rate=100, faults=[fault])) as served, running(source, served) as heard:
        await heard.until(lambda: served.opened == 2)
        before = len(heard.ticks)
        await heard.until(lambda: len(heard.ticks) > before)
        assert "hung_up" in {status.code for status in heard.statuses}


@pytest.mark.parametrize(("venue", "source"), STYLES)
async def test_damaged_frame_gives_an_error_or_a_sound_trade(venue: type[Venue], source: type[WebSocketSource]) -> None:
    """Cut, with bits turned over, with fields changed: nothing that is no price gets through."""
    reader, packed = source(), venue(PAIRS).pack
    whole = [reader.read(frame) for frame in await said(venue, source)]
    assert sum(isinstance(item, Trade) for items in whole for item in items) > 2
    for frame in await said(venue, source):
        for broken in variants(frame, lambda text: packed(Frame(text.encode())).payload):
            with suppress(FrameError):
                for item in reader.read(broken):
                    assert not isinstance(item, Trade) or (item.symbol and 0 < item.price < 1e15 > item.size >= 0)


def variants(frame: bytes, pack: Callable[[str], bytes]) -> Iterator[bytes]:
    """Yield a frame cut, with single bytes changed, and with the fields of its message changed."""
    draw = Random(1)
    yield from (frame[:end] for end in range(len(frame)))
    for _ in range(300):
        at = draw.randrange(len(frame))
        yield frame[:at] + bytes([draw.randrange(256)]) + frame[at + 1 :]
    text = next((text for opened in (zlib_opened(frame), frame) if (text := decoded(opened)).startswith("{")), "")
    yield from (pack(each.frame) for each in damaged(text))


def zlib_opened(frame: bytes) -> bytes:
    """Return what is in a compressed frame, nothing where it is none."""
    for bits in (31, -15):
        with suppress(zlib.error):
            return zlib.decompress(frame, bits)
    return b""


def decoded(data: bytes) -> str:
    """Return bytes as text, nothing where they are none."""
    with suppress(UnicodeDecodeError):
        return data.decode()
    return ""


async def said(venue: type[Venue], source: type[WebSocketSource]) -> list[bytes]:
    """Return some frames of a venue."""
    made = source()
    async with serving(venue(PAIRS, rate=100)) as served, httpx.AsyncClient() as http:
        url = served.url
        if made.asks:
            made = source(source.Config.model_validate({"url": served.url}))
            url = (await made.endpoint(http)).url
        async with connect(url, close_timeout=0.1) as socket:
            for message in made.subscribe([made.symbol(Pair.parse(pair)) for pair in PAIRS]):
                await socket.send(json.dumps(message))
            return [frame.encode() if isinstance(frame := await socket.recv(), str) else frame for _ in range(8)]


async def all_of(socket: ClientConnection) -> None:
    """Listen until the connection ends."""
    with anyio.fail_after(3):
        while True:
            await socket.recv()


async def test_compressed_venue_leaves_who_does_not_answer_its_pings() -> None:
    """And keeps who does."""

    class Hasty(GzipVenue):
        beat_every = 0.05

    async with serving(Hasty(PAIRS)) as served, running(GzippedSource, served) as heard:
        await heard.until(lambda: sum('"pong"' in message for _, message in served.heard) > 4)
        assert served.opened == 1
        async with connect(served.url, close_timeout=0.1) as socket:
            with pytest.raises(ConnectionClosedError):
                await all_of(socket)


async def test_venue_with_tokens_takes_only_its_own() -> None:
    """None, a wrong one and one of another seed are refused."""
    async with serving(TokenVenue(PAIRS)) as served, serving(TokenVenue(PAIRS, seed=2)) as other:
        async with httpx.AsyncClient() as http:
            answer = (await http.post(f"{other.rest_url}/api/v1/bullet-public")).json()["data"]
            assert (await http.get(f"{served.rest_url}/api/v1/bullet-public")).status_code == 404
        for query in ("", "?token=1.2", f"?token={answer['token']}"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{served.url}/endpoint{query}")
            assert refused.value.response.status_code == 401


async def test_venue_with_tokens_leaves_who_does_not_ping() -> None:
    """After interval and timeout together."""

    class Hasty(TokenVenue):
        ping_interval = 0.05
        ping_timeout = 0.05

    async with serving(Hasty(PAIRS)) as served, httpx.AsyncClient() as http:
        grant = (await http.post(f"{served.rest_url}/api/v1/bullet-public")).json()["data"]
        server = grant["instanceServers"][0]
        assert (server["pingInterval"], server["pingTimeout"]) == (50, 50)
        async with connect(f"{server['endpoint']}?token={grant['token']}", close_timeout=0.1) as socket:
            with pytest.raises(ConnectionClosed):
                await all_of(socket)


@pytest.mark.parametrize("damage", ["0a", "0a 05 41", "0b", "09 00", "80 80 80 80 80 80 80 80 80 80 80"])
def test_broken_protocol_buffer_is_told(damage: str) -> None:
    """Ends in the middle, or holds what is not written here."""
    with pytest.raises(ValueError, match="expected"):
        read_fields(bytes.fromhex(damage))


def test_protocol_buffer_returns_what_was_written() -> None:
    """Whole numbers of any length, floats to the bit, bytes with nothing in them."""
    fields = [(1, b""), (2, 2**63), (3, 67123.1), (4, 0), (15, b"x" * 300)]
    assert read_fields(write_fields(fields)) == dict(fields)


@pytest.mark.parametrize(("venue", "source"), STYLES[:2])
def test_trade_of_no_symbol_is_none(venue: type[Venue], source: type[WebSocketSource]) -> None:
    """Bare deflate has no checksum: bits that were turned over come through."""
    row = {"tradeId": 1, "amount": 1.0, "ts": 1, "price": 2.0, "direction": "buy"}
    for topic in ("market..trade.detail", "market", ""):
        told = json.dumps({"ch": topic, "tick": {"data": [row]}}).encode()
        with pytest.raises(FrameError):
            list(source().read(venue(PAIRS).pack(Frame(told)).payload))
