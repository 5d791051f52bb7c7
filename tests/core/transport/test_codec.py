"""Frames in, ticks and signals out."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from chrono.core.component import Context, Emit
from chrono.core.errors import FrameError
from chrono.core.transport.codec import FrameSource, batches
from chrono.core.transport.wire import Amount, Number, inflated
from chrono.core.types import Ack, Market, Signal, Tick, Trade


class Print(msgspec.Struct):
    """A trade as the toy venue writes it."""

    s: str
    p: Number
    q: Amount


class Paper(FrameSource):
    """A codec alone: nothing is ever run."""

    type = "paper"
    Frame = Print

    async def run(self, markets: Sequence[Market], emit: Emit) -> None:
        """Do nothing."""

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        if frame.s == "broken":
            raise KeyError("price")
        if frame.s == "refused":
            raise FrameError("expected a listed symbol", b"mine")
        yield Trade(frame.s, frame.p, frame.q)


class Numbered:
    """The state of one connection."""

    def parse(self, frame: Any) -> Iterator[Tick | Signal]:
        yield Ack((frame.s,))


@pytest.fixture
def paper() -> Paper:
    """Return a codec with a name of its own."""
    return Paper(context=Context("paper/eu"))


@pytest.mark.parametrize("data", [b'{"s":"BTC","p":"67123.1","q":0.5}', '{"s":"BTC","p":67123.1,"q":"0.5"}'])
def test_text_and_bytes_read_alike(paper: Paper, data: bytes | str) -> None:
    """A frame gives the same ticks as text and as bytes, with numbers written either way."""
    assert paper.read(data) == (Trade("BTC", 67123.1, 0.5),)


def test_session_of_the_connection_parses(paper: Paper) -> None:
    """With a session given, the frame is decoded by the source and parsed by the session."""
    assert paper.read(b'{"s":"BTC","p":1,"q":1}', Numbered()) == (Ack(("BTC",)),)


def test_source_is_its_own_session(paper: Paper) -> None:
    """A venue without per-connection state needs no session object."""
    assert paper.session() is paper


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"s":"BTC"',
        b"[]",
        b'{"s":"BTC","p":"nan","q":1}',
        b'{"s":"BTC","p":"inf","q":1}',
        b'{"s":"BTC","p":0,"q":1}',
        b'{"s":"BTC","p":-1,"q":1}',
        b'{"s":"BTC","p":1e15,"q":1}',
        b'{"s":"BTC","p":1,"q":-0.1}',
        b'{"s":null,"p":1,"q":1}',
        b'{"s":"\xff","p":1,"q":1}',
        b"<html>busy</html>",
    ],
)
def test_damaged_frame_is_a_frame_error(paper: Paper, data: bytes) -> None:
    """Whatever is not what the venue documents is refused as a frame, naming the component."""
    with pytest.raises(FrameError, match="paper/eu: frame") as caught:
        paper.read(data)
    assert caught.value.venue == "paper/eu"


def test_mistake_in_parse_is_a_frame_error(paper: Paper) -> None:
    """A parser's own error costs the frame and keeps its name."""
    with pytest.raises(FrameError, match="KeyError: 'price'"):
        paper.read(b'{"s":"broken","p":1,"q":1}')


def test_frame_error_of_the_parser_passes_unchanged(paper: Paper) -> None:
    """A reason the parser states itself is not wrapped in another."""
    with pytest.raises(FrameError) as caught:
        paper.read(b'{"s":"refused","p":1,"q":1}')
    assert caught.value.reason == "expected a listed symbol"


def test_head_of_a_long_frame_is_kept(paper: Paper) -> None:
    """The message shows the head of a frame, never megabytes."""
    with pytest.raises(FrameError) as caught:
        paper.read(b"x" * 1_000_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, [["a", "b", "c"]]), (2, [["a", "b"], ["c"]]), (3, [["a", "b", "c"]]), (9, [["a", "b", "c"]])],
)
def test_symbols_are_split_in_order(size: int, expected: list[list[str]]) -> None:
    """Each symbol lands in exactly one batch; 0 is no limit."""
    assert [list(batch) for batch in batches(["a", "b", "c"], size)] == expected


def test_no_symbols_make_no_batch() -> None:
    """Nothing to subscribe to opens no connection."""
    assert list(batches([], 0)) == []


@pytest.mark.parametrize("wbits", [31, 15, -15], ids=["gzip", "zlib", "deflate"])
def test_compressed_frames_are_read(wbits: int) -> None:
    """Whichever of the three the venue uses, told by the head; a plugin says so in one line."""

    class Packed(Paper):
        def decode(self, data: bytes) -> Any:
            return super().decode(inflated(data))

    packer = zlib.compressobj(wbits=wbits)
    frame = packer.compress(b'{"s": "BTC", "p": 1.5, "q": 2}') + packer.flush()
    assert Packed().read(frame) == (Trade("BTC", 1.5, 2.0),)
    assert inflated(frame) == b'{"s": "BTC", "p": 1.5, "q": 2}'
    for damaged in (frame[:-9], frame[:5], b"", b"{}", b"\x1f\x8b" + frame):
        with pytest.raises(FrameError):
            Packed().read(damaged)


def test_gzip_that_was_not_announced_is_named() -> None:
    """The error says what to set, and shows bytes escaped; a class that has it is not told."""
    frame = zlib.compress(b'{"s": "BTC"}', wbits=31)
    with pytest.raises(FrameError, match="begins as gzip does: set `compressed = True`") as caught:
        Paper().read(frame)
    assert r"\x1f\x8b" in str(caught.value)
    assert str(caught.value).isascii()

    class Packed(Paper):
        compressed = True

    with pytest.raises(FrameError) as caught:
        Packed().read(frame[:-9])
    assert "begins as gzip" not in str(caught.value)


def test_frame_that_unpacks_to_more_than_memory_is_refused() -> None:
    """A kilobyte may hold a gigabyte."""
    with pytest.raises(ValueError, match="16 MiB"):
        inflated(zlib.compress(bytes(20 * 2**20)))


def test_binary_messages_of_a_schema_are_read() -> None:
    """Protobuf and its like are `decode`'s affair: bytes to a frame, and whatever it raises is damage."""

    class Binary(FrameSource):
        type = "binary"

        async def run(self, markets: Any, emit: Any) -> None: ...

        def decode(self, data: bytes) -> dict[int, bytes]:
            # fields of wire type 2, as in a message of strings: tag, length, value
            fields, at = {}, 0
            while at < len(data):
                number, length = data[at] >> 3, data[at + 1]
                fields[number] = data[at + 2 : at + 2 + length]
                at += 2 + length
            return fields

        def parse(self, frame: dict[int, bytes]) -> Any:
            yield Trade(frame[1].decode(), float(frame[2]), 1.0)

    assert Binary().read(b"\x0a\x03BTC\x12\x0767123.1") == (Trade("BTC", 67123.1, 1.0),)
    with pytest.raises(FrameError):
        Binary().read(b"\x0a\x03BTC\x12")
